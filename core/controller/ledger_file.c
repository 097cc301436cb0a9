/*
 * The schema of the controller's state file (state/state.h, design.md 7).
 */
#include "controller/ledger.h"
#include "state/state.h"

static const char schema_1[] =
    "CREATE TABLE blobs (digest TEXT PRIMARY KEY, md5 TEXT NOT NULL,"
    " sha1 TEXT NOT NULL, bytes INTEGER NOT NULL, created_at INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE droplets (id INTEGER PRIMARY KEY, digest TEXT NOT NULL,"
    " start_command TEXT NOT NULL, metadata TEXT NOT NULL);"
    "CREATE TABLE apps (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " guid TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,"
    " started INTEGER NOT NULL, instances INTEGER NOT NULL,"
    " version TEXT NOT NULL, settings TEXT NOT NULL, running TEXT,"
    " created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,"
    " desired_at INTEGER NOT NULL, bits TEXT, cache TEXT,"
    " droplet INTEGER, run_droplet INTEGER);"
    "CREATE TABLE stagings (app INTEGER PRIMARY KEY, guid TEXT NOT NULL UNIQUE,"
    " state TEXT NOT NULL, error_id TEXT, error_message TEXT, detected TEXT,"
    " started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,"
    " deadline INTEGER NOT NULL, upload TEXT);"
    "CREATE TABLE jobs (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " guid TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL);"
    "CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " peer INTEGER NOT NULL, kind INTEGER NOT NULL, key TEXT NOT NULL,"
    " attempts INTEGER NOT NULL, next_try INTEGER NOT NULL,"
    " UNIQUE (kind, key));"
    "CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " time INTEGER NOT NULL, app TEXT NOT NULL, type TEXT NOT NULL,"
    " text TEXT NOT NULL);";

static const char *const migrations[] = {schema_1};

static const struct ccb_state_schema schema = {
    .application_id = 0x6363626f, /* "ccbo" */
    .migrations = migrations,
    .version = sizeof(migrations) / sizeof(migrations[0]),
};

int ccb_ledger_file_open(sqlite3 **db, const char *path, struct ccb_error *err)
{
    return ccb_state_open(db, path, &schema, err);
}
