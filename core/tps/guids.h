/* The `guids` parameter of the bulk route (contract/tps.md 1.4). Pure. */
#ifndef CCB_TPS_GUIDS_H
#define CCB_TPS_GUIDS_H

#include "base/arena.h"
#include "ccbridge/error.h"

/* The first parameter `guids` of a query, percent-decoded; empty when there is
 * none. Pairs with a broken escape count as absent. CCB_NO_MEMORY. */
int ccb_tps_guids_find(struct ccb_arena *arena, struct ccb_slice query,
                       struct ccb_slice *out);

/* Names of ASCII letters, digits, '_' and '-', separated by single commas, none
 * empty: how many; 0 for anything else. */
size_t ccb_tps_guids_count(struct ccb_slice list);

/* Takes the next name off a list that was counted. */
struct ccb_slice ccb_tps_guids_next(struct ccb_slice *list);

#endif
