/* The ledger: what is committed stays, what fails leaves nothing, deadlines,
 * bounds, and files that are not ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "controller/blobs.h"
#include "controller/records.h"

struct world {
    char dir[32];
    struct ccb_ledger *ledger;
};

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct ccb_error err;

    (void)snprintf(world->dir, sizeof(world->dir), "/tmp/ccb-ledger-XXXXXX");
    *state = world;
    return mkdtemp(world->dir) &&
                   ccb_ledger_open(&world->ledger, world->dir, &err) == 0
               ? 0
               : -1;
}

static void path_of(char *out, const struct world *world, const char *name)
{
    (void)snprintf(out, 200, "%s/%s", world->dir, name);
}

static int teardown(void **state)
{
    static const char *const names[] = {
        "controller.sqlite", "controller.sqlite-wal", "controller.sqlite-shm",
        "blobs/f", "blobs"};
    struct world *world = *state;
    char path[200];

    ccb_ledger_close(world->ledger);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(path, world, names[i]);
        (void)remove(path);
    }
    (void)rmdir(world->dir);
    free(world);
    return 0;
}

static int perform(struct world *world,
                   int (*run)(struct ccb_ledger_op *, struct ccb_ledger *,
                              struct ccb_error *),
                   struct ccb_error *err)
{
    struct ccb_ledger_op op = {.run = run, .arena = ccb_arena_create()};
    int code;

    if (!op.arena)
        return CCB_NO_MEMORY;
    code = ccb_ledger_perform(world->ledger, &op);
    *err = op.err;
    ccb_arena_unref(op.arena);
    return code;
}

#define GUID "5c3f2d9a-7b41-4e0e-9a6d-1f0a2b7c8d01"

static int insert(struct ccb_ledger *ledger, struct ccb_error *err)
{
    struct ccb_app app = {.guid = CCB_LIT(GUID),
                          .name = CCB_LIT("shop"),
                          .version = CCB_LIT("v"),
                          .settings = CCB_LIT("{}"),
                          .instances = 1};
    return ccb_app_insert(ledger, &app, err);
}

static int make_app(struct ccb_ledger_op *op, struct ccb_ledger *ledger,
                    struct ccb_error *err)
{
    (void)op;
    return insert(ledger, err);
}

static int make_and_fail(struct ccb_ledger_op *op, struct ccb_ledger *ledger,
                         struct ccb_error *err)
{
    int code = insert(ledger, err);

    (void)op;
    return code < 0 ? code : ccb_error_set(err, CCB_INVALID, "no");
}

static int load_app(struct ccb_ledger_op *op, struct ccb_ledger *ledger,
                    struct ccb_error *err)
{
    struct ccb_app app;

    (void)op;
    return ccb_app_load(ledger, &app, CCB_APP_BY_NAME, ccb_slice_of("shop"),
                        err);
}

static void what_fails_leaves_nothing(void **state)
{
    struct ccb_error err;

    assert_int_equal(perform(*state, make_and_fail, &err), CCB_INVALID);
    assert_int_equal(perform(*state, load_app, &err), CCB_NOT_FOUND);
    assert_string_equal(err.id, "AppNotFound");
    assert_int_equal(perform(*state, make_app, &err), 0);
    assert_int_equal(perform(*state, load_app, &err), 0);
}

static void survives_every_failed_allocation(void **state)
{
    struct ccb_error err;
    int code = CCB_NO_MEMORY;

    assert_int_equal(perform(*state, make_app, &err), 0);
    for (size_t nth = 1; code < 0; nth++) {
        assert_true(nth < 100);
        ccb_mem_fail_at(nth, 0);
        code = perform(*state, load_app, &err);
        ccb_mem_fail_at(0, 0);
        assert_true(code == 0 || code == CCB_NO_MEMORY);
    }
}

/* ---- deadlines ---------------------------------------------------------- */

static int64_t next_deadline;

static int begin_staging(struct ccb_ledger_op *op, struct ccb_ledger *ledger,
                         struct ccb_error *err)
{
    (void)op;
    return ccb_ledger_run(
        ledger, err,
        "INSERT INTO stagings (app, guid, state, started_at, ended_at, "
        "deadline) VALUES (1, '" GUID "-s', 'STAGING', 1, 0, ?)",
        "i", next_deadline);
}

static int expire(struct ccb_ledger_op *op, struct ccb_ledger *ledger,
                  struct ccb_error *err)
{
    (void)op;
    return ccb_staging_expire(ledger, &next_deadline, err);
}

static int move_deadline(struct ccb_ledger_op *op, struct ccb_ledger *ledger,
                         struct ccb_error *err)
{
    (void)op;
    return ccb_ledger_run(ledger, err, "UPDATE stagings SET deadline = 1", "");
}

static int expect_failed(struct ccb_ledger_op *op, struct ccb_ledger *ledger,
                         struct ccb_error *err)
{
    struct ccb_app app;
    int64_t cancels;

    (void)op;
    assert_int_equal(
        ccb_app_load(ledger, &app, CCB_APP_BY_NAME, ccb_slice_of("shop"), err),
        0);
    assert_true(ccb_slice_is(app.staging.state, "FAILED"));
    assert_true(ccb_slice_is(app.staging.error_id, "StagingTimeExpired"));
    assert_int_equal(ccb_ledger_number(ledger, err, &cancels,
                                       "SELECT count(*) FROM outbox WHERE "
                                       "kind = 1 AND key = '" GUID "-s'",
                                       ""),
                     1);
    assert_int_equal(cancels, 1);
    return 0;
}

static void a_staging_fails_at_its_deadline(void **state)
{
    struct ccb_error err;
    int64_t later = INT64_MAX;

    assert_int_equal(perform(*state, make_app, &err), 0);
    next_deadline = later;
    assert_int_equal(perform(*state, begin_staging, &err), 0);
    assert_int_equal(perform(*state, expire, &err), 0);
    assert_true(next_deadline == later);
    assert_int_equal(perform(*state, move_deadline, &err), 0);
    assert_int_equal(perform(*state, expire, &err), 0);
    assert_true(next_deadline == 0);
    assert_int_equal(perform(*state, expect_failed, &err), 0);
}

/* ---- bounds ------------------------------------------------------------- */

static int add_events(struct ccb_ledger_op *op, struct ccb_ledger *ledger,
                      struct ccb_error *err)
{
    int64_t count, least;
    int code = 0;

    (void)op;
    for (int i = 0; code == 0 && i < CCB_EVENTS_KEPT + 10; i++)
        code = ccb_event_add(ledger, ccb_slice_of("shop"), "app.update", err,
                             "%d", i);
    assert_int_equal(code, 0);
    ccb_ledger_number(ledger, err, &count, "SELECT count(*) FROM events", "");
    ccb_ledger_number(ledger, err, &least, "SELECT min(id) FROM events", "");
    assert_int_equal(count, CCB_EVENTS_KEPT);
    assert_int_equal(least, 11);
    return 0;
}

static void only_the_last_events_are_kept(void **state)
{
    struct ccb_error err;

    assert_int_equal(perform(*state, add_events, &err), 0);
}

/* ---- files -------------------------------------------------------------- */

static int prepare_blobs(struct ccb_ledger_op *op, struct ccb_ledger *ledger,
                         struct ccb_error *err)
{
    (void)op;
    return ccb_blobs_prepare(ledger, err);
}

static int adopt(struct ccb_ledger_op *op, struct ccb_ledger *ledger,
                 struct ccb_error *err)
{
    struct ccb_digests digests = {.sha256 = "f", .bytes = 1};
    char path[200];

    (void)op;
    (void)snprintf(path, sizeof(path), "%s/blobs/tmp-1", ledger->dir);
    return ccb_blobs_adopt(ledger, path, &digests, err);
}

static void write_file(const struct world *world, const char *name)
{
    char path[200];
    FILE *file;

    path_of(path, world, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

static int is_there(const struct world *world, const char *name)
{
    char path[200];

    path_of(path, world, name);
    return access(path, F_OK) == 0;
}

static void files_without_a_record_are_swept(void **state)
{
    struct world *world = *state;
    struct ccb_error err;

    assert_int_equal(perform(world, prepare_blobs, &err), 0);
    write_file(world, "blobs/tmp-1");
    assert_int_equal(perform(world, adopt, &err), 0);
    write_file(world, "blobs/tmp-2");
    write_file(world, "blobs/0123");
    assert_int_equal(perform(world, prepare_blobs, &err), 0);
    assert_true(is_there(world, "blobs/f"));
    assert_false(is_there(world, "blobs/tmp-1"));
    assert_false(is_there(world, "blobs/tmp-2"));
    assert_false(is_there(world, "blobs/0123"));
}

static void refuses_files_that_are_not_its_own(void **state)
{
    static const char *const foreign[] = {"PRAGMA user_version = 99",
                                          "PRAGMA application_id = 77"};
    static const char *const words[] = {"version 99", "another program"};
    struct world *world = *state;
    struct ccb_error err;

    for (size_t i = 0; i < 2; i++) {
        struct stat status;
        char path[200];
        assert_int_equal(
            sqlite3_exec(world->ledger->db, foreign[i], NULL, NULL, NULL),
            SQLITE_OK);
        ccb_ledger_close(world->ledger);
        assert_int_equal(ccb_ledger_open(&world->ledger, world->dir, &err),
                         CCB_CONFLICT);
        assert_non_null(strstr(err.message, words[i]));
        path_of(path, world, "controller.sqlite");
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        assert_int_equal(remove(path), 0);
        assert_int_equal(ccb_ledger_open(&world->ledger, world->dir, &err), 0);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_fails_leaves_nothing),
        TEST(survives_every_failed_allocation),
        TEST(a_staging_fails_at_its_deadline),
        TEST(only_the_last_events_are_kept),
        TEST(files_without_a_record_are_swept),
        TEST(refuses_files_that_are_not_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
