/*
 * Convergence: contract/receptor-api.md 9 and the last table of its 15. Plans
 * are shown as lines, before and after what they do.
 */
#include "cell_bed.h"

/* ---- a pass ------------------------------------------------------------- */

static char planned[4096];

static void show_plan(const struct ccb_converge_plan *plan)
{
    static const char *const names[] = {
        "nothing", "delete-task", "expire", "orphan",       "auction-task",
        "call",    "demote",      "prune",  "prune-actual", "create",
        "remove",  "replace",     "retire", "restart",      "auction"};
    size_t used = strlen(planned);

    for (size_t i = 0; i < plan->count && used < sizeof(planned) - 64; i++)
        used += (size_t)snprintf(planned + used, sizeof(planned) - used,
                                 "%s %.*s/%d\n", names[plan->steps[i].kind],
                                 TEXT(plan->steps[i].guid),
                                 (int)plan->steps[i].index);
}

static struct ccb_converge_pass pass;
static size_t pieces, steps;

static int piece(const struct step *s, struct ccb_store_tx *tx,
                 struct ccb_error *err)
{
    static struct ccb_converge_plan plan;
    int code = ccb_converge_plan(tx, &pass, &plan, err);

    if (code < 0)
        return code;
    show_plan(&plan);
    pieces++;
    steps += plan.count;
    return s->number ? ccb_converge_apply(tx, &plan, err) : 0;
}

static const char *run_pass(int apply)
{
    planned[0] = '\0';
    pieces = steps = 0;
    memset(&pass, 0, sizeof(pass));
    while (pass.stage != CCB_PASS_DONE)
        OK(DO(piece, .number = apply));
    ccb_converge_end(&pass);
    return planned;
}

/* What a pass would do, and then does. */
static const char *converge(void)
{
    char before[sizeof(planned)];

    (void)snprintf(before, sizeof(before), "%s", run_pass(0));
    assert_string_equal(run_pass(1), before);
    return planned;
}

/* ---- by-passes ---------------------------------------------------------- */

static int sql(const struct step *s, struct ccb_store_tx *tx,
               struct ccb_error *err)
{
    return sqlite3_exec(tx->db, s->text, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : ccb_tx_fail(tx, err);
}

#define SQL(text_) OK(DO(sql, .text = text_))

static int start_task(const struct step *s, struct ccb_store_tx *tx,
                      struct ccb_error *err)
{
    bool should;

    return ccb_task_start(tx, or_empty(s->guid), or_empty(s->cell), &should,
                          err);
}

static int fail_task(const struct step *s, struct ccb_store_tx *tx,
                     struct ccb_error *err)
{
    return ccb_task_fail(tx, or_empty(s->guid), or_empty(s->text), err);
}

static int resolving(const struct step *s, struct ccb_store_tx *tx,
                     struct ccb_error *err)
{
    return ccb_task_resolving(tx, or_empty(s->guid), err);
}

static int start(const struct step *s, struct ccb_store_tx *tx,
                 struct ccb_error *err)
{
    struct ccb_actual_key key = {or_empty(s->guid), s->index,
                                 ccb_slice_of("demo")};
    struct ccb_instance_key instance = {ccb_slice_of("i"), or_empty(s->cell)};
    struct ccb_net_info net = {ccb_slice_of("10.0.0.1"), ccb_slice_of("")};

    return ccb_actual_start(tx, &key, &instance, &net, err);
}

static void be_fresh(void)
{
    OK(DO(freshen, .domain = "demo"));
}

static void desire(int instances)
{
    OK(DO(desire_lrp, .guid = "web-1", .number = instances));
    (void)cell_effects();
}

/* ---- tasks -------------------------------------------------------------- */

static void test_a_young_pending_task_is_left_alone(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1"));
    cell_pass(29);
    assert_string_equal(converge(), "");
}

static void test_a_pending_task_is_auctioned_again_at_the_kick(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1"));
    (void)cell_effects();
    cell_pass(30);
    assert_string_equal(converge(), "auction-task t1/0\n");
    assert_string_equal(cell_effects(), "auction-task t1\n");
}

static void test_a_pending_task_expires(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1", .text = "http://x.test/"));
    (void)cell_effects();
    cell_pass(1800);
    assert_string_equal(converge(), "expire t1/0\n");
    assert_string_equal(task_line("t1"),
                        "COMPLETED cell= failed=1 reason=not started within "
                        "time limit result= updated=1800 completed=1800");
    assert_string_equal(cell_effects(), ""); /* called back at the next kick */
    cell_pass(30);
    assert_string_equal(converge(), "call t1/0\n");
    assert_string_equal(cell_effects(), "call-back t1\n");
}

static void test_a_running_task_fails_with_its_cell(void **state)
{
    (void)state;
    OK(DO(announce, .cell = "a"));
    OK(DO(desire_task, .guid = "t1"));
    OK(DO(start_task, .guid = "t1", .cell = "a"));
    assert_string_equal(converge(), "");
    OK(DO(leave, .cell = "a"));
    assert_string_equal(converge(), "orphan t1/0\n");
    assert_string_equal(task_line("t1"),
                        "COMPLETED cell= failed=1 reason=cell disappeared "
                        "before completion result= updated=0 completed=0");
}

static void test_a_completed_task_is_submitted_again_then_deleted(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1", .text = "http://x.test/"));
    OK(DO(desire_task, .guid = "t2"));
    OK(DO(fail_task, .guid = "t1"));
    OK(DO(fail_task, .guid = "t2"));
    (void)cell_effects();
    cell_pass(29);
    assert_string_equal(converge(), "");
    cell_pass(1);
    assert_string_equal(converge(), "call t1/0\n");
    cell_pass(89);
    assert_string_equal(converge(), "call t1/0\n");
    cell_pass(1);
    assert_string_equal(converge(), "delete-task t1/0\ndelete-task t2/0\n");
    assert_string_equal(task_line("t1"), "none");
}

static void test_a_resolving_task_is_demoted_then_deleted(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1", .text = "http://x.test/"));
    OK(DO(fail_task, .guid = "t1"));
    OK(DO(resolving, .guid = "t1"));
    (void)cell_effects();
    assert_string_equal(converge(), "");
    cell_pass(30);
    assert_string_equal(converge(), "demote t1/0\n");
    assert_string_equal(cell_effects(), "call-back t1\n");
    OK(DO(resolving, .guid = "t1"));
    cell_pass(90);
    assert_string_equal(converge(), "delete-task t1/0\n");
}

static void test_an_unreadable_task_is_deleted(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1"));
    OK(DO(desire_task, .guid = "t2"));
    SQL("UPDATE tasks SET body = '{' WHERE task_guid = 't1'");
    SQL("UPDATE tasks SET state = 77 WHERE task_guid = 't2'");
    assert_string_equal(converge(), "delete-task t1/0\ndelete-task t2/0\n");
}

/* ---- LRPs --------------------------------------------------------------- */

static void test_everything_in_order_is_no_change(void **state)
{
    (void)state;
    OK(DO(announce, .cell = "a"));
    desire(2);
    OK(DO(start, .guid = "web-1", .cell = "a"));
    be_fresh();
    assert_string_equal(converge(), "");
}

static void test_every_missing_index_is_created_and_auctioned(void **state)
{
    (void)state;
    desire(4);
    SQL("DELETE FROM actual WHERE idx IN (0, 2, 3)");
    assert_string_equal(converge(),
                        "create web-1/0\ncreate web-1/2\ncreate web-1/3\n");
    assert_string_equal(cell_effects(),
                        "auction web-1/0\nauction web-1/2\nauction web-1/3\n");
    SQL("DELETE FROM actual");
    assert_string_equal(converge(), "create web-1/0\ncreate web-1/1\n"
                                    "create web-1/2\ncreate web-1/3\n");
}

static void test_an_extra_index_goes_when_the_domain_is_fresh(void **state)
{
    (void)state;
    OK(DO(announce, .cell = "a"));
    desire(3);
    OK(DO(start, .guid = "web-1", .index = 2, .cell = "a"));
    SQL("UPDATE desired SET instances = 1");
    assert_string_equal(converge(), ""); /* stale */
    be_fresh();
    assert_string_equal(converge(), "retire web-1/1\nretire web-1/2\n");
    assert_string_equal(cell_effects(), "stop web-1/2\n");
    assert_string_equal(actual_line("web-1", 1), "none");
    assert_memory_equal(actual_line("web-1", 2), "RUNNING", 7);
}

static void test_with_a_stale_domain_all_other_checks_are_made(void **state)
{
    (void)state;
    desire(3);
    OK(DO(start, .guid = "web-1", .index = 0, .cell = "gone"));
    SQL("UPDATE desired SET instances = 1");
    SQL("UPDATE actual SET state = 4, crash_count = 3 WHERE idx = 1");
    cell_pass(31);
    assert_string_equal(converge(),
                        "replace web-1/0\nrestart web-1/1\nauction web-1/2\n");
}

static void test_what_is_not_desired_goes_when_its_domain_is_fresh(void **state)
{
    (void)state;
    OK(DO(announce, .cell = "a"));
    desire(2);
    OK(DO(start, .guid = "web-1", .cell = "a"));
    SQL("DELETE FROM desired");
    assert_string_equal(converge(), "");
    be_fresh();
    assert_string_equal(converge(), "retire web-1/0\nretire web-1/1\n");
    assert_string_equal(cell_effects(), "stop web-1/0\n");
}

static void test_freshness_ends_with_its_ttl(void **state)
{
    (void)state;
    desire(1);
    SQL("DELETE FROM desired");
    OK(DO(freshen, .domain = "demo", .number = 5));
    cell_pass(5);
    assert_string_equal(converge(), "");
    OK(DO(freshen, .domain = "demo", .number = 5));
    OK(DO(freshen, .domain = "demo", .number = 50)); /* replaces */
    cell_pass(49);
    assert_string_equal(converge(), "retire web-1/0\n");
}

static void test_the_records_of_a_cell_go_with_it(void **state)
{
    (void)state;
    OK(DO(announce, .cell = "a"));
    desire(3);
    OK(DO(start, .guid = "web-1", .index = 0, .cell = "a"));
    OK(DO(start, .guid = "web-1", .index = 1, .cell = "a"));
    OK(DO(start, .guid = "web-1", .index = 5, .cell = "a"));
    SQL("UPDATE actual SET state = 2 WHERE idx = 1");
    cell_pass(10); /* its presence ends */
    assert_string_equal(converge(),
                        "replace web-1/0\nreplace web-1/1\nremove web-1/5\n");
    assert_memory_equal(actual_line("web-1", 1), "UNCLAIMED", 9);
    assert_string_equal(cell_effects(), "auction web-1/0\nauction web-1/1\n");
}

static void test_without_desire_and_cell_a_record_is_removed(void **state)
{
    (void)state;
    OK(DO(start, .guid = "web-1", .cell = "gone"));
    assert_string_equal(converge(), "remove web-1/0\n");
}

static void test_an_old_unclaimed_one_is_auctioned_again(void **state)
{
    (void)state;
    desire(1);
    cell_pass(30);
    assert_string_equal(converge(), "");
    cell_pass(1);
    assert_string_equal(converge(), "auction web-1/0\n");
    assert_string_equal(cell_effects(), "auction web-1/0\n");
    assert_non_null(strstr(actual_line("web-1", 0), "since=0 tag=0"));
}

static void test_a_crashed_one_restarts_exactly_when_its_wait_is_over(
    void **state)
{
    (void)state;
    desire(1);
    SQL("UPDATE actual SET state = 4, crash_count = 4");
    cell_pass(59);
    assert_string_equal(converge(), "");
    cell_pass(1);
    assert_string_equal(converge(), "restart web-1/0\n");
    assert_string_equal(actual_line("web-1", 0),
                        "UNCLAIMED @ net= count=4 reason= placement= since=60 "
                        "tag=1");
    assert_string_equal(cell_effects(), "auction web-1/0\n");
}

static void test_crash_counts_0_to_2_restart_at_any_time(void **state)
{
    (void)state;
    desire(3);
    SQL("UPDATE actual SET state = 4, crash_count = idx");
    assert_string_equal(converge(),
                        "restart web-1/0\nrestart web-1/1\nrestart web-1/2\n");
}

static void test_crash_counts_from_200_never_restart(void **state)
{
    (void)state;
    desire(2);
    SQL("UPDATE actual SET state = 4, crash_count = 200 + idx");
    cell_pass(3600);
    assert_string_equal(converge(), "");
}

static void test_a_malformed_desired_record_is_deleted(void **state)
{
    (void)state;
    desire(1);
    SQL("UPDATE desired SET body = 'oops'");
    assert_string_equal(converge(), "prune web-1/0\n");
    assert_string_equal(converge(), ""); /* a stale domain keeps the rest */
}

static void test_malformed_actual_records_are_pruned(void **state)
{
    (void)state;
    desire(1);
    SQL("UPDATE actual SET state = 9");
    SQL("INSERT INTO actual SELECT process_guid, -4, domain, '', '', '', '', 1,"
        " 0, '', '', 0, epoch, 0 FROM actual");
    assert_string_equal(converge(),
                        "prune-actual web-1/-4\nprune-actual web-1/0\n");
    assert_string_equal(converge(), "create web-1/0\n");
}

/* ---- pieces ------------------------------------------------------------- */

/* One LRP alone has more to be done than a piece holds: it is gone on with
 * where the piece ended, also when nothing was carried out. */
static void test_a_pass_goes_in_pieces_and_misses_nothing(void **state)
{
    (void)state;
    desire(1200); /* of which the first 1000 are made at once */
    SQL("WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n "
        "WHERE i < 699) INSERT INTO desired SELECT 'lrp-' || i, 'demo', 2, "
        "'', '', 'e', 0, '{}' FROM n");
    SQL("DELETE FROM actual WHERE idx % 2 = 0");
    (void)run_pass(0);
    assert_true(pieces > 4);
    assert_int_equal(steps, 500 + 200 + 2 * 700);
    (void)run_pass(1);
    assert_int_equal(steps, 500 + 200 + 2 * 700);
    (void)run_pass(1);
    assert_int_equal(steps, 0);
}

static void test_tasks_go_in_pieces_too(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t"));
    SQL("WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n "
        "WHERE i < 1998) INSERT INTO tasks SELECT 't' || i, domain, state, "
        "cell_id, created_at, updated_at, 0, 0, '', '', '', '', '', body "
        "FROM tasks, n WHERE task_guid = 't'");
    cell_pass(40);
    (void)run_pass(0);
    assert_int_equal(steps, 2000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, cell_open, cell_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_young_pending_task_is_left_alone),
        CASE(test_a_pending_task_is_auctioned_again_at_the_kick),
        CASE(test_a_pending_task_expires),
        CASE(test_a_running_task_fails_with_its_cell),
        CASE(test_a_completed_task_is_submitted_again_then_deleted),
        CASE(test_a_resolving_task_is_demoted_then_deleted),
        CASE(test_an_unreadable_task_is_deleted),
        CASE(test_everything_in_order_is_no_change),
        CASE(test_every_missing_index_is_created_and_auctioned),
        CASE(test_an_extra_index_goes_when_the_domain_is_fresh),
        CASE(test_with_a_stale_domain_all_other_checks_are_made),
        CASE(test_what_is_not_desired_goes_when_its_domain_is_fresh),
        CASE(test_freshness_ends_with_its_ttl),
        CASE(test_the_records_of_a_cell_go_with_it),
        CASE(test_without_desire_and_cell_a_record_is_removed),
        CASE(test_an_old_unclaimed_one_is_auctioned_again),
        CASE(test_a_crashed_one_restarts_exactly_when_its_wait_is_over),
        CASE(test_crash_counts_0_to_2_restart_at_any_time),
        CASE(test_crash_counts_from_200_never_restart),
        CASE(test_a_malformed_desired_record_is_deleted),
        CASE(test_malformed_actual_records_are_pruned),
        CASE(test_a_pass_goes_in_pieces_and_misses_nothing),
        CASE(test_tasks_go_in_pieces_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
