/*
 * The life of a container. Its parts are handles, processes and forwards; it
 * is over when the launcher (which became bubblewrap) has ended and the link
 * to init is closed: then no process of it is left, since init is the first
 * of its pid name space. Only then its directory is removed.
 *
 * States: STARTING -> RUNNING -> DEAD, and from any DESTROYING.
 */
#include "cell/container.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cell/container_internal.h"

#define START_PATIENCE 30000 /* ms until it must stand */
#define END_PATIENCE 5000    /* ms after which it is killed from outside */
#define GUID_MAX 150

static void check(struct ccb_container *container);

/* ---- options ------------------------------------------------------------- */

static int check_guid(const char *guid, struct ccb_error *err)
{
    size_t len = strlen(guid);

    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)guid[i]) && strchr("_.-", guid[i]) == NULL)
            return ccb_error_set(err, CCB_INVALID,
                                 "container guid %.160s: use letters, digits, "
                                 "\"_\", \".\" and \"-\"",
                                 guid);
    if (len == 0 || len > GUID_MAX || guid[0] == '.')
        return ccb_error_set(err, CCB_INVALID,
                             "container guid \"%.160s\": 1 to %d characters, "
                             "not a dot first",
                             guid, GUID_MAX);
    return CCB_OK;
}

static int check_options(const struct ccb_container_options *options,
                         struct ccb_error *err)
{
    int code = check_guid(options->guid, err);

    if (code != CCB_OK)
        return code;
    if (options->directory[0] != '/' || options->rootfs[0] != '/' ||
        options->init[0] != '/')
        return ccb_error_set(err, CCB_INVALID,
                             "container %s: directory, rootfs and init must "
                             "be absolute paths",
                             options->guid);
    if (options->uid_base < CCB_CONTAINER_RANGE ||
        options->uid_base > UINT32_MAX - CCB_CONTAINER_RANGE)
        return ccb_error_set(
            err, CCB_INVALID, "container %s: uid_base %u: at least %u",
            options->guid, options->uid_base, CCB_CONTAINER_RANGE);
    if (options->port_count > CCB_CONTAINER_PORTS_MAX)
        return ccb_error_set(
            err, CCB_INVALID, "container %s: %zu ports, at most %d",
            options->guid, options->port_count, CCB_CONTAINER_PORTS_MAX);
    return CCB_OK;
}

static char *copy_text(struct ccb_arena *arena, const char *text)
{
    return ccb_arena_cstr(arena, ccb_slice_of(text));
}

static int copy_options(struct ccb_container *container,
                        const struct ccb_container_options *from)
{
    struct ccb_container_options *to = &container->options;
    struct ccb_arena *arena = container->arena;
    const char **env;
    uint16_t *ports;

    *to = *from;
    to->guid = copy_text(arena, from->guid);
    to->directory = copy_text(arena, from->directory);
    to->rootfs = copy_text(arena, from->rootfs);
    to->init = copy_text(arena, from->init);
    to->bwrap = copy_text(arena, from->bwrap ? from->bwrap : "/usr/bin/bwrap");
    to->address = copy_text(arena, from->address ? from->address : "127.0.0.1");
    env = ccb_arena_alloc(arena, (from->env_count + 1) * sizeof(*env));
    ports = ccb_arena_alloc(arena, (from->port_count + 1) * sizeof(*ports));
    if (to->guid == NULL || to->directory == NULL || to->rootfs == NULL ||
        to->init == NULL || to->bwrap == NULL || to->address == NULL ||
        env == NULL || ports == NULL)
        return CCB_NO_MEMORY;
    for (size_t i = 0; i < from->env_count; i++) {
        env[i] = copy_text(arena, from->env[i]);
        if (env[i] == NULL)
            return CCB_NO_MEMORY;
    }
    if (from->port_count > 0)
        memcpy(ports, from->ports, from->port_count * sizeof(*ports));
    to->env = env;
    to->ports = ports;
    return CCB_OK;
}

static void free_container(struct ccb_container *container)
{
    ccb_arena_unref(container->arena);
    ccb_free(container);
}

static struct ccb_container *make(const struct ccb_container_options *options)
{
    struct ccb_container *container = ccb_calloc(1, sizeof(*container));

    if (container == NULL)
        return NULL;
    container->link.fd = -1;
    container->arena = ccb_arena_create();
    if (container->arena == NULL ||
        copy_options(container, options) != CCB_OK) {
        free_container(container);
        return NULL;
    }
    return container;
}

/* ---- the end ------------------------------------------------------------- */

static void kill_launcher(struct ccb_container *container)
{
    if (container->launcher_runs &&
        uv_is_active((uv_handle_t *)&container->launcher))
        (void)uv_process_kill(&container->launcher, SIGKILL);
}

static void on_patience(uv_timer_t *timer)
{
    struct ccb_container *container = timer->data;

    if (container->state == CCB_CONTAINER_STARTING) {
        container->state = CCB_CONTAINER_DEAD;
        if (container->fault.code == CCB_OK)
            (void)ccb_error_set(&container->fault, CCB_TIMED_OUT,
                                "container %s does not stand after %d s",
                                container->options.guid, START_PATIENCE / 1000);
        ccb_link_close(&container->link);
    }
    kill_launcher(container);
    check(container);
}

static void wait_for(struct ccb_container *container, uint64_t patience)
{
    (void)uv_timer_start(&container->patience, on_patience, patience, 0);
}

/* Before it stands what bubblewrap complains says most. */
static void find_fault(struct ccb_container *container)
{
    const char *guid = container->options.guid;

    if (container->fault.code == CCB_OK)
        (void)ccb_error_set(&container->fault, CCB_FAILED,
                            "container %s ended at its start: %s", guid,
                            container->words_len > 0 ? container->words
                                                     : "without words");
}

static void tell_end(struct ccb_container *container)
{
    const struct ccb_container_options *options = &container->options;

    container->end_told = 1;
    (void)uv_timer_stop(&container->patience);
    if (!container->created) {
        find_fault(container);
        options->on_created(options->ctx, &container->fault);
    } else if (options->on_lost != NULL) {
        options->on_lost(options->ctx);
    }
}

static void on_removed(void *ctx, const struct ccb_error *err)
{
    struct ccb_container *container = ctx;
    void (*on_destroyed)(void *, const struct ccb_error *) =
        container->on_destroyed;
    void *destroyed_ctx = container->destroyed_ctx;

    free_container(container);
    on_destroyed(destroyed_ctx, err);
}

static void remove_all(struct ccb_container *container)
{
    struct ccb_error err;

    container->removed = 1;
    if (ccb_container_remove(container->loop, container->options.directory,
                             container->options.guid, on_removed, container,
                             &err) != CCB_OK)
        on_removed(container, &err);
}

static void on_part_closed(uv_handle_t *handle)
{
    ccb_container_part_gone(handle->data);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_part_closed);
}

/* Goes on when launcher and link are gone. */
static void check(struct ccb_container *container)
{
    if (container->launcher_runs || container->link_runs)
        return;
    if (container->state == CCB_CONTAINER_DEAD && !container->end_told &&
        !container->complaints_run) {
        tell_end(container); /* may destroy it */
        return;
    }
    if (container->state != CCB_CONTAINER_DESTROYING || container->removed)
        return;
    close_handle((uv_handle_t *)&container->complaints);
    close_handle((uv_handle_t *)&container->patience);
    if (container->parts == 0)
        remove_all(container);
}

void ccb_container_part_gone(struct ccb_container *container)
{
    container->parts--;
    check(container);
}

static void on_forward_closed(void *ctx)
{
    ccb_container_part_gone(ctx);
}

void ccb_container_destroy(struct ccb_container *container,
                           void (*on_destroyed)(void *ctx,
                                                const struct ccb_error *err),
                           void *ctx)
{
    container->state = CCB_CONTAINER_DESTROYING;
    container->on_destroyed = on_destroyed;
    container->destroyed_ctx = ctx;
    for (size_t i = 0; i < container->options.port_count; i++)
        if (container->forwards[i] != NULL)
            ccb_forward_close(container->forwards[i], on_forward_closed,
                              container);
    ccb_link_hang_up(&container->link);
    if (!container->link.open) /* there never was one, or it is gone */
        kill_launcher(container);
    wait_for(container, END_PATIENCE);
    check(container);
}

/* ---- what comes from init ------------------------------------------------ */

static struct ccb_process *find_process(struct ccb_container *container,
                                        uint32_t id)
{
    struct ccb_process *process = container->processes;

    while (process != NULL && process->id != id)
        process = process->next;
    return process;
}

/* Takes the wish of that id out of the row. */
static struct ccb_socket_wish *take_wish(struct ccb_container *container,
                                         uint32_t id)
{
    struct ccb_socket_wish **at = &container->wishes, *wish;

    while (*at != NULL && (*at)->id != id)
        at = &(*at)->next;
    wish = *at;
    if (wish != NULL)
        *at = wish->next;
    return wish;
}

static void on_ready(struct ccb_container *container,
                     const struct ccb_frame *frame, int *fds)
{
    (void)frame;
    (void)fds;
    if (container->state != CCB_CONTAINER_STARTING)
        return;
    container->state = CCB_CONTAINER_RUNNING;
    container->created = 1;
    (void)uv_timer_stop(&container->patience);
    container->options.on_created(container->options.ctx, NULL);
}

static void on_failed(struct ccb_container *container,
                      const struct ccb_frame *frame, int *fds)
{
    struct ccb_process *process = find_process(container, frame->id);
    struct ccb_socket_wish *wish = take_wish(container, frame->id);
    char words[256];

    (void)fds;
    (void)snprintf(words, sizeof(words), "%.*s", (int)frame->body.len,
                   frame->body.ptr);
    if (wish != NULL)
        wish->on_socket(wish, -1);
    else if (process != NULL)
        ccb_process_exited(process, CCB_EXIT_NOT_STARTED, 0, words);
    else if (frame->id == 0 && container->fault.code == CCB_OK)
        (void)ccb_error_set(&container->fault, CCB_FAILED, "container %s: %s",
                            container->options.guid, words);
}

static void on_started(struct ccb_container *container,
                       const struct ccb_frame *frame, int *fds)
{
    struct ccb_process *process = find_process(container, frame->id);

    if (process != NULL && !process->started && !process->ended)
        ccb_process_started(process, fds);
}

static void on_exited(struct ccb_container *container,
                      const struct ccb_frame *frame, int *fds)
{
    struct ccb_process *process = find_process(container, frame->id);
    uint32_t status;

    (void)fds;
    if (process == NULL || !process->started ||
        ccb_frame_decode_number(frame, &status, NULL) != CCB_OK)
        return;
    if (WIFSIGNALED((int)status))
        ccb_process_exited(process, CCB_EXIT_SIGNAL, WTERMSIG((int)status),
                           NULL);
    else
        ccb_process_exited(process, CCB_EXIT_STATUS, WEXITSTATUS((int)status),
                           NULL);
}

static void on_sockets(struct ccb_container *container,
                       const struct ccb_frame *frame, int *fds)
{
    struct ccb_socket_wish *wish = take_wish(container, frame->id);

    if (wish == NULL)
        return;
    wish->on_socket(wish, fds[0]);
    fds[0] = -1;
}

static void (*const frames[CCB_FRAME_TYPES])(struct ccb_container *,
                                             const struct ccb_frame *,
                                             int *) = {
    [CCB_FRAME_READY] = on_ready,     [CCB_FRAME_FAILED] = on_failed,
    [CCB_FRAME_STARTED] = on_started, [CCB_FRAME_EXITED] = on_exited,
    [CCB_FRAME_SOCKETS] = on_sockets,
};

static struct ccb_container *of_link(struct ccb_link *link)
{
    return (struct ccb_container *)((char *)link -
                                    offsetof(struct ccb_container, link));
}

static void on_frame(struct ccb_link *link, const struct ccb_frame *frame,
                     int *fds)
{
    frames[frame->type](of_link(link), frame, fds);
}

/* No word from init any more: no process of it will be heard of. */
static void on_link_end(struct ccb_link *link, const struct ccb_error *err)
{
    struct ccb_container *container = of_link(link);
    struct ccb_process *next;

    if (container->state != CCB_CONTAINER_DESTROYING) {
        container->state = CCB_CONTAINER_DEAD;
        if (err->code != CCB_CLOSED && container->fault.code == CCB_OK)
            container->fault = *err;
        wait_for(container, END_PATIENCE);
    }
    while (container->wishes != NULL) {
        struct ccb_socket_wish *wish =
            take_wish(container, container->wishes->id);

        wish->on_socket(wish, -1);
    }
    for (struct ccb_process *at = container->processes; at != NULL; at = next) {
        next = at->next;
        ccb_process_exited(at, CCB_EXIT_LOST, 0, "the container has ended");
    }
}

static void on_link_closed(struct ccb_link *link)
{
    of_link(link)->link_runs = 0;
    ccb_container_part_gone(of_link(link));
}

/* ---- the start ----------------------------------------------------------- */

static void on_complaint_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    struct ccb_container *container = handle->data;
    static char rest[512]; /* what is over is read and forgotten */
    size_t room = sizeof(container->words) - 1 - container->words_len;

    (void)wanted;
    if (room > 0)
        *buf = uv_buf_init(container->words + container->words_len,
                           (unsigned)room);
    else
        *buf = uv_buf_init(rest, sizeof(rest));
}

static void on_complaint(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct ccb_container *container = stream->data;

    if (n > 0 && buf->base == container->words + container->words_len)
        container->words_len += (size_t)n;
    if (n >= 0)
        return;
    container->complaints_run = 0;
    (void)uv_read_stop(stream);
    container->words[strcspn(container->words, "\n")] = '\0';
    check(container);
}

static void on_launcher_closed(uv_handle_t *handle)
{
    struct ccb_container *container = handle->data;

    container->launcher_runs = 0;
    ccb_container_part_gone(container);
}

static void on_launcher_exit(uv_process_t *process, int64_t status, int number)
{
    (void)status;
    (void)number;
    uv_close((uv_handle_t *)process, on_launcher_closed);
}

static int spawn_launcher(struct ccb_container *container, int control)
{
    const struct ccb_container_options *options = &container->options;
    char daemon[16], base[16], memory[16];
    char *args[] = {(char *)options->init,
                    (char *)"launch",
                    daemon,
                    (char *)options->bwrap,
                    (char *)options->directory,
                    (char *)options->guid,
                    (char *)options->rootfs,
                    base,
                    memory,
                    NULL};
    char *env[] = {NULL};
    uv_stdio_container_t stdio[4] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&container->complaints},
        {.flags = UV_INHERIT_FD, .data.fd = control}};
    uv_process_options_t spawn = {.exit_cb = on_launcher_exit,
                                  .file = options->init,
                                  .args = args,
                                  .env = env,
                                  .stdio_count = 4,
                                  .stdio = stdio};
    int code;

    (void)snprintf(daemon, sizeof(daemon), "%d", (int)getpid());
    (void)snprintf(base, sizeof(base), "%u", options->uid_base);
    (void)snprintf(memory, sizeof(memory), "%u", options->memory_mb);
    container->launcher.data = container;
    container->launcher_runs = 1;
    container->parts++;
    code = uv_spawn(&container->loop->uv, &container->launcher, &spawn);
    if (code != 0)
        uv_close((uv_handle_t *)&container->launcher, on_launcher_closed);
    return code;
}

static int open_forwards(struct ccb_container *container, struct ccb_error *err)
{
    struct ccb_forward_options options = {container->options.address, 0,
                                          container};

    for (size_t i = 0; i < container->options.port_count; i++) {
        int code;

        options.port = container->options.ports[i];
        code = ccb_forward_open(&container->forwards[i], container->loop,
                                &options, err);
        if (code != CCB_OK)
            return code;
        container->parts++;
        container->host_ports[i] =
            ccb_forward_host_port(container->forwards[i]);
    }
    return CCB_OK;
}

static int start_launcher(struct ccb_container *container,
                          struct ccb_error *err)
{
    struct ccb_link *link = &container->link;
    int pair[2], code;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return ccb_error_set(err, CCB_IO, "control socket: %s",
                             strerror(errno));
    link->on_frame = on_frame;
    link->on_end = on_link_end;
    link->on_closed = on_link_closed;
    code = ccb_link_open(link, container->loop, pair[0], err);
    if (link->fd >= 0) {
        container->parts++;
        container->link_runs = 1;
    }
    if (code == CCB_OK) {
        int failed = spawn_launcher(container, pair[1]);

        if (failed != 0)
            code = ccb_error_set(err, CCB_IO, "%s: %s", container->options.init,
                                 uv_strerror(failed));
    }
    (void)close(pair[1]);
    if (code == CCB_OK && uv_read_start((uv_stream_t *)&container->complaints,
                                        on_complaint_room, on_complaint) == 0)
        container->complaints_run = 1;
    return code;
}

static void find_group(struct ccb_container *container)
{
    struct ccb_error err;

    if (container->options.memory_mb == 0 ||
        ccb_cgroup_path(container->cgroup, container->options.guid, &err) ==
            CCB_OK)
        return;
    container->cgroup[0] = '\0';
    (void)snprintf(container->memory_note, sizeof(container->memory_note),
                   "%.199s", err.message);
}

int ccb_container_create(struct ccb_container **out, struct ccb_loop *loop,
                         const struct ccb_container_options *options,
                         struct ccb_error *err)
{
    struct ccb_container *container;
    int code = check_options(options, err);

    if (code != CCB_OK)
        return code;
    container = make(options);
    if (container == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for container %s",
                             options->guid);
    container->loop = loop;
    (void)uv_timer_init(&loop->uv, &container->patience); /* can't fail */
    (void)uv_pipe_init(&loop->uv, &container->complaints, 0);
    container->patience.data = container->complaints.data = container;
    container->parts = 2;
    find_group(container);
    wait_for(container, START_PATIENCE);
    /* From here on a failure is told later: handles are open. */
    if (open_forwards(container, &container->fault) != CCB_OK ||
        start_launcher(container, &container->fault) != CCB_OK)
        wait_for(container, 0);
    *out = container;
    return CCB_OK;
}

/* ---- small words --------------------------------------------------------- */

uint16_t ccb_container_host_port(const struct ccb_container *container,
                                 size_t i)
{
    return i < container->options.port_count ? container->host_ports[i] : 0;
}

const char *ccb_container_memory_note(const struct ccb_container *container)
{
    return container->memory_note[0] != '\0' ? container->memory_note : NULL;
}

int ccb_container_signal_all(struct ccb_container *container, int number)
{
    int code;

    if (container->state != CCB_CONTAINER_RUNNING)
        return CCB_CONFLICT;
    code = ccb_frame_put_number(&container->link.out, CCB_FRAME_SIGNAL, 0,
                                (uint32_t)number);
    container->link.out.failed = 0;
    ccb_link_flush(&container->link);
    return code;
}

int ccb_container_wish(struct ccb_container *container,
                       struct ccb_socket_wish *wish)
{
    int code;

    if (container->state != CCB_CONTAINER_RUNNING)
        return CCB_CONFLICT;
    wish->id = ++container->next_id;
    code = ccb_frame_put(&container->link.out, CCB_FRAME_SOCKET, wish->id,
                         ccb_slice_make(NULL, 0));
    container->link.out.failed = 0;
    if (code != CCB_OK)
        return code;
    wish->next = container->wishes;
    container->wishes = wish;
    ccb_link_flush(&container->link);
    return CCB_OK;
}

void ccb_container_unwish(struct ccb_container *container,
                          struct ccb_socket_wish *wish)
{
    (void)take_wish(container, wish->id);
}
