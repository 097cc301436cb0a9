/*
 * One process of a container: the fork and what the child is before its own
 * work begins: own session, default signals, limits, directory, user,
 * environment, and no descriptor but 0, 1 and 2. What goes wrong before that
 * comes back in words through a pipe that closes when the work begins.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cell/init/init.h"

struct child {
    const struct ccb_frame_spawn *spawn;
    const struct ccb_container_user *user;
    int ours[CCB_FRAME_FDS]; /* the child's ends of the two pipes */
    int words;               /* where it says what went wrong */
    char **args, **env;
};

/* A list as exec wants it; never freed: the caller is a child. */
static char **as_vector(const struct ccb_frame_list *list, const char *first)
{
    char **vector = ccb_calloc((size_t)list->count + 2, sizeof(*vector));
    size_t pos = 0, n = 0;
    const char *text;

    if (vector == NULL)
        return NULL;
    if (first != NULL)
        vector[n++] = (char *)first;
    while ((text = ccb_frame_list_next(list, &pos)) != NULL)
        vector[n++] = (char *)text;
    return vector;
}

static int failed(struct ccb_error *err, const char *what, const char *which)
{
    return ccb_error_set(err, CCB_IO, "%s %s: %s", what, which,
                         strerror(errno));
}

static int use_files(const struct child *child, struct ccb_error *err)
{
    int input = child->spawn->kind == CCB_FRAME_UNPACK;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int first = child->ours[0];

    int code = CCB_OK;

    if (null < 0)
        return failed(err, "opening", "/dev/null");
    if (dup2(input ? first : null, 0) < 0 ||
        dup2(input ? null : first, 1) < 0 || dup2(child->ours[1], 2) < 0)
        code = failed(err, "redirecting", "files");
    (void)close(null);
    return code;
}

/* When memory runs short, steps go before init. */
static int go_before_init(struct ccb_error *err)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    int code = CCB_OK;

    if (fd < 0)
        return failed(err, "opening", "oom_score_adj");
    if (write(fd, "500", 3) != 3)
        code = failed(err, "setting", "oom_score_adj");
    (void)close(fd);
    return code;
}

static int use_limits(const struct child *child, struct ccb_error *err)
{
    struct rlimit limit;
    int code = go_before_init(err);

    if (code != CCB_OK)
        return code;
    if (child->spawn->nofile == 0)
        return CCB_OK;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return failed(err, "getrlimit", "nofile");
    if (child->spawn->nofile > limit.rlim_max)
        return ccb_error_set(err, CCB_INVALID,
                             "nofile %llu is over this machine's %llu",
                             (unsigned long long)child->spawn->nofile,
                             (unsigned long long)limit.rlim_max);
    limit.rlim_cur = limit.rlim_max = child->spawn->nofile;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return failed(err, "setrlimit", "nofile");
    return CCB_OK;
}

static int use_user(const struct child *child, struct ccb_error *err)
{
    uint32_t id = child->user->id;

    if (setgroups(1, &id) != 0 || setresgid(id, id, id) != 0 ||
        setresuid(id, id, id) != 0)
        return failed(err, "becoming", child->user->name);
    return CCB_OK;
}

static int use_dir(const struct child *child, struct ccb_error *err)
{
    const char *dir = child->spawn->dir;

    /* The others' paths are their own, the relative ones from home, too. */
    if (dir[0] == '\0' || child->spawn->kind != CCB_FRAME_RUN)
        dir = child->user->home;
    return chdir(dir) != 0 ? failed(err, "directory", dir) : CCB_OK;
}

static void use_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int become(const struct child *child, struct ccb_error *err)
{
    int code;

    (void)umask(022);
    use_signals();
    if (setsid() < 0)
        return failed(err, "setsid", "");
    code = use_files(child, err);
    if (code == CCB_OK)
        code = use_limits(child, err);
    if (code == CCB_OK)
        code = use_user(child, err);
    return code == CCB_OK ? use_dir(child, err) : code;
}

static void run_program(struct child *child, struct ccb_error *err)
{
    child->args = as_vector(&child->spawn->args, child->spawn->path);
    child->env = as_vector(&child->spawn->env, NULL);
    if (child->args == NULL || child->env == NULL) {
        (void)ccb_error_set(err, CCB_NO_MEMORY, "init: no memory");
        return;
    }
    environ = child->env; /* execvp looks into its PATH */
    (void)execvp(child->spawn->path, child->args);
    (void)failed(err, "executable", child->spawn->path);
}

static int (*const kinds[CCB_FRAME_KINDS])(const struct ccb_frame_spawn *) = {
    [CCB_FRAME_UNPACK] = ccb_init_unpack,
    [CCB_FRAME_FETCH] = ccb_init_fetch,
};

static void live(struct child *child)
{
    struct ccb_error err = {0};

    if (become(child, &err) == CCB_OK) {
        if (kinds[child->spawn->kind] != NULL) {
            (void)close_range(3, ~0U, 0);
            _exit(kinds[child->spawn->kind](child->spawn));
        }
        run_program(child, &err);
    }
    (void)!write(child->words, err.message, strlen(err.message));
    _exit(CCB_INIT_BROKEN);
}

/* Waits until the child's work began: nothing, or its words. */
static int hear(int words, struct ccb_error *err)
{
    char text[sizeof(err->message)];
    ssize_t n;

    do
        n = read(words, text, sizeof(text) - 1);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return CCB_OK;
    text[n] = '\0';
    return ccb_error_set(err, CCB_FAILED, "%s", text);
}

/* Pipes that belong to the user: a program may open /dev/stdout again. */
static int open_pipe(int ends[2], uint32_t owner, struct ccb_error *err)
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        return failed(err, "pipe", "");
    if (fchown(ends[0], owner, owner) != 0)
        return failed(err, "pipe's owner", "");
    return CCB_OK;
}

static void close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
}

static int start(struct child *child, int words[2],
                 struct ccb_init_started *started, struct ccb_error *err)
{
    started->pid = fork();
    if (started->pid < 0)
        return failed(err, "fork", "");
    if (started->pid == 0)
        live(child);
    (void)close(words[1]);
    words[1] = -1;
    return hear(words[0], err); /* the child is reaped as an orphan */
}

int ccb_init_spawn(const struct ccb_frame_spawn *spawn,
                   struct ccb_init_started *started, struct ccb_error *err)
{
    int first[2] = {-1, -1}, second[2] = {-1, -1}, words[2] = {-1, -1};
    int input = spawn->kind == CCB_FRAME_UNPACK, code;
    struct child child = {.spawn = spawn};

    child.user = ccb_container_user_find(spawn->user);
    if (child.user == NULL)
        return ccb_error_set(err, CCB_NOT_FOUND, "unknown user %.64s",
                             spawn->user);
    code = open_pipe(first, child.user->id, err);
    if (code == CCB_OK)
        code = open_pipe(second, child.user->id, err);
    if (code == CCB_OK)
        code = open_pipe(words, child.user->id, err);
    if (code == CCB_OK) {
        child.ours[0] = first[input ? 0 : 1];
        child.ours[1] = second[1];
        child.words = words[1];
        code = start(&child, words, started, err);
    }
    if (code == CCB_OK) { /* these two are the caller's */
        started->fds[0] = first[input ? 1 : 0];
        started->fds[1] = second[0];
        first[input ? 1 : 0] = second[0] = -1;
    }
    close_all(first, 2);
    close_all(second, 2);
    close_all(words, 2);
    return code;
}
