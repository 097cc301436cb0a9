/*
 * What the machine gives: whether it lets us make containers at all, how much
 * there is of it, which root file systems, where ccbridge-init lies. What is
 * missing is said in words before anything is touched.
 */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cell/cell_internal.h"
#include "cell/container_cgroup.h"

#define BWRAP "/usr/bin/bwrap"
#define MIB (1024 * 1024)

/* A child does what the launcher of a container will do; its status says at
 * which of the two it was stopped, and why. */
enum { SPACE_REFUSED = 1, ID_REFUSED };

static int try_space(uint32_t id)
{
    if (setgroups(0, NULL) < 0 || setresgid(id, id, id) < 0 ||
        setresuid(id, id, id) < 0)
        return ID_REFUSED;
    return unshare(CLONE_NEWUSER) < 0 ? SPACE_REFUSED : 0;
}

static int check_space(uint32_t id, struct ccb_error *err)
{
    int status = 0;
    pid_t child = fork(), ended;

    if (child == 0)
        _exit(try_space(id));
    do
        ended = child < 0 ? -1 : waitpid(child, &status, 0);
    while (ended < 0 && child > 0 && errno == EINTR);
    if (ended < 0)
        return ccb_error_set(err, CCB_IO, "fork: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == ID_REFUSED)
        return ccb_error_set(err, CCB_INVALID,
                             "containers need the ids up to %u, and this root "
                             "may not become them: start it outside of other "
                             "containers, or with fewer -maxContainers",
                             id);
    return ccb_error_set(err, CCB_INVALID,
                         "containers need user name spaces, and this machine "
                         "forbids them: see sysctl user.max_user_namespaces "
                         "and kernel.unprivileged_userns_clone");
}

static int check_rights(uint64_t containers, struct ccb_error *err)
{
    if (geteuid() != 0)
        return ccb_error_set(err, CCB_INVALID,
                             "containers need root, and this is user %u: "
                             "start it with sudo, or name a Diego with "
                             "-diegoAPIURL",
                             (unsigned)geteuid());
    if (access(BWRAP, X_OK) < 0)
        return ccb_error_set(err, CCB_INVALID,
                             BWRAP ": %s: install the package bubblewrap",
                             strerror(errno));
    return check_space(CCB_CELL_FIRST_ID +
                           (uint32_t)containers * CCB_CONTAINER_RANGE - 1,
                       err);
}

/* Beside the program's folder, as built and as installed. */
static int find_init(struct ccb_cell *cell, struct ccb_error *err)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    if ((size_t)snprintf(cell->init, sizeof(cell->init),
                         "%.4000s/../libexec/ccbridge/ccbridge-init",
                         self) >= sizeof(cell->init) ||
        access(cell->init, X_OK) < 0)
        return ccb_error_set(err, CCB_NOT_FOUND,
                             "%s: %s: it belongs to ccbridged, install it "
                             "with it",
                             cell->init, strerror(errno));
    return 0;
}

/* "auto", or a number that was checked. */
static int64_t choose(const char *text, uint64_t found)
{
    return strcmp(text, "auto") == 0 ? (int64_t)found : strtoll(text, NULL, 10);
}

static int measure(struct ccb_cell *cell, struct ccb_error *err)
{
    const struct ccb_cell_config *c = cell->config;
    struct sysinfo memory;
    struct statvfs disk;

    if (mkdir(c->state_dir, 0700) < 0 && errno != EEXIST)
        return ccb_error_set(err, CCB_IO, "-stateDir: cannot make %s: %s",
                             c->state_dir, strerror(errno));
    if (sysinfo(&memory) < 0)
        return ccb_error_set(err, CCB_IO, "sysinfo: %s", strerror(errno));
    if (statvfs(c->state_dir, &disk) < 0)
        return ccb_error_set(err, CCB_IO, "-stateDir %s: %s", c->state_dir,
                             strerror(errno));
    cell->placer.memory_mb =
        choose(c->memory_mb, (uint64_t)memory.totalram * memory.mem_unit / MIB);
    cell->placer.disk_mb =
        choose(c->disk_mb, (uint64_t)disk.f_bavail * disk.f_frsize / MIB);
    return 0;
}

/* Containers see the host's own root file system unless told otherwise. */
static void choose_rootfs(struct ccb_cell *cell)
{
    cell->host = (struct ccb_pair){CCB_LIT("host"), CCB_LIT("/")};
    cell->host_only = (struct ccb_pairs){&cell->host, 1};
    cell->placer.rootfs = cell->config->rootfs.count > 0 ? &cell->config->rootfs
                                                         : &cell->host_only;
}

static int check_rootfs(struct ccb_cell *cell, struct ccb_error *err)
{
    const struct ccb_pairs *rootfs = cell->placer.rootfs;

    if (rootfs->count > CCB_CELL_STACKS)
        return ccb_error_set(err, CCB_INVALID,
                             "-rootfs: %zu stacks, at most %d", rootfs->count,
                             CCB_CELL_STACKS);
    for (size_t i = 0; i < rootfs->count; i++) {
        struct ccb_slice dir = rootfs->items[i].value;
        char path[PATH_MAX];

        if (dir.len >= sizeof(path) || dir.ptr[0] != '/')
            return ccb_error_set(err, CCB_INVALID,
                                 "-rootfs %.*s: name an absolute directory",
                                 (int)dir.len, dir.ptr);
        (void)snprintf(path, sizeof(path), "%.*s/usr", (int)dir.len, dir.ptr);
        if (access(path, X_OK) < 0)
            return ccb_error_set(err, CCB_NOT_FOUND,
                                 "-rootfs %.*s: no root file system there: "
                                 "%s: %s",
                                 (int)dir.len, dir.ptr, path, strerror(errno));
    }
    return 0;
}

/* Said once at the start, not by every instance that gets no port. */
static int check_address(const char *ip, struct ccb_error *err)
{
    struct sockaddr_in address;
    int fd, code = 0;

    if (uv_ip4_addr(ip, 0, &address) < 0)
        return ccb_error_set(err, CCB_INVALID,
                             "-externalIP %s: is no IPv4 address; name one of "
                             "this machine",
                             ip);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        code = ccb_error_set(err, CCB_INVALID,
                             "-externalIP %s: %s; name an address of this "
                             "machine",
                             ip, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return code;
}

int ccb_cell_measure(struct ccb_cell *cell, struct ccb_error *err)
{
    int code = check_rights(cell->config->containers, err);

    if (code == 0)
        code = check_address(cell->config->external_ip, err);
    if (code == 0)
        code = find_init(cell, err);
    choose_rootfs(cell);
    if (code == 0)
        code = check_rootfs(cell, err);
    if (code == 0)
        code = measure(cell, err);
    if (code == 0 &&
        ccb_placer_init(&cell->placer, cell->config->containers) < 0)
        code = ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return code;
}

void ccb_cell_say_isolation(const struct ccb_cell *cell)
{
    char group[CCB_CGROUP_PATH];
    struct ccb_error why = {0};
    bool limited = ccb_cgroup_path(group, "probe", &why) == 0;

    ccb_log_write(cell->log, CCB_LEVEL_INFO, "isolation",
                  CCB_FIELDS(ccb_log_bool("user-name-space", true),
                             ccb_log_bool("mount-name-space", true),
                             ccb_log_bool("network-name-space", true),
                             ccb_log_cstr("memory-limit",
                                          limited ? "enforced" : why.message),
                             ccb_log_cstr("disk-limit", "accounted for only")));
}
