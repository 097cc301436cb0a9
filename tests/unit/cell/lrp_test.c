/*
 * The life of LRPs: contract/receptor-api.md 7 and 10, and the LRP rows of its
 * 15 ("Store rules", "Modification tag").
 */
#include "cell_bed.h"

#define WEB .guid = "web-1", .domain = "demo"

static struct ccb_actual_key key_of(const struct step *s)
{
    return (struct ccb_actual_key){or_empty(s->guid), s->index,
                                   or_empty(s->domain)};
}

static struct ccb_instance_key instance_of(const struct step *s)
{
    return (struct ccb_instance_key){or_empty(s->instance), or_empty(s->cell)};
}

static int claim(const struct step *s, struct ccb_store_tx *tx,
                 struct ccb_error *err)
{
    struct ccb_actual_key key = key_of(s);
    struct ccb_instance_key instance = instance_of(s);

    return ccb_actual_claim(tx, &key, &instance, err);
}

static int start(const struct step *s, struct ccb_store_tx *tx,
                 struct ccb_error *err)
{
    struct ccb_actual_key key = key_of(s);
    struct ccb_instance_key instance = instance_of(s);
    struct ccb_net_info net = {or_empty(s->address), or_empty(s->ports)};

    return ccb_actual_start(tx, &key, &instance, &net, err);
}

static int crash(const struct step *s, struct ccb_store_tx *tx,
                 struct ccb_error *err)
{
    struct ccb_actual_key key = key_of(s);
    struct ccb_instance_key instance = instance_of(s);

    return ccb_actual_crash(tx, &key, &instance, or_empty(s->text), err);
}

static int fail_placement(const struct step *s, struct ccb_store_tx *tx,
                          struct ccb_error *err)
{
    struct ccb_actual_key key = key_of(s);

    return ccb_actual_fail_placement(tx, &key, or_empty(s->text), err);
}

static int unclaim(const struct step *s, struct ccb_store_tx *tx,
                   struct ccb_error *err)
{
    struct ccb_actual_key key = key_of(s);
    struct ccb_instance_key instance = instance_of(s);

    return ccb_actual_unclaim(tx, &key, &instance, err);
}

static int stopped(const struct step *s, struct ccb_store_tx *tx,
                   struct ccb_error *err)
{
    struct ccb_actual_key key = key_of(s);
    struct ccb_instance_key instance = instance_of(s);

    return ccb_actual_stopped(tx, &key, &instance, err);
}

static int retire(const struct step *s, struct ccb_store_tx *tx,
                  struct ccb_error *err)
{
    return ccb_actual_retire(tx, or_empty(s->guid), s->index, err);
}

static int delete_lrp(const struct step *s, struct ccb_store_tx *tx,
                      struct ccb_error *err)
{
    return ccb_desired_delete(tx, or_empty(s->guid), err);
}

static int scale(const struct step *s, struct ccb_store_tx *tx,
                 struct ccb_error *err)
{
    struct ccb_desired_update update = {.has_instances = true,
                                        .instances = s->number};

    return ccb_desired_update(tx, or_empty(s->guid), &update, err);
}

/* A record with a history: so many crashes behind it. */
static int set_count(const struct step *s, struct ccb_store_tx *tx,
                     struct ccb_error *err)
{
    struct ccb_actual before, after;
    int code = ccb_actual_get(tx, or_empty(s->guid), s->index, &before, err);

    after = before;
    after.crash_count = s->number;
    return code < 0 ? code : ccb_actual_change(tx, &before, &after, err);
}

#define REFUSED_AS_IT_WAS(call)                                                \
    do {                                                                       \
        char was_[512];                                                        \
        (void)snprintf(was_, sizeof(was_), "%s", actual_line("web-1", 0));     \
        assert_int_equal(call, CCB_CONFLICT);                                  \
        assert_string_equal(cell.err.id, "ActualLRPRefused");                  \
        assert_string_equal(actual_line("web-1", 0), was_);                    \
    } while (0)

static int open_one(void **state)
{
    (void)cell_open(state);
    OK(DO(announce, .cell = "a"));
    OK(DO(desire_lrp, .guid = "web-1", .number = 1));
    (void)cell_effects();
    return 0;
}

static void run_one(void)
{
    OK(DO(claim, WEB, .instance = "i1", .cell = "a"));
    OK(DO(start, WEB, .instance = "i1", .cell = "a", .address = "10.0.0.1",
          .ports = "[1]"));
}

/* ---- desired ------------------------------------------------------------ */

static void test_create_auctions_every_index(void **state)
{
    (void)state;
    cell_pass(2);
    OK(DO(desire_lrp, .guid = "web-2", .number = 3));
    assert_string_equal(cell_effects(),
                        "auction web-2/0\nauction web-2/1\nauction web-2/2\n");
    assert_string_equal(actual_line("web-2", 2),
                        "UNCLAIMED @ net= count=0 reason= placement= since=2 "
                        "tag=0");
    REFUSED(DO(desire_lrp, .guid = "web-2"), "DesiredLRPAlreadyExists",
            "Desired LRP with guid 'web-2' already exists");
}

static void test_scale_up_creates_the_new_indexes_only(void **state)
{
    (void)state;
    OK(DO(scale, .guid = "web-1", .number = 3));
    assert_string_equal(cell_effects(), "auction web-1/1\nauction web-1/2\n");
}

static void test_scale_down_takes_the_highest_at_once(void **state)
{
    (void)state;
    OK(DO(scale, .guid = "web-1", .number = 3));
    OK(DO(claim, WEB, .index = 2, .instance = "i", .cell = "a"));
    (void)cell_effects();
    OK(DO(scale, .guid = "web-1", .number = 1)); /* the domain is stale */
    assert_string_equal(cell_effects(), "stop web-1/2\n");
    assert_string_equal(actual_line("web-1", 1), "none");
    assert_memory_equal(actual_line("web-1", 2), "CLAIMED", 7);
    assert_memory_equal(actual_line("web-1", 0), "UNCLAIMED", 9);
}

static void test_delete_keeps_what_is_still_stopping(void **state)
{
    (void)state;
    run_one();
    (void)cell_effects();
    OK(DO(delete_lrp, .guid = "web-1"));
    assert_string_equal(cell_effects(), "stop web-1/0\n");
    assert_memory_equal(actual_line("web-1", 0), "RUNNING", 7);
    OK(DO(stopped, WEB, .instance = "i1", .cell = "a"));
    assert_string_equal(actual_line("web-1", 0), "none");
    REFUSED(DO(delete_lrp, .guid = "web-1"), "DesiredLRPNotFound",
            "Desired LRP with guid 'web-1' not found");
}

/* ---- claim -------------------------------------------------------------- */

static void test_claim_of_an_unclaimed_one(void **state)
{
    (void)state;
    OK(DO(fail_placement, WEB, .text = "insufficient resources"));
    cell_pass(7);
    OK(DO(claim, WEB, .instance = "i1", .cell = "a"));
    assert_string_equal(actual_line("web-1", 0),
                        "CLAIMED i1@a net= count=0 reason= placement= since=0 "
                        "tag=2");
}

static void test_claim_by_the_same_instance_again(void **state)
{
    (void)state;
    OK(DO(claim, WEB, .instance = "i1", .cell = "a"));
    cell_pass(7);
    OK(DO(claim, WEB, .instance = "i1", .cell = "a"));
    assert_memory_equal(actual_line("web-1", 0), "CLAIMED i1@a net= ", 18);
    assert_non_null(strstr(actual_line("web-1", 0), "since=0"));
}

static void test_claim_of_a_running_one_by_its_own_instance(void **state)
{
    (void)state;
    run_one();
    OK(DO(claim, WEB, .instance = "i1", .cell = "a"));
    assert_memory_equal(actual_line("web-1", 0), "CLAIMED i1@a net= ", 18);
}

static void test_claim_of_anothers_is_refused(void **state)
{
    (void)state;
    OK(DO(claim, WEB, .instance = "i1", .cell = "a"));
    REFUSED_AS_IT_WAS(DO(claim, WEB, .instance = "i1", .cell = "b"));
    REFUSED_AS_IT_WAS(DO(claim, WEB, .instance = "i2", .cell = "a"));
}

static void test_claim_without_record_or_key_creates_nothing(void **state)
{
    (void)state;
    assert_int_equal(DO(claim, WEB, .index = 5, .instance = "i", .cell = "a"),
                     CCB_NOT_FOUND);
    assert_string_equal(actual_line("web-1", 5), "none");
    REFUSED_AS_IT_WAS(DO(claim, WEB, .cell = "a"));
    REFUSED_AS_IT_WAS(DO(claim, WEB, .instance = "i1"));
}

/* ---- start -------------------------------------------------------------- */

static void test_start_without_a_record_creates_it(void **state)
{
    (void)state;
    OK(DO(start, WEB, .index = 4, .instance = "i", .cell = "a",
          .address = "10.0.0.1"));
    assert_string_equal(actual_line("web-1", 4),
                        "RUNNING i@a net=10.0.0.1 count=0 reason= placement= "
                        "since=0 tag=0");
}

static void test_start_of_one_claimed_by_another_succeeds(void **state)
{
    (void)state;
    OK(DO(claim, WEB, .instance = "i1", .cell = "a"));
    OK(DO(start, WEB, .instance = "i2", .cell = "b", .address = "x"));
    assert_memory_equal(actual_line("web-1", 0), "RUNNING i2@b net=x ", 19);
}

static void test_start_with_other_net_info_updates_it(void **state)
{
    (void)state;
    run_one();
    cell_pass(9);
    OK(DO(start, WEB, .instance = "i1", .cell = "a", .address = "10.0.0.2",
          .ports = "[1]"));
    assert_string_equal(actual_line("web-1", 0),
                        "RUNNING i1@a net=10.0.0.2[1] count=0 reason= "
                        "placement= since=9 tag=3");
}

static void test_the_same_start_again_changes_nothing(void **state)
{
    (void)state;
    run_one();
    cell_pass(9);
    run_one(); /* claims, and starts anew */
    cell_pass(9);
    OK(DO(start, WEB, .instance = "i1", .cell = "a", .address = "10.0.0.1",
          .ports = "[1]"));
    assert_non_null(strstr(actual_line("web-1", 0), "since=9 tag=4"));
}

static void test_start_of_one_run_by_another_is_refused(void **state)
{
    (void)state;
    run_one();
    REFUSED_AS_IT_WAS(DO(start, WEB, .instance = "i2", .cell = "a"));
    REFUSED_AS_IT_WAS(DO(start, .guid = "web-1", .domain = "other",
                         .instance = "i1", .cell = "a"));
}

/* ---- placement and retirement ------------------------------------------- */

static void test_placement_fails_for_unclaimed_ones_only(void **state)
{
    (void)state;
    cell_pass(4);
    OK(DO(fail_placement, WEB, .text = "found no compatible cell"));
    assert_string_equal(actual_line("web-1", 0),
                        "UNCLAIMED @ net= count=0 reason= placement=found no "
                        "compatible cell since=4 tag=1");
    OK(DO(claim, WEB, .instance = "i1", .cell = "a"));
    REFUSED_AS_IT_WAS(DO(fail_placement, WEB, .text = "x"));
    assert_int_equal(DO(fail_placement, WEB, .index = 9, .text = "x"),
                     CCB_NOT_FOUND);
}

static void test_retire_deletes_unclaimed_and_crashed_records(void **state)
{
    (void)state;
    OK(DO(retire, WEB));
    assert_string_equal(actual_line("web-1", 0), "none");
    REFUSED(DO(retire, WEB), "ActualLRPIndexNotFound",
            "process-guid 'web-1' does not exist or has no instance at index "
            "0");
    OK(DO(start, WEB, .instance = "i1", .cell = "a"));
    OK(DO(set_count, WEB, .number = 9));
    OK(DO(crash, WEB, .instance = "i1", .cell = "a"));
    OK(DO(retire, WEB));
    assert_string_equal(actual_line("web-1", 0), "none");
}

static void test_retire_of_a_running_one_tells_its_cell(void **state)
{
    (void)state;
    run_one();
    (void)cell_effects();
    OK(DO(retire, WEB));
    assert_string_equal(cell_effects(), "stop web-1/0\n");
    assert_memory_equal(actual_line("web-1", 0), "RUNNING", 7);
}

static void test_retire_without_its_cell_deletes_the_record(void **state)
{
    (void)state;
    run_one();
    OK(DO(leave, .cell = "a"));
    OK(DO(retire, WEB));
    assert_string_equal(actual_line("web-1", 0), "none");
}

static void test_unclaim_gives_it_back(void **state)
{
    (void)state;
    run_one();
    (void)cell_effects();
    REFUSED_AS_IT_WAS(DO(unclaim, WEB, .instance = "i2", .cell = "a"));
    cell_pass(6);
    OK(DO(unclaim, WEB, .instance = "i1", .cell = "a"));
    assert_string_equal(actual_line("web-1", 0),
                        "UNCLAIMED @ net= count=0 reason= placement= since=6 "
                        "tag=3");
    assert_string_equal(cell_effects(), "auction web-1/0\n");
}

/* ---- crash -------------------------------------------------------------- */

static void test_crash_by_another_or_of_a_free_one_is_refused(void **state)
{
    (void)state;
    REFUSED_AS_IT_WAS(DO(crash, WEB, .instance = "i1", .cell = "a"));
    run_one();
    REFUSED_AS_IT_WAS(DO(crash, WEB, .instance = "i2", .cell = "a"));
    OK(DO(set_count, WEB, .number = 9));
    OK(DO(crash, WEB, .instance = "i1", .cell = "a"));
    REFUSED_AS_IT_WAS(DO(crash, WEB, .instance = "i1", .cell = "a"));
}

static void test_first_crash_goes_back_to_the_auction(void **state)
{
    (void)state;
    run_one();
    (void)cell_effects();
    cell_pass(60);
    OK(DO(crash, WEB, .instance = "i1", .cell = "a", .text = "boom"));
    assert_string_equal(actual_line("web-1", 0),
                        "UNCLAIMED @ net= count=1 reason=boom placement= "
                        "since=60 tag=3");
    assert_string_equal(cell_effects(), "auction web-1/0\n");
}

static void test_fifth_crash_stays_down(void **state)
{
    (void)state;
    run_one();
    OK(DO(set_count, WEB, .number = 4));
    (void)cell_effects();
    cell_pass(60);
    OK(DO(crash, WEB, .instance = "i1", .cell = "a", .text = "boom"));
    assert_memory_equal(actual_line("web-1", 0), "CRASHED @ net= count=5", 22);
    assert_string_equal(cell_effects(), "");
}

static void test_crash_after_a_long_run_counts_anew(void **state)
{
    (void)state;
    run_one();
    OK(DO(set_count, WEB, .number = 4));
    (void)cell_effects();
    cell_pass(301);
    OK(DO(crash, WEB, .instance = "i1", .cell = "a"));
    assert_memory_equal(actual_line("web-1", 0), "UNCLAIMED @ net= count=1 ",
                        25);
    assert_string_equal(cell_effects(), "auction web-1/0\n");
}

static void test_a_long_claim_does_not_count_anew(void **state)
{
    (void)state;
    OK(DO(claim, WEB, .instance = "i1", .cell = "a"));
    OK(DO(set_count, WEB, .number = 4));
    cell_pass(301);
    OK(DO(crash, WEB, .instance = "i1", .cell = "a"));
    assert_memory_equal(actual_line("web-1", 0), "CRASHED @ net= count=5", 22);
}

static void test_crash_of_what_is_not_desired_deletes_the_record(void **state)
{
    (void)state;
    run_one();
    OK(DO(delete_lrp, .guid = "web-1"));
    OK(DO(crash, WEB, .instance = "i1", .cell = "a"));
    assert_string_equal(actual_line("web-1", 0), "none");
}

static void test_crash_reason_outlives_a_start(void **state)
{
    (void)state;
    run_one();
    OK(DO(crash, WEB, .instance = "i1", .cell = "a", .text = "boom"));
    run_one();
    assert_non_null(strstr(actual_line("web-1", 0), "count=1 reason=boom"));
}

/* ---- modification tags -------------------------------------------------- */

static void test_tags_equal_and_succeed(void **state)
{
    static const struct {
        const char *a, *b;
        int a_index, b_index;
        bool equal, succeeded;
    } rows[] = {
        {"abc", "abc", 1, 1, true, false},  {"abc", "abc", 1, 2, false, true},
        {"abc", "abc", 1, 0, false, false}, {"abc", "def", 1, 0, false, true},
        {"abc", "def", 1, 1, false, true},  {"abc", "def", 1, 2, false, true},
        {"", "abc", 0, 0, false, true},     {"", "", 0, 0, false, true},
        {"abc", "", 0, 0, false, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_tag a = {ccb_slice_of(rows[i].a), rows[i].a_index};
        struct ccb_tag b = {ccb_slice_of(rows[i].b), rows[i].b_index};

        assert_int_equal(ccb_tag_equal(&a, &b), rows[i].equal);
        assert_int_equal(ccb_tag_succeeded_by(&a, &b), rows[i].succeeded);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_one, cell_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_create_auctions_every_index),
        CASE(test_scale_up_creates_the_new_indexes_only),
        CASE(test_scale_down_takes_the_highest_at_once),
        CASE(test_delete_keeps_what_is_still_stopping),
        CASE(test_claim_of_an_unclaimed_one),
        CASE(test_claim_by_the_same_instance_again),
        CASE(test_claim_of_a_running_one_by_its_own_instance),
        CASE(test_claim_of_anothers_is_refused),
        CASE(test_claim_without_record_or_key_creates_nothing),
        CASE(test_start_without_a_record_creates_it),
        CASE(test_start_of_one_claimed_by_another_succeeds),
        CASE(test_start_with_other_net_info_updates_it),
        CASE(test_the_same_start_again_changes_nothing),
        CASE(test_start_of_one_run_by_another_is_refused),
        CASE(test_placement_fails_for_unclaimed_ones_only),
        CASE(test_retire_deletes_unclaimed_and_crashed_records),
        CASE(test_retire_of_a_running_one_tells_its_cell),
        CASE(test_retire_without_its_cell_deletes_the_record),
        CASE(test_unclaim_gives_it_back),
        CASE(test_crash_by_another_or_of_a_free_one_is_refused),
        CASE(test_first_crash_goes_back_to_the_auction),
        CASE(test_fifth_crash_stays_down),
        CASE(test_crash_after_a_long_run_counts_anew),
        CASE(test_a_long_claim_does_not_count_anew),
        CASE(test_crash_of_what_is_not_desired_deletes_the_record),
        CASE(test_crash_reason_outlives_a_start),
        cmocka_unit_test(test_tags_equal_and_succeed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
