/*
 * Turns: in a process that has both listener and bulker (-takeTurns), the work
 * on one process guid is done one piece after the other, and the bulker learns
 * which guids a live request has touched since its pass began.
 *
 * The one state that is the process's own: loops of several threads share it,
 * under a lock that is held for a look-up. Without -takeTurns nothing of it is
 * ever used.
 */
#ifndef CCB_NSYNC_TURN_H
#define CCB_NSYNC_TURN_H

#include <stdbool.h>

#include "ccbridge/error.h"
#include "ccbridge/slice.h"
#include "net/loop.h"

/* The caller's memory from ccb_turn_take to ccb_turn_give. */
struct ccb_turn {
    struct ccb_post post; /* the members are turn.c's own */
    struct ccb_turn *next;
    struct ccb_loop *loop;
    struct ccb_slice guid;
    bool live;
    void (*on_turn)(void *user);
    void *user;
};

enum ccb_turn_kind { CCB_TURN_LIVE, CCB_TURN_BULK };

/* True: it is the caller's turn now. False: on_turn is called later, once, on
 * `loop`. `guid` is borrowed until the turn is given. */
bool ccb_turn_take(struct ccb_turn *turn, struct ccb_loop *loop,
                   struct ccb_slice guid, enum ccb_turn_kind kind,
                   void (*on_turn)(void *user), void *user);
/* Ends a turn that was had. */
void ccb_turn_give(struct ccb_turn *turn);
/* Ends the wait for one that was not had yet; on_turn is not called any more.
 * On the turn's loop. */
void ccb_turn_leave(struct ccb_turn *turn);

/* Between begin and end the guids of live turns are remembered, from before
 * the bulker asks for its snapshot. One pass at a time. */
void ccb_turn_begin_pass(void);
void ccb_turn_end_pass(void);
/* Whether a live turn on `guid` was taken since the pass began; true too when
 * memory ran out while remembering. */
bool ccb_turn_touched(struct ccb_slice guid);

/* Whether `mine` may overwrite `theirs`: false only when both are decimals and
 * mine is the smaller one. */
bool ccb_etag_may_replace(struct ccb_slice mine, struct ccb_slice theirs);

#endif
