/*
 * What the machine gives: whether it lets us make containers at all, how much
 * there is of it, which root file systems, where ccbridge-init lies. What is
 * missing is said in words before anything is touched.
 */
#include <errno.h>
#include <fcntl.h>
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

/* How far the child came that does what the launcher of a container will. */
struct trial {
    enum { TRIAL_IDS, TRIAL_SPACE, TRIAL_DONE } stage; /* that failed */
    int error;
};

static void try_space(uint32_t id, int answer)
{
    struct trial trial = {TRIAL_DONE, 0};

    if (setgroups(0, NULL) < 0 || setresgid(id, id, id) < 0 ||
        setresuid(id, id, id) < 0)
        trial = (struct trial){TRIAL_IDS, errno};
    else if (unshare(CLONE_NEWUSER) < 0)
        trial = (struct trial){TRIAL_SPACE, errno};
    (void)!write(answer, &trial, sizeof(trial));
    _exit(0);
}

/* By its words, not by its status: it may be killed for reasons of its own. */
static int run_trial(uint32_t id, struct trial *trial)
{
    int ends[2], code = 0;
    ssize_t n;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    child = fork();
    if (child == 0)
        try_space(id, ends[1]);
    (void)close(ends[1]);
    do
        n = read(ends[0], trial, sizeof(*trial));
    while (n < 0 && errno == EINTR);
    (void)close(ends[0]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    if (child < 0 || n != (ssize_t)sizeof(*trial))
        code = -1;
    return code;
}

static int check_space(uint32_t id, struct ccb_error *err)
{
    struct trial trial;

    if (run_trial(id, &trial) < 0)
        return ccb_error_set(err, CCB_IO,
                             "cannot try whether containers are possible: a "
                             "process could not be made, or was killed");
    if (trial.stage == TRIAL_IDS)
        return ccb_error_set(err, CCB_INVALID,
                             "containers need the ids up to %u, and this root "
                             "may not become them (%s): start it outside of "
                             "other containers, or with fewer -maxContainers",
                             id, strerror(trial.error));
    if (trial.stage == TRIAL_SPACE)
        return ccb_error_set(err, CCB_INVALID,
                             "containers need user name spaces, and this "
                             "machine forbids them (%s): see sysctl "
                             "user.max_user_namespaces and "
                             "kernel.unprivileged_userns_clone",
                             strerror(trial.error));
    return 0;
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
