/*
 * The steps of one container: its tree of actions carried out
 * (contract/actions.md 2, 3, 6), from the setup to the monitor.
 *
 * A tree is started once and ends once, with no error or the text that becomes
 * the failure or crash reason. Cancelling it is asking: it ends when every
 * process it started has. Threads: the loop's.
 */
#ifndef CCB_CELL_STEPS_H
#define CCB_CELL_STEPS_H

#include "cell/action.h"
#include "cell/download.h"
#include "cell/logs.h"
#include "cell/upload.h"

struct ccb_step_times { /* ns */
    int64_t terminate;  /* from SIGTERM to SIGKILL */
    int64_t exit;       /* from SIGKILL to giving up */
    int64_t unhealthy_interval, healthy_interval;
};
extern const struct ccb_step_times ccb_step_times_default; /* Diego's */

#define CCB_CHECKS_AT_ONCE 64

/* What all trees of a cell share. Borrowed by them. */
struct ccb_step_cell {
    struct ccb_loop *loop;
    struct ccb_logs *logs;
    struct ccb_downloads *downloads;
    struct ccb_uploads *uploads;
    const struct ccb_step_times *times;
    struct ccb_step_checks *checks; /* ccb_step_checks_create */
    struct ccb_log_session *log;
};

/* The pool of monitor checks. */
struct ccb_step_checks *ccb_step_checks_create(size_t at_once);
void ccb_step_checks_free(struct ccb_step_checks *checks);

struct ccb_steps;

struct ccb_steps_options {
    const struct ccb_step_cell *cell;
    struct ccb_container *container; /* stands; outlives the tree */
    /* Borrowed until on_done; setup and monitor may be NULL. */
    const struct ccb_action *setup, *action, *monitor;
    int64_t start_timeout; /* ns from the monitor's start; 0: none */
    /* "NAME=value", after an action's own: CF_INSTANCE_* (5.3). Copied. */
    const char *const *network_env;
    size_t network_env_count;
    struct ccb_slice log_guid, log_source; /* copied */
    int64_t log_index;
    /* Once at most: at the beginning without a monitor (also while the setup
     * still runs), else at the first good check. From the loop. */
    void (*on_healthy)(void *ctx);
    /* reason: empty when there was no error; borrowed until return. The tree
     * is gone. From the loop, never from inside start or cancel. */
    void (*on_done)(void *ctx, bool failed, struct ccb_slice reason);
    void *ctx;
};
int ccb_steps_start(struct ccb_steps **out,
                    const struct ccb_steps_options *options,
                    struct ccb_error *err);
/* Any number of times. */
void ccb_steps_cancel(struct ccb_steps *steps);

#endif
