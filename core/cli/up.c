/*
 * up and down: the daemon's life. Who runs is told by the lock alone
 * (cli/lock.h), whether it serves by its answer to GET /v1/status.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/launch.h"
#include "cli/lock.h"
#include "cli/state.h"
#include "cli/status.h"

#define DEFAULT_TIMEOUT (30 * CCB_SECOND)
#define PAUSE_MS 100
#define KILL_TIMEOUT (10 * CCB_SECOND)

static int64_t find_deadline(const struct ccb_cli *cli)
{
    int64_t timeout = cli->line.values.timeout;

    return ccb_clock_monotonic() + (timeout < 0 ? DEFAULT_TIMEOUT : timeout);
}

static int fail(struct ccb_cli *cli, const struct ccb_error *err)
{
    return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "%s", err->message);
}

/* ---- up
 * --------------------------------------------------------------------------------
 */

struct start {
    struct ccb_cli *cli;
    pid_t pid; /* of our child; 0: another `up` started it */
    int pidfd;
    long log_start;
    int64_t deadline;
};

static int say_up(struct ccb_cli *cli, cJSON *status, bool already)
{
    if (cli->line.values.json) {
        if (!cJSON_AddBoolToObject(status, "already", already))
            return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL,
                                "out of memory");
        return ccb_cli_put_json(cli, status);
    }
    if (!cli->line.values.quiet)
        ccb_cli_print_status(cli, status,
                             already ? "ccbridged is up already"
                                     : "ccbridged is up");
    return CCB_EXIT_OK;
}

/* Ready: 1, with everything said. Not yet: 0. */
static int try_status(struct start *start, bool already, int *code)
{
    struct ccb_cli_reply reply;
    struct ccb_error err;
    int ready = ccb_cli_probe(start->cli, &reply, &err) == 0;

    if (ready)
        *code = say_up(start->cli, reply.json, already);
    ccb_cli_reply_destroy(&reply);
    return ready;
}

static void say_log(struct ccb_cli *cli, long log_start)
{
    struct ccb_buf words = {0};
    const char *at, *end;

    ccb_cli_read_log(cli->state, log_start, &words);
    at = words.data;
    end = at ? at + words.len : NULL;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        int len = (int)((line_end ? line_end : end) - at);

        (void)fprintf(stderr, "  ");
        for (; len > 0; len--, at++)
            (void)fputc((unsigned char)*at < 0x20 ? ' ' : *at, stderr);
        (void)fputc('\n', stderr);
        at++;
    }
    ccb_buf_destroy(&words);
}

static int say_died(struct start *start, int status)
{
    char hint[PATH_MAX + 64], how[64];
    int code;

    if (WIFSIGNALED(status))
        (void)snprintf(how, sizeof(how), "was ended by signal %d",
                       WTERMSIG(status));
    else
        (void)snprintf(how, sizeof(how), "ended with status %d",
                       WEXITSTATUS(status));
    (void)snprintf(hint, sizeof(hint), "the whole log, %s/ccbridged.log",
                   start->cli->state);
    code = ccb_cli_fail(start->cli, CCB_EXIT_FAILED, "DaemonDied", hint,
                        "ccbridged %s before it was ready", how);
    say_log(start->cli, start->log_start);
    return code;
}

static int say_late(struct start *start, bool interrupted)
{
    if (interrupted)
        return ccb_cli_fail(start->cli, CCB_EXIT_INTERRUPTED, "Interrupted",
                            "ccbridge status, or ccbridge down",
                            "interrupted; ccbridged goes on starting");
    return ccb_cli_fail(start->cli, CCB_EXIT_TIMED_OUT, "TimedOut",
                        "ccbridge status, or ccbridge up --timeout 2m",
                        "ccbridged does not answer yet; it goes on starting");
}

/* Waits for the child's end or a moment. Whether it ended. */
static bool child_ended(const struct start *start, int *status)
{
    struct pollfd poll_fd = {.fd = start->pidfd, .events = POLLIN};

    if (start->pid == 0 || start->pidfd < 0) {
        (void)poll(NULL, 0, PAUSE_MS);
        return start->pid != 0 && waitpid(start->pid, status, WNOHANG) > 0;
    }
    if (poll(&poll_fd, 1, PAUSE_MS) <= 0)
        return false;
    return waitpid(start->pid, status, 0) > 0;
}

static int await_ready(struct start *start)
{
    int code = CCB_EXIT_FAILED, status;

    for (;;) {
        if (try_status(start, start->pid == 0, &code))
            return code;
        if (ccb_cli_interrupted() || ccb_clock_monotonic() > start->deadline)
            return say_late(start, ccb_cli_interrupted());
        if (child_ended(start, &status))
            return say_died(start, status);
    }
}

static int start_daemon(struct start *start)
{
    struct ccb_error err;
    int log = ccb_cli_open_log(start->cli->state, &start->log_start, &err);
    int code;

    if (log < 0)
        return fail(start->cli, &err);
    code = ccb_cli_launch(start->cli, log, &start->pid, &err);
    close(log);
    if (code == CCB_CONFLICT)
        start->pid = 0; /* somebody was quicker: theirs will do */
    else if (code < 0)
        return fail(start->cli, &err);
    start->pidfd = start->pid ? pidfd_open(start->pid, 0) : -1;
    code = await_ready(start);
    if (start->pidfd >= 0)
        close(start->pidfd);
    return code;
}

int ccb_cli_up(struct ccb_cli *cli)
{
    struct start start = {
        .cli = cli, .pidfd = -1, .deadline = find_deadline(cli)};
    struct ccb_error err;
    pid_t holder;
    int code;

    if (ccb_cli_make_state(cli, &err) < 0 ||
        ccb_lock_find(cli->state, &holder, &err) < 0)
        return fail(cli, &err);
    if (try_status(&start, true, &code))
        return code;
    if (ccb_cli_interrupted())
        return CCB_EXIT_INTERRUPTED;
    if (holder != 0)
        return await_ready(&start);
    if (!cli->line.values.foreground)
        return start_daemon(&start);
    (void)fflush(NULL);
    (void)ccb_cli_launch(cli, -1, NULL, &err);
    return fail(cli, &err);
}

/* ---- down
 * -------------------------------------------------------------------------------
 */

/* Whether it ended by then. */
static bool await_end(int pidfd, int64_t deadline)
{
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};

    while (!ccb_cli_interrupted()) {
        int64_t left = deadline - ccb_clock_monotonic();

        if (left < 0)
            return false;
        left = left / CCB_MILLISECOND + 1;
        if (poll(&poll_fd, 1, left > 1000 ? 1000 : (int)left) > 0)
            return true;
    }
    return false;
}

static int say_down(struct ccb_cli *cli, pid_t pid, const char *words)
{
    if (cli->line.values.json)
        (void)printf("{\"up\":false,\"stopped\":%s,\"pid\":%ld}\n",
                     pid ? "true" : "false", (long)pid);
    else
        ccb_cli_note(cli, "%s", words);
    return CCB_EXIT_OK;
}

static int end_process(struct ccb_cli *cli, int pidfd, pid_t pid)
{
    if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) < 0 && errno != ESRCH)
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL,
                            "the same as the user who started it, or root",
                            "cannot stop ccbridged (pid %ld): %s", (long)pid,
                            strerror(errno));
    if (await_end(pidfd, find_deadline(cli)))
        return say_down(cli, pid, "ccbridged is stopped");
    if (ccb_cli_interrupted())
        return ccb_cli_fail(cli, CCB_EXIT_INTERRUPTED, "Interrupted", NULL,
                            "interrupted; ccbridged goes on ending");
    if (!cli->line.values.force)
        return ccb_cli_fail(cli, CCB_EXIT_TIMED_OUT, "TimedOut",
                            "ccbridge down --force",
                            "ccbridged (pid %ld) has not ended yet", (long)pid);
    if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0 ||
        !await_end(pidfd, ccb_clock_monotonic() + KILL_TIMEOUT))
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL,
                            "ccbridged (pid %ld) cannot be killed", (long)pid);
    return say_down(cli, pid, "ccbridged did not end, and was killed");
}

/* Nobody holds the lock; somebody may serve all the same. */
static int say_not_up(struct ccb_cli *cli)
{
    struct ccb_cli_reply reply;
    struct ccb_error err;
    double pid = 0;
    int code = ccb_cli_probe(cli, &reply, &err);

    if (code == 0)
        pid = ccb_cli_number(reply.json, "pid");
    ccb_cli_reply_destroy(&reply);
    if (code == 0)
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL,
                            "stopping it where it was started",
                            "ccbridged (pid %.0f) is up, but was not started "
                            "by ccbridge up",
                            pid);
    return say_down(cli, 0, "ccbridged is not up");
}

int ccb_cli_down(struct ccb_cli *cli)
{
    struct ccb_error err;
    pid_t pid, again;
    int pidfd, code;

    if (ccb_lock_find(cli->state, &pid, &err) < 0)
        return fail(cli, &err);
    if (pid == 0)
        return say_not_up(cli);
    pidfd = pidfd_open(pid, 0);
    /* The number may have become another's before it was opened. */
    if (ccb_lock_find(cli->state, &again, &err) < 0 || again != pid) {
        if (pidfd >= 0)
            close(pidfd);
        return say_not_up(cli);
    }
    if (pidfd < 0)
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL,
                            "ccbridged (pid %ld): %s", (long)pid,
                            strerror(errno));
    code = end_process(cli, pidfd, pid);
    close(pidfd);
    return code;
}
