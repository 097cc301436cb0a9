/*
 * What is known of the last stagings, for `ccbridge explain` (-keepStagings,
 * docs/control-api.md): phases with their times, request and recipe, plugin,
 * why it failed, what CC said.
 *
 * Secrets are taken out before anything is kept (base/redact.h). Bounded by
 * count and by bytes: the oldest staging goes first. It is in memory only, and
 * a help, not the truth: what there is no memory for is left out. Any thread;
 * a lock is held for as long as a note takes.
 */
#ifndef CCB_STAGER_JOURNAL_H
#define CCB_STAGER_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "ccbridge/json.h"

#define CCB_JOURNAL_MAX_BYTES (32u << 20)
#define CCB_JOURNAL_MAX_TEXT (1u << 20) /* of one text: longer is left out */
#define CCB_JOURNAL_MAX_WARNINGS 16     /* of a staging */

/* In the order in which they come; the names are in journal.c. */
enum ccb_journal_phase {
    CCB_PHASE_REQUESTED,
    CCB_PHASE_BUILT,
    CCB_PHASE_CREATED,
    CCB_PHASE_FAILED, /* here, or at the back end's refusal */
    CCB_PHASE_STOP_ASKED,
    CCB_PHASE_CALLED_BACK,
    CCB_PHASE_RESULT_BUILT,
    CCB_PHASE_STORED,
    CCB_PHASE_CC_TRIED,
    CCB_PHASE_CC_TOOK,
    CCB_PHASE_GIVEN_UP,
    CCB_JOURNAL_PHASES
};

enum ccb_journal_text {
    CCB_JOURNAL_APP_GUID,
    CCB_JOURNAL_LIFECYCLE,
    CCB_JOURNAL_STACK,
    CCB_JOURNAL_PLUGIN,
    CCB_JOURNAL_PLUGIN_VERSION,
    CCB_JOURNAL_BECAUSE, /* why this plugin */
    CCB_JOURNAL_FAILURE,
    CCB_JOURNAL_CC_ERROR, /* of the last attempt */
    CCB_JOURNAL_REQUEST,  /* JSON */
    CCB_JOURNAL_RECIPE,   /* JSON */
    CCB_JOURNAL_TEXTS
};

struct ccb_journal;

/* NULL: no memory. */
struct ccb_journal *ccb_journal_create(size_t max_stagings);
void ccb_journal_free(struct ccb_journal *journal); /* NULL is fine */
size_t ccb_journal_count(struct ccb_journal *journal);

/* Something happened to a staging. REQUESTED makes its entry anew; other
 * phases make it when there is none. Empty texts say nothing new. */
struct ccb_journal_note {
    struct ccb_slice guid;
    enum ccb_journal_phase phase;
    struct ccb_slice texts[CCB_JOURNAL_TEXTS];
    int cc_status; /* of CC_TRIED and CC_TOOK; 0: there was no answer */
};
void ccb_journal_note(struct ccb_journal *journal,
                      const struct ccb_journal_note *note);
/* Something to mind; nothing happens when the staging is not known. */
void ccb_journal_warn(struct ccb_journal *journal, struct ccb_slice guid,
                      struct ccb_slice words);

/* The newest stagings, newest first, as elements of the array that the writer
 * is in. */
void ccb_journal_put_list(struct ccb_journal *journal, size_t max,
                          struct ccb_json_writer *w);

/* The newest staging of this guid, its own or its app's. */
struct ccb_journal_found {
    struct ccb_slice guid; /* the staging's; lies in the arena */
    bool running;          /* its task was made, and did not call back yet */
};
/* All that is known, as members of the object that the writer is in. False:
 * there is none. `found->guid.ptr` NULL: no memory. */
bool ccb_journal_put(struct ccb_journal *journal, struct ccb_slice key,
                     struct ccb_json_writer *w, struct ccb_arena *arena,
                     struct ccb_journal_found *found);

#endif
