/*
 * The lock in a file, and the check of what flags say of a lock
 * (contract/stager.md A9; the file is our own). Two locks here are two open
 * descriptions, as two processes have them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "consul/lock.h"

struct bed {
    struct ccb_loop loop;
    struct ccb_log_session log;
    char dir[64], path[96];
    struct ccb_lock_config config;
};

struct holder {
    struct bed *bed;
    struct ccb_lock *lock;
    int held;
};

static void on_held(void *user)
{
    struct holder *h = user;
    h->held++;
    uv_stop(&h->bed->loop.uv);
}

static void on_lost(void *user, const char *why)
{
    (void)user;
    fail_msg("lost: %s", why);
}

static void setup(struct bed *bed)
{
    struct ccb_error err;
    memset(bed, 0, sizeof(*bed));
    snprintf(bed->dir, sizeof(bed->dir), "/tmp/ccb-lock-XXXXXX");
    assert_non_null(mkdtemp(bed->dir));
    snprintf(bed->path, sizeof(bed->path), "%s/lock", bed->dir);
    bed->config = (struct ccb_lock_config){.consul_cluster = "",
                                           .file = bed->path,
                                           .ttl = CCB_SECOND,
                                           .retry_interval = CCB_MILLISECOND};
    ccb_log_open(&bed->log, "test");
    assert_int_equal(ccb_loop_open(&bed->loop, &err), 0);
}

static void teardown(struct bed *bed)
{
    struct ccb_error err;
    ccb_loop_run(&bed->loop);
    if (ccb_loop_close(&bed->loop, &err) != 0)
        fail_msg("%s", err.message);
    (void)unlink(bed->path);
    (void)rmdir(bed->path);
    assert_int_equal(rmdir(bed->dir), 0);
}

static int open_lock(struct holder *h, struct bed *bed,
                     const struct ccb_lock_name *name)
{
    static const int ending = 15;
    struct ccb_lock_options options = {
        .config = &bed->config,
        .name = name,
        .loop = &bed->loop,
        .log = &bed->log,
        .on_held = on_held,
        .on_lost = on_lost,
        .user = h,
        .ending = &ending,
    };
    struct ccb_error err;
    h->bed = bed;
    h->held = 0;
    return ccb_lock_open(&h->lock, &options, &err);
}

/* A few tries of whoever waits. */
static void run_a_while(struct bed *bed)
{
    int i;
    for (i = 0; i < 10; i++)
        uv_run(&bed->loop.uv, UV_RUN_ONCE);
}

static void test_second_one_waits_for_the_first(void **state)
{
    struct holder first, second;
    struct stat about;
    struct bed bed;
    (void)state;
    setup(&bed);
    assert_int_equal(open_lock(&first, &bed, &ccb_lock_tps_watcher), 0);
    assert_int_equal(first.held, 0); /* never from inside */
    uv_run(&bed.loop.uv, UV_RUN_DEFAULT);
    assert_int_equal(first.held, 1);
    assert_int_equal(stat(bed.path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);

    assert_int_equal(open_lock(&second, &bed, &ccb_lock_tps_watcher), 0);
    run_a_while(&bed);
    assert_int_equal(second.held, 0);
    ccb_lock_close(first.lock);
    uv_run(&bed.loop.uv, UV_RUN_DEFAULT);
    assert_int_equal(second.held, 1);
    assert_int_equal(first.held, 1);
    ccb_lock_close(second.lock);
    teardown(&bed);
}

static void test_each_name_has_its_own_byte(void **state)
{
    struct holder watcher, bulker;
    struct bed bed;
    (void)state;
    setup(&bed);
    assert_int_equal(open_lock(&watcher, &bed, &ccb_lock_tps_watcher), 0);
    uv_run(&bed.loop.uv, UV_RUN_DEFAULT);
    assert_int_equal(open_lock(&bulker, &bed, &ccb_lock_nsync_bulker), 0);
    uv_run(&bed.loop.uv, UV_RUN_DEFAULT);
    assert_int_equal(watcher.held, 1);
    assert_int_equal(bulker.held, 1);
    ccb_lock_close(watcher.lock);
    ccb_lock_close(bulker.lock);
    teardown(&bed);
}

static void test_what_is_no_file_is_tried_again(void **state)
{
    struct holder h;
    struct bed bed;
    (void)state;
    setup(&bed);
    assert_int_equal(mkfifo(bed.path, 0600), 0);
    assert_int_equal(open_lock(&h, &bed, &ccb_lock_tps_watcher), 0);
    run_a_while(&bed);
    assert_int_equal(h.held, 0);
    assert_int_equal(unlink(bed.path), 0);
    uv_run(&bed.loop.uv, UV_RUN_DEFAULT);
    assert_int_equal(h.held, 1);
    ccb_lock_close(h.lock);
    teardown(&bed);
}

static void test_closing_before_it_is_held_tells_nobody(void **state)
{
    struct holder h;
    struct bed bed;
    (void)state;
    setup(&bed);
    assert_int_equal(open_lock(&h, &bed, &ccb_lock_tps_watcher), 0);
    ccb_lock_close(h.lock);
    teardown(&bed);
    assert_int_equal(h.held, 0);
    ccb_lock_close(NULL);
}

static void test_failed_allocations_are_survived(void **state)
{
    struct holder h;
    struct bed bed;
    (void)state;
    setup(&bed);
    ccb_mem_fail_at(1, 0);
    assert_int_equal(open_lock(&h, &bed, &ccb_lock_tps_watcher), CCB_NO_MEMORY);
    ccb_mem_fail_at(0, 0);
    teardown(&bed);
}

static void test_status_says_where(void **state)
{
    struct ccb_buf text = {0};
    struct ccb_json_writer w;
    char wanted[256];
    struct holder h;
    struct bed bed;
    (void)state;
    setup(&bed);
    assert_int_equal(open_lock(&h, &bed, &ccb_lock_tps_watcher), 0);
    ccb_json_writer_init(&w, ccb_buf_sink, &text);
    ccb_json_begin_object(&w);
    ccb_lock_put_status(h.lock, &w);
    ccb_json_end_object(&w);
    assert_int_equal(ccb_json_writer_end(&w), 0);
    snprintf(wanted, sizeof(wanted),
             "{\"kind\":\"file\",\"at\":\"%s\","
             "\"key\":\"v1/locks/tps_watcher_lock\",\"held\":false}",
             bed.path);
    assert_true(ccb_slice_is(ccb_buf_slice(&text), wanted));
    ccb_buf_destroy(&text);
    ccb_lock_close(h.lock);
    teardown(&bed);
}

/* ---- the command line --------------------------------------------------- */

static void test_flags_are_checked(void **state)
{
    static const struct {
        const char *consul, *file;
        int64_t ttl, retry;
        const char *words; /* NULL: fine */
    } rows[] = {
        {"http://127.0.0.1:8500", "", 1, 1, NULL},
        {"https://u:p@consul.local/", "", 1, 1, NULL},
        {"http://[::1]:8500", "", 1, 1, NULL},
        {"", "lock", 0, 1, NULL},
        {"", "", 1, 1, "-lockFile PATH"},
        {"", "", 1, 1, "-consulCluster URL"},
        {"http://a", "lock", 1, 1, "both given"},
        {"a:8500", "", 1, 1, "use one URL"},
        {"ftp://a", "", 1, 1, "use one URL"},
        {"http://", "", 1, 1, "use one URL"},
        {"://a", "", 1, 1, "consulCluster: parse ://a"},
        {"http://a,http://b", "", 1, 1, "use one URL"},
        {"http://a,b", "", 1, 1, "use one URL"},
        {"http://u:secret@a:x", "", 1, 1, "bad port"},
        {"http://a", "", 0, 1, "lockTTL"},
        {"http://a", "", -1, 1, "lockTTL"},
        {"", "lock", 1, 0, "lockRetryInterval"},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_lock_config config = {rows[i].consul, rows[i].file,
                                         rows[i].ttl, rows[i].retry};
        const char *action = NULL;
        struct ccb_error err = {0};
        int code = ccb_lock_check(&config, &action, &err);
        assert_int_equal(code, rows[i].words ? CCB_INVALID : 0);
        if (!rows[i].words)
            continue;
        assert_string_equal(action, "new-client-failed");
        if (!strstr(err.message, rows[i].words))
            fail_msg("%s: %s", rows[i].consul, err.message);
        assert_null(strstr(err.message, "secret"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_one_waits_for_the_first),
        cmocka_unit_test(test_each_name_has_its_own_byte),
        cmocka_unit_test(test_what_is_no_file_is_tried_again),
        cmocka_unit_test(test_closing_before_it_is_held_tells_nobody),
        cmocka_unit_test(test_failed_allocations_are_survived),
        cmocka_unit_test(test_status_says_where),
        cmocka_unit_test(test_flags_are_checked),
    };
    ccb_log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
