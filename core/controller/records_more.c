/*
 * Stagings, events and the outbox of the ledger, and how guids are made
 * (records.h).
 */
#include "controller/records.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "controller/blobs.h"
#include "controller/fault.h"

/* ---- guids -------------------------------------------------------------- */

int ccb_guid_hex(char *out, struct ccb_error *err)
{
    unsigned char b[16];
    int code = ccb_random_bytes(b, sizeof(b), err);

    if (code == 0)
        ccb_hex_format(out, b, sizeof(b));
    return code;
}

struct ccb_slice ccb_guid_of_app(struct ccb_slice guid)
{
    if (guid.len < 38 || guid.ptr[36] != '-')
        return ccb_slice_make(NULL, 0);
    return ccb_slice_make(guid.ptr, 36);
}

/* ---- events ------------------------------------------------------------- */

int ccb_event_add(struct ccb_ledger *ledger, struct ccb_slice app,
                  const char *type, struct ccb_error *err, const char *format,
                  ...)
{
    char text[400];
    va_list values;
    int code;

    va_start(values, format);
    (void)vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    code = ccb_ledger_run(
        ledger, err,
        "INSERT INTO events (time, app, type, text) VALUES (?, ?, ?, ?)",
        "ittt", ledger->now, app, ccb_slice_of(type), ccb_slice_of(text));
    if (code == 0)
        code = ccb_ledger_run(
            ledger, err, "DELETE FROM events WHERE id <= ?", "i",
            (int64_t)sqlite3_last_insert_rowid(ledger->db) - CCB_EVENTS_KEPT);
    ledger->events = true;
    return code;
}

/* ---- stagings ----------------------------------------------------------- */

bool ccb_staging_under_way(const struct ccb_staging *staging)
{
    return ccb_slice_is(staging->state, "PENDING") ||
           ccb_slice_is(staging->state, "STAGING");
}

int ccb_staging_fail(struct ccb_ledger *ledger, struct ccb_app *app,
                     const char *id, const char *message, struct ccb_error *err)
{
    const char *words = ccb_fault_staging_words(id, message);
    struct ccb_slice upload = app->staging.upload;
    int code = ccb_ledger_run(
        ledger, err,
        "UPDATE stagings SET state = 'FAILED', error_id = ?, error_message = "
        "?, ended_at = ?, upload = NULL WHERE app = ?",
        "ttii", ccb_slice_of(id), ccb_slice_of(words), ledger->now, app->id);

    if (code == 0)
        code = ccb_event_add(ledger, app->name, "staging.fail", err,
                             "staging failed: %s", words);
    if (code == 0)
        code = ccb_ledger_run(ledger, err,
                              "DELETE FROM outbox WHERE kind = ? AND key = ?",
                              "it", (int64_t)CCB_TELL_STAGE, app->staging.guid);
    app->staging.state = ccb_slice_of("FAILED");
    app->staging.upload = ccb_slice_make(NULL, 0);
    return code < 0 ? code : ccb_blobs_release(ledger, upload, err);
}

int ccb_staging_expire(struct ccb_ledger *ledger, int64_t *next,
                       struct ccb_error *err)
{
    for (;;) {
        sqlite3_stmt *row = ccb_ledger_query(
            ledger, err,
            "SELECT a.guid, s.deadline FROM stagings s JOIN apps a ON a.id = "
            "s.app WHERE s.state IN ('PENDING', 'STAGING') ORDER BY s.deadline "
            "LIMIT 1",
            "");
        struct ccb_slice guid;
        struct ccb_app app;
        int code = ccb_ledger_step(ledger, row, err);

        *next = code > 0 ? sqlite3_column_int64(row, 1) : 0;
        if (code <= 0 || *next > ledger->now) {
            (void)sqlite3_reset(row);
            return code < 0 ? code : 0;
        }
        guid = ccb_ledger_text(ledger, row, 0);
        (void)sqlite3_reset(row);
        if (!guid.ptr)
            return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
        code = ccb_app_load(ledger, &app, CCB_APP_BY_GUID, guid, err);
        if (code == 0)
            code =
                ccb_staging_fail(ledger, &app, "StagingTimeExpired", NULL, err);
        if (code == 0)
            code = ccb_outbox_add(ledger, CCB_TELL_CANCEL, app.staging.guid,
                                  NULL, err);
        if (code < 0)
            return code;
    }
}

/* ---- the outbox --------------------------------------------------------- */

int ccb_outbox_add(struct ccb_ledger *ledger, enum ccb_errand_kind kind,
                   struct ccb_slice key, int64_t *id, struct ccb_error *err)
{
    int code = ccb_ledger_run(
        ledger, err,
        "INSERT OR REPLACE INTO outbox (peer, kind, key, attempts, next_try) "
        "VALUES (?, ?, ?, 0, 0)",
        "iit", (int64_t)(kind >= CCB_TELL_DESIRE), (int64_t)kind, key);

    if (id)
        *id = sqlite3_last_insert_rowid(ledger->db);
    return code;
}

int ccb_outbox_revive(struct ccb_ledger *ledger, struct ccb_error *err)
{
    int code = ccb_ledger_run(
        ledger, err, "UPDATE outbox SET attempts = 0, next_try = 0", "");

    if (code < 0)
        return code;
    return ccb_ledger_run(
        ledger, err,
        "INSERT OR REPLACE INTO outbox (peer, kind, key, attempts, next_try) "
        "SELECT 1, ?, guid, 0, 0 FROM apps WHERE started",
        "i", (int64_t)CCB_TELL_DESIRE);
}
