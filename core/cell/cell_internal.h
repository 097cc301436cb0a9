/*
 * The inside of the cell: its parts, and the runners of its containers.
 *
 * A runner is one task, or one instance of an LRP, from the moment it asks for
 * a place until its container is removed. Threads: the loop's, but for the
 * operations of the store.
 */
#ifndef CCB_CELL_CELL_INTERNAL_H
#define CCB_CELL_CELL_INTERNAL_H

#include "cell/api.h"
#include "cell/callback.h"
#include "cell/converge.h"
#include "cell/placer.h"
#include "cell/steps.h"
#include "role/role.h"

struct ccb_cell_config {
    const char *address, *username, *password;
    bool cors;
    const char *state_dir;
    struct ccb_pairs rootfs;
    const char *memory_mb, *disk_mb; /* "auto", or a number */
    uint64_t containers;
    const char *cell_id, *zone, *external_ip;
    uint64_t cache_bytes;
    bool skip_cert_verify;
    struct ccb_cell_times times;
    struct ccb_step_times step_times;
    int64_t polling_interval;
    const char *ignored;
    bool ignored_bool;
    int64_t ignored_duration;
};

struct ccb_runner;

/* Root in the container of slot N is this id + N * CCB_CONTAINER_RANGE. */
#define CCB_CELL_FIRST_ID 0x100000U

#define CCB_CELL_STACKS 64

/* An effect of the store on its way to the loop. */
struct ccb_cell_effect {
    struct ccb_cell_effect *next;
    struct ccb_effect effect; /* its texts lie behind it */
};

/* A periodic operation of the store: converge, announce, reconcile. */
struct ccb_chore {
    struct ccb_store_op op;
    struct ccb_cell *cell;
    uv_timer_t timer;
    int64_t period;
    void (*prepare)(struct ccb_cell *cell); /* before each; may be NULL */
    bool busy, again;
};

struct ccb_cell {
    const struct ccb_cell_config *config;
    struct ccb_log_session *log;
    struct ccb_loop *loop;
    struct ccb_http_client *client;
    char state_dir[4096]; /* absolute: containers need it so */
    char containers_dir[4096], init[4096];
    struct ccb_pair host; /* the stack of a cell without -rootfs */
    struct ccb_pairs host_only;

    struct ccb_store *store;
    struct ccb_events *events;
    struct ccb_callbacks *callbacks;
    struct ccb_api *api;
    struct ccb_step_cell steps;
    struct ccb_placer placer;

    struct ccb_runner *runners;
    size_t live;     /* what must end before the store may be closed: runners,
                        chores, parts that close */
    uint64_t serial; /* of the newest runner */
    bool swept; /* what the last process left is gone: things may be placed */
    bool woken; /* what waited from before the start was looked at */
    bool stopping;
    struct ccb_post batch; /* who waits for a place in this turn */
    bool batch_posted;

    uv_mutex_t lock; /* of the effects */
    struct ccb_cell_effect *first, **last;
    struct ccb_post effects_post;
    bool effects_posted, callbacks_closing, closed;
    uv_timer_t keep;

    struct ccb_chore announce, converge, reconcile;
    struct ccb_converge_pass pass;
    struct ccb_converge_plan plan;
    struct ccb_arena *snapshot; /* of the runners, while they are compared */
    struct ccb_owned *owned;
};

/* ---- runners (runner.c) ------------------------------------------------- */

enum ccb_runner_kind { CCB_RUNNER_TASK, CCB_RUNNER_LRP };

/* Looks for a place for it, unless it has a runner. */
void ccb_runner_start(struct ccb_cell *cell, enum ccb_runner_kind kind,
                      struct ccb_slice guid, int64_t index);
/* instance_guid: empty for tasks. NULL: there is none. */
struct ccb_runner *ccb_runner_find(struct ccb_cell *cell,
                                   enum ccb_runner_kind kind,
                                   struct ccb_slice guid, int64_t index,
                                   struct ccb_slice instance_guid);
/* By the number that no other has; NULL: it is gone. */
struct ccb_runner *ccb_runner_find_serial(struct ccb_cell *cell,
                                          uint64_t serial);
/* On request: what runs is cancelled, and the container removed. */
void ccb_runner_stop(struct ccb_runner *runner);
struct ccb_runner *ccb_runner_next(const struct ccb_runner *runner);

/* ---- the record's side (runner_spec.c) ---------------------------------- */

/* What the executor needs of a record's body. */
struct ccb_runner_spec {
    struct ccb_slice rootfs, log_guid, log_source, result_file;
    struct ccb_room_needs needs;
    uint64_t start_timeout;     /* s */
    struct ccb_json_list env;   /* of struct ccb_env_pair */
    struct ccb_json_list ports; /* of uint16_t */
    struct ccb_action *setup, *action, *monitor;
};
int ccb_runner_spec_decode(struct ccb_runner_spec *spec, struct ccb_slice body,
                           enum ccb_runner_kind kind, struct ccb_arena *arena,
                           struct ccb_error *err);

/* ---- chores (chores.c) -------------------------------------------------- */

void ccb_chores_start(struct ccb_cell *cell);
/* Their timers close; an operation under way ends by itself. */
void ccb_chores_stop(struct ccb_cell *cell);

/* ---- the cell (cell.c) -------------------------------------------------- */

/* Capacity, stacks, the way to ccbridge-init, and whether this machine lets us
 * make containers at all (machine.c). */
int ccb_cell_measure(struct ccb_cell *cell, struct ccb_error *err);
/* A line of the log: what holds containers apart, and what does not. */
void ccb_cell_say_isolation(const struct ccb_cell *cell);

int ccb_cell_open(struct ccb_cell **out, const struct ccb_cell_config *config,
                  const struct ccb_worker *worker, struct ccb_error *err);
/* Streams end, nothing more is placed. */
void ccb_cell_stop(struct ccb_cell *cell);
/* Frees itself when all has ended. */
void ccb_cell_close(struct ccb_cell *cell);
/* One of `live` less. */
void ccb_cell_leave_live(struct ccb_cell *cell);

#endif
