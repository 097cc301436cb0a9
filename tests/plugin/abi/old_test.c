/*
 * Plugins built with the headers of earlier minors are loaded and called by the
 * present host, and answer what they did.
 */
#include "unit/plugin/stage_testing.h"

static void test_it_answers_as_it_did(void **state)
{
    struct stage s;
    struct outcome outcome;

    (void)state;
    setup(&s, "old", 20 * CCB_SECOND);
    outcome = call(&s, CCB_PLUGIN_STAGING_RECIPE);
    assert_int_equal(0, outcome.code);
    assert_string_equal("{\"asked\":{\"a\":1}}", outcome.value);
    outcome = call(&s, CCB_PLUGIN_PORTS);
    assert_int_equal(0, outcome.code);
    assert_string_equal("[8080]", outcome.value);
    outcome = call(&s, CCB_PLUGIN_SELFTEST);
    assert_int_equal(0, outcome.code);
    teardown(&s);
}

static void test_it_fails_as_it_did(void **state)
{
    struct stage s;
    struct outcome outcome;

    (void)state;
    setup(&s, "old", 20 * CCB_SECOND);
    outcome = call(&s, CCB_PLUGIN_LRP);
    assert_int_equal(CCB_INVALID, outcome.code);
    assert_string_equal("RunnerError", outcome.id);
    assert_string_equal("an old reason", outcome.error);
    outcome = call(&s, CCB_PLUGIN_TASK);
    assert_int_equal(CCB_UNSUPPORTED, outcome.code);
    teardown(&s);
}

/* Nobody gathers facts here, so that it asked shows in the failure. */
static void test_it_asks_for_facts_as_it_did(void **state)
{
    struct stage s;
    struct outcome outcome;

    (void)state;
    setup(&s, "old", 20 * CCB_SECOND);
    outcome = call(&s, CCB_PLUGIN_STAGING_RESPONSE);
    assert_true(outcome.code < 0);
    assert_contains(outcome.error, "docker_registries");
    teardown(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_answers_as_it_did),
        cmocka_unit_test(test_it_fails_as_it_did),
        cmocka_unit_test(test_it_asks_for_facts_as_it_did),
    };

    return cmocka_run_group_tests_name("plugin abi", tests, NULL, NULL);
}
