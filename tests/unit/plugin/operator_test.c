/*
 * The operator's word over a plugin, as the registry heeds it: off, pinned,
 * ranked, renamed, critical, run here or there (policy.h), and what the list
 * of plugins shows of all that.
 */
#include "reload_testing.h"

static void open_with(struct bed *bed, const char *policy)
{
    bed_init(bed, CCB_PLUGIN_MODE_IN_PROCESS);
    bed_put_build(bed, "builds.so", 'A');
    if (policy)
        bed_put_policy(bed, ID, policy);
    if (bed_open(bed) != 0)
        fail_msg("not opened: %s", bed->zoo.error.message);
}

static void close_bed(struct bed *bed)
{
    ccb_free(bed_destroy(bed));
}

static void assert_listed(const struct bed *bed, const char *part)
{
    char *list = bed_list(bed);

    assert_contains(list, part);
    ccb_free(list);
}

/* ---- off, pinned -------------------------------------------------------- */

static void test_a_disabled_plugin_is_listed_and_not_loaded(void **state)
{
    struct bed bed;

    (void)state;
    open_with(&bed, "{\"enabled\":false,\"critical\":true}");
    assert_null(bed_plugin(&bed));
    assert_int_equal(CCB_REFUSED_DISABLED, bed.zoo.last.reason);
    assert_listed(&bed, "[{\"id\":\"" ID "\",\"file\":");
    assert_listed(&bed, "\"state\":\"disabled\",\"reason\":\"disabled\"");
    bed_put_policy(&bed, ID, "{}");
    assert_reload(&bed);
    assert_int_equal(1, bed.change.added);
    assert_int_equal('A', bed_call(&bed));
    bed_put_policy(&bed, ID, "{\"enabled\":false}");
    assert_reload(&bed);
    assert_int_equal(1, bed.change.removed);
    assert_null(bed_plugin(&bed));
    close_bed(&bed);
}

static void test_only_the_pinned_image_is_taken(void **state)
{
    char digest[CCB_PLUGIN_DIGEST_SIZE], policy[160];
    struct bed bed;

    (void)state;
    open_with(&bed, NULL);
    memcpy(digest, bed_plugin(&bed)->image.digest, sizeof(digest));
    assert_listed(&bed, digest);
    snprintf(policy, sizeof(policy), "{\"sha256\":\"%s\"}", digest);
    bed_put_policy(&bed, ID, policy);
    assert_reload(&bed);
    assert_int_equal('A', bed_call(&bed));
    bed_put_build(&bed, "builds.so", 'B');
    assert_int_equal(CCB_FAILED, bed_reload(&bed));
    assert_int_equal(CCB_REFUSED_DIGEST, bed.zoo.last.reason);
    assert_string_equal(digest, bed.zoo.last.expected);
    assert_int_equal('A', bed_call(&bed));
    close_bed(&bed);
}

static void test_a_policy_that_cannot_be_read_refuses_its_plugin(void **state)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"{\"enabled\":", ID ".json"},
        {"{\"enable\":true}", "enable"},
        {"{\"claims\":[\"a b\"]}", "a b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bed bed;

        open_with(&bed, NULL);
        bed_put_policy(&bed, ID, rows[i].text);
        assert_int_equal(CCB_FAILED, bed_reload(&bed));
        assert_int_equal(CCB_REFUSED_POLICY, bed.zoo.last.reason);
        assert_contains(bed.zoo.last.found, rows[i].part);
        assert_int_equal('A', bed_call(&bed));
        close_bed(&bed);
    }
}

/* ---- who serves --------------------------------------------------------- */

static void test_claims_of_a_policy_replace_the_manifests(void **state)
{
    struct bed bed;

    (void)state;
    open_with(&bed, "{\"claims\":[\"own/stack\"]}");
    assert_null(ccb_plugins_find(bed.zoo.plugins, S("builds"), S("")));
    assert_ptr_equal(bed_plugin(&bed),
                     ccb_plugins_find(bed.zoo.plugins, S("own"), S("stack")));
    assert_listed(&bed, "\"claims\":[\"own/stack\"]");
    close_bed(&bed);
}

/* zoo.runs comes later by its name, and has only what the policies give it. */
static void open_rivals(struct bed *bed, const char *first, const char *second)
{
    bed_init(bed, CCB_PLUGIN_MODE_IN_PROCESS);
    bed->zoo.strict = true;
    bed_put_build(bed, "builds.so", 'A');
    bed_put_member(bed, "runs");
    bed_put_policy(bed, ID, first);
    bed_put_policy(bed, "zoo.runs", second);
}

static void close_rivals(struct bed *bed)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/zoo.runs.json", bed->policies);
    assert_int_equal(0, unlink(path));
    close_bed(bed);
}

static void test_of_two_claims_the_higher_priority_has_it(void **state)
{
    struct bed bed;

    (void)state;
    open_rivals(&bed, "{\"claims\":[\"x\",\"y\"],\"priority\":-1}",
                "{\"claims\":[\"x\"]}");
    assert_int_equal(0, bed_open(&bed));
    assert_int_equal(0, bed.zoo.refused);
    assert_ptr_equal(ccb_plugins_get(bed.zoo.plugins, S("zoo.runs")),
                     ccb_plugins_find(bed.zoo.plugins, S("x"), S("")));
    assert_ptr_equal(bed_plugin(&bed),
                     ccb_plugins_find(bed.zoo.plugins, S("y"), S("")));
    assert_listed(&bed, "\"claims\":[\"y\"]");
    assert_listed(&bed, "\"priority\":-1,");
    close_rivals(&bed);
}

static void test_between_equals_a_conflict_is_one(void **state)
{
    struct bed bed;

    (void)state;
    open_rivals(&bed, "{\"claims\":[\"x\"],\"priority\":2}",
                "{\"claims\":[\"x\"],\"priority\":2}");
    assert_int_equal(CCB_CONFLICT, bed_open(&bed));
    assert_contains(bed.zoo.error.message, "zoo.builds and zoo.runs");
    close_rivals(&bed);
}

/* Also without `strict`: what serves keeps its claim, or nothing changes. */
static void test_a_reload_takes_no_claim_from_what_serves(void **state)
{
    struct bed bed;

    (void)state;
    open_rivals(&bed, "{\"claims\":[\"y\"]}", "{\"claims\":[\"x\"]}");
    bed.zoo.strict = false;
    assert_int_equal(0, bed_open(&bed));
    bed_put_policy(&bed, ID, "{\"claims\":[\"x\"]}");
    assert_int_equal(CCB_CONFLICT, bed_reload(&bed));
    assert_contains(bed.zoo.error.message, "\"x\" is claimed by two");
    assert_int_equal(1, ccb_plugins_generation(bed.zoo.plugins));
    close_rivals(&bed);
}

/* ---- critical ----------------------------------------------------------- */

static void test_without_a_critical_plugin_nothing_starts(void **state)
{
    struct bed bed;

    (void)state;
    bed_init(&bed, CCB_PLUGIN_MODE_IN_PROCESS);
    bed_put_member(&bed, "runs");
    bed_put_policy(&bed, ID, "{\"critical\":true}");
    assert_int_equal(CCB_FAILED, bed_open(&bed));
    assert_contains(bed.zoo.error.message, ID " is critical");
    assert_contains(bed.zoo.error.message, "no file");
    bed_put_build(&bed, "builds.so", '?');
    assert_int_equal(CCB_FAILED, bed_open(&bed));
    assert_contains(bed.zoo.error.message, "/builds.so is refused (selftest)");
    bed_put_build(&bed, "builds.so", 'A');
    assert_int_equal(0, bed_open(&bed));
    assert_listed(&bed, "\"critical\":true");
    bed_remove(&bed, "builds.so");
    assert_int_equal(CCB_FAILED, bed_reload(&bed));
    assert_contains(bed.zoo.error.message, "no file");
    assert_int_equal('A', bed_call(&bed));
    close_bed(&bed);
}

/* ---- here or there ------------------------------------------------------ */

static void test_a_changed_policy_makes_another_plugin_of_the_build(
    void **state)
{
    const struct ccb_plugin *before;
    struct bed bed;

    (void)state;
    open_with(&bed, NULL);
    before = bed_plugin(&bed);
    assert_false(before->isolated);
    bed_put_policy(&bed, ID, "{\"mode\":\"isolated\",\"timeout_ms\":5000}");
    assert_reload(&bed);
    assert_int_equal(1, bed.change.replaced);
    assert_true(bed_plugin(&bed)->isolated);
    assert_int_equal(5 * CCB_SECOND, bed_plugin(&bed)->call_timeout);
    assert_listed(&bed, "\"mode\":\"isolated\",\"generation\":2,");
    assert_int_equal('A', bed_call(&bed));
    bed_put_policy(&bed, ID, "{\"timeout_ms\":5000,\"mode\":\"isolated\"}");
    assert_reload(&bed); /* other bytes, the same word */
    assert_int_equal(1, bed.change.kept);
    close_bed(&bed);
}

static void test_strangers_are_isolated_and_never_without_a_runner(void **state)
{
    const char *directories[1];
    struct ccb_plugins_options options = {
        .directories = directories, .directory_count = 1, .runner = ZOO_RUNNER};
    struct bed bed;

    (void)state;
    bed_init(&bed, CCB_PLUGIN_MODE_DEFAULT);
    bed_put_build(&bed, "builds.so", 'A');
    directories[0] = bed.zoo.dir;
    assert_int_equal(0, bed_open(&bed));
    assert_true(bed_plugin(&bed)->isolated);
    ccb_plugins_close(bed.zoo.plugins);

    options.runner = "/nowhere/ccbridge-plugin-host";
    options.on_refused = zoo_on_refused;
    options.user = &bed.zoo;
    assert_int_equal(0, ccb_plugins_open(&bed.zoo.plugins, &options, NULL));
    assert_null(bed_plugin(&bed));
    assert_int_equal(CCB_REFUSED_RUNNER, bed.zoo.last.reason);
    assert_contains(bed.zoo.last.advice, "ccbridge-plugin-host");
    close_bed(&bed);
}

/* ---- the list ----------------------------------------------------------- */

static void test_the_list_shows_calls_and_their_latency(void **state)
{
    struct ccb_plugin_stats *stats;
    struct bed bed;

    (void)state;
    open_with(&bed, NULL);
    assert_listed(&bed, "\"calls\":0,\"failures\":0,\"timeouts\":0,");
    assert_listed(&bed, "\"p50_us\":null,\"p99_us\":null}");
    assert_int_equal('A', bed_call(&bed));
    assert_listed(&bed, "\"calls\":1,\"failures\":0,");
    stats = &bed_plugin(&bed)->stats;
    for (size_t i = 0; i < CCB_PLUGIN_SPANS; i++)
        atomic_store(&stats->spans[i], 0);
    atomic_store(&stats->spans[4], 90);  /* 8 to 16 us */
    atomic_store(&stats->spans[10], 10); /* 512 to 1024 us */
    assert_listed(&bed, "\"p50_us\":12,\"p99_us\":972}");
    close_bed(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_disabled_plugin_is_listed_and_not_loaded),
        cmocka_unit_test(test_only_the_pinned_image_is_taken),
        cmocka_unit_test(test_a_policy_that_cannot_be_read_refuses_its_plugin),
        cmocka_unit_test(test_claims_of_a_policy_replace_the_manifests),
        cmocka_unit_test(test_of_two_claims_the_higher_priority_has_it),
        cmocka_unit_test(test_between_equals_a_conflict_is_one),
        cmocka_unit_test(test_a_reload_takes_no_claim_from_what_serves),
        cmocka_unit_test(test_without_a_critical_plugin_nothing_starts),
        cmocka_unit_test(
            test_a_changed_policy_makes_another_plugin_of_the_build),
        cmocka_unit_test(
            test_strangers_are_isolated_and_never_without_a_runner),
        cmocka_unit_test(test_the_list_shows_calls_and_their_latency),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
