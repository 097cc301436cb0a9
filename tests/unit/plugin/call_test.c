/*
 * Calls of plugins off the loop: results and their checks, facts in two
 * steps, the log, memory (plugin.h "calls"; anchors 3.3, 3.9).
 */
#include "stage_testing.h"

/* ---- results ------------------------------------------------------------ */

static void test_a_plugin_gets_the_request_and_its_result_comes_back(
    void **state)
{
    struct stage s;
    struct outcome outcome;

    (void)state;
    setup(&s, "good", 0);
    outcome = call(&s, CCB_PLUGIN_STAGING_RECIPE);
    assert_int_equal(0, outcome.code);
    assert_string_equal("{\"guid\":\"g-1\",\"message\":{\"a\":1},\"facts\":"
                        "{\"x\":\"y\"}}",
                        outcome.value);
    outcome = call(&s, CCB_PLUGIN_SELFTEST);
    assert_int_equal(0, outcome.code);
    assert_string_equal("", outcome.value);
    teardown(&s);
}

static void test_absent_facts_are_an_empty_object(void **state)
{
    struct stage s;
    struct outcome outcome = {0};
    struct ccb_plugin_call_options options;

    (void)state;
    setup(&s, "good", 0);
    options = options_of(&s, CCB_PLUGIN_STAGING_RECIPE, &outcome);
    options.facts = S("");
    assert_int_equal(
        0, ccb_plugin_call(s.plugin, &s.loop, &options, &s.zoo.error));
    ccb_loop_run(&s.loop);
    assert_contains(outcome.value, "\"facts\":{}}");
    teardown(&s);
}

static void test_the_first_stated_failure_is_the_calls(void **state)
{
    struct stage s;
    struct outcome outcome;

    (void)state;
    setup(&s, "good", 0);
    outcome = call(&s, CCB_PLUGIN_LRP);
    assert_int_equal(CCB_INVALID, outcome.code);
    assert_string_equal("RunnerError", outcome.id);
    assert_string_equal("no start command", outcome.error);
    teardown(&s);
}

static void test_what_is_not_offered_is_unsupported(void **state)
{
    struct stage s;
    struct outcome outcome;
    struct ccb_plugin_call_options options;

    (void)state;
    setup(&s, "good", 0);
    outcome = call(&s, CCB_PLUGIN_TASK); /* its slot is NULL */
    assert_int_equal(CCB_UNSUPPORTED, outcome.code);
    assert_string_equal("plugin zoo.good does not offer build_task of "
                        "ccb.run/1",
                        outcome.error);
    outcome = call(&s, CCB_PLUGIN_DOCKER_URI); /* the whole interface */
    assert_int_equal(CCB_UNSUPPORTED, outcome.code);
    options = options_of(&s, (enum ccb_plugin_function)99, &outcome);
    assert_int_equal(CCB_INVALID, ccb_plugin_call(s.plugin, &s.loop, &options,
                                                  &s.zoo.error));
    teardown(&s);
}

static void test_bad_results_become_errors_that_name_the_plugin(void **state)
{
    static const struct {
        const char *member;
        int code;
        const char *error;
    } rows[] = {
        {"emit_garbage", CCB_FAILED,
         "plugin zoo.emit-garbage: the result of build_recipe is not JSON: "},
        {"emit_nothing", CCB_FAILED,
         "plugin zoo.emit-nothing: the result of build_recipe is not JSON: "},
        {"emit_too_much", CCB_TOO_LARGE,
         "plugin zoo.emit-too-much: the result of build_recipe is over "
         "1048576 bytes"},
        {"fail_without_reason", CCB_NOT_FOUND,
         "plugin zoo.fail-without-reason: build_recipe failed (not"},
        {"returns_nonsense", CCB_FAILED,
         "plugin zoo.returns-nonsense: build_recipe returned -777, which "
         "means nothing"},
        {"asks_without_names", CCB_FAILED,
         "plugin zoo.asks-without-names: build_recipe needs facts but named "
         "none"},
        {"eats_scratch", CCB_NO_MEMORY, "plugin zoo.eats-scratch: "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct outcome outcome = call_member(rows[i].member);

        if (outcome.code != rows[i].code)
            fail_msg("%s: code %d, %s", rows[i].member, outcome.code,
                     outcome.error);
        assert_contains(outcome.error, rows[i].error);
        assert_string_equal("", outcome.id);
        assert_string_equal("", outcome.value);
    }
}

static void test_a_failures_words_are_cut_and_its_id_checked(void **state)
{
    struct outcome outcome = call_member("fail_at_length");

    (void)state;
    assert_int_equal(CCB_INVALID, outcome.code);
    assert_string_equal("", outcome.id);
    /* "!" and whole characters of two bytes, no half one at the end */
    assert_int_equal(4095, outcome.error_len);
    assert_int_equal('!', outcome.error[0]);
    assert_int_equal(0xa9, (unsigned char)outcome.error[4094]);
}

/* ---- facts -------------------------------------------------------------- */

/* A gatherer that reports in a later turn of the loop. */
struct source {
    const char *value, *error;
    int code, asked, refusal;
    void (*done)(void *, int, struct ccb_slice, const char *);
    void *token;
    struct ccb_post post;
};

static void on_report(struct ccb_post *post)
{
    struct source *source =
        (struct source *)(void *)((char *)post - offsetof(struct source, post));

    source->done(source->token, source->code, S(source->value), source->error);
}

static int gather(void *user, struct ccb_loop *loop,
                  void (*done)(void *token, int code, struct ccb_slice value,
                               const char *error),
                  void *token)
{
    struct source *source = user;

    source->asked++;
    if (source->refusal)
        return source->refusal;
    source->done = done;
    source->token = token;
    source->post.run = on_report;
    ccb_loop_post(loop, &source->post);
    return 0;
}

#define SOURCES 5

static struct outcome call_with(const char *member,
                                enum ccb_plugin_function function,
                                const char *const *names,
                                struct source *sources)
{
    struct ccb_fact_gatherer gatherers[SOURCES];
    struct ccb_plugin_call_options options;
    struct outcome outcome = {0};
    struct stage s;

    for (size_t i = 0; i < SOURCES; i++)
        gatherers[i] =
            (struct ccb_fact_gatherer){names[i], gather, &sources[i]};
    setup(&s, member, 0);
    options = options_of(&s, function, &outcome);
    options.gatherers = gatherers;
    options.gatherer_count = SOURCES;
    assert_int_equal(
        0, ccb_plugin_call(s.plugin, &s.loop, &options, &s.zoo.error));
    ccb_loop_run(&s.loop);
    assert_int_equal(1, outcome.calls);
    teardown(&s);
    return outcome;
}

static const char *const usual[SOURCES] = {"ssh_keys", "docker_registries",
                                           "f3", "f4", "f5"};

static void test_facts_are_gathered_and_the_call_is_repeated(void **state)
{
    struct source sources[SOURCES] = {{.value = "{\"host_key\":\"k\"}"},
                                      {.value = " [\"10.0.0.1\"] "}};
    struct outcome outcome =
        call_with("good", CCB_PLUGIN_STAGING_RESPONSE, usual, sources);

    (void)state;
    assert_int_equal(0, outcome.code);
    assert_contains(outcome.value, "\"ssh_keys\":{\"host_key\":\"k\"}");
    assert_contains(outcome.value, "\"docker_registries\":");
    assert_contains(outcome.value, "[\"10.0.0.1\"]");
    assert_int_equal(1, sources[0].asked);
    assert_int_equal(1, sources[1].asked);
    assert_int_equal(0, sources[2].asked);
}

static void test_a_fact_that_fails_fails_the_call(void **state)
{
    static const struct {
        struct source source;
        int code;
        const char *error;
    } rows[] = {
        {{.value = "", .code = CCB_IO, .error = "consul is away"},
         CCB_IO,
         "fact docker_registries for plugin zoo.good: consul is away"},
        {{.value = "", .refusal = CCB_NO_MEMORY},
         CCB_NO_MEMORY,
         "fact docker_registries for plugin zoo.good: it could not be asked "
         "for"},
        {{.value = "{\"half"},
         CCB_FAILED,
         "fact docker_registries for plugin zoo.good: its value is not JSON"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct source sources[SOURCES] = {{.value = "{}"}, rows[i].source};
        struct outcome outcome =
            call_with("good", CCB_PLUGIN_STAGING_RESPONSE, usual, sources);

        assert_int_equal(rows[i].code, outcome.code);
        assert_string_equal(rows[i].error, outcome.error);
        assert_int_equal(1, sources[0].asked); /* in parallel */
    }
}

static void test_odd_asking_is_refused_by_name(void **state)
{
    static const struct {
        const char *member, *error;
        int asked;
    } rows[] = {
        {"asks_unknown_fact",
         "plugin zoo.asks-unknown-fact asked for the fact \"the_weather\", "
         "which is not known here",
         0},
        {"asks_fact_twice",
         "plugin zoo.asks-fact-twice asked for the fact \"ssh_keys\", which "
         "it was asking for already",
         1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct source sources[SOURCES] = {{.value = "{}"}};
        struct outcome outcome = call_with(
            rows[i].member, CCB_PLUGIN_STAGING_RECIPE, usual, sources);

        assert_int_equal(CCB_FAILED, outcome.code);
        assert_string_equal(rows[i].error, outcome.error);
        assert_int_equal(rows[i].asked, sources[0].asked);
    }
}

static void test_rounds_of_facts_are_bounded(void **state)
{
    static const char *const names[SOURCES] = {"f1", "f2", "f3", "f4", "f5"};
    struct source sources[SOURCES] = {{.value = "1"},
                                      {.value = "2"},
                                      {.value = "3"},
                                      {.value = "4"},
                                      {.value = "5"}};
    struct outcome outcome =
        call_with("asks_forever", CCB_PLUGIN_STAGING_RECIPE, names, sources);

    (void)state;
    assert_int_equal(CCB_FAILED, outcome.code);
    assert_string_equal("plugin zoo.asks-forever asked for facts more than 4 "
                        "times",
                        outcome.error);
    assert_int_equal(1, sources[0].asked); /* not again in later rounds */
    assert_int_equal(1, sources[3].asked);
    assert_int_equal(0, sources[4].asked);
}

/* ---- the log ------------------------------------------------------------ */

static char *log_of(const char *member, enum ccb_plugin_function function)
{
    struct stage s;
    char *text;
    int fd;

    setup(&s, member, 0);
    fd = zoo_log_begin();
    (void)call(&s, function);
    text = zoo_log_end(fd);
    teardown(&s);
    return text;
}

static size_t count_lines(const char *text, const char *part)
{
    size_t count = 0;

    for (text = strstr(text, part); text; text = strstr(text + 1, part))
        count++;
    return count;
}

static void test_a_plugins_lines_go_to_the_requests_log(void **state)
{
    char *log = log_of("good", CCB_PLUGIN_PORTS);

    (void)state;
    assert_contains(log, "\"message\":\"zoo.request.ports-found\"");
    assert_contains(log, "\"log_level\":1");
    assert_contains(log, "\"data\":{\"count\":1,");
    assert_contains(log, "\"plugin\":\"zoo.good\"");
    ccb_free(log);
}

static void test_odd_lines_are_made_harmless(void **state)
{
    char *log = log_of("logs_garbage", CCB_PLUGIN_STAGING_RECIPE);

    (void)state;
    assert_int_equal(4, count_lines(log, "\n"));
    assert_contains(log, "request.odd?level\",\"log_level\":2");
    assert_int_equal(2, count_lines(log, "\"data_invalid\":true"));
    assert_contains(log, "request.half\"");
    assert_contains(log, "request.plugin-log\"");
    ccb_free(log);
}

static void test_the_rate_of_lines_is_limited(void **state)
{
    char *log = log_of("logs_a_lot", CCB_PLUGIN_STAGING_RECIPE);
    size_t lines = count_lines(log, "request.chatter");

    (void)state;
    /* Two seconds may have been touched, never ten. */
    assert_in_range(lines, 100, 300);
    ccb_free(log);
}

/* ---- memory ------------------------------------------------------------- */

static void test_every_failed_allocation_of_a_call_is_survived(void **state)
{
    static struct source sources[SOURCES];
    struct ccb_fact_gatherer gatherers[2] = {{usual[0], gather, &sources[0]},
                                             {usual[1], gather, &sources[1]}};
    struct stage s;
    struct outcome outcome = {.code = CCB_NO_MEMORY};
    size_t nth = 0;

    (void)state;
    sources[0].value = sources[1].value = "{}";
    setup(&s, "good", 0);
    while (outcome.code == CCB_NO_MEMORY) {
        struct ccb_plugin_call_options options =
            options_of(&s, CCB_PLUGIN_STAGING_RESPONSE, &outcome);
        int code;

        outcome = (struct outcome){0};
        options.gatherers = gatherers;
        options.gatherer_count = 2;
        ccb_mem_fail_at(++nth, 1);
        code = ccb_plugin_call(s.plugin, &s.loop, &options, &s.zoo.error);
        if (code == 0)
            ccb_loop_run(&s.loop);
        else
            outcome.code = code;
        ccb_mem_fail_at(0, 0);
        assert_int_equal(code == 0, outcome.calls);
    }
    assert_int_equal(0, outcome.code);
    assert_true(nth > 6);
    teardown(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_a_plugin_gets_the_request_and_its_result_comes_back),
        cmocka_unit_test(test_absent_facts_are_an_empty_object),
        cmocka_unit_test(test_the_first_stated_failure_is_the_calls),
        cmocka_unit_test(test_what_is_not_offered_is_unsupported),
        cmocka_unit_test(test_bad_results_become_errors_that_name_the_plugin),
        cmocka_unit_test(test_a_failures_words_are_cut_and_its_id_checked),
        cmocka_unit_test(test_facts_are_gathered_and_the_call_is_repeated),
        cmocka_unit_test(test_a_fact_that_fails_fails_the_call),
        cmocka_unit_test(test_odd_asking_is_refused_by_name),
        cmocka_unit_test(test_rounds_of_facts_are_bounded),
        cmocka_unit_test(test_a_plugins_lines_go_to_the_requests_log),
        cmocka_unit_test(test_odd_lines_are_made_harmless),
        cmocka_unit_test(test_the_rate_of_lines_is_limited),
        cmocka_unit_test(test_every_failed_allocation_of_a_call_is_survived),
    };

    return cmocka_run_group_tests_name("plugin call", tests, NULL, NULL);
}
