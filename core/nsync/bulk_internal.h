/*
 * The inside of nsync-bulker: what its files share. Follows contract/nsync.md
 * 2.
 *
 * A pass is one comparison of what CC wants with what the back end has. It has
 * pages, a page has up to two batches (apps to create, apps to update), a batch
 * has apps; each is one struct with one end, which tells the one above. All of
 * a bulker's calls go over an HTTP client of its own: closing it abandons what
 * is in flight, at once and whole.
 */
#ifndef CCB_NSYNC_BULK_INTERNAL_H
#define CCB_NSYNC_BULK_INTERNAL_H

#include "cc/bulk.h"
#include "consul/lock.h"
#include "nsync/internal.h"
#include "nsync/quarantine.h"
#include "nsync/snapshot.h"
#include "nsync/turn.h"
#include "role/flags.h"

struct ccb_bulker_config {
    const char *diego_api_url;
    struct ccb_lock_config lock;
    struct ccb_cc_config cc;
    int64_t communication_timeout, polling_interval, domain_ttl;
    uint64_t batch_size;
    const char *file_server_url;
    struct ccb_pairs lifecycles;
    const char *ssh_key_type;
    bool quarantine, take_turns;
};

/* What passes work with; the role's, outlives them. */
struct ccb_bulk_tools {
    const struct ccb_bulker_config *config;
    const struct ccb_worker *worker;
    struct ccb_http_client *client; /* the bulker's own */
    struct ccb_diego *diego;
    struct ccb_cc_options cc;
    struct ccb_recipe_maker maker;
    struct ccb_quarantine *quarantine; /* NULL without -quarantineBadApps */
};

/* What a pass came to. */
struct ccb_bulk_tally {
    int64_t began_at, duration; /* ns since 1970; ns */
    uint64_t lrps, apps;
    uint64_t missing, stale, excess;
    uint64_t created, updated, deleted;
    uint64_t failed, quarantined;
    bool fresh;
};

/* The log's sessions below a pass, in the order of their numbers. */
enum ccb_bulk_session {
    CCB_BULK_FETCH_FINGERPRINTS,
    CCB_BULK_DIFF,
    CCB_BULK_FETCH_MISSING,
    CCB_BULK_CREATE,
    CCB_BULK_FETCH_STALE,
    CCB_BULK_UPDATE,
    CCB_BULK_DELETE,
    CCB_BULK_SESSIONS
};

struct ccb_bulk_page;
struct ccb_bulk_batch;
struct ccb_bulk_excess;

struct ccb_bulk_pass {
    const struct ccb_bulk_tools *tools;
    /* Once, also from inside ccb_bulk_pass_start: the pass is over. It is
     * freed later, not from here. */
    void (*on_done)(void *user);
    void *user;
    int64_t began; /* monotonic */
    bool over;

    struct ccb_arena *arena; /* of its list and its bump */
    struct ccb_snapshot *snapshot;
    struct ccb_http_call *listing; /* NULL when it is over */
    struct ccb_error list_error;   /* of an LRP that was not taken */

    /* bulk_page.c: one page is read or waits, one is applied. */
    struct ccb_bulk_page *reading, *waiting, *applying;
    bool read_all; /* no further page is asked for */

    struct ccb_bulk_excess *excess;

    /* Set once and for good. `partial`: a page broke off, so who was not named
     * may be wanted all the same: nothing is deleted, nothing ages. `unclean`:
     * anything else went wrong before the deletes: nothing ages. */
    bool partial, unclean;
    struct ccb_bulk_tally tally;

    struct ccb_log_session log; /* nsync-bulker.sync */
    struct ccb_log_session logs[CCB_BULK_SESSIONS];
};

/* ---- bulk_pass.c -------------------------------------------------------- */

/* Begins one. On failure (no memory) there is none, and it is logged. */
int ccb_bulk_pass_start(struct ccb_bulk_pass **pass,
                        const struct ccb_bulk_tools *tools,
                        void (*on_done)(void *user), void *user);
/* Any time. One that was not over is abandoned: the client must be closed. */
void ccb_bulk_pass_free(struct ccb_bulk_pass *pass);

/* For the files below: something went wrong, and why it matters is logged. */
void ccb_bulk_pass_spoil(struct ccb_bulk_pass *pass, struct ccb_slice error);
/* All pages are read and applied; all deletes were tried. */
void ccb_bulk_pass_on_pages(struct ccb_bulk_pass *pass);
void ccb_bulk_pass_on_excess(struct ccb_bulk_pass *pass);

/* ---- bulk_page.c -------------------------------------------------------- */

/* Reads all pages and applies each; ends in ccb_bulk_pass_on_pages. */
void ccb_bulk_pages_start(struct ccb_bulk_pass *pass);
void ccb_bulk_pages_free(struct ccb_bulk_pass *pass);

/* ---- bulk_batch.c ------------------------------------------------------- */

/* What is done with the apps of a batch. */
struct ccb_bulk_kind {
    enum ccb_bulk_session fetch, apply;
    bool creates; /* else updates */
};
extern const struct ccb_bulk_kind ccb_bulk_missing, ccb_bulk_stale;

struct ccb_bulk_app;

/* The apps of one answer of CC, of which a bounded number is worked on. */
struct ccb_bulk_batch {
    struct ccb_bulk_pass *pass;
    const struct ccb_bulk_kind *kind;
    void (*on_done)(void *user);
    void *user;
    struct ccb_arena *arena;
    size_t asked, size;
    size_t held;              /* bytes of the apps that were taken */
    struct ccb_error refusal; /* why an app of the answer was not taken */
    struct ccb_bulk_app *waiting, **waiting_end;
    struct ccb_bulk_app *running;
    size_t in_flight;
    bool pumping;
};

/* Asks CC for `count` apps, `guids` is a JSON array borrowed until the end,
 * and carries out what they need. on_done once, from the loop, never from
 * inside. */
int ccb_bulk_batch_start(struct ccb_bulk_batch **batch,
                         struct ccb_bulk_pass *pass,
                         const struct ccb_bulk_kind *kind,
                         struct ccb_slice guids, size_t count,
                         void (*on_done)(void *user), void *user,
                         struct ccb_error *err);
/* Abandons what is not over. NULL is fine. */
void ccb_bulk_batch_free(struct ccb_bulk_batch *batch);

/* An app's end, however it went; it is not in the batch any more. */
void ccb_bulk_batch_on_app(struct ccb_bulk_batch *batch);

/* ---- bulk_app.c --------------------------------------------------------- */

/* One app on its way to the back end. It lies in an arena of its own. */
struct ccb_bulk_app {
    struct ccb_bulk_batch *batch; /* NULL: abandoned, its plugin still works */
    struct ccb_bulk_app *next, *previous;
    struct ccb_arena *arena;
    struct ccb_desire_request request;
    struct ccb_slice refusal; /* why the request can't be read; else empty */
    struct ccb_buf document;
    struct ccb_turn turn;
    enum { CCB_BULK_NO_TURN, CCB_BULK_TURN_WAITED, CCB_BULK_TURN_HAD } has_turn;
    bool in_plugin;
    uint16_t port;
    struct ccb_log_session builder; /* nsync-bulker.message-builder */
};

/* A copy of what CC says of an app. CCB_INVALID for one that can't be read,
 * unless such are quarantined. */
int ccb_bulk_app_create(struct ccb_bulk_app **app,
                        const struct ccb_bulk_tools *tools,
                        struct ccb_json document, struct ccb_error *err);
/* Works on it, and ends in ccb_bulk_batch_on_app, also from inside. */
void ccb_bulk_app_start(struct ccb_bulk_app *app);
/* Of one that was not started, or with the client closed: gives its turn back,
 * and frees it as soon as no plugin has it. */
void ccb_bulk_app_free(struct ccb_bulk_app *app);

/* ---- bulk_excess.c ------------------------------------------------------ */

/* Deletes what no page named, one after the other; ends in
 * ccb_bulk_pass_on_excess, also from inside. */
void ccb_bulk_excess_start(struct ccb_bulk_pass *pass);
void ccb_bulk_excess_free(struct ccb_bulk_excess *excess);

#endif
