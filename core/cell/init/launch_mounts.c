/*
 * Makes what bubblewrap needs reachable for the unprivileged user it runs as,
 * wherever it lies: below /root or a home of mode 0700, too. In a mount name
 * space of the launcher's own, the container's directory and its root file
 * system are bound below a fresh file system at /tmp, a place that every
 * system has (bubblewrap wants it itself) and no container is shown.
 *
 * Invariant: everything is private before the first mount, so none is ever
 * seen by the host, and all go with the last process of the container.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cell/init/init.h"

#define PLACE "/tmp"
#define PLACE_DIR PLACE "/container"
#define PLACE_ROOTFS PLACE "/rootfs"

static int failed(struct ccb_error *err, const char *what)
{
    return ccb_error_set(err, CCB_IO, "container's mounts: %s: %s", what,
                         strerror(errno));
}

/* By descriptor: what is bound may itself lie below the place. */
static int bind_at(int fd, const char *target, unsigned long flags,
                   struct ccb_error *err)
{
    char source[40];

    (void)snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
    if (mkdir(target, 0755) != 0 ||
        mount(source, target, NULL, MS_BIND | flags, NULL) != 0)
        return failed(err, target);
    return CCB_OK;
}

static int cover(int dir, int rootfs, struct ccb_error *err)
{
    int code;

    if (mount("ccbridge", PLACE, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "mode=0755,size=64k") != 0)
        return failed(err, PLACE);
    code = bind_at(dir, PLACE_DIR, 0, err);
    if (code == CCB_OK && rootfs >= 0)
        code = bind_at(rootfs, PLACE_ROOTFS, MS_REC, err);
    return code;
}

int ccb_launch_mounts(struct ccb_launch *launch, struct ccb_error *err)
{
    int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    int host = strcmp(launch->rootfs, "/") == 0;
    int dir, rootfs = -1, code = CCB_OK;

    if (unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) != 0)
        return failed(err, "a name space of its own");
    launch->bwrap_fd = open(launch->bwrap, O_PATH | O_CLOEXEC);
    if (launch->bwrap_fd < 0)
        return ccb_error_set(err, CCB_IO, "%s: %s (install bubblewrap)",
                             launch->bwrap, strerror(errno));
    dir = open(launch->dir, flags);
    if (dir < 0)
        code = failed(err, launch->dir);
    if (code == CCB_OK && !host) {
        rootfs = open(launch->rootfs, flags);
        if (rootfs < 0)
            code = ccb_error_set(err, CCB_INVALID, "root file system %s: %s",
                                 launch->rootfs, strerror(errno));
    }
    if (code == CCB_OK)
        code = cover(dir, rootfs, err);
    if (dir >= 0)
        (void)close(dir);
    if (rootfs >= 0)
        (void)close(rootfs);
    if (code != CCB_OK)
        return code;
    (void)snprintf(launch->dir, sizeof(launch->dir), "%s", PLACE_DIR);
    if (!host)
        launch->rootfs = PLACE_ROOTFS;
    return CCB_OK;
}
