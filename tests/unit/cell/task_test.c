/*
 * The life of a task: contract/receptor-api.md 6, and the task rows of its 15
 * ("Store rules").
 */
#include "cell_bed.h"

/* ---- transitions -------------------------------------------------------- */

static bool should_start;

static int start(const struct step *s, struct ccb_store_tx *tx,
                 struct ccb_error *err)
{
    return ccb_task_start(tx, or_empty(s->guid), or_empty(s->cell),
                          &should_start, err);
}

static int complete(const struct step *s, struct ccb_store_tx *tx,
                    struct ccb_error *err)
{
    struct ccb_task_outcome outcome = {.failed = s->number != 0,
                                       .failure_reason = or_empty(s->address),
                                       .result = or_empty(s->text)};

    return ccb_task_complete(tx, or_empty(s->guid), or_empty(s->cell), &outcome,
                             err);
}

#define GUID_ONLY(name, function)                                              \
    static int name(const struct step *s, struct ccb_store_tx *tx,             \
                    struct ccb_error *err)                                     \
    {                                                                          \
        return function(tx, or_empty(s->guid), err);                           \
    }
GUID_ONLY(cancel, ccb_task_cancel)
GUID_ONLY(resolving, ccb_task_resolving)
GUID_ONLY(resolve, ccb_task_resolve)
GUID_ONLY(demote, ccb_task_demote)

static int fail_task(const struct step *s, struct ccb_store_tx *tx,
                     struct ccb_error *err)
{
    return ccb_task_fail(tx, or_empty(s->guid), or_empty(s->text), err);
}

/* ---- cases -------------------------------------------------------------- */

static void test_desire_makes_it_pending_and_auctions(void **state)
{
    (void)state;
    cell_pass(3);
    OK(DO(desire_task, .guid = "t1"));
    assert_string_equal(task_line("t1"), "PENDING cell= failed=0 reason= "
                                         "result= updated=3 completed=-1");
    assert_string_equal(cell_effects(), "auction-task t1\n");
    REFUSED(DO(desire_task, .guid = "t1"), "TaskGuidAlreadyExists",
            "task already exists");
    assert_string_equal(cell_effects(), "");
}

static void test_start_on_the_same_cell_again_says_do_not_start(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1"));
    cell_pass(1);
    OK(DO(start, .guid = "t1", .cell = "a"));
    assert_true(should_start);
    cell_pass(1);
    OK(DO(start, .guid = "t1", .cell = "a"));
    assert_false(should_start);
    assert_string_equal(task_line("t1"), "RUNNING cell=a failed=0 reason= "
                                         "result= updated=1 completed=-1");
}

static void test_start_on_another_cell_is_refused(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1"));
    OK(DO(start, .guid = "t1", .cell = "a"));
    REFUSED(DO(start, .guid = "t1", .cell = "b"), "InvalidStateTransition",
            "Cannot transition from Running to Running");
    assert_false(should_start);
    assert_string_equal(task_line("t1"), "RUNNING cell=a failed=0 reason= "
                                         "result= updated=0 completed=-1");
}

static void test_complete_is_for_running_tasks_only(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1"));
    REFUSED(DO(complete, .guid = "t1", .cell = "a"), "InvalidStateTransition",
            "Cannot transition from Pending to Completed");
    OK(DO(start, .guid = "t1", .cell = "a"));
    cell_pass(5);
    OK(DO(complete, .guid = "t1", .cell = "a", .text = "42"));
    assert_string_equal(task_line("t1"), "COMPLETED cell= failed=0 reason= "
                                         "result=42 updated=5 completed=5");
    REFUSED(DO(complete, .guid = "t1", .cell = "a"), "InvalidStateTransition",
            "Cannot transition from Completed to Completed");
    OK(DO(resolving, .guid = "t1"));
    REFUSED(DO(complete, .guid = "t1", .cell = "a"), "InvalidStateTransition",
            "Cannot transition from Resolving to Completed");
}

static void test_complete_on_another_cell_is_refused(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1"));
    OK(DO(start, .guid = "t1", .cell = "a"));
    REFUSED(DO(complete, .guid = "t1", .cell = "b"), "RunningOnDifferentCell",
            "Running on cell a not b");
}

static void test_failure_keeps_its_reason(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1"));
    OK(DO(start, .guid = "t1", .cell = "a"));
    OK(DO(complete, .guid = "t1", .cell = "a", .number = 1,
          .address = "Exited with status 3"));
    assert_string_equal(task_line("t1"),
                        "COMPLETED cell= failed=1 reason=Exited with status 3 "
                        "result= updated=0 completed=0");
}

static void test_fail_from_pending(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1"));
    OK(DO(fail_task, .guid = "t1", .text = "insufficient resources"));
    REFUSED(DO(fail_task, .guid = "t1", .text = "again"),
            "InvalidStateTransition",
            "Cannot transition from Completed to Completed");
}

static void test_cancel_of_a_pending_task_contacts_no_cell(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1"));
    (void)cell_effects();
    OK(DO(cancel, .guid = "t1"));
    assert_string_equal(task_line("t1"),
                        "COMPLETED cell= failed=1 reason=task was cancelled "
                        "result= updated=0 completed=0");
    assert_string_equal(cell_effects(), "");
}

static void test_cancel_of_a_running_task_tells_its_cell(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1"));
    OK(DO(start, .guid = "t1", .cell = "a"));
    (void)cell_effects();
    OK(DO(cancel, .guid = "t1"));
    assert_string_equal(cell_effects(), "cancel t1\n");
    REFUSED(DO(cancel, .guid = "t1"), "InvalidStateTransition",
            "Cannot transition from Completed to Completed");
    REFUSED(DO(complete, .guid = "t1", .cell = "a"), "InvalidStateTransition",
            "Cannot transition from Completed to Completed");
}

static void test_a_missing_task_is_named(void **state)
{
    (void)state;
    REFUSED(DO(cancel, .guid = "t9"), "TaskNotFound",
            "task with guid 't9' not found");
}

static void test_resolution(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1"));
    REFUSED(DO(resolving, .guid = "t1"), "InvalidStateTransition",
            "Cannot transition from Pending to Resolving");
    OK(DO(fail_task, .guid = "t1"));
    REFUSED(DO(resolve, .guid = "t1"), "InvalidStateTransition",
            "Cannot transition from Completed to Resolving");
    OK(DO(resolving, .guid = "t1"));
    REFUSED(DO(resolving, .guid = "t1"), "InvalidStateTransition",
            "Cannot transition from Resolving to Resolving");
    OK(DO(resolve, .guid = "t1"));
    assert_string_equal(task_line("t1"), "none");
}

static void test_only_a_task_with_a_url_is_called_back_for(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1", .text = "http://x.test/"));
    OK(DO(desire_task, .guid = "t2"));
    (void)cell_effects();
    OK(DO(fail_task, .guid = "t1"));
    OK(DO(fail_task, .guid = "t2"));
    assert_string_equal(cell_effects(), "call-back t1\n");
}

static void test_demotion_calls_back_and_keeps_the_completion(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1", .text = "http://x.test/"));
    OK(DO(fail_task, .guid = "t1"));
    OK(DO(resolving, .guid = "t1"));
    (void)cell_effects();
    cell_pass(30);
    OK(DO(demote, .guid = "t1"));
    assert_string_equal(task_line("t1"), "COMPLETED cell= failed=1 reason= "
                                         "result= updated=30 completed=0");
    assert_string_equal(cell_effects(), "call-back t1\n");
}

static void test_states_have_the_names_of_their_numbers(void **state)
{
    static const char *const names[] = {"INVALID", "PENDING", "RUNNING",
                                        "COMPLETED", "RESOLVING"};

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_string_equal(ccb_task_state_name(i), names[i]);
    assert_string_equal(ccb_task_state_name(5), "INVALID");
    assert_string_equal(ccb_task_state_name(-1), "INVALID");
}

/* ---- documents ---------------------------------------------------------- */

static void test_the_callback_has_five_members(void **state)
{
    struct ccb_task task = {.task_guid = ccb_slice_of("t1"),
                            .result = ccb_slice_of("42"),
                            .annotation = ccb_slice_of("x")};
    struct ccb_buf out = {0};

    (void)state;
    ccb_task_callback_encode(&out, &task);
    (void)ccb_buf_putc(&out, '\0');
    assert_string_equal(out.data, "{\"task_guid\":\"t1\",\"failed\":false,"
                                  "\"failure_reason\":\"\",\"result\":\"42\","
                                  "\"annotation\":\"x\"}");
    ccb_buf_reset(&out);
    task.annotation = ccb_slice_of("");
    ccb_task_callback_encode(&out, &task);
    (void)ccb_buf_putc(&out, '\0');
    assert_string_equal(out.data, "{\"task_guid\":\"t1\",\"failed\":false,"
                                  "\"failure_reason\":\"\",\"result\":\"42\"}");
    ccb_buf_destroy(&out);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, cell_open, cell_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_desire_makes_it_pending_and_auctions),
        CASE(test_start_on_the_same_cell_again_says_do_not_start),
        CASE(test_start_on_another_cell_is_refused),
        CASE(test_complete_is_for_running_tasks_only),
        CASE(test_complete_on_another_cell_is_refused),
        CASE(test_failure_keeps_its_reason),
        CASE(test_fail_from_pending),
        CASE(test_cancel_of_a_pending_task_contacts_no_cell),
        CASE(test_cancel_of_a_running_task_tells_its_cell),
        CASE(test_a_missing_task_is_named),
        CASE(test_resolution),
        CASE(test_only_a_task_with_a_url_is_called_back_for),
        CASE(test_demotion_calls_back_and_keeps_the_completion),
        cmocka_unit_test(test_states_have_the_names_of_their_numbers),
        cmocka_unit_test(test_the_callback_has_five_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
