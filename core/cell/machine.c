/*
 * What the machine gives: whether it lets us make containers at all, how much
 * there is of it, which root file systems, where ccbridge-init lies. What is
 * missing is said in words before anything is touched.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/mem.h"
#include "cell/cell_internal.h"

#define BWRAP "/usr/bin/bwrap"
#define MIB (1024 * 1024)

static int check_rights(struct ccb_error *err)
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
    if (access("/proc/self/ns/user", F_OK) < 0)
        return ccb_error_set(err, CCB_INVALID,
                             "this kernel has no user name spaces, which "
                             "containers need");
    return 0;
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
    int code = check_rights(err);

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
