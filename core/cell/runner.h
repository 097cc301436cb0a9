/*
 * A runner's struct, and what its two halves owe each other: runner.c, the
 * record's side, and runner_container.c, the container's.
 */
#ifndef CCB_CELL_RUNNER_H
#define CCB_CELL_RUNNER_H

#include "cell/cell_internal.h"

enum ccb_runner_state {
    CCB_RUNNER_LOOKING, /* for its record */
    CCB_RUNNER_PLACING, /* and claiming */
    CCB_RUNNER_CREATING,
    CCB_RUNNER_RUNNING, /* from the creation to the end of steps and result */
    CCB_RUNNER_ENDED,   /* to be reported */
    CCB_RUNNER_REMOVING,
    CCB_RUNNER_DESTROYING,
    CCB_RUNNER_GONE
};

struct ccb_runner {
    struct ccb_runner *next;
    struct ccb_cell *cell;
    struct ccb_arena *arena;
    enum ccb_runner_kind kind;
    enum ccb_runner_state state;
    struct ccb_slice guid, domain, instance_guid;
    int64_t index;
    uint64_t serial; /* no other runner of this process has it */
    char name[160];  /* of the container */
    struct ccb_runner_spec spec;

    struct ccb_store_op op;
    void (*on_op)(struct ccb_runner *r);
    bool busy; /* op is under way */

    const char *refusal;
    size_t slot;
    bool waiting; /* for its batch */
    bool reserved;

    struct ccb_container *container;
    struct ccb_steps *steps;
    struct ccb_fetch *fetch;
    struct ccb_buf ports; /* JSON: container and host ports */
    bool stop;            /* was asked for */
    bool healthy, started;
    bool created; /* the container stands, or never will */
    bool failed;
    bool stopped; /* failed, after a stop: as the record is told */
    struct ccb_slice reason;
    struct ccb_buf result;
};

/* runner.c */
void ccb_runner_say(struct ccb_runner *r, enum ccb_stream stream,
                    const char *text);
void ccb_runner_log(struct ccb_runner *r, enum ccb_log_level level,
                    const char *action, const char *error);
void ccb_runner_healthy(struct ccb_runner *r);
/* Steps, result and all are over. */
void ccb_runner_end(struct ccb_runner *r, bool failed, struct ccb_slice reason);

/* Its turn in the batch has come. */
void ccb_runner_place(struct ccb_runner *r);

/* runner_batch.c */
/* ccb_runner_place is called with those who wait in the same turn. */
void ccb_runner_wait(struct ccb_runner *r);

/* runner_container.c */
void ccb_runner_name(struct ccb_runner *r);
/* Makes the container and lets the steps run in it. */
void ccb_runner_create(struct ccb_runner *r);
/* A stop while there are no steps. */
void ccb_runner_interrupt(struct ccb_runner *r);

#endif
