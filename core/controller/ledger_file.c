/*
 * The file of the controller's state: how it is opened, and its schema
 * (design.md 7).
 *
 * Invariants: one process at a time has it; a commit is on the disk when it
 * returns; a file of a newer program, or of another one, is left as it is.
 */
#include "controller/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* "ccbo": so that file(1) and we know whose it is. */
#define APPLICATION_ID 0x6363626f

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

/* Row n makes version n + 1 of version n. */
static const char *const migrations[] = {schema_1};
#define VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

static int fail(sqlite3 *db, const char *path, struct ccb_error *err)
{
    int code = sqlite3_errcode(db) & 0xff;

    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return ccb_error_set(err, CCB_CONFLICT,
                             "%s: another process has this state open; stop "
                             "it, or give this one another -stateDir",
                             path);
    if (code == SQLITE_NOMEM)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return ccb_error_set(err, CCB_IO, "%s: %s", path, sqlite3_errmsg(db));
}

static int execute(sqlite3 *db, const char *path, const char *sql,
                   struct ccb_error *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return fail(db, path, err);
}

static int get_number(sqlite3 *db, const char *path, const char *sql, int *out,
                      struct ccb_error *err)
{
    sqlite3_stmt *statement = NULL;
    int code = 0;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        code = fail(db, path, err);
    else
        *out = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    return code;
}

/* A step of the schema, its number, and whose file it is: all or nothing. */
static int migrate_one(sqlite3 *db, const char *path, int to,
                       struct ccb_error *err)
{
    char marks[96];
    int code;

    (void)sqlite3_snprintf(
        sizeof(marks), marks,
        "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;",
        APPLICATION_ID, to);
    code = execute(db, path, "BEGIN IMMEDIATE", err);
    if (code == 0)
        code = execute(db, path, migrations[to - 1], err);
    if (code == 0)
        code = execute(db, path, marks, err);
    if (code < 0)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

static int migrate(sqlite3 *db, const char *path, struct ccb_error *err)
{
    int found = 0;
    int code = get_number(db, path, "PRAGMA user_version", &found, err);

    if (code == 0 && found > VERSION)
        return ccb_error_set(err, CCB_CONFLICT,
                             "%s: its schema is version %d, this program knows "
                             "up to %d: run the newer program, or start with "
                             "another -stateDir",
                             path, found, VERSION);
    for (; code == 0 && found < VERSION; found++)
        code = migrate_one(db, path, found + 1, err);
    return code;
}

static int check_owner(sqlite3 *db, const char *path, struct ccb_error *err)
{
    int id = 0, tables = 0;
    int code = get_number(db, path, "PRAGMA application_id", &id, err);

    if (code == 0)
        code = get_number(db, path, "SELECT count(*) FROM sqlite_schema",
                          &tables, err);
    if (code == 0 && id != APPLICATION_ID && (id != 0 || tables > 0))
        return ccb_error_set(err, CCB_CONFLICT,
                             "%s: a database of another program; start with "
                             "another -stateDir",
                             path);
    return code;
}

/* The lock is taken before anything is read; FULL makes a commit wait for the
 * disk, since WAL alone may lose the last ones with the power. */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
                               "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA temp_store = MEMORY;"
                               "BEGIN IMMEDIATE; COMMIT;";

/* Made by us and not by SQLite, since apps' environments are secrets. Only
 * when it is missing: closing another descriptor of an open file would drop
 * SQLite's locks. */
static int create_private(const char *path, struct ccb_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 && errno != EEXIST)
        return ccb_error_set(err, CCB_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return 0;
}

int ccb_ledger_file_open(sqlite3 **db, const char *path, struct ccb_error *err)
{
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = create_private(path, err);

    *db = NULL;
    if (code == 0 && sqlite3_open_v2(path, db, flags, NULL) != SQLITE_OK)
        code = *db ? fail(*db, path, err)
                   : ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (code == 0)
        code = execute(*db, path, settings, err);
    if (code == 0)
        code = check_owner(*db, path, err);
    if (code == 0)
        code = migrate(*db, path, err);
    if (code < 0) {
        (void)sqlite3_close(*db);
        *db = NULL;
    }
    return code;
}
