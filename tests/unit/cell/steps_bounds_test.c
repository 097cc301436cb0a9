/*
 * The bounds of trees of steps: deep ones, wide ones, and those whose memory
 * fails. The processes are fakes.
 */
#include "steps_fake_process.h"

/* ---- bounds ------------------------------------------------------------- */

/* `levels` times `kind` round a run. */
static struct ccb_action *deep(enum ccb_action_kind kind, size_t levels,
                               const char *innermost)
{
    struct ccb_action *action = steps_action(innermost);

    for (size_t i = 0; i < levels; i++) {
        struct ccb_action *outer = ccb_arena_alloc(steps_arena, sizeof(*outer));

        outer->kind = kind;
        outer->timeout = 3600 * CCB_SECOND;
        outer->children = ccb_arena_alloc(steps_arena, sizeof(action));
        outer->children[0] = action;
        outer->child_count = 1;
        action = outer;
    }
    return action;
}

static struct ccb_action *wide(enum ccb_action_kind kind, size_t count,
                               const char *child)
{
    struct ccb_action *action = ccb_arena_alloc(steps_arena, sizeof(*action));

    action->kind = kind;
    action->children = ccb_arena_alloc(steps_arena, count * sizeof(action));
    action->child_count = count;
    for (size_t i = 0; i < count; i++)
        action->children[i] = steps_action(child);
    return action;
}

static void a_tree_of_100000_levels_begins_ends_and_is_cancelled(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree, NULL);
    tree.options.action = deep(CCB_ACTION_TIMEOUT, 100000, EXIT("5"));
    tree_start(&tree);
    tree_ends(&tree, "Exited with status 5");
    tree_init(&tree, NULL);
    tree.options.action = deep(CCB_ACTION_SERIAL, 100000, RUN("/sleep"));
    tree_start(&tree);
    steps_wait(&fake_count, 2);
    tree_cancel(&tree);
    tree_ends(&tree, "cancelled");
}

static void a_list_of_lists_of_256_levels_has_one_header_each(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree, NULL);
    tree.options.action = deep(CCB_ACTION_PARALLEL, 256, EXIT("5"));
    tree_start(&tree);
    steps_wait(&tree.done, 1);
    assert_int_equal(tree.reason_len,
                     256 * strlen("1 error(s) occurred:\n\n* ") +
                         strlen("Exited with status 5"));
}

static void ten_thousand_at_once(void **state)
{
    struct tree tree;
    char head[64];

    (void)state;
    tree_init(&tree, NULL);
    tree.options.action = wide(CCB_ACTION_PARALLEL, 10000, EXIT("5"));
    tree_start(&tree);
    steps_wait(&tree.done, 1);
    (void)snprintf(head, sizeof(head), "10000 error(s) occurred:\n\n* Exited");
    assert_int_equal(strncmp(tree.reason, head, strlen(head)), 0);
    assert_int_equal(tree.reason_len,
                     strlen("10000 error(s) occurred:\n") +
                         10000 * strlen("\n* Exited with status 5"));
}

static void ten_thousand_after_each_other_are_one_at_a_time(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree, NULL);
    tree.options.action = wide(CCB_ACTION_SERIAL, 10000, EXIT("0"));
    tree_start(&tree);
    tree_ends(&tree, NULL);
    assert_int_equal(fakes_most, 1);
    assert_int_equal(fake_count, 10000);
}

static void ten_thousand_are_cancelled_at_once(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree, NULL);
    tree.options.action = wide(CCB_ACTION_PARALLEL, 10000, RUN("/sleep"));
    tree_start(&tree);
    steps_wait(&fake_count, 5000); /* some have not begun */
    tree_cancel(&tree);
    steps_wait(&tree.done, 1);
    assert_true(tree.failed);
    assert_int_equal(fake_count, fake_signal_count);
    assert_true(fake_count < 10000);
}

static void what_is_no_action_fails_in_words(void **state)
{
    struct ccb_action *list;
    struct tree tree;
    struct ccb_error err = {0};

    (void)state;
    tree_init(&tree, NULL);
    assert_int_equal(ccb_steps_start(&tree.steps, &tree.options, &err),
                     CCB_INVALID);
    list = wide(CCB_ACTION_SERIAL, 1, EXIT("0"));
    list->children[0] = NULL;
    tree.options.action = list;
    tree_start(&tree);
    tree_ends(&tree, "invalid action type");
}

/* ---- memory -------------------------------------------------------------- */

#define WHOLE                                                                  \
    "{'serial':{'actions':[{'parallel':{'log_source':'A','actions':["          \
    "{'download':{'from':'http://ok','to':'/t','user':'vcap'}},{'upload':{"    \
    "'from':'/f','to':'http://ok','user':'vcap'}},{'run':{'path':'/exit',"     \
    "'args':['0','half'],'env':[{'name':'A','value':'b'}],'user':'vcap'}}]}}," \
    "{'try':{'action':{'codependent':{'actions':[" EXIT("0") "," RUN(          \
        "/sleep") "]}}}},{'timeout':{'timeout':2000000,"                       \
                  "'action':" RUN("/sleep") "}}]}}"

/* Each allocation of a whole tree fails once: it ends all the same, with its
 * usual error, with words about memory, or well where a try swallowed it. */
static void every_allocation_may_fail(void **state)
{
    static const char *const env[] = {"CF_INSTANCE_IP=1.2.3.4"};
    struct ccb_action *setup = steps_action(EXIT("0"));
    struct ccb_action *action = steps_action(WHOLE);
    size_t nth = 0, refused = 0;
    bool whole = false;

    (void)state;
    while (!whole) {
        struct ccb_error err = {0};
        struct tree tree;
        int code;

        tree_init(&tree, NULL);
        tree.options.setup = setup;
        tree.options.action = action;
        tree.options.monitor = setup;
        tree.options.network_env = env;
        tree.options.network_env_count = 1;
        (void)ccb_mem_fail_at(++nth, 0);
        code = ccb_steps_start(&tree.steps, &tree.options, &err);
        if (code == CCB_OK)
            steps_wait(&tree.done, 1);
        else
            assert_int_equal(code, CCB_NO_MEMORY);
        whole = ccb_mem_fail_at(0, 0) < nth;
        refused += code != CCB_OK;
        log_clear();
        if (whole)
            assert_string_equal(tree.reason,
                                "2 error(s) occurred:\n\n"
                                "* exceeded 2ms timeout\n* cancelled");
        else if (code == CCB_OK)
            assert_true(tree.failed);
    }
    assert_in_range(refused, 3, 12);
    assert_true(nth > 40);
}

static void without_any_memory_it_still_ends(void **state)
{
    struct ccb_action *action = steps_action(WHOLE);
    struct tree tree;

    (void)state;
    for (size_t nth = 10; nth < 40; nth += 3) {
        struct ccb_error err = {0};

        tree_init(&tree, NULL);
        tree.options.action = action;
        (void)ccb_mem_fail_at(nth, 1);
        if (ccb_steps_start(&tree.steps, &tree.options, &err) == CCB_OK)
            steps_wait(&tree.done, 1);
        (void)ccb_mem_fail_at(0, 0);
        log_clear();
    }
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fakes_open_bed, fakes_close_bed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_tree_of_100000_levels_begins_ends_and_is_cancelled),
        TEST(a_list_of_lists_of_256_levels_has_one_header_each),
        TEST(ten_thousand_at_once),
        TEST(ten_thousand_after_each_other_are_one_at_a_time),
        TEST(ten_thousand_are_cancelled_at_once),
        TEST(what_is_no_action_fails_in_words),
        TEST(every_allocation_may_fail),
        TEST(without_any_memory_it_still_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
