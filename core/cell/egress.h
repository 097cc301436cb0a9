/*
 * Egress rules, judged: contract/receptor-api.md 5. Decoded by the SDK's
 * shape. No state; any thread.
 */
#ifndef CCB_CELL_EGRESS_H
#define CCB_CELL_EGRESS_H

#include "base/buf.h"
#include "ccbridge/sdk.h"

/* Appends what is wrong with the rules, joined with ", ". */
void ccb_egress_validate(struct ccb_buf *messages,
                         const struct ccb_json_list *rules);

/* Whether every port fits 16 bits, as LRPs need it. */
bool ccb_egress_ports_fit(const struct ccb_json_list *rules);

/* An array in the form of answers: ports as given. */
void ccb_egress_encode(struct ccb_json_writer *w,
                       const struct ccb_json_list *rules);

#endif
