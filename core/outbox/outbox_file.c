/*
 * The outbox in SQLite: its schema, its statements, and what each operation
 * does with them (outbox.h).
 */
#include <limits.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/directory.h"
#include "outbox/outbox_internal.h"
#include "state/state.h"

#define WHAT "outbox"

/* Further ahead nothing is put off: the clock was set back. */
#define FARTHEST (120 * CCB_SECOND)

static const char schema_1[] =
    "CREATE TABLE letters (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " guid TEXT NOT NULL UNIQUE, payload BLOB NOT NULL,"
    " failed INTEGER NOT NULL, created_at INTEGER NOT NULL,"
    " stored_at INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " due_at INTEGER NOT NULL);"
    "CREATE INDEX letters_due ON letters (due_at);"
    "CREATE TABLE delivered (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " guid TEXT NOT NULL UNIQUE);";

static const char schema_2[] =
    "CREATE TABLE notes (name TEXT PRIMARY KEY, count INTEGER NOT NULL,"
    " since INTEGER NOT NULL) WITHOUT ROWID;";

/* Who has no notes stays at the first. */
static const char *const migrations[] = {schema_1, schema_2};

/* Who is at work on what is this process' matter. All is due at a start: CC
 * may be back, and the clock another one. */
static const char at_start[] =
    "CREATE TEMP TABLE claimed (id INTEGER PRIMARY KEY);"
    "UPDATE letters SET due_at = 0;";

static const char *const sql[CCB_OUTBOX_STATEMENTS] = {
    [CCB_OUTBOX_BEGIN] = "BEGIN IMMEDIATE",
    [CCB_OUTBOX_COMMIT] = "COMMIT",
    [CCB_OUTBOX_ROLLBACK] = "ROLLBACK",
    [CCB_OUTBOX_COUNT] = "SELECT count(*) FROM letters",
    [CCB_OUTBOX_OLDEST] = "SELECT stored_at FROM letters ORDER BY id LIMIT 1",
    [CCB_OUTBOX_IS_DELIVERED] = "SELECT 1 FROM delivered WHERE guid = ?1",
    [CCB_OUTBOX_INSERT] =
        "INSERT INTO letters (guid, payload, failed, created_at, stored_at,"
        " attempts, due_at) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?5)"
        " ON CONFLICT (guid) DO NOTHING",
    [CCB_OUTBOX_FIRST_DUE] =
        "SELECT id, guid, payload, failed, created_at, stored_at, attempts,"
        " due_at FROM letters WHERE id NOT IN (SELECT id FROM claimed)"
        " ORDER BY due_at LIMIT 1",
    [CCB_OUTBOX_CLAIM] = "INSERT INTO claimed (id) VALUES (?1)",
    [CCB_OUTBOX_UNCLAIM] = "DELETE FROM claimed WHERE id = ?1",
    [CCB_OUTBOX_DELETE] = "DELETE FROM letters WHERE id = ?1",
    [CCB_OUTBOX_POSTPONE] = "UPDATE letters SET attempts = attempts + 1,"
                            " due_at = ?2 WHERE id = ?1",
    [CCB_OUTBOX_REMEMBER] = "INSERT OR REPLACE INTO delivered (guid)"
                            " VALUES (?1)",
    [CCB_OUTBOX_FORGET] = "DELETE FROM delivered WHERE id <= ?1",
    [CCB_OUTBOX_EACH_NOTE] = "SELECT name, count, since FROM notes",
    [CCB_OUTBOX_WRITE_NOTE] = "INSERT OR REPLACE INTO notes (name, count,"
                              " since) VALUES (?1, ?2, ?3)",
    [CCB_OUTBOX_FORGET_NOTE] = "DELETE FROM notes WHERE name = ?1",
};

/* ---- statements --------------------------------------------------------- */

static int step(sqlite3_stmt *statement, struct ccb_error *err)
{
    return ccb_state_step(statement, WHAT, err);
}

/* The same for statements that give no row. */
static int run(sqlite3_stmt *statement, struct ccb_error *err)
{
    int code = step(statement, err);
    (void)sqlite3_reset(statement);
    return code < 0 ? code : 0;
}

int ccb_outbox_run_plain(struct ccb_outbox_file *file,
                         enum ccb_outbox_sql which, struct ccb_error *err)
{
    return run(file->statements[which], err);
}

int ccb_outbox_get_number(struct ccb_outbox_file *file,
                          enum ccb_outbox_sql which, int64_t *out,
                          struct ccb_error *err)
{
    sqlite3_stmt *statement = file->statements[which];
    int code = step(statement, err);
    *out = code > 0 ? sqlite3_column_int64(statement, 0) : 0;
    (void)sqlite3_reset(statement);
    return code < 0 ? code : 0;
}

/* Borrowed: the statement is reset before the text goes. */
static void bind_text(sqlite3_stmt *statement, int at, struct ccb_slice text)
{
    (void)sqlite3_bind_text64(statement, at, text.ptr ? text.ptr : "", text.len,
                              SQLITE_STATIC, SQLITE_UTF8);
}

static int run_id(struct ccb_outbox_file *file, enum ccb_outbox_sql which,
                  int64_t id, struct ccb_error *err)
{
    (void)sqlite3_bind_int64(file->statements[which], 1, id);
    return ccb_outbox_run_plain(file, which, err);
}

/* ---- the operations ----------------------------------------------------- */

static int is_delivered(struct ccb_outbox_file *file, struct ccb_slice guid,
                        bool *out, struct ccb_error *err)
{
    sqlite3_stmt *statement = file->statements[CCB_OUTBOX_IS_DELIVERED];
    int code;
    bind_text(statement, 1, guid);
    code = step(statement, err);
    (void)sqlite3_reset(statement);
    *out = code > 0;
    return code < 0 ? code : 0;
}

static int insert(struct ccb_outbox_file *file, const struct ccb_letter *letter,
                  bool *known, struct ccb_error *err)
{
    sqlite3_stmt *statement = file->statements[CCB_OUTBOX_INSERT];
    int code;
    bind_text(statement, 1, letter->guid);
    (void)sqlite3_bind_blob64(statement, 2,
                              letter->payload.ptr ? letter->payload.ptr : "",
                              letter->payload.len, SQLITE_STATIC);
    (void)sqlite3_bind_int(statement, 3, letter->failed);
    (void)sqlite3_bind_int64(statement, 4, letter->created_at);
    (void)sqlite3_bind_int64(statement, 5, ccb_clock_wall());
    code = run(statement, err);
    *known = sqlite3_changes(file->db) == 0;
    return code;
}

/* What is written to a file that was removed ends with the process: nothing
 * may be acknowledged for it. */
static int check_place(struct ccb_outbox_file *file, struct ccb_error *err)
{
    int moved = 0;
    (void)sqlite3_file_control(file->db, "main", SQLITE_FCNTL_HAS_MOVED,
                               &moved);
    if (!moved)
        return 0;
    return ccb_error_set(err, CCB_IO,
                         WHAT ": %s was removed or replaced; put it back or "
                              "restart the daemon",
                         sqlite3_db_filename(file->db, "main"));
}

static int write_note(struct ccb_outbox_file *file,
                      const struct ccb_outbox_note *note, struct ccb_error *err)
{
    sqlite3_stmt *statement = file->statements[CCB_OUTBOX_WRITE_NOTE];
    bind_text(statement, 1, note->name);
    (void)sqlite3_bind_int64(statement, 2, note->count);
    (void)sqlite3_bind_int64(statement, 3, note->since);
    return run(statement, err);
}

int ccb_outbox_run_write(struct ccb_outbox_file *file,
                         struct ccb_outbox_write *write, struct ccb_error *err)
{
    if (!write->forget)
        return write_note(file, write->note, err);
    bind_text(file->statements[CCB_OUTBOX_FORGET_NOTE], 1, write->note->name);
    return ccb_outbox_run_plain(file, CCB_OUTBOX_FORGET_NOTE, err);
}

int ccb_outbox_read_notes(struct ccb_outbox_file *file,
                          int (*on_note)(void *user,
                                         const struct ccb_outbox_note *note),
                          void *user, struct ccb_error *err)
{
    sqlite3_stmt *row = file->statements[CCB_OUTBOX_EACH_NOTE];
    int code = step(row, err);
    while (code > 0) {
        const struct ccb_outbox_note note = {
            .name = ccb_slice_make((const char *)sqlite3_column_text(row, 0),
                                   (size_t)sqlite3_column_bytes(row, 0)),
            .count = sqlite3_column_int64(row, 1),
            .since = sqlite3_column_int64(row, 2),
        };
        code = on_note(user, &note);
        if (code < 0)
            ccb_error_set(err, code, WHAT ": its notes can't be kept");
        else
            code = step(row, err);
    }
    (void)sqlite3_reset(row);
    return code;
}

int ccb_outbox_run_put(struct ccb_outbox_file *file, struct ccb_outbox_put *put,
                       struct ccb_error *err)
{
    int code = check_place(file, err);
    if (code == 0)
        code = is_delivered(file, put->letter.guid, &put->known, err);
    if (code == 0 && !put->known)
        code = insert(file, &put->letter, &put->known, err);
    if (code == 0 && put->note)
        code = write_note(file, put->note, err);
    put->op.added = code == 0 && !put->known;
    return code;
}

static struct ccb_slice copy_column(struct ccb_arena *arena, sqlite3_stmt *row,
                                    int column)
{
    const void *bytes = sqlite3_column_blob(row, column);
    size_t len = (size_t)sqlite3_column_bytes(row, column);
    return ccb_arena_copy(arena, ccb_slice_make(len > 0 ? bytes : "", len));
}

static int read_letter(sqlite3_stmt *row, struct ccb_outbox_take *take,
                       struct ccb_error *err)
{
    take->letter = (struct ccb_letter){
        .id = sqlite3_column_int64(row, 0),
        .guid = copy_column(take->arena, row, 1),
        .payload = copy_column(take->arena, row, 2),
        .failed = sqlite3_column_int(row, 3) != 0,
        .created_at = sqlite3_column_int64(row, 4),
        .stored_at = sqlite3_column_int64(row, 5),
        .attempts = sqlite3_column_int64(row, 6),
    };
    if (!take->letter.guid.ptr || !take->letter.payload.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    take->found = true;
    return 0;
}

int ccb_outbox_run_take(struct ccb_outbox_file *file,
                        struct ccb_outbox_take *take, struct ccb_error *err)
{
    sqlite3_stmt *row = file->statements[CCB_OUTBOX_FIRST_DUE];
    int64_t now = ccb_clock_wall();
    int code = step(row, err);
    take->found = false;
    take->due_at = 0;
    if (code > 0) {
        take->due_at = sqlite3_column_int64(row, 7);
        code = 0;
        if (take->due_at <= now || take->due_at > now + FARTHEST)
            code = read_letter(row, take, err);
    }
    (void)sqlite3_reset(row);
    if (code == 0 && take->found)
        code = run_id(file, CCB_OUTBOX_CLAIM, take->letter.id, err);
    return code;
}

static int postpone(struct ccb_outbox_file *file,
                    const struct ccb_outbox_mark *mark, struct ccb_error *err)
{
    (void)sqlite3_bind_int64(file->statements[CCB_OUTBOX_POSTPONE], 2,
                             mark->due_at);
    return run_id(file, CCB_OUTBOX_POSTPONE, mark->letter->id, err);
}

static int give_up(struct ccb_outbox_file *file,
                   const struct ccb_outbox_mark *mark, struct ccb_error *err)
{
    return run_id(file, CCB_OUTBOX_DELETE, mark->letter->id, err);
}

static int remember(struct ccb_outbox_file *file,
                    const struct ccb_outbox_mark *mark, struct ccb_error *err)
{
    sqlite3_stmt *statement = file->statements[CCB_OUTBOX_REMEMBER];
    int code = give_up(file, mark, err);
    if (code < 0)
        return code;
    bind_text(statement, 1, mark->letter->guid);
    code = run(statement, err);
    if (code < 0)
        return code;
    return run_id(file, CCB_OUTBOX_FORGET,
                  sqlite3_last_insert_rowid(file->db) - file->kind->remembered,
                  err);
}

static const struct {
    int (*run)(struct ccb_outbox_file *file, const struct ccb_outbox_mark *mark,
               struct ccb_error *err);
    int added;
} fates[] = {
    [CCB_LETTER_DELIVERED] = {remember, -1},
    [CCB_LETTER_LATER] = {postpone, 0},
    [CCB_LETTER_GIVEN_UP] = {give_up, -1},
};

int ccb_outbox_run_mark(struct ccb_outbox_file *file,
                        struct ccb_outbox_mark *mark, struct ccb_error *err)
{
    int code = fates[mark->fate].run(file, mark, err);
    mark->op.added = fates[mark->fate].added;
    if (code < 0)
        return code;
    return run_id(file, CCB_OUTBOX_UNCLAIM, mark->letter->id, err);
}

/* ---- open and close ----------------------------------------------------- */

static int prepare_all(struct ccb_outbox_file *file, struct ccb_error *err)
{
    int i, count =
               file->kind->notes ? CCB_OUTBOX_STATEMENTS : CCB_OUTBOX_EACH_NOTE;
    if (sqlite3_exec(file->db, at_start, NULL, NULL, NULL) != SQLITE_OK)
        return ccb_state_fail(file->db, WHAT, err);
    for (i = 0; i < count; i++)
        if (sqlite3_prepare_v3(file->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &file->statements[i], NULL) != SQLITE_OK)
            return ccb_state_fail(file->db, WHAT, err);
    return 0;
}

static int open_in(struct ccb_outbox_file *file, const char *dir,
                   const struct ccb_state_schema *schema, struct ccb_error *err)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", dir, file->kind->file);
    int code;
    if (n < 0 || (size_t)n >= sizeof(path))
        return ccb_error_set(err, CCB_TOO_LARGE, "%s: too long a path",
                             file->kind->flag);
    code = ccb_directory_make(dir, err);
    return code == 0 ? ccb_state_open(&file->db, path, schema, err) : code;
}

int ccb_outbox_file_open(struct ccb_outbox_file *file,
                         const struct ccb_outbox_kind *kind, const char *dir,
                         struct ccb_error *err)
{
    const struct ccb_state_schema schema = {
        .application_id = kind->application_id,
        .migrations = migrations,
        .version = kind->notes ? 2 : 1,
        .flag = kind->flag,
    };
    int code;
    *file = (struct ccb_outbox_file){.kind = kind};
    code = dir[0] ? open_in(file, dir, &schema, err)
                  : ccb_state_open(&file->db, NULL, &schema, err);
    if (code == 0)
        code = prepare_all(file, err);
    if (code < 0)
        ccb_outbox_file_close(file);
    return code;
}

void ccb_outbox_file_close(struct ccb_outbox_file *file)
{
    int i;
    for (i = 0; i < CCB_OUTBOX_STATEMENTS; i++)
        (void)sqlite3_finalize(file->statements[i]);
    (void)sqlite3_close(file->db);
}
