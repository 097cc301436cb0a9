/*
 * A worker: one thread, its event loop, its HTTP client, and one instance of
 * every role with a server for each of its doors. Nothing in it is shared with
 * another.
 *
 * It ends in the reverse order, one role after the other, so that whoever
 * calls goes before whom it calls.
 */
#ifndef CCB_DAEMON_WORKER_H
#define CCB_DAEMON_WORKER_H

#include "daemon/control.h"
#include "daemon/options.h"
#include "role/role.h"

struct ccb_reload;

/* A role in this process. */
struct ccb_member {
    const struct ccb_role *role;
    void *config;
    struct ccb_log_session log;
    void *shared;
    struct ccb_door doors[CCB_ROLE_DOORS];
    size_t door_count;
    /* listening; a worker takes its own over */
    int fds[CCB_ROLE_DOORS][CCB_MAX_WORKERS];
};

/* A member's place on a worker. */
struct ccb_seat {
    struct ccb_member *member;
    struct ccb_worker view;
    void *instance;
    struct ccb_http_server *servers[CCB_ROLE_DOORS];
    size_t open_servers;
    bool told; /* that the end begins */
    struct ccb_thread *thread;
};

struct ccb_thread {
    struct ccb_loop loop;
    struct ccb_http_client *client;
    struct ccb_plugins_reader reader;
    bool reading; /* the plugins */
    struct ccb_seat seats[CCB_MAX_ROLES];
    size_t seat_count;
    struct ccb_control control; /* of the first one */
    bool opened;
    struct ccb_post stop;
    /* Both on this thread: its seats are all closed; a role can't go on. */
    void (*on_stopped)(void *user);
    void (*on_failed)(void *user, const struct ccb_member *member,
                      const char *who, const char *why);
    void *user;
};

struct ccb_thread_options {
    struct ccb_member *members;
    size_t member_count;
    size_t number;               /* 0: the first worker */
    int control_fd;              /* taken over; -1: no control socket here */
    struct ccb_plugins *plugins; /* NULL: nobody here calls any */
    struct ccb_reload *reload;   /* of the control socket */
    const struct ccb_http_limits *limits;
    const int *ending; /* of ccb_worker */
};

/* Opens loop, client, instances and servers, on the calling thread. After a
 * failure the thread must still be stopped and run to its end. */
int ccb_thread_open(struct ccb_thread *thread,
                    const struct ccb_thread_options *options,
                    struct ccb_error *err);

/* Starts the graceful end: on_stopped is called when all seats are closed; the
 * client is closed then. Once, on the thread itself. */
void ccb_thread_stop(struct ccb_thread *thread);

/* After the loop has run out. */
int ccb_thread_close(struct ccb_thread *thread, struct ccb_error *err);

#endif
