/*
 * Letters: what CC has to hear of and has not taken yet, in a file of state
 * (state/state.h). What was stored survives a kill at any moment; each letter
 * is there once, by its guid. Without a directory all of it is in memory only.
 *
 * An owner has one. A thread of its own reads and writes the file: what waits
 * for it at the same time is one commit. In memory is only what operations
 * hold. Functions may be called on any thread; on_done comes on the
 * operation's loop, which must run until then.
 */
#ifndef CCB_OUTBOX_OUTBOX_H
#define CCB_OUTBOX_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/metrics.h"
#include "ccbridge/error.h"
#include "net/loop.h"

struct ccb_outbox;

/* Whose letters they are. */
struct ccb_outbox_kind {
    const char *file; /* in the directory: "outbox.db" */
    const char *flag; /* that names the directory, for words to people */
    int application_id;
    int64_t remembered;      /* how many delivered guids are, so that what is
                                repeated late is not delivered again */
    bool notes;              /* whether it has them */
    enum ccb_metric waiting; /* the gauge of how many letters there are */
};

/* Opens or makes directory and file; "": in memory. CCB_CONFLICT when another
 * daemon has it. `kind` is borrowed for its life. */
int ccb_outbox_open(struct ccb_outbox **out, const struct ccb_outbox_kind *kind,
                    const char *dir, struct ccb_error *err);
/* Waits for what was submitted; how many letters are left. NULL is fine. */
int64_t ccb_outbox_close(struct ccb_outbox *outbox);

struct ccb_outbox_status {
    int64_t waiting;
    int64_t oldest_at; /* ns since 1970; 0: none waits */
};
void ccb_outbox_get_status(struct ccb_outbox *outbox,
                           struct ccb_outbox_status *out);

/* Something on its way. */
struct ccb_letter {
    int64_t id;
    struct ccb_slice guid, payload;
    bool failed;        /* of a staging; only for counting */
    int64_t created_at; /* of its task, ns since 1970; 0: not known */
    int64_t stored_at;
    int64_t attempts;
};

/* ---- notes -------------------------------------------------------------- */

/* What the owner must not forget beside the letters: two numbers by a name. */
struct ccb_outbox_note {
    struct ccb_slice name;
    int64_t count, since;
};

/* All of them; only before the first operation. A negative code of `on_note`
 * ends it. */
int ccb_outbox_each_note(struct ccb_outbox *outbox,
                         int (*on_note)(void *user,
                                        const struct ccb_outbox_note *note),
                         void *user, struct ccb_error *err);

/* ---- operations --------------------------------------------------------- */

/* The caller's memory until on_done; it fills in `loop` and `on_done`. */
struct ccb_outbox_op {
    struct ccb_post post; /* first: the way back */
    struct ccb_loop *loop;
    void (*on_done)(struct ccb_outbox_op *op);
    int code; /* 0, or negative with `err` */
    struct ccb_error err;
    /* the outbox's */
    int (*run)(struct ccb_outbox_op *op, struct ccb_outbox *outbox,
               struct ccb_error *err);
    int64_t added; /* to those that wait */
    struct ccb_outbox_op *next;
};

/* Stores a letter: guid, payload (borrowed until on_done), failed,
 * created_at. `known`: it waits, or was delivered, already. */
struct ccb_outbox_put {
    struct ccb_outbox_op op;
    struct ccb_letter letter;
    const struct ccb_outbox_note *note; /* stored with it; NULL: none */
    bool known;
};
void ccb_outbox_put(struct ccb_outbox *outbox, struct ccb_outbox_put *put);

/* Takes the letter that has been due for longest: nobody else gets it before
 * it was marked, or in this process' life. */
struct ccb_outbox_take {
    struct ccb_outbox_op op;
    struct ccb_arena *arena; /* what it is copied into; lent until on_done */
    bool found;
    struct ccb_letter letter;
    int64_t due_at; /* when none is due: of the next one; 0: there is none */
};
void ccb_outbox_take(struct ccb_outbox *outbox, struct ccb_outbox_take *take);

/* What became of a letter that was taken. */
enum ccb_outbox_fate {
    CCB_LETTER_DELIVERED, /* removed, and remembered for a while */
    CCB_LETTER_LATER,     /* stays, and is due at `due_at` */
    CCB_LETTER_GIVEN_UP   /* removed */
};
struct ccb_outbox_mark {
    struct ccb_outbox_op op;
    const struct ccb_letter *letter; /* borrowed until on_done */
    enum ccb_outbox_fate fate;
    int64_t due_at;
};
void ccb_outbox_mark(struct ccb_outbox *outbox, struct ccb_outbox_mark *mark);

/* Stores a note, or forgets the one of that name; `note` borrowed until
 * on_done. */
struct ccb_outbox_write {
    struct ccb_outbox_op op;
    const struct ccb_outbox_note *note;
    bool forget;
};
void ccb_outbox_write(struct ccb_outbox *outbox,
                      struct ccb_outbox_write *write);

/* `post` goes to `loop` after letters were stored, and not again before it was
 * heard. One listener at a time. */
void ccb_outbox_listen(struct ccb_outbox *outbox, struct ccb_loop *loop,
                       struct ccb_post *post);
/* From the post's `run`: the next one may come. */
void ccb_outbox_heard(struct ccb_outbox *outbox);
/* No post is sent any more. True: one is on its way, and comes. */
bool ccb_outbox_unlisten(struct ccb_outbox *outbox);

#endif
