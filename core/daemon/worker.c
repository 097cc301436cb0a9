/* Opens and closes what lives on one event loop. */
#include "daemon/worker.h"

static void on_client_closed(void *user)
{
    (void)user;
}

static void stop_client(struct ccb_thread *thread)
{
    if (thread->client)
        ccb_http_client_close(thread->client, on_client_closed, NULL);
    thread->client = NULL;
    if (thread->reading)
        ccb_plugins_detach(&thread->reader);
    thread->reading = false;
    if (thread->on_stopped)
        thread->on_stopped(thread->user);
}

static void stop_last_seat(struct ccb_thread *thread);

/* The seat is empty: the one before it is next. */
static void close_seat(struct ccb_seat *seat)
{
    struct ccb_thread *thread = seat->thread;
    seat->member->role->close(seat->instance);
    thread->seat_count--;
    stop_last_seat(thread);
}

static void on_server_closed(void *user)
{
    struct ccb_seat *seat = user;
    if (--seat->open_servers == 0)
        close_seat(seat);
}

static void tell_seat(struct ccb_seat *seat)
{
    if (!seat->told && seat->member->role->stop)
        seat->member->role->stop(seat->instance);
    seat->told = true;
}

static void stop_last_seat(struct ccb_thread *thread)
{
    struct ccb_seat *seat;
    size_t i;
    if (thread->seat_count == 0) {
        stop_client(thread);
        return;
    }
    seat = &thread->seats[thread->seat_count - 1];
    tell_seat(seat);
    if (seat->open_servers == 0)
        close_seat(seat);
    else
        for (i = 0; i < CCB_ROLE_DOORS; i++)
            if (seat->servers[i])
                ccb_http_server_close(seat->servers[i], on_server_closed, seat);
}

/* Whoever serves nobody waits for nobody; and what hangs on the control socket
 * must end before that does. */
static bool ends_at_once(const struct ccb_seat *seat)
{
    return seat->member->door_count == 0 ||
           seat->member->role->control_count > 0;
}

void ccb_thread_stop(struct ccb_thread *thread)
{
    size_t i;
    for (i = thread->seat_count; i > 0; i--)
        if (ends_at_once(&thread->seats[i - 1]))
            tell_seat(&thread->seats[i - 1]);
    ccb_control_close(&thread->control, stop_last_seat);
}

static int open_door(struct ccb_seat *seat, size_t door,
                     const struct ccb_thread_options *options,
                     struct ccb_error *err)
{
    struct ccb_member *member = seat->member;
    struct ccb_http_server_options server = {
        .name = member->role->name,
        .routes = member->doors[door].routes,
        .route_count = member->doors[door].route_count,
        .user = seat->instance,
        .limits = options->limits,
    };
    int fd = member->fds[door][options->number];
    int code;
    member->fds[door][options->number] = -1;
    code = ccb_http_server_open(&seat->servers[door], &seat->thread->loop, fd,
                                &server, err);
    if (code == 0)
        seat->open_servers++;
    return code;
}

static void on_role_failed(const struct ccb_worker *worker, const char *who,
                           const char *why)
{
    const struct ccb_seat *seat =
        (const void *)((const char *)worker - offsetof(struct ccb_seat, view));
    seat->thread->on_failed(seat->thread->user, seat->member, who, why);
}

/* What is open when this fails is closed by ccb_thread_stop. */
static int open_seat(struct ccb_thread *thread, struct ccb_member *member,
                     const struct ccb_thread_options *options,
                     struct ccb_error *err)
{
    struct ccb_seat *seat = &thread->seats[thread->seat_count];
    size_t door;
    int code;
    seat->member = member;
    seat->thread = thread;
    seat->view =
        (struct ccb_worker){&thread->loop, thread->client, options->plugins,
                            &member->log,  on_role_failed, options->ending};
    code =
        member->role->open(&seat->instance, member->shared, &seat->view, err);
    if (code < 0)
        return code;
    thread->seat_count++;
    for (door = 0; code == 0 && door < member->door_count; door++)
        code = open_door(seat, door, options, err);
    return code;
}

int ccb_thread_open(struct ccb_thread *thread,
                    const struct ccb_thread_options *options,
                    struct ccb_error *err)
{
    size_t i;
    int code = ccb_loop_open(&thread->loop, err);
    if (code < 0)
        return code;
    thread->opened = true;
    thread->control.thread = thread;
    code = ccb_http_client_open(&thread->client, &thread->loop, err);
    for (i = 0; code == 0 && i < options->member_count; i++)
        if (options->number == 0 || !options->members[i].role->single)
            code = open_seat(thread, &options->members[i], options, err);
    if (code == 0 && options->plugins) {
        ccb_plugins_attach(options->plugins, &thread->reader, &thread->loop);
        thread->reading = true;
    }
    if (code == 0 && options->control_fd >= 0)
        code = ccb_control_open(&thread->control, options->control_fd,
                                options->reload, options->limits, err);
    return code;
}

int ccb_thread_close(struct ccb_thread *thread, struct ccb_error *err)
{
    return thread->opened ? ccb_loop_close(&thread->loop, err) : 0;
}
