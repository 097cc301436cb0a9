/*
 * A swap under load: loops look plugins up and call them while generations
 * come and go; calls that began in an old one end in it, and nobody waits for
 * a loop that left (plugin.h, "generations"; anchors 3.7).
 */
#include "reload_testing.h"

#include <pthread.h>
#include <sched.h>

/* ---- a loop that calls without a pause ---------------------------------- */

struct caller {
    struct bed *bed;
    struct ccb_loop loop;
    struct ccb_plugins_reader reader;
    pthread_t thread;
    struct ccb_arena *arena; /* of the call that is on */
    _Atomic uint64_t done;
    atomic_bool stop;
    uint64_t failed;
    char words[512];
};

static void call_next(struct caller *caller);

static void on_called(void *user, const struct ccb_plugin_result *result)
{
    struct caller *caller = user;

    if (result->code && caller->failed++ == 0)
        snprintf(caller->words, sizeof(caller->words), "%s", result->error);
    atomic_fetch_add(&caller->done, 1);
    ccb_arena_unref(caller->arena);
    if (!atomic_load(&caller->stop))
        call_next(caller);
}

static void call_next(struct caller *caller)
{
    struct ccb_plugin *plugin =
        ccb_plugins_find(caller->bed->zoo.plugins, S("builds"), S(""));

    caller->arena = ccb_arena_create();
    if (start_call(plugin, &caller->loop, "{}", caller->arena, on_called,
                   caller) != 0)
        abort();
}

static void *run_caller(void *arg)
{
    struct caller *caller = arg;

    ccb_plugins_attach(caller->bed->zoo.plugins, &caller->reader,
                       &caller->loop);
    call_next(caller);
    (void)ccb_loop_run(&caller->loop);
    ccb_plugins_detach(&caller->reader);
    return NULL;
}

static void start_caller(struct caller *caller, struct bed *bed)
{
    struct ccb_error error;

    memset(caller, 0, sizeof(*caller));
    caller->bed = bed;
    assert_int_equal(0, ccb_loop_open(&caller->loop, &error));
    assert_int_equal(0,
                     pthread_create(&caller->thread, NULL, run_caller, caller));
}

static void end_caller(struct caller *caller)
{
    struct ccb_error error;

    atomic_store(&caller->stop, true);
    assert_int_equal(0, pthread_join(caller->thread, NULL));
    assert_int_equal(0, ccb_loop_close(&caller->loop, &error));
    if (caller->failed)
        fail_msg("%d calls of %d failed, the first: %s", (int)caller->failed,
                 (int)atomic_load(&caller->done), caller->words);
}

static void wait_for_calls(const struct caller *caller, uint64_t more)
{
    uint64_t until = atomic_load(&caller->done) + more;

    while (atomic_load(&caller->done) < until)
        sched_yield();
}

static void test_no_call_fails_while_generations_change(void **state)
{
    const enum ccb_plugin_mode *mode = *state;
    struct caller callers[2];
    struct bed bed;

    bed_init(&bed, *mode);
    bed.zoo.call_timeout = 20 * CCB_SECOND;
    bed_put_build(&bed, "builds.so", 'A');
    assert_int_equal(0, bed_open(&bed));
    for (size_t i = 0; i < 2; i++)
        start_caller(&callers[i], &bed);
    for (int round = 0; round < (SANITIZED ? 8 : 20); round++) {
        bed_put_build(&bed, "builds.so", round % 2 ? 'A' : 'B');
        assert_reload(&bed);
        assert_int_equal(1, bed.change.replaced);
        for (size_t i = 0; i < 2; i++)
            wait_for_calls(&callers[i], 3);
    }
    for (size_t i = 0; i < 2; i++)
        end_caller(&callers[i]);
    assert_reload(&bed); /* nobody is attached any more */
    ccb_free(bed_destroy(&bed));
}

/* ---- a slow call -------------------------------------------------------- */

struct slow {
    struct bed *bed;
    struct answer answer;
    pthread_barrier_t started;
};

static void *run_slow(void *arg)
{
    struct slow *slow = arg;
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_plugins_reader reader;
    struct ccb_error error;
    struct ccb_loop loop;

    if (ccb_loop_open(&loop, &error) != 0)
        abort();
    ccb_plugins_attach(slow->bed->zoo.plugins, &reader, &loop);
    if (start_call(bed_plugin(slow->bed), &loop, "{\"slow\":1}", arena,
                   on_answer, &slow->answer) != 0)
        abort();
    pthread_barrier_wait(&slow->started);
    (void)ccb_loop_run(&loop);
    ccb_plugins_detach(&reader);
    if (ccb_loop_close(&loop, &error) != 0)
        abort();
    ccb_arena_unref(arena);
    return NULL;
}

/* It takes half of its time: commit comes back after it, with its answer. */
static void test_a_call_in_flight_is_completed_by_the_old_one(void **state)
{
    const enum ccb_plugin_mode *mode = *state;
    struct slow slow = {.answer = {.code = 1}};
    pthread_t thread;
    struct bed bed;

    bed_init(&bed, *mode);
    bed.zoo.call_timeout = CCB_SECOND;
    bed_put_build(&bed, "builds.so", 'A');
    assert_int_equal(0, bed_open(&bed));
    slow.bed = &bed;
    pthread_barrier_init(&slow.started, NULL, 2);
    assert_int_equal(0, pthread_create(&thread, NULL, run_slow, &slow));
    pthread_barrier_wait(&slow.started);
    bed_put_build(&bed, "builds.so", 'B');
    assert_reload(&bed);
    assert_int_equal(1, atomic_load(&slow.answer.calls));
    assert_int_equal(0, slow.answer.code);
    assert_int_equal('A', slow.answer.mark);
    assert_int_equal('B', bed_call(&bed));
    assert_int_equal(0, pthread_join(thread, NULL));
    pthread_barrier_destroy(&slow.started);
    ccb_free(bed_destroy(&bed));
}

/* ---- readers ------------------------------------------------------------ */

static void *reload(void *bed)
{
    return bed_reload(bed) == 0 ? bed : NULL;
}

/* The loop never turns; its leaving counts as well. */
static void test_a_swap_does_not_wait_for_a_reader_that_leaves(void **state)
{
    const enum ccb_plugin_mode *mode = *state;
    struct ccb_plugins_reader reader;
    struct ccb_error error;
    struct ccb_loop loop;
    pthread_t thread;
    struct bed bed;
    void *done;

    bed_init(&bed, *mode);
    bed_put_build(&bed, "builds.so", 'A');
    assert_int_equal(0, bed_open(&bed));
    assert_int_equal(0, ccb_loop_open(&loop, &error));
    ccb_plugins_attach(bed.zoo.plugins, &reader, &loop);
    assert_int_equal(0, pthread_create(&thread, NULL, reload, &bed));
    while (ccb_plugins_generation(bed.zoo.plugins) != 2)
        sched_yield();
    ccb_plugins_detach(&reader);
    assert_int_equal(0, pthread_join(thread, &done));
    assert_ptr_equal(&bed, done);
    assert_int_equal(0, ccb_loop_close(&loop, &error));
    ccb_free(bed_destroy(&bed));
}

int main(void)
{
    static enum ccb_plugin_mode here = CCB_PLUGIN_MODE_IN_PROCESS;
    static enum ccb_plugin_mode there = CCB_PLUGIN_MODE_ISOLATED;
#define BOTH(test)                                                             \
    cmocka_unit_test_prestate(test, &here),                                    \
        cmocka_unit_test_prestate(test, &there)
    const struct CMUnitTest tests[] = {
        BOTH(test_no_call_fails_while_generations_change),
        BOTH(test_a_call_in_flight_is_completed_by_the_old_one),
        BOTH(test_a_swap_does_not_wait_for_a_reader_that_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
