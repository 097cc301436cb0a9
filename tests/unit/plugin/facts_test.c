/*
 * The fact "lifecycle:KEY": one plugin given another one's answer to the same
 * request, and what it may not do with that (ccbridge/lifecycle.h,
 * "need_facts").
 */
#include "stage_testing.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

#define MEMBERS 6

struct row {
    const char *members[MEMBERS]; /* the first one is called */
    enum ccb_plugin_function function;
    int code;
    const char *id, *words; /* of the outcome: its error, or its value */
};

/* Reports at a later turn of the loop, as a gatherer must. */
struct source {
    void (*done)(void *, int, struct ccb_slice, const char *);
    void *token;
    struct ccb_post post;
};

static void on_report(struct ccb_post *post)
{
    struct source *source =
        (struct source *)(void *)((char *)post - offsetof(struct source, post));

    source->done(source->token, 0, S("{\"k\":1}"), NULL);
}

static int gather(void *user, struct ccb_loop *loop,
                  void (*done)(void *token, int code, struct ccb_slice value,
                               const char *error),
                  void *token)
{
    struct source *source = user;

    source->done = done;
    source->token = token;
    source->post.run = on_report;
    ccb_loop_post(loop, &source->post);
    return 0;
}

static void open_stage(struct stage *s, const char *const *members,
                       const char *policies, int64_t timeout)
{
    int fd = zoo_log_begin();

    memset(s, 0, sizeof(*s));
    zoo_init(&s->zoo);
    s->zoo.policies = policies;
    for (size_t i = 0; i < MEMBERS && members[i]; i++)
        zoo_add(&s->zoo, members[i]);
    s->zoo.call_timeout = timeout;
    if (zoo_open(&s->zoo) != 0)
        fail_msg("%s: %s", members[0], s->zoo.error.message);
    s->plugin = stage_plugin(s, members[0]);
    assert_non_null(s->plugin);
    assert_int_equal(0, ccb_loop_open(&s->loop, &s->zoo.error));
    s->arena = ccb_arena_create();
    assert_non_null(s->arena);
    ccb_log_begin(&s->session, &s->zoo.log, "request", NULL, 0);
    ccb_free(zoo_log_end(fd));
}

static struct outcome call_row(const struct row *row, int64_t timeout)
{
    struct source sources[2] = {{0}};
    const struct ccb_fact_gatherer gatherers[] = {
        {"ssh_keys", gather, &sources[0]},
        {"docker_registries", gather, &sources[1]}};
    struct ccb_plugin_call_options options;
    struct outcome outcome = {0};
    struct stage s;

    open_stage(&s, row->members, NULL, timeout);
    options = options_of(&s, row->function, &outcome);
    options.gatherers = gatherers;
    options.gatherer_count = 2;
    assert_int_equal(
        0, ccb_plugin_call(s.plugin, &s.loop, &options, &s.zoo.error));
    assert_int_equal(0, ccb_loop_run(&s.loop));
    assert_int_equal(1, outcome.calls);
    teardown(&s);
    return outcome;
}

static void check(const struct row *row, int64_t timeout)
{
    struct outcome outcome = call_row(row, timeout);

    if (outcome.code != row->code)
        fail_msg("%s: code %d, %s", row->members[0], outcome.code,
                 outcome.error);
    assert_string_equal(row->id, outcome.id);
    assert_contains(outcome.code ? outcome.error : outcome.value, row->words);
}

static void test_the_fact_is_the_other_plugins_answer(void **state)
{
    static const struct row rows[] = {
        {{"wraps_good", "good"},
         CCB_PLUGIN_STAGING_RECIPE,
         0,
         "",
         "{\"lifecycle:good\":{\"guid\":\"g-1\",\"message\":{\"a\":1},"
         "\"facts\":{\"x\":\"y\"}}}"},
        {{"wraps_stack", "good"},
         CCB_PLUGIN_STAGING_RECIPE,
         0,
         "",
         "{\"lifecycle:good/any\":{\"guid\":\"g-1\""},
        /* good's response needs facts of its own */
        {{"wraps_good", "good"},
         CCB_PLUGIN_STAGING_RESPONSE,
         0,
         "",
         "\"ssh_keys\":{\"k\":1}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check(&rows[i], 20 * CCB_SECOND);
}

static void test_a_refusal_passes_through_word_for_word(void **state)
{
    static const struct row row = {{"wraps_good", "good"},
                                   CCB_PLUGIN_LRP,
                                   CCB_INVALID,
                                   "RunnerError",
                                   "no start command"};
    struct outcome outcome = call_row(&row, 20 * CCB_SECOND);

    (void)state;
    check(&row, 20 * CCB_SECOND);
    assert_string_equal(row.words, outcome.error);
}

static void test_rings_and_absent_lifecycles_are_refused(void **state)
{
    static const struct row rows[] = {
        {{"wraps_itself", NULL},
         CCB_PLUGIN_STAGING_RECIPE,
         CCB_FAILED,
         "",
         "zoo.wraps-itself -> zoo.wraps-itself"},
        {{"wraps_left", "wraps_right"},
         CCB_PLUGIN_STAGING_RECIPE,
         CCB_FAILED,
         "",
         "zoo.wraps-left -> zoo.wraps-right -> zoo.wraps-left"},
        {{"wraps_nobody", "good"},
         CCB_PLUGIN_STAGING_RECIPE,
         CCB_FAILED,
         "",
         "plugin zoo.wraps-nobody asked for the fact \"lifecycle:nobody/here\""
         ", but no plugin serves that lifecycle"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check(&rows[i], 20 * CCB_SECOND);
}

static void test_the_wrapped_ones_time_out_is_named(void **state)
{
    static const struct row row = {
        {"wraps_hang", "hang"},
        CCB_PLUGIN_STAGING_RECIPE,
        CCB_TIMED_OUT,
        "",
        "plugin zoo.hang: build_recipe did not answer within"};

    (void)state;
    check(&row, 200 * CCB_MILLISECOND);
}

static void test_four_lifecycles_may_wrap_one_another_but_not_five(void **state)
{
    static const struct row rows[] = {
        {{"deep_two", "deep_three", "deep_four", "good"},
         CCB_PLUGIN_STAGING_RECIPE,
         0,
         "",
         "{\"lifecycle:deep-three\":{\"lifecycle:deep-four\":"
         "{\"lifecycle:good\":{\"guid\":\"g-1\""},
        {{"deep_one", "deep_two", "deep_three", "deep_four", "good"},
         CCB_PLUGIN_STAGING_RECIPE,
         CCB_FAILED,
         "",
         "only 4 deep and never in a ring: zoo.deep-one -> zoo.deep-two -> "
         "zoo.deep-three -> zoo.deep-four -> zoo.good"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check(&rows[i], 20 * CCB_SECOND);
}

/* ---- both modes --------------------------------------------------------- */

static void write_mode(const char *dir, const char *id, const char *mode)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.json", dir, id);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "{\"mode\":\"%s\"}", mode);
    fclose(file);
}

static void test_either_may_be_isolated(void **state)
{
    static const char *const members[MEMBERS] = {"wraps_good", "good"};
    static const char *const modes[] = {"in-process", "isolated"};
    char dir[] = "/tmp/ccb-facts-XXXXXX", path[512];

    (void)state;
    assert_non_null(mkdtemp(dir));
    for (int i = 0; i < 4; i++) {
        struct outcome o;
        struct stage s;

        write_mode(dir, "zoo.wraps-good", modes[i & 1]);
        write_mode(dir, "zoo.good", modes[i >> 1]);
        open_stage(&s, members, dir, 20 * CCB_SECOND);
        o = call(&s, CCB_PLUGIN_STAGING_RECIPE);
        assert_int_equal(0, o.code);
        assert_contains(o.value, "{\"lifecycle:good\":{\"guid\":\"g-1\"");
        o = call(&s, CCB_PLUGIN_LRP);
        assert_int_equal(CCB_INVALID, o.code);
        assert_string_equal("RunnerError", o.id);
        assert_string_equal("no start command", o.error);
        teardown(&s);
    }
    snprintf(path, sizeof(path), "%s/zoo.wraps-good.json", dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/zoo.good.json", dir);
    unlink(path);
    assert_int_equal(0, rmdir(dir));
}

/* ---- without memory ----------------------------------------------------- */

/* Whether the call came to its right end, or to one without memory: there is
 * nothing between. */
static bool is_right(const struct outcome *o, const struct row *row)
{
    if (o->code == CCB_NO_MEMORY)
        return false;
    assert_int_equal(row->code, o->code);
    assert_string_equal(row->id, o->id);
    assert_contains(o->code ? o->error : o->value, row->words);
    return true;
}

static bool call_without_memory(struct stage *s, const struct row *row,
                                size_t nth, bool sticky)
{
    struct outcome outcome = {0};
    struct ccb_plugin_call_options options =
        options_of(s, row->function, &outcome);
    int code;

    options.arena = ccb_arena_create();
    assert_non_null(options.arena);
    ccb_mem_fail_at(nth, sticky);
    code = ccb_plugin_call(s->plugin, &s->loop, &options, &s->zoo.error);
    if (code == 0)
        assert_int_equal(0, ccb_loop_run(&s->loop));
    ccb_mem_fail_at(0, false);
    ccb_arena_unref(options.arena);
    if (code) {
        assert_int_equal(CCB_NO_MEMORY, code);
        return false;
    }
    assert_int_equal(1, outcome.calls);
    return is_right(&outcome, row);
}

static void test_every_allocation_may_fail(void **state)
{
    static const struct row rows[] = {
        {{"wraps_good", "good"},
         CCB_PLUGIN_STAGING_RECIPE,
         0,
         "",
         "{\"lifecycle:good\":{\"guid\":\"g-1\""},
        {{"wraps_good", "good"},
         CCB_PLUGIN_LRP,
         CCB_INVALID,
         "RunnerError",
         "no start command"},
    };

    (void)state;
    for (int i = 0; i < 4; i++) {
        const struct row *row = &rows[i & 1];
        struct stage s;
        size_t nth = 1, right = 0, failed = 0;

        open_stage(&s, row->members, NULL, 20 * CCB_SECOND);
        for (; nth < 1000 && right < 10; nth++)
            if (call_without_memory(&s, row, nth, i >> 1))
                right++;
            else
                failed++;
        teardown(&s);
        assert_int_equal(10, right);
        assert_true(failed > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_fact_is_the_other_plugins_answer),
        cmocka_unit_test(test_a_refusal_passes_through_word_for_word),
        cmocka_unit_test(test_rings_and_absent_lifecycles_are_refused),
        cmocka_unit_test(test_the_wrapped_ones_time_out_is_named),
        cmocka_unit_test(
            test_four_lifecycles_may_wrap_one_another_but_not_five),
        cmocka_unit_test(test_either_may_be_isolated),
        cmocka_unit_test(test_every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
