/*
 * What a role is to the daemon, and what the daemon is to a role.
 *
 * A role (stager, nsync-listener, ...) is one const struct: its flags, the
 * checks of its command line, its routes, and how it is opened. `prepare` is
 * called once a process; `open` once a worker, that is once an event loop,
 * where everything the role then does happens. The daemon knows roles only
 * through this table, and a role knows nothing of the daemon.
 */
#ifndef CCB_ROLE_ROLE_H
#define CCB_ROLE_ROLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/flags.h"
#include "base/log.h"
#include "ccbridge/error.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "plugin/plugin.h"

/* One event loop and what is on it. Everything is borrowed and outlives the
 * role's instance. */
struct ccb_worker {
    struct ccb_loop *loop;
    struct ccb_http_client *client;
    const struct ccb_plugins *plugins;
    struct ccb_log_session *log; /* the role's component */
};

struct ccb_role {
    const char *name;    /* "stager"; also its component in the log */
    const char *summary; /* one line for --help */

    const struct ccb_flag *flags;
    size_t flag_count;
    size_t config_size; /* of the struct the flags fill */

    /* Log actions at the turns of its life (contract/stager.md A5, C2). */
    const char *starting; /* NULL: none */
    const char *ready;
    const char *stopped;
    const char *failed;
    bool failure_is_fatal; /* exit 2 with a panic text, instead of 1 */

    /* The command line, after the syntax: on refusal *action is the log
     * action of the fatal line, the error its text. */
    int (*check)(const void *config, const char **action,
                 struct ccb_error *err);
    /* Where to listen. Only after check. */
    uint16_t (*port)(const void *config);

    /* Once a process, after the log level is set and the plugins are there.
     * `config` and `log` outlive the result. */
    int (*prepare)(void **shared, const void *config,
                   struct ccb_log_session *log, struct ccb_error *err);
    void (*release)(void *shared); /* NULL is fine */

    /* Once a worker, on its thread. `worker` outlives the instance, and
     * close is called when no request is in flight any more. */
    int (*open)(void **instance, void *shared, const struct ccb_worker *worker,
                struct ccb_error *err);
    void (*close)(void *instance);

    const struct ccb_http_route *routes; /* `user` is the instance */
    size_t route_count;
};

#endif
