/*
 * The loop: posts arrive in order on its thread, it ends by itself, and it
 * refuses to close over an open handle (core/net/loop.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "net/loop.h"

#define POSTS 100

struct numbered {
    struct ccb_post post;
    int number;
    uv_thread_t ran_on;
};

static struct ccb_loop loop;
static struct numbered posts[POSTS];
static int ran;
static uv_timer_t guard;

static void on_post(struct ccb_post *post)
{
    struct numbered *mine = (struct numbered *)post;

    assert_int_equal(mine->number, ran);
    mine->ran_on = uv_thread_self();
    ran++;
    if (ran == POSTS && uv_is_active((uv_handle_t *)&guard))
        uv_close((uv_handle_t *)&guard, NULL);
}

static void post_all(void *unused)
{
    (void)unused;
    for (int i = 0; i < POSTS; i++) {
        posts[i].number = i;
        posts[i].post.run = on_post;
        ccb_loop_post(&loop, &posts[i].post);
    }
}

static void on_guard(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("the posts did not arrive");
}

static void posts_of_a_thread_run_in_order_on_the_loop(void **state)
{
    uv_thread_t thread, self = uv_thread_self();
    struct ccb_error err;

    (void)state;
    ran = 0;
    assert_int_equal(ccb_loop_open(&loop, &err), CCB_OK);
    uv_timer_init(&loop.uv, &guard);
    uv_timer_start(&guard, on_guard, 10000, 0);
    assert_int_equal(uv_thread_create(&thread, post_all, NULL), 0);
    assert_int_equal(ccb_loop_run(&loop), CCB_OK);
    uv_thread_join(&thread);
    assert_int_equal(ran, POSTS);
    for (int i = 0; i < POSTS; i++)
        assert_true(uv_thread_equal(&posts[i].ran_on, &self));
    assert_int_equal(ccb_loop_close(&loop, &err), CCB_OK);
}

static void a_loop_without_handles_ends_and_keeps_no_post(void **state)
{
    (void)state;
    ran = 0;
    assert_int_equal(ccb_loop_open(&loop, NULL), CCB_OK);
    assert_int_equal(ccb_loop_run(&loop), CCB_OK);
    post_all(NULL);
    assert_int_equal(ccb_loop_run(&loop), CCB_OK);
    assert_int_equal(ran, POSTS);
    assert_int_equal(ccb_loop_close(&loop, NULL), CCB_OK);
}

static void closing_runs_what_was_posted(void **state)
{
    (void)state;
    ran = 0;
    assert_int_equal(ccb_loop_open(&loop, NULL), CCB_OK);
    post_all(NULL);
    assert_int_equal(ccb_loop_close(&loop, NULL), CCB_OK);
    assert_int_equal(ran, POSTS);
}

static struct numbered *taken_back;

static void on_first(struct ccb_post *post)
{
    (void)post;
    ran++;
    ccb_loop_unpost(&loop, &taken_back->post);
}

static void a_post_may_be_taken_back_until_it_runs(void **state)
{
    (void)state;
    ran = 0;
    assert_int_equal(ccb_loop_open(&loop, NULL), CCB_OK);
    post_all(NULL);
    for (int i = 0; i < POSTS; i++)
        if (i % 3 != 0)
            ccb_loop_unpost(&loop, &posts[i].post);
    for (int i = 0; i < POSTS; i += 3)
        posts[i].number = i / 3;
    /* By one that runs before it, from the same round. */
    posts[0].post.run = on_first;
    taken_back = &posts[99];
    assert_int_equal(ccb_loop_run(&loop), CCB_OK);
    assert_int_equal(ran, 33);
    ccb_loop_unpost(&loop, &posts[0].post); /* has run: no harm */
    assert_int_equal(ccb_loop_close(&loop, NULL), CCB_OK);
}

static void closing_over_an_open_handle_is_refused_by_kind(void **state)
{
    struct ccb_error err;
    uv_timer_t timer;
    uv_idle_t idle;

    (void)state;
    assert_int_equal(ccb_loop_open(&loop, &err), CCB_OK);
    uv_timer_init(&loop.uv, &timer);
    uv_idle_init(&loop.uv, &idle);
    assert_int_equal(ccb_loop_close(&loop, &err), CCB_CONFLICT);
    assert_int_equal(err.code, CCB_CONFLICT);
    assert_non_null(strstr(err.message, "2 handles"));
    assert_non_null(strstr(err.message, "timer"));
    assert_non_null(strstr(err.message, "idle"));
    /* A refused close leaves the loop as it was. */
    ran = 0;
    post_all(NULL);
    assert_int_equal(ccb_loop_run(&loop), CCB_OK);
    assert_int_equal(ran, POSTS);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_close((uv_handle_t *)&idle, NULL);
    assert_int_equal(ccb_loop_close(&loop, &err), CCB_OK);
    assert_int_equal(ccb_loop_close(&loop, &err), CCB_OK);
    assert_int_equal(ccb_loop_run(&loop), CCB_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_of_a_thread_run_in_order_on_the_loop),
        cmocka_unit_test(a_loop_without_handles_ends_and_keeps_no_post),
        cmocka_unit_test(closing_runs_what_was_posted),
        cmocka_unit_test(a_post_may_be_taken_back_until_it_runs),
        cmocka_unit_test(closing_over_an_open_handle_is_refused_by_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
