/*
 * What a role is to the daemon, and what the daemon is to a role.
 *
 * A role (stager, nsync-listener, ...) is one const struct: its flags, the
 * checks of its command line, its doors, and how it is opened. `prepare` is
 * called once a process; `open` once a worker, that is once an event loop,
 * where everything the role then does happens. The daemon knows roles only
 * through this table, and a role knows nothing of the daemon.
 *
 * The end goes in the reverse order of the table, one role after the other:
 * `stop`, the doors are closed and what is in flight is answered, `close`.
 */
#ifndef CCB_ROLE_ROLE_H
#define CCB_ROLE_ROLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/flags.h"
#include "base/log.h"
#include "ccbridge/error.h"
#include "ccbridge/json.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "plugin/plugin.h"
#include "role/facts.h"

/* One event loop and what is on it. Everything is borrowed and outlives the
 * role's instance. */
struct ccb_worker {
    struct ccb_loop *loop;
    struct ccb_http_client *client;
    const struct ccb_plugins *plugins;
    struct ccb_log_session *log; /* the role's component */
    /* The role can't go on: the whole process ends, orderly, with the role's
     * failure. "lock-maintainer" "lock lost". From the loop, not from inside
     * `open`; only on the worker of a role that is `single`. */
    void (*fail)(const struct ccb_worker *worker, const char *member,
                 const char *why);
    /* The number of the signal that the end began with, for the log of what
     * ends: set before `stop`; SIGINT when there was none, as the historic
     * process group has it. Only for a role that is `single`. */
    const int *ending;
};

/* Where a role is reached, and by what. */
#define CCB_ROLE_DOORS 2
struct ccb_door {
    const char *flag; /* that says where, for messages: "-stagerURL" */
    struct ccb_http_address at;
    const struct ccb_http_route *routes; /* `user` is the instance */
    size_t route_count;
};

struct ccb_role {
    const char *name;    /* "stager"; also its component in the log */
    const char *summary; /* one line for --help */
    const char *origin;  /* of its dropsonde metrics (A6); NULL: has none */
    bool single;         /* on one worker only */

    const struct ccb_flag *flags;
    size_t flag_count;
    size_t config_size; /* of the struct the flags fill */

    /* Log actions at the turns of its life (contract/stager.md A5, C2). */
    const char *starting; /* NULL: none */
    const char *ready;    /* NULL: the role says it itself, when it is */
    const char *stopped;
    const char *failed;
    bool failure_is_fatal; /* exit 2 with a panic text, instead of 1 */

    /* The command line, after the syntax: on refusal *action is the log
     * action of the fatal line, the error its text. */
    int (*check)(const void *config, const char **action,
                 struct ccb_error *err);
    /* Fills in its doors, at most CCB_ROLE_DOORS; how many there are, 0 too.
     * Only after check and prepare: addresses that these refuse are not
     * reported here. */
    size_t (*doors)(const void *config, struct ccb_door *doors);

    /* Once a process, after the log level is set and the plugins are there.
     * `config` and `log` outlive the result. */
    int (*prepare)(void **shared, const void *config,
                   struct ccb_log_session *log, struct ccb_error *err);
    void (*release)(void *shared); /* NULL is fine */
    /* Its facts, which a reload puts others in the place of; NULL: a role that
     * calls no plugins. */
    struct ccb_facts *(*facts)(void *shared);

    /* Once a worker, on its thread. `worker` outlives the instance. */
    int (*open)(void **instance, void *shared, const struct ccb_worker *worker,
                struct ccb_error *err);
    /* The end begins, requests still come in: answers what would never end by
     * itself, such as a stream of events. NULL: nothing. */
    void (*stop)(void *instance);

    /* What the role shows on the control socket (docs/control-api.md), which
     * the daemon opens where -stateDir is given: routes, whose `user` is the
     * first worker's instance, and members of its object in GET /v1/roles. */
    const struct ccb_http_route *control;
    size_t control_count;
    void (*put_status)(void *instance, struct ccb_json_writer *w); /* or NULL */
    /* Whether it waits for its turn, as for a lock, instead of doing its work;
     * NULL: it never does. */
    bool (*is_standby)(void *instance);

    /* No request is in flight any more. The worker's client may not be used
     * any longer: calls under way are cancelled here. What the instance still
     * has on the loop may take its time; the loop runs until it is closed, and
     * the instance frees itself then. */
    void (*close)(void *instance);
};

#endif
