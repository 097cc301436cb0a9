/*
 * Starts and watches processes (proc.h).
 *
 * Invariant: one thread a process reads its output and sees its end through
 * a pidfd; what it notes is guarded by the event lock.
 */
#include "proc_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct ccb_proc *ccb_proc_find(const struct ccb_run *run, const char *name)
{
    for (struct ccb_proc *p = run->procs; p != NULL; p = p->next)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

int ccb_proc_pid(const struct ccb_proc *proc)
{
    return (int)proc->pid;
}

/* ---- reading ------------------------------------------------------------ */

static void add_line(struct ccb_proc *p, int stream, const char *bytes,
                     size_t len)
{
    struct ccb_line *line = ccb_tool_alloc(sizeof(*line));
    line->stream = stream;
    line->text = ccb_tool_copy(bytes, len);
    line->len = len;
    ccb_event_lock();
    *p->last_line = line;
    p->last_line = &line->next;
    ccb_event_happened();
    ccb_event_unlock();
    ccb_trace(p->name, stream ? "stderr" : "stdout", bytes, len);
}

/* Cuts what was read into lines. */
static void cut_lines(struct ccb_proc *p, int stream, int all)
{
    struct ccb_text *t = &p->partial[stream];
    size_t start = 0;
    const char *eol;
    while (start < t->len &&
           (eol = memchr(t->ptr + start, '\n', t->len - start)) != NULL) {
        add_line(p, stream, t->ptr + start, (size_t)(eol - t->ptr) - start);
        start = (size_t)(eol - t->ptr) + 1;
    }
    if (all && start < t->len) {
        add_line(p, stream, t->ptr + start, t->len - start);
        start = t->len;
    }
    if (start == 0)
        return;
    memmove(t->ptr, t->ptr + start, t->len - start + 1);
    t->len -= start;
}

/* Reads what is there; 0 when the pipe has ended. */
static int read_pipe(struct ccb_proc *p, int stream)
{
    char buffer[16384];
    ssize_t n;
    while ((n = read(p->pipes[stream], buffer, sizeof(buffer))) > 0) {
        ccb_text_add(&p->partial[stream], buffer, (size_t)n);
        cut_lines(p, stream, 0);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
    cut_lines(p, stream, 1);
    return 0;
}

static void note_end(struct ccb_proc *p)
{
    int status = 0;
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    for (int i = 0; i < 2; i++) {
        if (p->pipes[i] >= 0)
            read_pipe(p, i);
        cut_lines(p, i, 1);
    }
    ccb_event_lock();
    p->status = status;
    p->ended = 1;
    ccb_event_happened();
    ccb_event_unlock();
}

static void *on_watching(void *arg)
{
    struct ccb_proc *p = arg;
    struct pollfd fds[3] = {{.fd = p->pipes[0], .events = POLLIN},
                            {.fd = p->pipes[1], .events = POLLIN},
                            {.fd = p->pidfd, .events = POLLIN}};
    while (!fds[2].revents) {
        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            break;
        for (int i = 0; i < 2; i++)
            if (fds[i].fd >= 0 && fds[i].revents && !read_pipe(p, i))
                fds[i].fd = -1;
    }
    note_end(p);
    return NULL;
}

/* ---- starting ----------------------------------------------------------- */

static void feed_stdin(struct ccb_proc *p, int fd)
{
    /* A pipe takes 64 KiB at once; a script's input is smaller. */
    if (p->input_len > 0 && write(fd, p->input, p->input_len) < 0)
        ccb_trace(p->name, "!", "stdin", 5);
}

/* Between fork and exec: only what is safe there. */
static void become(struct ccb_proc *p, const int in, const int out[2],
                   const int err[2], pid_t runner)
{
    sigset_t none;
    sigemptyset(&none);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != runner)
        _exit(127);
    setpgid(0, 0);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    dup2(in, 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    if (chdir(p->cwd) == 0)
        execvpe(p->argv[0], p->argv, p->envp);
    static const char text[] = "ccb-script: the program can't be run\n";
    if (write(2, text, sizeof(text) - 1) < 0)
        _exit(126);
    _exit(127);
}

static int make_pipes(int pipes[3][2])
{
    for (int i = 0; i < 3; i++) {
        if (pipe2(pipes[i], O_CLOEXEC) == 0)
            continue;
        while (i-- > 0) {
            close(pipes[i][0]);
            close(pipes[i][1]);
        }
        return -1;
    }
    return 0;
}

int ccb_proc_spawn(struct ccb_proc *p, struct ccb_text *why)
{
    int pipes[3][2];
    pid_t runner = getpid();
    if (make_pipes(pipes) < 0) {
        ccb_text_addf(why, "no pipe: %s", strerror(errno));
        return -1;
    }
    feed_stdin(p, pipes[0][1]);
    p->pid = fork();
    if (p->pid == 0)
        become(p, pipes[0][0], pipes[1], pipes[2], runner);
    close(pipes[0][0]);
    close(pipes[0][1]);
    close(pipes[1][1]);
    close(pipes[2][1]);
    p->pipes[0] = pipes[1][0];
    p->pipes[1] = pipes[2][0];
    fcntl(p->pipes[0], F_SETFL, O_NONBLOCK);
    fcntl(p->pipes[1], F_SETFL, O_NONBLOCK);
    if (p->pid > 0) {
        setpgid(p->pid, p->pid); /* whoever comes first */
        p->pidfd = pidfd_open(p->pid, 0);
    }
    if (p->pid < 0 || p->pidfd < 0 ||
        pthread_create(&p->watcher, NULL, on_watching, p) != 0) {
        ccb_text_addf(why, "can't start: %s", strerror(errno));
        return -1;
    }
    p->started = 1;
    return 0;
}

/* Ends it for good and joins its thread. */
static void reap(struct ccb_proc *p)
{
    if (!p->started)
        return;
    ccb_event_lock();
    int ended = p->ended;
    ccb_event_unlock();
    if (!ended)
        kill(p->pid, SIGKILL);
    kill(-p->pid, SIGKILL); /* what it left behind */
    pthread_join(p->watcher, NULL);
    close(p->pipes[0]);
    close(p->pipes[1]);
    close(p->pidfd);
    p->started = 0;
}

void ccb_proc_free(struct ccb_proc *p)
{
    reap(p);
    while (p->lines != NULL) {
        struct ccb_line *line = p->lines;
        p->lines = line->next;
        free(line->text);
        free(line);
    }
    ccb_text_free(&p->partial[0]);
    ccb_text_free(&p->partial[1]);
    ccb_pool_free(&p->pool);
    free(p);
}

void ccb_proc_free_all(struct ccb_run *run)
{
    while (run->procs != NULL) {
        struct ccb_proc *p = run->procs;
        run->procs = p->next;
        ccb_proc_free(p);
    }
    while (run->nevers != NULL) {
        struct ccb_never *n = run->nevers;
        run->nevers = n->next;
        free(n->name);
        free(n->text);
        free(n);
    }
}

void ccb_proc_how(int status, struct ccb_text *out)
{
    if (WIFSIGNALED(status))
        ccb_text_addf(out, "signal %s", sigabbrev_np(WTERMSIG(status)));
    else
        ccb_text_addf(out, "%d", WEXITSTATUS(status));
}

void ccb_proc_describe(const struct ccb_run *run, struct ccb_text *out)
{
    for (const struct ccb_proc *p = run->procs; p != NULL; p = p->next) {
        size_t count = 0, i = 0;
        for (const struct ccb_line *l = p->lines; l != NULL; l = l->next)
            count++;
        ccb_text_addf(out, "---- process %s (%s)", p->name, p->argv[0]);
        if (p->ended) {
            ccb_text_adds(out, " ended with ");
            ccb_proc_how(p->status, out);
        }
        ccb_text_addf(out, ", its last lines of %zu\n", count);
        for (const struct ccb_line *l = p->lines; l != NULL; l = l->next) {
            if (i++ + 30 < count)
                continue;
            ccb_text_adds(out, l->stream ? "  err  " : "  out  ");
            ccb_text_show(out, l->text, l->len, 1000);
            ccb_text_adds(out, "\n");
        }
    }
}
