/* Requests of the listener, one after the other for one guid
 * (nsync/in_turn.h). */
#include "nsync/in_turn.h"

static void on_turn(void *user)
{
    struct ccb_in_turn *in_turn = user;
    in_turn->state = CCB_TURN_HAD;
    in_turn->work(in_turn->user);
}

static void on_abort(struct ccb_http_request *request, void *user)
{
    struct ccb_in_turn *in_turn = user;
    (void)request;
    if (in_turn->state != CCB_TURN_AWAITED)
        return;
    ccb_turn_leave(&in_turn->turn);
    in_turn->state = CCB_NO_TURN;
    in_turn->on_left(in_turn->user);
}

void ccb_in_turn_begin(struct ccb_in_turn *in_turn,
                       const struct ccb_listener *listener,
                       struct ccb_http_request *request, struct ccb_slice guid,
                       void (*work)(void *user), void (*on_left)(void *user),
                       void *user)
{
    in_turn->work = work;
    in_turn->on_left = on_left;
    in_turn->user = user;
    if (!listener->shared->config->take_turns) {
        work(user);
        return;
    }
    if (ccb_turn_take(&in_turn->turn, listener->worker->loop, guid,
                      CCB_TURN_LIVE, on_turn, in_turn)) {
        on_turn(in_turn);
        return;
    }
    in_turn->state = CCB_TURN_AWAITED;
    ccb_http_on_abort(request, on_abort, in_turn);
}

void ccb_in_turn_end(struct ccb_in_turn *in_turn)
{
    if (in_turn->state == CCB_TURN_HAD)
        ccb_turn_give(&in_turn->turn);
    in_turn->state = CCB_NO_TURN;
}
