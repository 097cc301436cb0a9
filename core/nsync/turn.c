/*
 * Turns on process guids, and what live requests touched (nsync/turn.h).
 *
 * Invariant: all turns on a guid, had or waited for, lie in one chain in the
 * order they came; the first of a guid is the one that is had. Nothing is
 * allocated for a turn: the chain goes through the callers' structs. A guid
 * that was touched is remembered in memory of its own, as its request is soon
 * gone.
 */
#include "nsync/turn.h"

#include <pthread.h>

#include "base/mem.h"

#define CHAINS 1024

struct touched {
    struct touched *next;
    size_t len;
    char guid[];
};

static struct {
    pthread_mutex_t lock;
    struct ccb_turn *turns[CHAINS];
    struct touched *touched[CHAINS];
    bool in_pass;
    bool forgot; /* memory ran out: any guid may have been touched */
} book = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t chain_of(struct ccb_slice guid)
{
    uint32_t hash = UINT32_C(2166136261); /* FNV-1a */
    size_t i;
    for (i = 0; i < guid.len; i++)
        hash = (hash ^ (unsigned char)guid.ptr[i]) * UINT32_C(16777619);
    return (hash ^ (hash >> 16)) % CHAINS;
}

/* ---- what was touched [under the lock] ---------------------------------- */

static bool is_touched(struct ccb_slice guid)
{
    const struct touched *touched = book.touched[chain_of(guid)];
    while (touched &&
           !ccb_slice_equal(ccb_slice_make(touched->guid, touched->len), guid))
        touched = touched->next;
    return touched != NULL;
}

static void touch(struct ccb_slice guid)
{
    struct touched **chain = &book.touched[chain_of(guid)];
    struct touched *touched;
    if (book.forgot || is_touched(guid))
        return;
    touched = ccb_malloc(sizeof(*touched) + guid.len);
    if (!touched) {
        book.forgot = true;
        return;
    }
    if (guid.len > 0)
        memcpy(touched->guid, guid.ptr, guid.len);
    touched->len = guid.len;
    touched->next = *chain;
    *chain = touched;
}

static void forget_touched(void)
{
    size_t i;
    for (i = 0; i < CHAINS; i++)
        while (book.touched[i]) {
            struct touched *touched = book.touched[i];
            book.touched[i] = touched->next;
            ccb_free(touched);
        }
    book.forgot = false;
}

/* ---- turns -------------------------------------------------------------- */

static struct ccb_turn *first_of(struct ccb_slice guid)
{
    struct ccb_turn *turn = book.turns[chain_of(guid)];
    while (turn && !ccb_slice_equal(turn->guid, guid))
        turn = turn->next;
    return turn;
}

static void take_out(struct ccb_turn *turn)
{
    struct ccb_turn **at = &book.turns[chain_of(turn->guid)];
    while (*at != turn)
        at = &(*at)->next;
    *at = turn->next;
}

static void on_post(struct ccb_post *post)
{
    struct ccb_turn *turn =
        (struct ccb_turn *)((char *)post - offsetof(struct ccb_turn, post));
    turn->on_turn(turn->user);
}

/* `turn` was the first of its guid: whoever is now has the turn. Posted under
 * the lock, so that it can't leave in between. */
static void pass_on(struct ccb_turn *turn)
{
    struct ccb_turn *next;
    take_out(turn);
    next = first_of(turn->guid);
    if (next)
        ccb_loop_post(next->loop, &next->post);
}

bool ccb_turn_take(struct ccb_turn *turn, struct ccb_loop *loop,
                   struct ccb_slice guid, enum ccb_turn_kind kind,
                   void (*on_turn)(void *user), void *user)
{
    struct ccb_turn **end = &book.turns[chain_of(guid)];
    bool had = true;
    *turn = (struct ccb_turn){
        .post = {.run = on_post},
        .loop = loop,
        .guid = guid,
        .live = kind == CCB_TURN_LIVE,
        .on_turn = on_turn,
        .user = user,
    };
    pthread_mutex_lock(&book.lock);
    if (turn->live && book.in_pass)
        touch(guid);
    for (; *end; end = &(*end)->next)
        if (ccb_slice_equal((*end)->guid, guid))
            had = false;
    *end = turn;
    pthread_mutex_unlock(&book.lock);
    return had;
}

void ccb_turn_give(struct ccb_turn *turn)
{
    pthread_mutex_lock(&book.lock);
    pass_on(turn);
    pthread_mutex_unlock(&book.lock);
}

void ccb_turn_leave(struct ccb_turn *turn)
{
    pthread_mutex_lock(&book.lock);
    if (first_of(turn->guid) == turn) {
        /* It is on its way here, and nobody will take it. */
        ccb_loop_unpost(turn->loop, &turn->post);
        pass_on(turn);
    } else {
        take_out(turn);
    }
    pthread_mutex_unlock(&book.lock);
}

/* ---- passes ------------------------------------------------------------- */

void ccb_turn_begin_pass(void)
{
    const struct ccb_turn *turn;
    size_t i;
    pthread_mutex_lock(&book.lock);
    forget_touched();
    book.in_pass = true;
    /* What is under way may come after the bulker's look. */
    for (i = 0; i < CHAINS; i++)
        for (turn = book.turns[i]; turn; turn = turn->next)
            if (turn->live)
                touch(turn->guid);
    pthread_mutex_unlock(&book.lock);
}

void ccb_turn_end_pass(void)
{
    pthread_mutex_lock(&book.lock);
    forget_touched();
    book.in_pass = false;
    pthread_mutex_unlock(&book.lock);
}

bool ccb_turn_touched(struct ccb_slice guid)
{
    bool touched;
    pthread_mutex_lock(&book.lock);
    touched = book.forgot || is_touched(guid);
    pthread_mutex_unlock(&book.lock);
    return touched;
}
