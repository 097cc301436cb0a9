/*
 * Recipes: the documents plugins make, checked before anything is sent.
 *
 * A plugin can't make the daemon send garbage: members must be known, of the
 * right type and the plugin's to set; actions must be whole (contract/
 * stager.md B4, B6, B7, actions.md 1); sizes and counts are bounded. What the
 * Cloud Controller put in (memory, URLs, egress rules) passes as it is: the
 * back end judges that, as it always did.
 *
 * No state; any thread.
 */
#ifndef CCB_MODEL_RECIPE_H
#define CCB_MODEL_RECIPE_H

#include "base/buf.h"
#include "ccbridge/error.h"
#include "ccbridge/json.h"

#define CCB_RECIPE_MAX_ACTIONS 2000
#define CCB_RECIPE_MAX_DEPTH 32

/* What the host sets itself, and a plugin must not. */
struct ccb_task_identity {
    struct ccb_slice task_guid, domain, log_guid, annotation;
    struct ccb_slice completion_callback_url;
};
struct ccb_lrp_identity {
    struct ccb_slice process_guid, domain, annotation; /* "" is left out */
};

/* Checks `recipe` (a value that was parsed) and appends the whole request to
 * `out`. CCB_INVALID with a message that names the member:
 * "action.timeout.action.serial.actions[2]: unknown action \"fly\"". */
int ccb_task_recipe_encode(struct ccb_buf *out, struct ccb_json recipe,
                           const struct ccb_task_identity *identity,
                           struct ccb_error *err);
int ccb_lrp_recipe_encode(struct ccb_buf *out, struct ccb_json recipe,
                          const struct ccb_lrp_identity *identity,
                          struct ccb_error *err);

/* Checks the wrapped action that `at` stands on (after ccb_json_step) and
 * passes it; `name` is how messages call it. */
int ccb_action_check(const char *name, struct ccb_json_iter *at,
                     struct ccb_error *err);

/* The first of an array of ports; CCB_INVALID for anything else. */
int ccb_ports_first(struct ccb_json ports, uint16_t *out,
                    struct ccb_error *err);

#endif
