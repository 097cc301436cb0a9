/*
 * Files of state: whose they are, who has them, how they are upgraded
 * (state/state.h, design.md 7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/state.h"

static const char *const rows[] = {
    "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (7)",
    "ALTER TABLE a ADD COLUMN y INTEGER",
    "UPDATE a SET y = x + 1",
};

static struct ccb_state_schema schema_to(int version)
{
    return (struct ccb_state_schema){
        .application_id = 0x63636274, .migrations = rows, .version = version};
}

static char dir[64], path[96];
static struct ccb_error err;

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/ccb-state-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/a.sqlite", dir);
    err = (struct ccb_error){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(dir); /* and nothing else is left in it */
}

static sqlite3 *open_to(int version)
{
    const struct ccb_state_schema schema = schema_to(version);
    sqlite3 *db = NULL;

    if (ccb_state_open(&db, path, &schema, &err) != 0)
        fail_msg("%s", err.message);
    return db;
}

static void assert_refused(int version, int code, const char *part)
{
    const struct ccb_state_schema schema = schema_to(version);
    sqlite3 *db;

    assert_int_equal(ccb_state_open(&db, path, &schema, &err), code);
    assert_null(db);
    if (!strstr(err.message, path) || !strstr(err.message, part))
        fail_msg("no \"%s\" of %s in: %s", part, path, err.message);
}

/* The only number that `sql` gives, or -1. */
static int number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int value = -1;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        ccb_state_step(statement, "test", &err) == 1)
        value = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    return value;
}

static void run_sql(const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_new_file_is_the_owners_and_marked_as_ours(void **state)
{
    sqlite3 *db = open_to(3);
    struct stat info;

    (void)state;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(number(db, "PRAGMA application_id"), 0x63636274);
    assert_int_equal(number(db, "PRAGMA user_version"), 3);
    assert_int_equal(number(db, "SELECT y FROM a"), 8);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void an_older_file_is_upgraded_and_keeps_what_it_has(void **state)
{
    sqlite3 *db = open_to(1);

    (void)state;
    assert_int_equal(sqlite3_exec(db, "UPDATE a SET x = 40", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    db = open_to(3);
    assert_int_equal(number(db, "SELECT y FROM a"), 41);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    db = open_to(3); /* which is no upgrade */
    assert_int_equal(number(db, "SELECT count(*) FROM a"), 1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_newer_file_is_refused_by_name(void **state)
{
    (void)state;
    assert_int_equal(sqlite3_close(open_to(3)), SQLITE_OK);
    assert_refused(2, CCB_CONFLICT,
                   "schema is version 3, this program knows up to 2");
}

static void a_foreign_file_is_left_as_it_is(void **state)
{
    (void)state;
    run_sql("CREATE TABLE recipes (name TEXT)");
    assert_refused(3, CCB_CONFLICT, "a database of another program");
    run_sql("DROP TABLE recipes; PRAGMA application_id = 77");
    assert_refused(3, CCB_CONFLICT, "a database of another program");
    run_sql("CREATE TABLE a (none_of_ours)");
}

static void what_is_no_database_is_told(void **state)
{
    FILE *file = fopen(path, "w");

    (void)state;
    assert_non_null(file);
    for (int i = 0; i < 200; i++)
        fputs("what a person wrote\n", file);
    assert_int_equal(fclose(file), 0);
    assert_refused(3, CCB_IO, "not a database");
}

static void a_directory_that_is_not_there_is_named(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "%s/none/a.sqlite", dir);
    assert_refused(3, CCB_IO, "No such file or directory");
}

/* By another process, since a lock is the process's. */
static void a_file_in_use_is_refused(void **state)
{
    int ready[2], over[2], status;
    char byte = 0;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(over), 0);
    child = fork();
    if (child == 0) {
        const struct ccb_state_schema schema = schema_to(3);
        sqlite3 *db;
        int code = ccb_state_open(&db, path, &schema, &err);

        (void)close(over[1]);
        (void)!write(ready[1], &byte, 1);
        (void)!read(over[0], &byte, 1);
        _exit(code == 0 ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_refused(3, CCB_CONFLICT, "another process has this state open");
    (void)close(over[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(sqlite3_close(open_to(3)), SQLITE_OK);
    for (int i = 0; i < 2; i++)
        (void)close(ready[i]);
    (void)close(over[0]);
}

static void a_broken_upgrade_changes_nothing(void **state)
{
    static const char *const broken[] = {
        "CREATE TABLE a (x INTEGER)",
        "CREATE TABLE b (x INTEGER); INSERT INTO nowhere VALUES (1)",
    };
    const struct ccb_state_schema schema = {
        .application_id = 1, .migrations = broken, .version = 2};
    sqlite3 *db;

    (void)state;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(ccb_state_migrate(db, "x", &schema, &err), CCB_IO);
    assert_non_null(strstr(err.message, "nowhere"));
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM a"), 0);
    assert_int_equal(number(db, "SELECT count(*) FROM b"), -1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_statement_tells_rows_ends_and_failures(void **state)
{
    sqlite3_stmt *rows_of, *doubled;
    sqlite3 *db = open_to(1);

    (void)state;
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT x FROM a", -1, &rows_of, NULL),
        SQLITE_OK);
    for (int i = 0; i < 2; i++) { /* its end has reset it */
        assert_int_equal(ccb_state_step(rows_of, "test", &err), 1);
        assert_int_equal(ccb_state_step(rows_of, "test", &err), 0);
    }
    assert_int_equal(
        sqlite3_exec(db, "CREATE UNIQUE INDEX i ON a (x)", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "INSERT INTO a VALUES (7)", -1, &doubled, NULL),
        SQLITE_OK);
    assert_int_equal(ccb_state_step(doubled, "test", &err), CCB_IO);
    assert_string_equal(err.message, "test: UNIQUE constraint failed: a.x");
    (void)sqlite3_finalize(rows_of);
    (void)sqlite3_finalize(doubled);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_new_file_is_the_owners_and_marked_as_ours),
        EACH(an_older_file_is_upgraded_and_keeps_what_it_has),
        EACH(a_newer_file_is_refused_by_name),
        EACH(a_foreign_file_is_left_as_it_is),
        EACH(what_is_no_database_is_told),
        EACH(a_directory_that_is_not_there_is_named),
        EACH(a_file_in_use_is_refused),
        EACH(a_broken_upgrade_changes_nothing),
        EACH(a_statement_tells_rows_ends_and_failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
