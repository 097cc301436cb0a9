/*
 * The way from the daemon's root to a bubblewrap without any right on the
 * host. Invariant: everything that needs root is done before setresuid, and
 * nothing is left by a launch that failed but its directory, which destroy
 * removes. Dies with the daemon: a signal of the parent's death is asked for
 * at the start and again after the change of the user, which clears it.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cell/container_cgroup.h"
#include "cell/init/init.h"

#define NOFILE_SOFT 16384
#define NOFILE_HARD 1048576
#define PROCESSES 4096 /* and threads, of each user of a container */

static int number(const char *text, uint32_t *out)
{
    char *end;
    unsigned long value;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value > UINT32_MAX)
        return CCB_INVALID;
    *out = (uint32_t)value;
    return CCB_OK;
}

static int read_arguments(struct ccb_launch *launch, int argc, char **argv,
                          struct ccb_error *err)
{
    uint32_t daemon;

    if (argc != 7 || number(argv[0], &daemon) != CCB_OK ||
        number(argv[5], &launch->uid_base) != CCB_OK ||
        number(argv[6], &launch->memory_mb) != CCB_OK)
        return ccb_error_set(err, CCB_INVALID, "launch: wrong arguments");
    launch->daemon = (pid_t)daemon;
    launch->bwrap = argv[1];
    launch->root = argv[2];
    launch->guid = argv[3];
    launch->rootfs = launch->rootfs_name = argv[4];
    if (snprintf(launch->dir, sizeof(launch->dir), "%s/%s", launch->root,
                 launch->guid) >= (int)sizeof(launch->dir))
        return ccb_error_set(err, CCB_TOO_LARGE, "%s: the path is too long",
                             launch->root);
    return CCB_OK;
}

/* Whoever asks too late must see that the daemon is gone already. */
static int die_with_daemon(const struct ccb_launch *launch,
                           struct ccb_error *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != launch->daemon)
        return ccb_error_set(err, CCB_CLOSED, "the daemon is gone");
    return CCB_OK;
}

/* Processes inherit these: many files when a step asks for them, so many
 * processes that a fork bomb does not take the machine's, no core dumps. */
static int set_limits(struct ccb_error *err)
{
    struct rlimit files = {NOFILE_SOFT, NOFILE_HARD}, core = {0, 0};
    struct rlimit processes = {PROCESSES, PROCESSES}, now;

    if (getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_max > files.rlim_max)
        files.rlim_max = now.rlim_max;
    /* Without the right to raise it (or under the system's own bound) steps
     * have what the daemon has. */
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 && errno != EPERM)
        return ccb_error_set(err, CCB_IO, "setrlimit: %s", strerror(errno));
    if (setrlimit(RLIMIT_CORE, &core) != 0 ||
        setrlimit(RLIMIT_NPROC, &processes) != 0)
        return ccb_error_set(err, CCB_IO, "setrlimit: %s", strerror(errno));
    return CCB_OK;
}

static int enter_group(const struct ccb_launch *launch, struct ccb_error *err)
{
    char path[CCB_CGROUP_PATH];

    if (launch->memory_mb == 0 ||
        ccb_cgroup_path(path, launch->guid, NULL) != CCB_OK)
        return CCB_OK; /* the daemon has said that there is none */
    return ccb_cgroup_enter(path, launch->memory_mb, err);
}

static int become_unprivileged(const struct ccb_launch *launch,
                               struct ccb_error *err)
{
    uint32_t id = launch->uid_base;

    if (setgroups(0, NULL) != 0 || setresgid(id, id, id) != 0 ||
        setresuid(id, id, id) != 0)
        return ccb_error_set(err, CCB_IO, "becoming user %u: %s", id,
                             strerror(errno));
    return die_with_daemon(launch, err);
}

/* The directories above it don't matter (ccb_launch_mounts). */
static int check_rootfs(const struct ccb_launch *launch, struct ccb_error *err)
{
    if (access(launch->rootfs, R_OK | X_OK) == 0)
        return CCB_OK;
    return ccb_error_set(err, CCB_INVALID,
                         "root file system %s can't be read by user %u, who "
                         "runs the container (%s): open it for others (chmod "
                         "o+rx)",
                         launch->rootfs_name, launch->uid_base,
                         strerror(errno));
}

static int prepare(struct ccb_launch *launch, char ***arguments,
                   struct ccb_error *err)
{
    int code = die_with_daemon(launch, err);

    launch->program = open("/proc/self/exe", O_RDONLY); /* kept over exec */
    if (code == CCB_OK && launch->program < 0)
        code =
            ccb_error_set(err, CCB_IO, "/proc/self/exe: %s", strerror(errno));
    if (code == CCB_OK)
        code = set_limits(err);
    if (code == CCB_OK)
        code = ccb_launch_directory(launch, err);
    if (code == CCB_OK)
        code = ccb_launch_users(launch, err);
    if (code == CCB_OK)
        code = enter_group(launch, err);
    if (code == CCB_OK)
        code = ccb_launch_mounts(launch, err);
    if (code == CCB_OK)
        code = become_unprivileged(launch, err);
    if (code == CCB_OK)
        code = check_rootfs(launch, err);
    if (code == CCB_OK)
        code = ccb_launch_arguments(launch, arguments, err);
    return code;
}

int ccb_init_launch(int argc, char **argv)
{
    struct ccb_launch launch = {.program = -1, .users = -1, .bwrap_fd = -1};
    struct ccb_error err = {0};
    char **arguments = NULL, *environment[] = {NULL};

    (void)umask(022);
    if (read_arguments(&launch, argc, argv, &err) == CCB_OK &&
        prepare(&launch, &arguments, &err) == CCB_OK) {
        (void)execveat(launch.bwrap_fd, "", arguments, environment,
                       AT_EMPTY_PATH);
        (void)ccb_error_set(&err, CCB_IO, "%s: %s (install bubblewrap)",
                            launch.bwrap, strerror(errno));
    }
    (void)ccb_init_send_failed(0, err.message);
    return 1;
}
