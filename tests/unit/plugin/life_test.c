/*
 * How long a plugin lives: its end waits for its calls, and not for ever; and
 * how many broken images are remembered (plugin/life.c, plugin/failures.c).
 */
#include "zoo_testing.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "plugin/registry.h"

/* ---- a plugin of no file ------------------------------------------------ */

struct ends {
    atomic_int stopped, released;
};

static void stop(struct ccb_plugin *plugin, int64_t grace)
{
    struct ends *ends = plugin->backend_data;

    assert_int_equal(0, grace);
    atomic_fetch_add(&ends->stopped, 1);
}

static void release(struct ccb_plugin *plugin)
{
    struct ends *ends = plugin->backend_data;

    atomic_fetch_add(&ends->released, 1);
}

static const struct ccb_plugin_backend backend = {.stop = stop,
                                                  .release = release};

static struct ccb_plugin *create(struct ends *ends)
{
    struct ccb_plugin *plugin = ccb_plugin_create(NULL, "/x/plugin.so");

    assert_non_null(plugin);
    plugin->backend = &backend;
    plugin->backend_data = ends;
    return plugin;
}

static void test_the_last_reference_releases_it(void **state)
{
    struct ends ends = {0};
    struct ccb_plugin *plugin = create(&ends);

    (void)state;
    ccb_plugin_ref(plugin);
    ccb_plugin_unref(plugin);
    assert_int_equal(0, atomic_load(&ends.released));
    ccb_plugin_unref(plugin);
    assert_int_equal(1, atomic_load(&ends.released));
}

static void *give_back(void *plugin)
{
    ccb_plugin_unref(plugin);
    return NULL;
}

static void test_its_end_waits_for_the_last_call(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct ends ends = {0};
        struct ccb_plugin *plugin = create(&ends);
        pthread_t threads[2];

        for (size_t i = 0; i < 2; i++) {
            ccb_plugin_ref(plugin);
            assert_int_equal(
                0, pthread_create(&threads[i], NULL, give_back, plugin));
        }
        assert_true(
            ccb_plugin_retire(plugin, ccb_clock_monotonic() + 20 * CCB_SECOND));
        assert_int_equal(1, atomic_load(&ends.stopped));
        assert_int_equal(1, atomic_load(&ends.released));
        for (size_t i = 0; i < 2; i++)
            assert_int_equal(0, pthread_join(threads[i], NULL));
    }
}

static void test_its_end_does_not_wait_for_ever(void **state)
{
    struct ends ends = {0};
    struct ccb_plugin *plugin = create(&ends);

    (void)state;
    ccb_plugin_ref(plugin); /* a call that hangs */
    assert_false(ccb_plugin_retire(plugin, ccb_clock_monotonic()));
    assert_int_equal(1, atomic_load(&ends.stopped));
    assert_int_equal(0, atomic_load(&ends.released));
    ccb_plugin_unref(plugin); /* and comes back after all */
    assert_int_equal(1, atomic_load(&ends.released));
}

/* ---- broken images ------------------------------------------------------ */

static void set_digest(struct ccb_plugin *plugin, int number)
{
    snprintf(plugin->image.digest, sizeof(plugin->image.digest), "%064d",
             number);
}

static void test_the_oldest_broken_image_is_forgotten(void **state)
{
    struct ccb_plugin plugin = {.id = "x"};
    struct ccb_plugin_failure *failures = NULL;
    struct ccb_plugin_refusal refusal = {.file = "f"};

    (void)state;
    ccb_refuse(&refusal, CCB_REFUSED_CRASHED, "e", "f");
    for (int i = 0; i < 300; i++) {
        set_digest(&plugin, i);
        assert_int_equal(0,
                         ccb_plugin_failure_add(&failures, &plugin, &refusal));
    }
    assert_non_null(ccb_plugin_failure_find(failures, &plugin));
    set_digest(&plugin, 43);
    assert_null(ccb_plugin_failure_find(failures, &plugin));
    set_digest(&plugin, 44);
    assert_non_null(ccb_plugin_failure_find(failures, &plugin));
    assert_int_equal(0, ccb_plugin_forget_failures(&failures, S("y")));
    assert_int_equal(256, ccb_plugin_forget_failures(&failures, S("x")));
    assert_null(failures);
}

static void test_who_was_late_is_tried_twice(void **state)
{
    struct ccb_plugin plugin = {.id = "x"};
    struct ccb_plugin_failure *failures = NULL;
    struct ccb_plugin_refusal refusal = {.file = "f"};

    (void)state;
    set_digest(&plugin, 1);
    ccb_refuse(&refusal, CCB_REFUSED_TIMED_OUT, "an answer", "none");
    assert_int_equal(0, ccb_plugin_failure_add(&failures, &plugin, &refusal));
    assert_null(ccb_plugin_failure_find(failures, &plugin));
    assert_int_equal(0, ccb_plugin_failure_add(&failures, &plugin, &refusal));
    assert_non_null(ccb_plugin_failure_find(failures, &plugin));
    assert_int_equal(1, ccb_plugin_forget_failures(&failures, S("x")));
}

static void test_another_configuration_is_another_try(void **state)
{
    struct ccb_plugin plugin = {.id = "x", .policy.config = S("{\"a\":1}")};
    struct ccb_plugin_failure *failures = NULL;
    struct ccb_plugin_refusal refusal = {.file = "f"}, told = {.file = "g"};

    (void)state;
    set_digest(&plugin, 1);
    ccb_refuse(&refusal, CCB_REFUSED_CREATE, "an instance", "NULL");
    assert_int_equal(0, ccb_plugin_failure_add(&failures, &plugin, &refusal));
    ccb_plugin_failure_tell(ccb_plugin_failure_find(failures, &plugin), &told);
    assert_string_equal("g", told.file);
    assert_string_equal("an instance", told.expected);
    plugin.policy.config = S("{\"a\":2}");
    assert_null(ccb_plugin_failure_find(failures, &plugin));
    ccb_plugin_forget_failures(&failures, S("x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_reference_releases_it),
        cmocka_unit_test(test_its_end_waits_for_the_last_call),
        cmocka_unit_test(test_its_end_does_not_wait_for_ever),
        cmocka_unit_test(test_the_oldest_broken_image_is_forgotten),
        cmocka_unit_test(test_who_was_late_is_tried_twice),
        cmocka_unit_test(test_another_configuration_is_another_try),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
