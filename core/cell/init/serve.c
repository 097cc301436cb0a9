/*
 * The first process of a container: sets up what only it can, then answers
 * frames and reaps children until the daemon's end of the socket closes. When
 * it ends, the kernel ends every process of the container: that is how a
 * container dies, with the daemon too.
 *
 * Invariant: it can't be traced or read by what it spawns (not dumpable), and
 * no child holds its control socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cell/init/init.h"

#define READ_SIZE 65536

struct step {
    struct step *next;
    uint32_t id;
    pid_t pid;
};

struct serve {
    struct ccb_buf in;
    struct step *steps; /* not reaped yet */
    int children;       /* signalfd of SIGCHLD */
};

static int answer_failed(uint32_t id, const struct ccb_error *err)
{
    return ccb_init_send_failed(id, err->message);
}

static int answer(enum ccb_frame_type type, uint32_t id, const int *fds,
                  unsigned count)
{
    struct ccb_buf frame = {0};
    int result = -1;

    if (ccb_frame_put(&frame, type, id, ccb_slice_make(NULL, 0)) == CCB_OK)
        result = ccb_init_send(&frame, fds, count);
    ccb_buf_destroy(&frame);
    return result;
}

/* ---- requests: 0, or -1 to end ------------------------------------------ */

static int on_spawn(struct serve *serve, const struct ccb_frame *frame)
{
    struct ccb_frame_spawn spawn;
    struct ccb_init_started started;
    struct ccb_error err = {0};
    struct step *step;
    int result;

    if (ccb_frame_decode_spawn(frame, &spawn, &err) != CCB_OK)
        return -1;
    step = ccb_calloc(1, sizeof(*step));
    if (step == NULL) {
        (void)ccb_error_set(&err, CCB_NO_MEMORY, "init: no memory");
        return answer_failed(frame->id, &err);
    }
    if (ccb_init_spawn(&spawn, &started, &err) != CCB_OK) {
        ccb_free(step);
        return answer_failed(frame->id, &err);
    }
    step->id = frame->id;
    step->pid = started.pid;
    step->next = serve->steps;
    serve->steps = step;
    result = answer(CCB_FRAME_STARTED, frame->id, started.fds, CCB_FRAME_FDS);
    for (size_t i = 0; i < CCB_FRAME_FDS; i++)
        (void)close(started.fds[i]);
    return result;
}

/* A step that has ended just now is not there any more: no error. */
static int on_signal(struct serve *serve, const struct ccb_frame *frame)
{
    uint32_t number;

    if (ccb_frame_decode_number(frame, &number, NULL) != CCB_OK || number == 0)
        return -1;
    if (frame->id == 0) {
        (void)kill(-1, (int)number); /* all but this process */
        return 0;
    }
    for (struct step *step = serve->steps; step != NULL; step = step->next)
        if (step->id == frame->id)
            (void)kill(step->pid, (int)number);
    return 0;
}

static int on_socket(struct serve *serve, const struct ccb_frame *frame)
{
    int result, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)serve;
    if (fd < 0)
        return ccb_init_send_failed(frame->id, strerror(errno));
    result = answer(CCB_FRAME_SOCKETS, frame->id, &fd, 1);
    (void)close(fd);
    return result;
}

static int (*const requests[CCB_FRAME_TYPES])(struct serve *,
                                              const struct ccb_frame *) = {
    [CCB_FRAME_SPAWN] = on_spawn,
    [CCB_FRAME_SIGNAL] = on_signal,
    [CCB_FRAME_SOCKET] = on_socket,
};

static int read_control(struct serve *serve)
{
    char *room = ccb_buf_reserve(&serve->in, READ_SIZE);
    ssize_t n = room == NULL ? 0 : read(CCB_INIT_CONTROL, room, READ_SIZE);
    struct ccb_frame frame;
    size_t used, done = 0;
    int more;

    if (n <= 0)
        return n < 0 && errno == EINTR ? 0 : -1;
    serve->in.len += (size_t)n;
    while ((more = ccb_frame_next(
                ccb_slice_make(serve->in.data + done, serve->in.len - done),
                CCB_FRAME_TO_INIT, &frame, &used, NULL)) > 0) {
        done += used;
        if (requests[frame.type](serve, &frame) != 0)
            return -1;
    }
    ccb_buf_consume(&serve->in, done);
    return more < 0 ? -1 : 0;
}

/* ---- children ----------------------------------------------------------- */

static int tell_exit(struct serve *serve, pid_t pid, int status)
{
    for (struct step **at = &serve->steps; *at != NULL; at = &(*at)->next) {
        struct step *step = *at;
        struct ccb_buf frame = {0};
        int result = -1;

        if (step->pid != pid)
            continue;
        if (ccb_frame_put_number(&frame, CCB_FRAME_EXITED, step->id,
                                 (uint32_t)status) == CCB_OK)
            result = ccb_init_send(&frame, NULL, 0);
        ccb_buf_destroy(&frame);
        *at = step->next;
        ccb_free(step);
        return result;
    }
    return 0; /* an orphan: reaped is enough */
}

static int reap(struct serve *serve)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    if (read(serve->children, &info, sizeof(info)) < 0 && errno != EAGAIN)
        return -1;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (tell_exit(serve, pid, status) != 0)
            return -1;
    return 0;
}

static int watch_children(struct ccb_error *err)
{
    sigset_t set;
    int fd;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return ccb_error_set(err, CCB_IO, "sigprocmask: %s", strerror(errno));
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return ccb_error_set(err, CCB_IO, "signalfd: %s", strerror(errno));
    return fd;
}

/* Nothing of the launcher's stays open but the control socket, and nothing
 * written to standard error may reach the daemon from here on. */
static int close_rest(struct ccb_error *err)
{
    int null = open("/dev/null", O_RDWR);

    if (null < 0)
        return ccb_error_set(err, CCB_IO, "/dev/null: %s", strerror(errno));
    for (int fd = 0; fd <= 2; fd++)
        if (dup2(null, fd) < 0)
            return ccb_error_set(err, CCB_IO, "dup2: %s", strerror(errno));
    if (fcntl(CCB_INIT_CONTROL, F_SETFD, FD_CLOEXEC) != 0 ||
        close_range(CCB_INIT_CONTROL + 1, ~0U, 0) != 0)
        return ccb_error_set(err, CCB_IO, "closing: %s", strerror(errno));
    return CCB_OK;
}

static int set_up(struct serve *serve, struct ccb_error *err)
{
    int code;

    if (getpid() != 1 || prctl(PR_SET_DUMPABLE, 0) != 0)
        return ccb_error_set(err, CCB_FAILED, "init is not the first process");
    code = close_rest(err);
    if (code == CCB_OK)
        code = ccb_init_network(err);
    if (code == CCB_OK)
        code = ccb_init_drop(err);
    if (code != CCB_OK)
        return code;
    serve->children = watch_children(err);
    return serve->children < 0 ? serve->children : CCB_OK;
}

int ccb_init_serve(int argc, char **argv)
{
    struct serve serve = {.children = -1};
    struct ccb_error err = {0};
    struct pollfd fds[2] = {{.fd = CCB_INIT_CONTROL, .events = POLLIN}};

    (void)argc;
    (void)argv;
    serve.in.max = CCB_FRAME_MAX + CCB_FRAME_HEADER + READ_SIZE;
    if (set_up(&serve, &err) != CCB_OK) {
        (void)answer_failed(0, &err);
        return 1;
    }
    if (answer(CCB_FRAME_READY, 0, NULL, 0) != 0)
        return 1;
    fds[1] = (struct pollfd){.fd = serve.children, .events = POLLIN};
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return 1;
        if (fds[1].revents != 0 && reap(&serve) != 0)
            return 1;
        if (fds[0].revents != 0 && read_control(&serve) != 0)
            return 0;
    }
}
