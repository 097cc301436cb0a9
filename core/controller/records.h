/*
 * What the ledger knows of an app, read as a whole and changed in parts. All
 * here is for inside an operation; texts lie in its arena.
 */
#ifndef CCB_CONTROLLER_RECORDS_H
#define CCB_CONTROLLER_RECORDS_H

#include "base/clock.h"
#include "base/random.h"
#include "controller/ledger.h"
#include "controller/settings.h"

struct ccb_droplet {
    int64_t id; /* 0: none */
    struct ccb_slice digest, sha1, start_command, metadata;
    int64_t bytes;
};

struct ccb_staging {
    struct ccb_slice guid; /* ptr NULL: none yet */
    struct ccb_slice state, error_id, error_message, detected, upload;
    int64_t started_at, ended_at;
};

struct ccb_app {
    int64_t id, instances, created_at, updated_at, desired_at;
    bool started;
    struct ccb_slice guid, name, version;
    struct ccb_slice settings;    /* JSON; what the next start takes */
    struct ccb_slice running;     /* JSON; what the last start took, or NULL */
    struct ccb_slice bits, cache; /* digests, or ptr NULL */
    int64_t bits_bytes;
    struct ccb_staging staging;
    struct ccb_droplet droplet;     /* the latest */
    struct ccb_droplet run_droplet; /* of the last start */
};

enum ccb_app_key { CCB_APP_BY_NAME, CCB_APP_BY_GUID };
/* 0; AppNotFound. */
int ccb_app_load(struct ccb_ledger *ledger, struct ccb_app *app,
                 enum ccb_app_key by, struct ccb_slice key,
                 struct ccb_error *err);
/* In order of name, from the first after `after`: 1, 0 when there is none. */
int ccb_app_next(struct ccb_ledger *ledger, struct ccb_app *app,
                 struct ccb_slice after, struct ccb_error *err);
/* In order of id, started ones only: 1, 0 when there is none. */
int ccb_app_next_started(struct ccb_ledger *ledger, struct ccb_app *app,
                         int64_t after, struct ccb_error *err);

/* Writes the members that change: started, instances, version, settings,
 * running, updated_at, desired_at, bits, cache, droplet.id, run_droplet.id. */
int ccb_app_save(struct ccb_ledger *ledger, const struct ccb_app *app,
                 struct ccb_error *err);
/* A new row; app->id is set. */
int ccb_app_insert(struct ccb_ledger *ledger, struct ccb_app *app,
                   struct ccb_error *err);
/* With all it has but its events. */
int ccb_app_remove(struct ccb_ledger *ledger, const struct ccb_app *app,
                   struct ccb_error *err);
/* "APPGUID-VERSION", in the arena. */
struct ccb_slice ccb_app_process_guid(struct ccb_arena *arena,
                                      const struct ccb_app *app);

/* A droplet goes when neither the app's latest nor the running one is it. */
int ccb_droplet_release(struct ccb_ledger *ledger, const struct ccb_app *app,
                        const struct ccb_droplet *droplet,
                        struct ccb_error *err);

/* The current staging ends: state, error (id NULL: it succeeded) and the
 * event. app->staging is set, too. */
int ccb_staging_fail(struct ccb_ledger *ledger, struct ccb_app *app,
                     const char *id, const char *message,
                     struct ccb_error *err);
bool ccb_staging_under_way(const struct ccb_staging *staging);
/* Stagings whose deadline passed fail. *next: the next deadline; 0: none. */
int ccb_staging_expire(struct ccb_ledger *ledger, int64_t *next,
                       struct ccb_error *err);

#define CCB_EVENTS_KEPT 10000
int ccb_event_add(struct ccb_ledger *ledger, struct ccb_slice app,
                  const char *type, struct ccb_error *err, const char *format,
                  ...) __attribute__((format(printf, 5, 6)));

/* ---- what is to be told to others --------------------------------------- */

enum ccb_errand_kind {
    CCB_TELL_STAGE,  /* the stager: key is the staging guid */
    CCB_TELL_CANCEL, /* the stager: key is the staging guid */
    CCB_TELL_DESIRE, /* nsync: key is the app guid */
    CCB_TELL_REMOVE, /* nsync: key is the process guid */
};
/* Appends; what stood there of the same kind and key is replaced. *id: of the
 * row. */
int ccb_outbox_add(struct ccb_ledger *ledger, enum ccb_errand_kind kind,
                   struct ccb_slice key, int64_t *id, struct ccb_error *err);
/* At start: all that was put off is tried at once, and every started app is
 * desired again, since the back end may have lost it. */
int ccb_outbox_revive(struct ccb_ledger *ledger, struct ccb_error *err);

/* ---- names -------------------------------------------------------------- */

/* 32 hex digits, with NUL: 33 bytes. */
int ccb_guid_hex(char *out, struct ccb_error *err);
/* The app's guid at the head of a staging or process guid; NULL ptr when there
 * is none. */
struct ccb_slice ccb_guid_of_app(struct ccb_slice guid);

#endif
