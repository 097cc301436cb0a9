/*
 * Lists the actual LRPs of the domain after the stream of events was opened,
 * so that crashes of the time before are found (tps/crash.h). A listing that
 * fails is tried again. One loop.
 */
#ifndef CCB_TPS_CATCH_UP_H
#define CCB_TPS_CATCH_UP_H

#include "tps/crash.h"

struct ccb_catch_up;

/* Borrowed for its life. NULL: no memory. */
struct ccb_catch_up *ccb_catch_up_open(struct ccb_loop *loop,
                                       struct ccb_diego *diego,
                                       struct ccb_crashes *crashes);
/* Begins a listing, anew if one is under way. */
void ccb_catch_up_start(struct ccb_catch_up *catch_up);
/* Goes on after the queue was full. */
void ccb_catch_up_resume(struct ccb_catch_up *catch_up);
/* It frees itself, while the loop runs. NULL is fine. */
void ccb_catch_up_close(struct ccb_catch_up *catch_up);

#endif
