/*
 * A step in a container, as the daemon sees it: an id that init knows and two
 * pipes. Invariant: what was in the pipes when the exit became known is handed
 * on before on_exit; the handle goes when the exit was told and both streams
 * are closed, never earlier.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cell/container_internal.h"
#include "cell/container_users.h"

static void settle(struct ccb_process *process);

int ccb_exit_code(const struct ccb_exit *ended)
{
    return ended->kind == CCB_EXIT_SIGNAL ? 128 + ended->code : ended->code;
}

/* ---- streams ------------------------------------------------------------- */

static int stream_of(const struct ccb_process *process, const void *handle)
{
    return handle == &process->streams[1].pipe;
}

static void on_stream_closed(uv_handle_t *handle)
{
    struct ccb_process *process = handle->data;

    process->streams[stream_of(process, handle)].open = 0;
    settle(process);
}

static void close_stream(struct ccb_process *process, int i)
{
    uv_handle_t *handle = (uv_handle_t *)&process->streams[i].pipe;

    process->streams[i].left = 0;
    if (process->streams[i].open && !uv_is_closing(handle))
        uv_close(handle, on_stream_closed);
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    struct ccb_process *process = handle->data;

    (void)wanted;
    *buf = uv_buf_init(process->buffer, sizeof(process->buffer));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct ccb_process *process = stream->data;
    int i = stream_of(process, stream);

    if (n == 0)
        return;
    if (n < 0) { /* its end, or an error which is one, too */
        close_stream(process, i);
    } else {
        size_t left = process->streams[i].left;

        process->streams[i].left = left > (size_t)n ? left - (size_t)n : 0;
        if (process->step.on_output != NULL && !process->detached)
            process->step.on_output(process->step.ctx,
                                    i == 0 ? CCB_STREAM_OUT : CCB_STREAM_ERR,
                                    ccb_slice_make(buf->base, (size_t)n));
    }
    settle(process);
}

static int is_read(const struct ccb_process *process, int i)
{
    return process->streams[i].open && !(i == 0 && process->input) &&
           !uv_is_closing((const uv_handle_t *)&process->streams[i].pipe);
}

static void read_streams(struct ccb_process *process)
{
    for (int i = 0; i < 2; i++) {
        uv_stream_t *stream = (uv_stream_t *)&process->streams[i].pipe;

        if (is_read(process, i) && !process->paused &&
            uv_read_start(stream, on_room, on_read) != 0 &&
            !uv_is_active((uv_handle_t *)stream))
            close_stream(process, i);
    }
}

void ccb_process_pause(struct ccb_process *process)
{
    process->paused = 1;
    for (int i = 0; i < 2; i++)
        if (is_read(process, i))
            (void)uv_read_stop((uv_stream_t *)&process->streams[i].pipe);
}

void ccb_process_resume(struct ccb_process *process)
{
    process->paused = 0;
    read_streams(process);
}

void ccb_process_detach(struct ccb_process *process)
{
    process->detached = 1;
    process->paused = 0;
    if (process->ended) {
        close_stream(process, 0);
        close_stream(process, 1);
    } else {
        read_streams(process); /* the process must not wait for us */
    }
}

void ccb_process_end_input(struct ccb_process *process)
{
    if (process->input)
        close_stream(process, 0);
}

/* Only a pipe is taken from the other side. */
static int open_stream(struct ccb_process *process, int i, int fd)
{
    struct stat info;
    uv_pipe_t *pipe = &process->streams[i].pipe;

    if (fstat(fd, &info) != 0 || !S_ISFIFO(info.st_mode) ||
        uv_pipe_init(&process->container->loop->uv, pipe, 0) != 0)
        return -1;
    pipe->data = process;
    process->streams[i].open = 1;
    if (uv_pipe_open(pipe, fd) != 0) {
        close_stream(process, i);
        return -1;
    }
    return 0;
}

/* ---- life ---------------------------------------------------------------- */

static void forget(struct ccb_process *process)
{
    struct ccb_container *container = process->container;
    struct ccb_process **at = &container->processes;

    while (*at != NULL && *at != process)
        at = &(*at)->next;
    if (*at == process)
        *at = process->next;
    if (process->step.on_closed != NULL)
        process->step.on_closed(process->step.ctx);
    ccb_free(process);
    ccb_container_part_gone(container);
}

/* Goes on when what it waits for has come. */
static void settle(struct ccb_process *process)
{
    if (!process->ended || process->streams[0].left > 0 ||
        process->streams[1].left > 0)
        return;
    if (!process->told) {
        process->told = 1;
        process->step.on_exit(process->step.ctx, &process->exit);
        if (process->detached || process->input ||
            process->exit.kind == CCB_EXIT_LOST)
            for (int i = 0; i < 2; i++)
                close_stream(process, i);
    }
    if (!process->streams[0].open && !process->streams[1].open)
        forget(process);
}

void ccb_process_started(struct ccb_process *process, int *fds)
{
    process->started = 1;
    for (int i = 0; i < 2; i++)
        if (open_stream(process, i, fds[i]) == 0)
            fds[i] = -1;
    read_streams(process);
    if (process->on_started != NULL)
        process->on_started(process);
}

/* How much of the pipe was there when the process had ended. */
static void count_left(struct ccb_process *process, int i)
{
    int fd, bytes = 0;

    if (is_read(process, i) && !process->detached &&
        uv_fileno((uv_handle_t *)&process->streams[i].pipe, &fd) == 0 &&
        ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0)
        process->streams[i].left = (size_t)bytes;
}

void ccb_process_exited(struct ccb_process *process, enum ccb_exit_kind kind,
                        int code, const char *words)
{
    if (process->ended)
        return;
    process->ended = 1;
    process->exit.kind = kind;
    process->exit.code = code;
    if (words != NULL)
        (void)ccb_error_set(&process->exit.err, CCB_FAILED, "%s", words);
    if (process->container->cgroup[0] != '\0')
        process->exit.out_of_memory =
            ccb_cgroup_ooms(process->container->cgroup) > 0;
    if (kind != CCB_EXIT_LOST) {
        count_left(process, 0);
        count_left(process, 1);
    }
    settle(process);
}

int ccb_process_start(struct ccb_process **out, struct ccb_container *container,
                      const struct ccb_frame_spawn *spawn,
                      const struct ccb_step *step, struct ccb_error *err)
{
    struct ccb_process *process;
    int code;

    if (container->state != CCB_CONTAINER_RUNNING)
        return ccb_error_set(err, CCB_CONFLICT, "container %s does not stand",
                             container->options.guid);
    process = ccb_calloc(1, sizeof(*process));
    if (process == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for a process");
    process->id = ++container->next_id;
    code = ccb_frame_put_spawn(
        &container->link.out, process->id, spawn,
        (struct ccb_frame_strings){step->args, step->arg_count},
        (struct ccb_frame_strings){step->env, step->env_count});
    if (code != CCB_OK) {
        ccb_free(process);
        container->link.out.failed = 0;
        return ccb_error_set(err, code,
                             "%s: arguments and environment are over %u bytes, "
                             "or memory is short",
                             spawn->path, CCB_FRAME_MAX);
    }
    process->container = container;
    process->input = spawn->kind == CCB_FRAME_UNPACK;
    process->step = *step;
    process->next = container->processes;
    container->processes = process;
    container->parts++;
    ccb_link_flush(&container->link);
    *out = process;
    return CCB_OK;
}

int ccb_process_signal(struct ccb_process *process, int number)
{
    struct ccb_container *container = process->container;
    int code;

    if (process->ended || container->state != CCB_CONTAINER_RUNNING)
        return CCB_OK;
    code = ccb_frame_put_number(&container->link.out, CCB_FRAME_SIGNAL,
                                process->id, (uint32_t)number);
    container->link.out.failed = 0;
    ccb_link_flush(&container->link);
    return code;
}

/* ---- a program ----------------------------------------------------------- */

/* The place of a variable of the same name in `env`, or `count`. */
static size_t find_name(const char **env, size_t count, const char *entry)
{
    size_t len = strcspn(entry, "=") + 1;

    for (size_t i = 0; i < count; i++)
        if (strncmp(env[i], entry, len) == 0)
            return i;
    return count;
}

/* Later ones win, in the place of the earlier one. */
static size_t add_env(const char **env, size_t count, const char *const *more,
                      size_t more_count)
{
    for (size_t i = 0; i < more_count; i++) {
        size_t at = find_name(env, count, more[i]);

        env[at] = more[i];
        count += at == count;
    }
    return count;
}

/* What the back end gives every process of a user. */
static size_t add_defaults(const char **env, char text[3][96], const char *name)
{
    const struct ccb_container_user *user = ccb_container_user_find(name);

    if (user == NULL)
        return 0; /* init will say that there is none */
    (void)snprintf(text[0], sizeof(text[0]), "HOME=%s", user->home);
    (void)snprintf(text[1], sizeof(text[1]), "USER=%s", user->name);
    (void)snprintf(text[2], sizeof(text[2]), "PATH=%s", user->path);
    return add_env(env, 0, (const char *[]){text[0], text[1], text[2]}, 3);
}

int ccb_container_spawn(struct ccb_process **out,
                        struct ccb_container *container,
                        const struct ccb_step *step, struct ccb_error *err)
{
    const struct ccb_container_options *options = &container->options;
    struct ccb_frame_spawn spawn = {.kind = CCB_FRAME_RUN,
                                    .nofile = step->nofile,
                                    .path = step->path,
                                    .dir = step->dir ? step->dir : "",
                                    .user = step->user};
    struct ccb_step whole = *step;
    char defaults[3][96];
    const char **env;
    size_t count;
    int code;

    env = ccb_calloc(3 + options->env_count + step->env_count, sizeof(*env));
    if (env == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for a process");
    count = add_defaults(env, defaults, step->user);
    count = add_env(env, count, options->env, options->env_count);
    count = add_env(env, count, step->env, step->env_count);
    whole.env = env;
    whole.env_count = count;
    code = ccb_process_start(out, container, &spawn, &whole, err);
    ccb_free(env);
    return code;
}
