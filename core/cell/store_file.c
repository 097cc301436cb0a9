/*
 * The schema of the cell's state file (state/state.h, design.md 7).
 */
#include "cell/store_internal.h"
#include "state/state.h"

static const char schema_1[] =
    "CREATE TABLE tasks (task_guid TEXT PRIMARY KEY, domain TEXT NOT NULL,"
    " state INTEGER NOT NULL, cell_id TEXT NOT NULL,"
    " created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,"
    " first_completed_at INTEGER NOT NULL, failed INTEGER NOT NULL,"
    " failure_reason TEXT NOT NULL, result TEXT NOT NULL,"
    " result_file TEXT NOT NULL, callback_url TEXT NOT NULL,"
    " annotation TEXT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE desired (process_guid TEXT PRIMARY KEY,"
    " domain TEXT NOT NULL, instances INTEGER NOT NULL,"
    " routes TEXT NOT NULL, annotation TEXT NOT NULL, epoch TEXT NOT NULL,"
    " tag_index INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE actual (process_guid TEXT NOT NULL, idx INTEGER NOT NULL,"
    " domain TEXT NOT NULL, instance_guid TEXT NOT NULL,"
    " cell_id TEXT NOT NULL, address TEXT NOT NULL, ports TEXT NOT NULL,"
    " state INTEGER NOT NULL, crash_count INTEGER NOT NULL,"
    " crash_reason TEXT NOT NULL, placement_error TEXT NOT NULL,"
    " since INTEGER NOT NULL, epoch TEXT NOT NULL,"
    " tag_index INTEGER NOT NULL, PRIMARY KEY (process_guid, idx))"
    " WITHOUT ROWID;"
    "CREATE TABLE domains (domain TEXT PRIMARY KEY,"
    " expires_at INTEGER NOT NULL) WITHOUT ROWID;";

static const char *const migrations[] = {schema_1};

static const struct ccb_state_schema schema = {
    .application_id = 0x63636263, /* "ccbc" */
    .migrations = migrations,
    .version = sizeof(migrations) / sizeof(migrations[0]),
};

/* Cells live as long as their process, so they never reach the file. */
static const char memory_tables[] =
    "CREATE TEMP TABLE cells (cell_id TEXT PRIMARY KEY,"
    " document TEXT NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;";

int ccb_store_file_open(sqlite3 **db, const char *path, struct ccb_error *err)
{
    int code = ccb_state_open(db, path, &schema, err);

    if (code == 0 &&
        sqlite3_exec(*db, memory_tables, NULL, NULL, NULL) != SQLITE_OK) {
        code = ccb_state_fail(*db, path, err);
        (void)sqlite3_close(*db);
        *db = NULL;
    }
    return code;
}
