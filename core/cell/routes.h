/*
 * Routes of an LRP: router names, each with a value that is nobody's business
 * here (contract/receptor-api.md 4.2). No state; any thread.
 */
#ifndef CCB_CELL_ROUTES_H
#define CCB_CELL_ROUTES_H

#include <stdbool.h>

#include "base/arena.h"
#include "ccbridge/error.h"
#include "ccbridge/json.h"

struct ccb_routes {
    bool given;            /* not absent and not null */
    struct ccb_slice text; /* an object on one line, or empty: no routes */
    size_t value_bytes;    /* of the values as they were sent */
};

/* Of several values for one name the last counts. Values are kept byte for
 * byte, but for white space between tokens, of which an event's line may have
 * none. CCB_INVALID: no object, or a value is null. */
int ccb_routes_decode(struct ccb_routes *out, struct ccb_json value,
                      struct ccb_arena *arena, struct ccb_error *err);

/* Whether they are small enough. */
bool ccb_routes_fit(const struct ccb_routes *routes);

#endif
