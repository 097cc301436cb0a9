/*
 * Actions as a tree: read from a request, judged, written in the form of
 * answers (contract/actions.md 1, receptor-api.md 4.1).
 *
 * The tree lies in the arena it was read into. No state; any thread.
 */
#ifndef CCB_CELL_ACTION_H
#define CCB_CELL_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "ccbridge/error.h"
#include "ccbridge/json.h"

/* In the order by which a task with several keys is read. */
enum ccb_action_kind {
    CCB_ACTION_DOWNLOAD,
    CCB_ACTION_UPLOAD,
    CCB_ACTION_RUN,
    CCB_ACTION_TIMEOUT,
    CCB_ACTION_EMIT_PROGRESS,
    CCB_ACTION_TRY,
    CCB_ACTION_PARALLEL,
    CCB_ACTION_SERIAL,
    CCB_ACTION_CODEPENDENT,
    CCB_ACTION_NONE /* no key that is known */
};

struct ccb_env_pair {
    struct ccb_slice name, value;
};
extern const struct ccb_json_shape ccb_env_pair_shape;

struct ccb_action {
    enum ccb_action_kind kind;
    struct ccb_slice artifact, from, to, cache_key, user, log_source;
    struct ccb_slice path, dir;
    struct ccb_slice start_message, success_message, failure_message_prefix;
    int64_t timeout;           /* ns */
    struct ccb_json_list args; /* of struct ccb_slice */
    struct ccb_json_list env;  /* of struct ccb_env_pair */
    struct {
        uint64_t nofile;
        bool has_nofile;
    } limits;
    struct ccb_json inner;           /* as read; then children */
    struct ccb_json_list inner_list; /* of struct ccb_json */
    struct ccb_action **children;    /* NULL where the document has null */
    size_t child_count;
};

/* Tasks pass over keys they do not know, LRPs refuse them. */
enum ccb_action_form { CCB_ACTION_OF_TASK, CCB_ACTION_OF_LRP };

/* *out is NULL for an absent or null value. CCB_INVALID: the document is not
 * readable as actions. */
int ccb_action_decode(struct ccb_action **out, struct ccb_json value,
                      enum ccb_action_form form, struct ccb_arena *arena,
                      struct ccb_error *err);

/* Appends what is wrong, joined with ", ". */
void ccb_action_validate(struct ccb_buf *messages,
                         const struct ccb_action *action);
void ccb_message_add(struct ccb_buf *messages, const char *text);

void ccb_action_encode(struct ccb_json_writer *w,
                       const struct ccb_action *action,
                       enum ccb_action_form form);

/* An array of {name, value}. */
void ccb_env_encode(struct ccb_json_writer *w, const struct ccb_json_list *env);

#endif
