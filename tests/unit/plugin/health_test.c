/*
 * What crashes of an isolated plugin mean (health.h; anchors 3.6). The time is
 * the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "plugin/health.h"

#define START (1000 * CCB_SECOND)

static bool crash(struct ccb_plugin_health *health, int64_t at)
{
    return ccb_plugin_health_crashed(health, START + at, "killed");
}

static void digest_of(unsigned number, unsigned char out[CCB_HEALTH_DIGEST])
{
    memset(out, 0, CCB_HEALTH_DIGEST);
    memcpy(out, &number, sizeof(number));
}

static void test_five_crashes_within_a_minute_are_a_quarantine(void **state)
{
    struct ccb_plugin_health health;
    char words[256];

    (void)state;
    ccb_plugin_health_init(&health);
    for (int i = 0; i < 4; i++)
        assert_false(crash(&health, i * CCB_SECOND));
    assert_false(ccb_plugin_health_words(&health, words, sizeof(words)));
    assert_true(crash(&health, 59 * CCB_SECOND));
    assert_true(ccb_plugin_health_words(&health, words, sizeof(words)));
    assert_non_null(strstr(words, "after 5 crashes within a minute (the last: "
                                  "killed)"));
    assert_false(crash(&health, 59 * CCB_SECOND)); /* entered only once */
    ccb_plugin_health_reset(&health);
    assert_false(ccb_plugin_health_words(&health, words, sizeof(words)));
    assert_false(crash(&health, 60 * CCB_SECOND)); /* begins anew */
    ccb_plugin_health_destroy(&health);
}

static void test_crashes_of_a_minute_ago_do_not_count(void **state)
{
    struct ccb_plugin_health health;

    (void)state;
    ccb_plugin_health_init(&health);
    for (int i = 0; i < 4; i++)
        assert_false(crash(&health, 0));
    assert_false(crash(&health, 60 * CCB_SECOND));
    for (int i = 0; i < 3; i++)
        assert_false(crash(&health, 61 * CCB_SECOND));
    assert_true(crash(&health, 62 * CCB_SECOND));
    ccb_plugin_health_destroy(&health);
}

static void test_rests_double_and_end_with_an_answer(void **state)
{
    static const int64_t rests[] = {0, 20, 40, 80, 160, 320, 640, 1000, 1000};
    struct ccb_plugin_health health;

    (void)state;
    ccb_plugin_health_init(&health);
    for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
        int64_t rest;

        (void)crash(&health, 0);
        rest = ccb_plugin_health_rest(&health);
        assert_int_equal(rests[i], rest ? (rest - START) / CCB_MILLISECOND : 0);
    }
    ccb_plugin_health_answered(&health);
    assert_int_equal(0, ccb_plugin_health_rest(&health));
    ccb_plugin_health_destroy(&health);
}

static void test_the_last_64_poisons_are_known(void **state)
{
    unsigned char digest[CCB_HEALTH_DIGEST];
    struct ccb_plugin_health health;

    (void)state;
    ccb_plugin_health_init(&health);
    for (unsigned i = 1; i <= CCB_HEALTH_POISONS + 1; i++) {
        digest_of(i, digest);
        assert_false(ccb_plugin_health_is_poison(&health, digest));
        ccb_plugin_health_poisoned(&health, digest);
        assert_true(ccb_plugin_health_is_poison(&health, digest));
    }
    digest_of(1, digest);
    assert_false(ccb_plugin_health_is_poison(&health, digest));
    digest_of(2, digest);
    assert_true(ccb_plugin_health_is_poison(&health, digest));
    ccb_plugin_health_destroy(&health);
}

/* Two crashes of one request each round. */
static bool poison(struct ccb_plugin_health *health, unsigned number)
{
    unsigned char digest[CCB_HEALTH_DIGEST];
    bool first = crash(health, 0), second = crash(health, 0);

    digest_of(number, digest);
    ccb_plugin_health_poisoned(health, digest);
    return first || second;
}

static void test_poison_counts_only_while_nothing_else_succeeds(void **state)
{
    struct ccb_plugin_health health;

    (void)state;
    ccb_plugin_health_init(&health);
    for (unsigned i = 0; i < 10; i++) {
        assert_false(poison(&health, i));
        ccb_plugin_health_answered(&health);
    }
    assert_false(poison(&health, 20));
    assert_false(poison(&health, 21));
    assert_true(poison(&health, 22));
    ccb_plugin_health_destroy(&health);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_five_crashes_within_a_minute_are_a_quarantine),
        cmocka_unit_test(test_crashes_of_a_minute_ago_do_not_count),
        cmocka_unit_test(test_rests_double_and_end_with_an_answer),
        cmocka_unit_test(test_the_last_64_poisons_are_known),
        cmocka_unit_test(test_poison_counts_only_while_nothing_else_succeeds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
