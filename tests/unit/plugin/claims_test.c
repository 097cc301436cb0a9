/*
 * Which claim wins, and which claims can't stand side by side (design.md 6,
 * rule 6). Plugins are just addresses here.
 */
#include "zoo_testing.h"

#include "plugin/claims.h"

/* Never looked into. */
static char marks[8];
static struct ccb_plugin *mark(int n)
{
    return n < 0 ? NULL : (struct ccb_plugin *)(void *)&marks[n];
}

static void add(struct ccb_claims *claims, const char *text, int plugin)
{
    assert_int_equal(0, ccb_claims_add(claims, S(text), mark(plugin)));
}

static void test_only_well_formed_patterns_are_claims(void **state)
{
    static const struct {
        const char *text;
        int code;
    } rows[] = {
        {"buildpack", 0},
        {"buildpack/cflinuxfs2", 0},
        {"buildpack/*", 0},
        {"buildpack/windows*", 0},
        {"a.b-c_d/e/f", 0},
        {"", CCB_INVALID},
        {"/", CCB_INVALID},
        {"/stack", CCB_INVALID},
        {"buildpack/", CCB_INVALID},
        {"*", CCB_INVALID},
        {"build*", CCB_INVALID},
        {"buildpack/*fs2", CCB_INVALID},
        {"buildpack/**", CCB_INVALID},
        {"b*/x", CCB_INVALID},
        {"a b", CCB_INVALID},
        {"a/b c", CCB_INVALID},
        {"a:b", CCB_INVALID},
        {"a\nb", CCB_INVALID},
        {"caf\xc3\xa9", CCB_INVALID},
    };
    struct ccb_claim claim;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (ccb_claim_parse(&claim, S(rows[i].text)) != rows[i].code)
            fail_msg("claim \"%s\"", rows[i].text);
}

static void test_the_most_specific_claim_wins(void **state)
{
    static const struct {
        const char *lifecycle, *stack;
        int plugin;
    } rows[] = {
        {"buildpack", "cflinuxfs2", 0},
        {"buildpack", "windows2012R2", 1},
        {"buildpack", "windows", 1},
        {"buildpack", "windows-nano", 2},
        {"buildpack", "windows-1709", 3},
        {"buildpack", "window", 0},
        {"buildpack", "", 0},
        {"docker", "", 4},
        {"docker", "anything", 4},
        {"docker2", "", -1},
        {"docke", "", -1},
        {"jar", "", -1},
        {"jar", "linux", 5},
        {"jar", "linux2", -1},
        {"", "", -1},
        {"buildpack/cflinuxfs2", "", -1},
        {"mixed", "", 6},
        {"mixed", "x", 7},
    };
    struct ccb_claims claims = {0};

    (void)state;
    add(&claims, "buildpack/*", 0);
    add(&claims, "buildpack/windows-1709", 3);
    add(&claims, "buildpack/windows*", 1);
    add(&claims, "buildpack/windows-*", 2);
    add(&claims, "docker", 4);
    add(&claims, "jar/linux", 5);
    add(&claims, "mixed", 6);
    add(&claims, "mixed/*", 7);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (ccb_claims_find(&claims, S(rows[i].lifecycle), S(rows[i].stack)) !=
            mark(rows[i].plugin))
            fail_msg("%s on %s", rows[i].lifecycle, rows[i].stack);
    ccb_claims_destroy(&claims);
}

struct told {
    char marks[16];
    size_t count;
};

static void on_claim(void *user, const struct ccb_claim *claim)
{
    struct told *told = user;

    assert_true(told->count + 1 < sizeof(told->marks));
    told->marks[told->count++] = (char)('0' + ((char *)claim->plugin - marks));
}

static void test_the_claims_that_match_come_in_the_order_they_win(void **state)
{
    static const struct {
        const char *lifecycle, *stack, *plugins;
    } rows[] = {
        {"b", "windows-1709", "32105"},
        {"b", "windows-10", "2105"},
        {"b", "windows", "105"},
        {"b", "linux", "05"},
        {"b", "", "50"},
        {"twice", "x", "647"},
        {"twice", "", "647"},
        {"none", "", ""},
        {"", "", ""},
    };
    struct ccb_claims claims = {0};

    (void)state;
    add(&claims, "b/*", 0);
    add(&claims, "b", 5);
    add(&claims, "b/windows-1709", 3);
    add(&claims, "b/windows*", 1);
    add(&claims, "b/windows-*", 2);
    add(&claims, "twice", 6); /* said by three: as they were added */
    add(&claims, "twice", 4);
    add(&claims, "twice", 7);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct told told = {.count = 0};

        ccb_claims_each(&claims, S(rows[i].lifecycle), S(rows[i].stack),
                        on_claim, &told);
        assert_string_equal(rows[i].plugins, told.marks);
    }
    ccb_claims_destroy(&claims);
}

static void test_a_bare_lifecycle_is_not_served_by_a_partial_wildcard(
    void **state)
{
    struct ccb_claims claims = {0};

    (void)state;
    add(&claims, "buildpack/windows*", 1);
    assert_null(ccb_claims_find(&claims, S("buildpack"), S("")));
    ccb_claims_destroy(&claims);
}

static void test_the_same_claim_of_two_plugins_is_a_conflict(void **state)
{
    struct ccb_claims claims = {0}, by_hand = {0};
    const struct ccb_claim *a, *b;

    (void)state;
    add(&claims, "buildpack/*", 0);
    add(&claims, "buildpack", 1);
    add(&claims, "buildpack/windows*", 1);
    add(&claims, "docker", 0);
    add(&claims, "docker", 0); /* of one plugin: harmless */
    assert_false(ccb_claims_conflict(&claims, &by_hand, &a, &b));
    add(&claims, "buildpack/windows*", 2);
    assert_true(ccb_claims_conflict(&claims, &by_hand, &a, &b));
    assert_true(ccb_slice_is(a->text, "buildpack/windows*"));
    assert_ptr_equal(mark(1), a->plugin);
    assert_ptr_equal(mark(2), b->plugin);
    ccb_claims_destroy(&claims);
}

static void test_what_is_said_by_hand_settles_a_conflict(void **state)
{
    static const struct {
        const char *claim, *by_hand;
        bool settled;
    } rows[] = {
        {"docker", "docker", true},    {"docker", "docker/*", true},
        {"docker", "docker/x", false}, {"docker", "docke", false},
        {"b/*", "b/*", true},          {"b/*", "b", true},
        {"b/*", "b/w*", false},        {"b/w*", "b/*", true},
        {"b/w*", "b/windows*", false}, {"b/w*", "b/w", false},
        {"b/w", "b/w", true},          {"b/w", "b/w*", true},
        {"b/w", "b/x", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_claims claims = {0}, by_hand = {0};
        const struct ccb_claim *a, *b;

        add(&claims, rows[i].claim, 0);
        add(&claims, rows[i].claim, 1);
        add(&by_hand, rows[i].by_hand, 1);
        if (ccb_claims_conflict(&claims, &by_hand, &a, &b) == rows[i].settled)
            fail_msg("%s by hand for %s", rows[i].by_hand, rows[i].claim);
        ccb_claims_destroy(&claims);
        ccb_claims_destroy(&by_hand);
    }
}

static void test_no_memory_leaves_the_table_as_it_was(void **state)
{
    struct ccb_claims claims = {0};

    (void)state;
    for (int i = 0; i < 8; i++)
        add(&claims, "a", 0);
    ccb_mem_fail_at(1, 0);
    assert_int_equal(CCB_NO_MEMORY, ccb_claims_add(&claims, S("b"), mark(1)));
    ccb_mem_fail_at(0, 0);
    assert_int_equal(8, claims.count);
    add(&claims, "b", 1);
    assert_ptr_equal(mark(1), ccb_claims_find(&claims, S("b"), S("")));
    ccb_claims_destroy(&claims);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_well_formed_patterns_are_claims),
        cmocka_unit_test(test_the_most_specific_claim_wins),
        cmocka_unit_test(test_the_claims_that_match_come_in_the_order_they_win),
        cmocka_unit_test(
            test_a_bare_lifecycle_is_not_served_by_a_partial_wildcard),
        cmocka_unit_test(test_the_same_claim_of_two_plugins_is_a_conflict),
        cmocka_unit_test(test_what_is_said_by_hand_settles_a_conflict),
        cmocka_unit_test(test_no_memory_leaves_the_table_as_it_was),
    };

    return cmocka_run_group_tests_name("plugin claims", tests, NULL, NULL);
}
