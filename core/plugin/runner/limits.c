/*
 * What a worker takes from itself before any code of the plugin is mapped.
 * Invariant: nothing here can be undone later, as hard limits are set and the
 * filter refuses to change them. Follows anchors 3.6.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "plugin/runner/runner.h"

enum {
    MAX_DESCRIPTORS = 64,
    /* What the program itself has mapped before a plugin asks for memory. */
    OWN_MEMORY_MB = 32,
    WORKING_TIME = 3600, /* s of processor time of one worker */
    MANY_THREADS = 8,    /* left between calls */
};

/* Of this process, which holds one plugin for its life. */
static uint64_t usual_memory_mb;
static int threads_fd = -1;

static int fail(struct ccb_error *err, const char *what)
{
    return ccb_error_set(err, CCB_IO, "%s: %s", what, strerror(errno));
}

int ccb_runner_bind(pid_t parent, struct ccb_error *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return fail(err, "PR_SET_PDEATHSIG");
    /* It may have died before we asked to hear of it. */
    if (getppid() != parent)
        return ccb_error_set(err, CCB_CLOSED, "the daemon is gone");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail(err, "PR_SET_NO_NEW_PRIVS");
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        return fail(err, "PR_SET_DUMPABLE");
    return chdir("/") == 0 ? 0 : fail(err, "chdir");
}

static int limit(int resource, uint64_t most, const char *name,
                 struct ccb_error *err)
{
    struct rlimit value = {.rlim_cur = most, .rlim_max = most};

    return setrlimit((__rlimit_resource_t)resource, &value) == 0
               ? 0
               : fail(err, name);
}

int ccb_runner_limit(uint64_t memory_mb, struct ccb_error *err)
{
    int code = limit(RLIMIT_CORE, 0, "RLIMIT_CORE", err);

    if (code == 0)
        code = limit(RLIMIT_NOFILE, MAX_DESCRIPTORS, "RLIMIT_NOFILE", err);
    if (code == 0 && !CCB_RUNNER_SANITIZED)
        code = limit(RLIMIT_AS, (memory_mb + OWN_MEMORY_MB) << 20, "RLIMIT_AS",
                     err);
    /* Time is per worker, not per call: deadlines are the daemon's matter, this
     * ends what spins between calls. */
    if (code == 0)
        code = limit(RLIMIT_CPU, WORKING_TIME, "RLIMIT_CPU", err);
    usual_memory_mb = memory_mb / 4 * 3 + OWN_MEMORY_MB;
    threads_fd = open("/proc/self/task", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return code == 0 && threads_fd < 0 ? fail(err, "/proc/self/task") : code;
}

/* The directory of threads has a link for each, beside its usual two. One that
 * the plugin closed is as if they were too many. */
static bool has_many_threads(void)
{
    struct stat st;

    return fstat(threads_fd, &st) != 0 || st.st_nlink > 3 + MANY_THREADS;
}

static bool has_used_memory(void)
{
    struct rusage used;

    return getrusage(RUSAGE_SELF, &used) != 0 ||
           (uint64_t)used.ru_maxrss >> 10 > usual_memory_mb;
}

static bool has_used_time(void)
{
    struct timespec used;

    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0 ||
           used.tv_sec > WORKING_TIME / 2;
}

enum ccb_wire_tired ccb_runner_tired(void)
{
    if (has_used_time())
        return CCB_WIRE_TIRED_TIME;
    if (!CCB_RUNNER_SANITIZED && has_used_memory())
        return CCB_WIRE_TIRED_MEMORY;
    return has_many_threads() ? CCB_WIRE_TIRED_THREADS : CCB_WIRE_FRESH;
}
