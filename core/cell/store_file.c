/*
 * The state file: how it is opened, and its schema (design.md 7).
 *
 * Invariants: the file belongs to one process at a time (an exclusive lock of
 * SQLite's, gone with the process however that ends); a commit is on the disk
 * when it returns; a file of a newer program is left as it is.
 */
#include "cell/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* "ccbc": so that file(1) and we know whose it is. */
#define APPLICATION_ID 0x63636263

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

const char *const ccb_store_migrations[] = {schema_1};
const int ccb_store_version =
    sizeof(ccb_store_migrations) / sizeof(ccb_store_migrations[0]);

static int fail(sqlite3 *db, const char *path, struct ccb_error *err)
{
    int code = sqlite3_errcode(db) & 0xff;

    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return ccb_error_set(err, CCB_CONFLICT,
                             "%s: another process has this state open; stop "
                             "it, or give this one another state directory",
                             path);
    if (code == SQLITE_NOMEM)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return ccb_error_set(err, CCB_IO, "%s: %s", path, sqlite3_errmsg(db));
}

static int execute(sqlite3 *db, const char *path, const char *sql,
                   struct ccb_error *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : fail(db, path, err);
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

/* One step of the schema and its number, or neither. */
static int migrate_one(sqlite3 *db, const char *path, const char *sql, int to,
                       struct ccb_error *err)
{
    char number[48];
    int code;

    (void)sqlite3_snprintf(sizeof(number), number, "PRAGMA user_version = %d",
                           to);
    code = execute(db, path, "BEGIN IMMEDIATE", err);
    if (code == 0)
        code = execute(db, path, sql, err);
    if (code == 0)
        code = execute(db, path, number, err);
    if (code == 0)
        code = execute(db, path, "COMMIT", err);
    if (code < 0)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

int ccb_store_migrate(sqlite3 *db, const char *path, const char *const *rows,
                      int version, struct ccb_error *err)
{
    int found = 0;
    int code = get_number(db, path, "PRAGMA user_version", &found, err);

    if (code == 0 && found > version)
        return ccb_error_set(err, CCB_CONFLICT,
                             "%s: its schema is version %d, this program knows "
                             "up to %d: run the newer program, or start with "
                             "another state directory",
                             path, found, version);
    for (; code == 0 && found < version; found++)
        code = migrate_one(db, path, rows[found], found + 1, err);
    return code;
}

/* Somebody else's database must not be turned into ours. */
static int check_owner(sqlite3 *db, const char *path, struct ccb_error *err)
{
    int id = 0, tables = 0;
    int code = get_number(db, path, "PRAGMA application_id", &id, err);

    if (code == 0 && id == 0)
        code = get_number(db, path, "SELECT count(*) FROM sqlite_schema",
                          &tables, err);
    if (code == 0 && id != APPLICATION_ID && (id != 0 || tables > 0))
        code = ccb_error_set(err, CCB_CONFLICT,
                             "%s: a database of another program; start with "
                             "another state directory",
                             path);
    if (code == 0 && id == 0) {
        char sql[48];
        (void)sqlite3_snprintf(sizeof(sql), sql, "PRAGMA application_id = %d",
                               APPLICATION_ID);
        code = execute(db, path, sql, err);
    }
    return code;
}

/* The lock is taken before anything is read; FULL makes a commit wait for the
 * disk, since WAL alone may lose the last ones with the power. */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
                               "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA temp_store = MEMORY;"
                               "BEGIN IMMEDIATE; COMMIT;";

/* Cells live as long as their process, so they never reach the file. */
static const char memory_tables[] =
    "CREATE TEMP TABLE cells (cell_id TEXT PRIMARY KEY,"
    " document TEXT NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;";

/* Made by us and not by SQLite, since it holds passwords of apps. Only when it
 * is missing: closing a descriptor of a file that this process has open drops
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

int ccb_store_file_open(sqlite3 **db, const char *path, struct ccb_error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
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
        code = ccb_store_migrate(*db, path, ccb_store_migrations,
                                 ccb_store_version, err);
    if (code == 0)
        code = execute(*db, path, memory_tables, err);
    if (code < 0) {
        (void)sqlite3_close(*db);
        *db = NULL;
    }
    return code;
}
