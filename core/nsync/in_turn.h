/*
 * A request of the listener that works on a guid only while it has the turn,
 * where -takeTurns says so (nsync/turn.h). A request whose peer leaves while it
 * waits gives up its place; one that has the turn goes on to its end, as it
 * would without.
 */
#ifndef CCB_NSYNC_IN_TURN_H
#define CCB_NSYNC_IN_TURN_H

#include "nsync/internal.h"
#include "nsync/turn.h"

/* Lies in the request's arena; zeroed. */
struct ccb_in_turn {
    struct ccb_turn turn;
    enum { CCB_NO_TURN, CCB_TURN_AWAITED, CCB_TURN_HAD } state;
    void (*on_left)(void *user);
    void (*work)(void *user);
    void *user;
};

/* Calls `work`, at once or when it is the request's turn on `guid`; or else
 * on_left, which still has to answer. */
void ccb_in_turn_begin(struct ccb_in_turn *in_turn,
                       const struct ccb_listener *listener,
                       struct ccb_http_request *request, struct ccb_slice guid,
                       void (*work)(void *user), void (*on_left)(void *user),
                       void *user);
/* Before the request is answered, in any state. */
void ccb_in_turn_end(struct ccb_in_turn *in_turn);

#endif
