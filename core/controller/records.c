/*
 * An app's row and what hangs on it (records.h).
 */
#include "controller/records.h"

#include "controller/blobs.h"
#include "controller/fault.h"

/* ---- reading ------------------------------------------------------------ */

/* One row is all there is of an app; read() takes the columns in order. */
#define SELECT_APP                                                             \
    "SELECT a.id, a.instances, a.created_at, a.updated_at, a.desired_at, "     \
    "a.started, a.guid, a.name, a.version, a.settings, a.running, a.bits, "    \
    "a.cache, b.bytes, s.guid, s.state, s.error_id, s.error_message, "         \
    "s.detected, s.upload, s.started_at, s.ended_at, d.id, d.digest, "         \
    "d.start_command, d.metadata, db.sha1, db.bytes, r.id, r.digest, "         \
    "r.start_command, r.metadata, rb.sha1, rb.bytes FROM apps a "              \
    "LEFT JOIN blobs b ON b.digest = a.bits "                                  \
    "LEFT JOIN stagings s ON s.app = a.id "                                    \
    "LEFT JOIN droplets d ON d.id = a.droplet "                                \
    "LEFT JOIN blobs db ON db.digest = d.digest "                              \
    "LEFT JOIN droplets r ON r.id = a.run_droplet "                            \
    "LEFT JOIN blobs rb ON rb.digest = r.digest "

static void read_staging(struct ccb_ledger *l, sqlite3_stmt *row,
                         struct ccb_staging *staging)
{
    staging->guid = ccb_ledger_text(l, row, 14);
    staging->state = ccb_ledger_text(l, row, 15);
    staging->error_id = ccb_ledger_text(l, row, 16);
    staging->error_message = ccb_ledger_text(l, row, 17);
    staging->detected = ccb_ledger_text(l, row, 18);
    staging->upload = ccb_ledger_text(l, row, 19);
    staging->started_at = sqlite3_column_int64(row, 20);
    staging->ended_at = sqlite3_column_int64(row, 21);
}

static void read_droplet(struct ccb_ledger *l, sqlite3_stmt *row, int at,
                         struct ccb_droplet *droplet)
{
    droplet->id = sqlite3_column_int64(row, at);
    droplet->digest = ccb_ledger_text(l, row, at + 1);
    droplet->start_command = ccb_ledger_text(l, row, at + 2);
    droplet->metadata = ccb_ledger_text(l, row, at + 3);
    droplet->sha1 = ccb_ledger_text(l, row, at + 4);
    droplet->bytes = sqlite3_column_int64(row, at + 5);
}

static void read_app(struct ccb_ledger *l, sqlite3_stmt *row,
                     struct ccb_app *app)
{
    app->id = sqlite3_column_int64(row, 0);
    app->instances = sqlite3_column_int64(row, 1);
    app->created_at = sqlite3_column_int64(row, 2);
    app->updated_at = sqlite3_column_int64(row, 3);
    app->desired_at = sqlite3_column_int64(row, 4);
    app->started = sqlite3_column_int(row, 5) != 0;
    app->guid = ccb_ledger_text(l, row, 6);
    app->name = ccb_ledger_text(l, row, 7);
    app->version = ccb_ledger_text(l, row, 8);
    app->settings = ccb_ledger_text(l, row, 9);
    app->running = ccb_ledger_text(l, row, 10);
    app->bits = ccb_ledger_text(l, row, 11);
    app->cache = ccb_ledger_text(l, row, 12);
    app->bits_bytes = sqlite3_column_int64(row, 13);
    read_staging(l, row, &app->staging);
    read_droplet(l, row, 22, &app->droplet);
    read_droplet(l, row, 28, &app->run_droplet);
}

/* 1, 0 without a row, or negative. */
static int read_one(struct ccb_ledger *l, sqlite3_stmt *row,
                    struct ccb_app *app, struct ccb_error *err)
{
    int code = ccb_ledger_step(l, row, err);

    if (code <= 0)
        return code;
    read_app(l, row, app);
    (void)sqlite3_reset(row);
    if (l->no_memory)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return 1;
}

int ccb_app_load(struct ccb_ledger *ledger, struct ccb_app *app,
                 enum ccb_app_key by, struct ccb_slice key,
                 struct ccb_error *err)
{
    static const char *const sql[] = {
        [CCB_APP_BY_NAME] = SELECT_APP "WHERE a.name = ?",
        [CCB_APP_BY_GUID] = SELECT_APP "WHERE a.guid = ?",
    };
    int code = read_one(
        ledger, ccb_ledger_query(ledger, err, sql[by], "t", key), app, err);

    if (code != 0)
        return code < 0 ? code : 0;
    return ccb_fault(err, "AppNotFound", "there is no app \"%.*s\"",
                     (int)(key.len < 100 ? key.len : 100), key.ptr);
}

int ccb_app_next(struct ccb_ledger *ledger, struct ccb_app *app,
                 struct ccb_slice after, struct ccb_error *err)
{
    return read_one(ledger,
                    ccb_ledger_query(ledger, err,
                                     SELECT_APP "WHERE a.name > ? "
                                                "ORDER BY a.name LIMIT 1",
                                     "t", after),
                    app, err);
}

int ccb_app_next_started(struct ccb_ledger *ledger, struct ccb_app *app,
                         int64_t after, struct ccb_error *err)
{
    return read_one(ledger,
                    ccb_ledger_query(ledger, err,
                                     SELECT_APP "WHERE a.id > ? AND a.started "
                                                "ORDER BY a.id LIMIT 1",
                                     "i", after),
                    app, err);
}

struct ccb_slice ccb_app_process_guid(struct ccb_arena *arena,
                                      const struct ccb_app *app)
{
    return ccb_arena_format(arena, "%.*s-%.*s", (int)app->guid.len,
                            app->guid.ptr, (int)app->version.len,
                            app->version.ptr);
}

/* ---- writing ------------------------------------------------------------ */

int ccb_app_save(struct ccb_ledger *ledger, const struct ccb_app *app,
                 struct ccb_error *err)
{
    return ccb_ledger_run(
        ledger, err,
        "UPDATE apps SET started = ?, instances = ?, version = ?, settings = "
        "?, running = ?, updated_at = ?, desired_at = ?, bits = ?, cache = ?, "
        "droplet = ?, run_droplet = ? WHERE id = ?",
        "iitttiittiii", (int64_t)app->started, app->instances, app->version,
        app->settings, app->running, app->updated_at, app->desired_at,
        app->bits, app->cache, app->droplet.id, app->run_droplet.id, app->id);
}

int ccb_app_insert(struct ccb_ledger *ledger, struct ccb_app *app,
                   struct ccb_error *err)
{
    int code = ccb_ledger_run(
        ledger, err,
        "INSERT INTO apps (guid, name, started, instances, version, settings, "
        "created_at, updated_at, desired_at) VALUES (?, ?, 0, ?, ?, ?, ?, ?, "
        "0)",
        "ttittii", app->guid, app->name, app->instances, app->version,
        app->settings, app->created_at, app->updated_at);

    app->id = sqlite3_last_insert_rowid(ledger->db);
    return code;
}

int ccb_droplet_release(struct ccb_ledger *ledger, const struct ccb_app *app,
                        const struct ccb_droplet *droplet,
                        struct ccb_error *err)
{
    int code;

    if (droplet->id == 0 || droplet->id == app->droplet.id ||
        droplet->id == app->run_droplet.id)
        return 0;
    code = ccb_ledger_run(ledger, err, "DELETE FROM droplets WHERE id = ?", "i",
                          droplet->id);
    return code < 0 ? code : ccb_blobs_release(ledger, droplet->digest, err);
}

int ccb_app_remove(struct ccb_ledger *ledger, const struct ccb_app *app,
                   struct ccb_error *err)
{
    const struct ccb_slice digests[] = {
        app->bits, app->cache, app->staging.upload, app->droplet.digest,
        app->run_droplet.digest};
    int code =
        ccb_ledger_run(ledger, err, "DELETE FROM droplets WHERE id IN (?, ?)",
                       "ii", app->droplet.id, app->run_droplet.id);

    if (code == 0)
        code = ccb_ledger_run(ledger, err, "DELETE FROM stagings WHERE app = ?",
                              "i", app->id);
    if (code == 0)
        code = ccb_ledger_run(ledger, err, "DELETE FROM apps WHERE id = ?", "i",
                              app->id);
    for (size_t i = 0; code == 0 && i < sizeof(digests) / sizeof(digests[0]);
         i++)
        code = ccb_blobs_release(ledger, digests[i], err);
    return code;
}
