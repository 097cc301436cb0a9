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

static void on_server_closed(void *user)
{
    struct ccb_seat *seat = user;
    seat->server = NULL;
    seat->member->role->close(seat->instance);
    seat->instance = NULL;
    if (--seat->thread->open_servers == 0)
        stop_client(seat->thread);
}

void ccb_thread_stop(struct ccb_thread *thread)
{
    size_t i;
    if (thread->open_servers == 0)
        stop_client(thread);
    for (i = thread->seat_count; i-- > 0;) {
        struct ccb_seat *seat = &thread->seats[i];
        if (seat->server)
            ccb_http_server_close(seat->server, on_server_closed, seat);
    }
}

static int open_seat(struct ccb_thread *thread, struct ccb_member *member,
                     size_t number, const struct ccb_plugins *plugins,
                     const struct ccb_http_limits *limits,
                     struct ccb_error *err)
{
    struct ccb_seat *seat = &thread->seats[thread->seat_count];
    struct ccb_http_server_options options = {
        .routes = member->role->routes,
        .route_count = member->role->route_count,
        .limits = limits,
    };
    int code;
    seat->member = member;
    seat->thread = thread;
    seat->view = (struct ccb_worker){&thread->loop, thread->client, plugins,
                                     &member->log};
    code =
        member->role->open(&seat->instance, member->shared, &seat->view, err);
    if (code < 0)
        return code;
    options.user = seat->instance;
    code = ccb_http_server_open(&seat->server, &thread->loop,
                                member->fds[number], &options, err);
    member->fds[number] = -1;
    if (code < 0) {
        member->role->close(seat->instance);
        return code;
    }
    thread->seat_count++;
    thread->open_servers++;
    return 0;
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
        code = open_seat(thread, &members[i], number, plugins, limits, err);
    return code;
}

int ccb_thread_close(struct ccb_thread *thread, struct ccb_error *err)
{
    return thread->opened ? ccb_loop_close(&thread->loop, err) : 0;
}
