/*
 * The control socket, STATE/control.sock: what every role shows there, and how
 * each of them is (docs/control-api.md). Mode 0600: who can open it may do
 * everything.
 *
 * It lies on the first worker. As that worker ends it goes before any role,
 * and what its requests wait for ends by the roles' `stop`.
 */
#ifndef CCB_DAEMON_CONTROL_H
#define CCB_DAEMON_CONTROL_H

#include "net/http_server.h"

struct ccb_thread;
struct ccb_reload;

struct ccb_control {
    struct ccb_thread *thread;
    struct ccb_http_server *server; /* NULL: there is none */
    struct ccb_http_route *routes;
    void (*on_closed)(struct ccb_thread *thread);
};

/* CCB_CONFLICT when another daemon serves `state_dir`: to be asked before any
 * of its state is touched, so that the refusal names what is the matter. */
int ccb_control_check(const char *state_dir, struct ccb_error *err);

/* The socket in `state_dir`. CCB_CONFLICT when another daemon has it. */
int ccb_control_listen(const char *state_dir, int *fd, struct ccb_error *err);

/* Takes `fd` over. The thread is set, and its seats are taken. Plugins are
 * shown where there are any. */
int ccb_control_open(struct ccb_control *control, int fd,
                     struct ccb_reload *reload,
                     const struct ccb_http_limits *limits,
                     struct ccb_error *err);

/* on_closed is called when nothing is in flight there; also at once, when it
 * was not open. */
void ccb_control_close(struct ccb_control *control,
                       void (*on_closed)(struct ccb_thread *thread));

#endif
