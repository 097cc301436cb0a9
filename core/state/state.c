/*
 * Opening and upgrading files of state (state.h).
 */
#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ---- failures and statements -------------------------------------------- */

int ccb_state_fail(sqlite3 *db, const char *what, struct ccb_error *err)
{
    if ((sqlite3_errcode(db) & 0xff) == SQLITE_NOMEM)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return ccb_error_set(err, CCB_IO, "%s: %s", what, sqlite3_errmsg(db));
}

int ccb_state_step(sqlite3_stmt *statement, const char *what,
                   struct ccb_error *err)
{
    int code = sqlite3_step(statement);

    if (code == SQLITE_ROW)
        return 1;
    code = code == SQLITE_DONE
               ? 0
               : ccb_state_fail(sqlite3_db_handle(statement), what, err);
    (void)sqlite3_reset(statement);
    return code;
}

static const char *flag_of(const struct ccb_state_schema *schema)
{
    return schema->flag ? schema->flag : "-stateDir";
}

/* Before the file is ours for certain. */
static int fail(sqlite3 *db, const char *path,
                const struct ccb_state_schema *schema, struct ccb_error *err)
{
    int code = sqlite3_errcode(db) & 0xff;

    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return ccb_error_set(err, CCB_CONFLICT,
                             "%s: another process has this state open; stop "
                             "it, or give this one another %s",
                             path, flag_of(schema));
    return ccb_state_fail(db, path, err);
}

static int execute(sqlite3 *db, const char *path,
                   const struct ccb_state_schema *schema, const char *sql,
                   struct ccb_error *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return fail(db, path, schema, err);
}

static int get_number(sqlite3 *db, const char *path,
                      const struct ccb_state_schema *schema, const char *sql,
                      int *out, struct ccb_error *err)
{
    sqlite3_stmt *statement = NULL;
    int code = 0;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        code = fail(db, path, schema, err);
    else
        *out = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    return code;
}

/* ---- upgrades ----------------------------------------------------------- */

/* A step of the schema, its number, and whose file it is: all or nothing. */
static int migrate_one(sqlite3 *db, const char *path,
                       const struct ccb_state_schema *schema, int to,
                       struct ccb_error *err)
{
    char marks[96];
    int code;

    (void)sqlite3_snprintf(
        sizeof(marks), marks,
        "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;",
        schema->application_id, to);
    code = execute(db, path, schema, "BEGIN IMMEDIATE", err);
    if (code == 0)
        code = execute(db, path, schema, schema->migrations[to - 1], err);
    if (code == 0)
        code = execute(db, path, schema, marks, err);
    if (code < 0)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

int ccb_state_migrate(sqlite3 *db, const char *path,
                      const struct ccb_state_schema *schema,
                      struct ccb_error *err)
{
    int found = 0;
    int code = get_number(db, path, schema, "PRAGMA user_version", &found, err);

    if (code == 0 && found > schema->version)
        return ccb_error_set(err, CCB_CONFLICT,
                             "%s: its schema is version %d, this program knows "
                             "up to %d: run the newer program, or start with "
                             "another %s",
                             path, found, schema->version, flag_of(schema));
    for (; code == 0 && found < schema->version; found++)
        code = migrate_one(db, path, schema, found + 1, err);
    return code;
}

/* Somebody else's database must not be turned into ours. */
static int check_owner(sqlite3 *db, const char *path,
                       const struct ccb_state_schema *schema,
                       struct ccb_error *err)
{
    int id = 0, tables = 0;
    int code = get_number(db, path, schema, "PRAGMA application_id", &id, err);

    if (code == 0)
        code = get_number(db, path, schema,
                          "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (code == 0 && id != schema->application_id && (id != 0 || tables > 0))
        return ccb_error_set(err, CCB_CONFLICT,
                             "%s: a database of another program; start with "
                             "another %s",
                             path, flag_of(schema));
    return code;
}

/* ---- opening ------------------------------------------------------------ */

/* The lock is taken before anything is read; FULL makes a commit wait for the
 * disk, since WAL alone may lose the last ones with the power. */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
                               "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA temp_store = MEMORY;"
                               "BEGIN IMMEDIATE; COMMIT;";

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

int ccb_state_open(sqlite3 **db, const char *path,
                   const struct ccb_state_schema *schema, struct ccb_error *err)
{
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = path ? create_private(path, err) : 0;

    *db = NULL;
    if (!path)
        path = ":memory:";
    if (code == 0 && sqlite3_open_v2(path, db, flags, NULL) != SQLITE_OK)
        code = *db ? fail(*db, path, schema, err)
                   : ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (code == 0)
        code = execute(*db, path, schema, settings, err);
    if (code == 0)
        code = check_owner(*db, path, schema, err);
    if (code == 0)
        code = ccb_state_migrate(*db, path, schema, err);
    if (code < 0) {
        (void)sqlite3_close(*db);
        *db = NULL;
    }
    return code;
}
