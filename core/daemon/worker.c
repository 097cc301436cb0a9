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

static void stop_last_seat(struct ccb_thread *thread)
{
    struct ccb_seat *seat;
    size_t i;
    if (thread->seat_count == 0) {
        stop_client(thread);
        return;
    }
    seat = &thread->seats[thread->seat_count - 1];
    if (seat->member->role->stop)
        seat->member->role->stop(seat->instance);
    if (seat->open_servers == 0)
        close_seat(seat);
    else
        for (i = 0; i < CCB_ROLE_DOORS; i++)
            if (seat->servers[i])
                ccb_http_server_close(seat->servers[i], on_server_closed, seat);
}

void ccb_thread_stop(struct ccb_thread *thread)
{
    stop_last_seat(thread);
}

static int open_door(struct ccb_seat *seat, size_t number, size_t door,
                     const struct ccb_http_limits *limits,
                     struct ccb_error *err)
{
    struct ccb_member *member = seat->member;
    struct ccb_http_server_options options = {
        .routes = member->doors[door].routes,
        .route_count = member->doors[door].route_count,
        .user = seat->instance,
        .limits = limits,
    };
    int fd = member->fds[door][number];
    int code;
    member->fds[door][number] = -1;
    code = ccb_http_server_open(&seat->servers[door], &seat->thread->loop, fd,
                                &options, err);
    if (code == 0)
        seat->open_servers++;
    return code;
}

/* What is open when this fails is closed by ccb_thread_stop. */
static int open_seat(struct ccb_thread *thread, struct ccb_member *member,
                     size_t number, const struct ccb_plugins *plugins,
                     const struct ccb_http_limits *limits,
                     struct ccb_error *err)
{
    struct ccb_seat *seat = &thread->seats[thread->seat_count];
    size_t door;
    int code;
    seat->member = member;
    seat->thread = thread;
    seat->view = (struct ccb_worker){&thread->loop, thread->client, plugins,
                                     &member->log};
    code =
        member->role->open(&seat->instance, member->shared, &seat->view, err);
    if (code < 0)
        return code;
    thread->seat_count++;
    for (door = 0; code == 0 && door < member->door_count; door++)
        code = open_door(seat, number, door, limits, err);
    return code;
}

int ccb_thread_open(struct ccb_thread *thread, struct ccb_member *members,
                    size_t member_count, size_t number,
                    const struct ccb_plugins *plugins,
                    const struct ccb_http_limits *limits, struct ccb_error *err)
{
    size_t i;
    int code = ccb_loop_open(&thread->loop, err);
    if (code < 0)
        return code;
    thread->opened = true;
    code = ccb_http_client_open(&thread->client, &thread->loop, err);
    for (i = 0; code == 0 && i < member_count; i++)
        if (number == 0 || !members[i].role->single)
            code = open_seat(thread, &members[i], number, plugins, limits, err);
    return code;
}

int ccb_thread_close(struct ccb_thread *thread, struct ccb_error *err)
{
    return thread->opened ? ccb_loop_close(&thread->loop, err) : 0;
}
