/*
 * Uploads out of a container (contract/actions.md 3.3 and 9, "Download and
 * upload"): what the peer gets, how they fail, how they are cancelled, and that
 * at most so many run at once.
 */
#include "transfer_bed.h"

#include <sys/resource.h>

struct up {
    struct ccb_upload *handle;
    int started, done, failed;
    bool emittable;
    struct ccb_error err; /* "" when it went well */
    uint64_t bytes;
};

static void ups_open_in(const char *directory, size_t at_once)
{
    struct ccb_uploads_options options = {.loop = &tb.bed->loop,
                                          .client = tb.client,
                                          .directory = directory,
                                          .at_once = at_once,
                                          .log = &tb.log};
    struct ccb_error err = {0};

    ccb_free(log_text());
    if (ccb_uploads_open(&tb.uploads, &options, &err) != CCB_OK)
        fail_msg("%s", err.message);
}

static void ups_open(void)
{
    ups_open_in(tb.top, 0);
}

/* And no file is left. */
static void ups_close(void)
{
    int closed = 0;

    ccb_uploads_close(tb.uploads, on_bed_part_closed, &closed);
    assert_false(closed);
    bed_wait(tb.bed, &closed);
    assert_int_equal(files_in(tb.top), 0);
    peer_drop();
}

static void on_up_started(void *ctx)
{
    ((struct up *)ctx)->started = 1;
}

static void on_up_done(void *ctx, const struct ccb_error *err, bool emittable,
                       uint64_t bytes)
{
    struct up *up = ctx;

    assert_false(up->done);
    up->done = 1;
    up->bytes = bytes;
    up->emittable = emittable;
    up->failed = err != NULL;
    if (err != NULL)
        up->err = *err;
}

static int up_try(struct up *up, const char *from, const char *to,
                  const char *user, struct ccb_error *err)
{
    struct ccb_upload_options options = {.container = tb.box.container,
                                         .from = ccb_slice_of(from),
                                         .to = to[0] == '/' ? peer_url(to)
                                                            : ccb_slice_of(to),
                                         .user = ccb_slice_of(user),
                                         .on_started = on_up_started,
                                         .on_done = on_up_done,
                                         .ctx = up};

    memset(up, 0, sizeof(*up));
    return ccb_upload_start(&up->handle, tb.uploads, &options, err);
}

static void up_start(struct up *up, const char *from, const char *to)
{
    struct ccb_error err = {0};

    if (up_try(up, from, to, "vcap", &err) != CCB_OK)
        fail_msg("%s", err.message);
    assert_false(up->started || up->done);
}

static void up_ok(const char *from, const char *to, uint64_t bytes)
{
    struct up up;

    up_start(&up, from, to);
    bed_wait(tb.bed, &up.done);
    if (up.failed)
        fail_msg("%s", up.err.message);
    assert_true(up.started);
    assert_int_equal(up.bytes, bytes);
}

static void up_fails(const char *from, const char *to, const char *words,
                     bool emittable)
{
    struct up up;

    up_start(&up, from, to);
    bed_wait(tb.bed, &up.done);
    assert_true(up.failed);
    if (strstr(up.err.message, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, up.err.message);
    assert_int_equal(up.emittable, emittable);
}

static int setup(void **state)
{
    if (transfer_setup(state) != 0)
        return -1;
    run_says(&tb.box, "vcap",
             "cd /tmp; printf 'hello up' > out; : > empty; mkdir dir; "
             "head -c 3000000 /dev/zero > zeros",
             "");
    return 0;
}

static void test_a_file_is_posted_once(void **state)
{
    struct peer_seen *seen = &tb.peer.seen[0];

    (void)state;
    ups_open();
    PEER_SAYS({.status = 201, .body = CCB_LIT("ignored")});
    up_ok("/tmp/out", "/up?x=1", 8);
    assert_int_equal(tb.peer.asked, 1);
    assert_string_equal(seen->target, "/up?x=1");
    assert_true(ccb_slice_is(ccb_buf_slice(&seen->body), "hello up"));
    assert_string_equal(seen->length, "8");
    assert_string_equal(seen->type, "application/octet-stream");
    assert_string_equal(seen->md5, "62ffwHPCmX0Gvy60w3bU2g==");
    ups_close();
}

static void test_an_empty_and_a_large_file(void **state)
{
    (void)state;
    ups_open();
    PEER_SAYS({.status = 200}, {.status = 399});
    up_ok("/tmp/empty", "/up", 0);
    assert_string_equal(tb.peer.seen[0].length, "0");
    assert_string_equal(tb.peer.seen[0].md5, "1B2M2Y8AsgTpgAmY7PhCfg==");
    up_ok("/tmp/zeros", "/up", 3000000);
    assert_int_equal(tb.peer.seen[1].body.len, 3000000);
    assert_int_equal(tb.peer.seen[1].body.data[2999999], 0);
    ups_close();
}

static void test_credentials_become_basic_auth(void **state)
{
    char url[96];

    (void)state;
    ups_open();
    (void)snprintf(url, sizeof(url), "http://user:hush@127.0.0.1:%u/x",
                   tb.peer.port);
    PEER_SAYS({.status = 200}, {.status = 403});
    up_ok("/tmp/out", url, 8);
    assert_string_equal(tb.peer.seen[0].auth, "Basic dXNlcjpodXNo");
    up_fails("/tmp/out", url, "Upload failed: Status code 403", false);
    log_says("upload-failed", "Status code 403");
    ups_close();
}

static void test_three_attempts_on_a_bad_status(void **state)
{
    (void)state;
    ups_open();
    PEER_SAYS({.status = 500}, {.status = 404}, {.status = 200});
    up_ok("/tmp/out", "/up", 8);
    assert_int_equal(tb.peer.asked, 3);
    assert_true(ccb_slice_is(ccb_buf_slice(&tb.peer.seen[2].body), "hello up"));
    PEER_SAYS({.status = 502});
    up_fails("/tmp/zeros", "/up", "Upload failed: Status code 502", false);
    assert_int_equal(tb.peer.asked, 3);
    assert_int_equal(tb.peer.seen[2].body.len, 3000000);
    ups_close();
}

static void test_transport_errors(void **state)
{
    (void)state;
    ups_open();
    up_fails("/tmp/out", "http://127.0.0.1:1/x", "dial tcp 127.0.0.1:1", false);
    log_says("upload-attempt-failed", "\"attempt\":3");
    up_fails("/tmp/out", "ftp://host/x", "unsupported protocol scheme", false);
    ups_close();
}

/* The parser's text, and nothing in the log. */
static void test_a_bad_url_is_not_logged(void **state)
{
    char *text;

    (void)state;
    ups_open();
    up_fails("/tmp/out", "http://u:hush@host:port/x", "parse http://host",
             false);
    up_fails("/tmp/out", "", "unsupported protocol scheme \"\"", false);
    up_fails("/tmp/out", "hush@host", "unsupported protocol scheme", false);
    text = log_text();
    assert_string_equal(text, "");
    ccb_free(text);
    ups_close();
}

static void test_what_can_not_be_read(void **state)
{
    static const char *const bad[] = {"/tmp/none", "/tmp/dir", "/etc/shadow",
                                      "/dev/zero"};

    (void)state;
    ups_open();
    PEER_SAYS({.status = 200});
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        up_fails(bad[i], "/up", "Failed to establish stream from container",
                 true);
    log_says("upload-failed", "is not a regular file");
    assert_int_equal(tb.peer.asked, 0);
    ups_close();
}

static void test_temporary_files_that_can_not_be(void **state)
{
    (void)state;
    ups_open_in("/nowhere/at/all", 0);
    up_fails("/tmp/out", "/up", "Failed to create temp dir", true);
    ups_close();
    ups_open_in("/proc/self/fdinfo", 0);
    up_fails("/tmp/out", "/up", "Failed to create temp", true);
    log_says("upload-failed", "/proc/self/fdinfo");
    ups_close();
}

static void test_a_full_disk(void **state)
{
    struct rlimit before, small = {100000, 100000};

    (void)state;
    ups_open();
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    up_fails("/tmp/zeros", "/up",
             "Failed to copy stream contents into temp file", true);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    log_says("upload-failed", "writing a temporary file: File too large");
    ups_close();
}

/* Who waits for a slot is not cancelled before it has one. */
static void test_so_many_at_once(void **state)
{
    static const struct peer_answer held[] = {{.mute = true}};
    struct up up[3];

    (void)state;
    ups_open_in(tb.top, 1);
    peer_says(held, 1);
    for (int i = 0; i < 3; i++)
        up_start(&up[i], "/tmp/out", "/up");
    bed_wait(tb.bed, &tb.peer.asked_once);
    assert_true(up[0].started);
    assert_false(up[1].started || up[2].started);
    ccb_upload_cancel(up[1].handle);
    run_says(&tb.box, "vcap", "echo many turns later", "many turns later\n");
    assert_false(up[1].done);
    PEER_SAYS({.status = 200});
    ccb_http_respond(tb.peer.held[0], 200, NULL, ccb_slice_make(NULL, 0));
    tb.peer.held[0] = NULL;
    bed_wait(tb.bed, &up[2].done);
    assert_true(up[0].done && up[1].done && !up[0].failed && !up[2].failed);
    assert_string_equal(up[1].err.message, "cancelled");
    assert_false(up[1].started || up[1].emittable);
    assert_int_equal(tb.peer.asked, 1);
    ups_close();
}

static void test_cancelled_in_flight(void **state)
{
    static const struct peer_answer held[] = {{.mute = true}};
    struct up up;

    (void)state;
    ups_open();
    peer_says(held, 1);
    up_start(&up, "/tmp/zeros", "/up");
    bed_wait(tb.bed, &tb.peer.asked_once);
    ccb_upload_cancel(up.handle);
    ccb_upload_cancel(up.handle);
    assert_false(up.done);
    bed_wait(tb.bed, &up.done);
    assert_int_equal(up.err.code, CCB_CANCELLED);
    assert_string_equal(up.err.message, "cancelled");
    assert_false(up.emittable);
    ups_close();
}

static void test_cancelled_at_any_moment(void **state)
{
    int cancelled = 0;

    (void)state;
    ups_open();
    PEER_SAYS({.status = 200});
    for (int turns = 0; turns < 40; turns++) {
        struct up up;

        up_start(&up, "/tmp/zeros", "/up");
        for (int i = 0; i < turns && !up.done; i++)
            (void)uv_run(&tb.bed->loop.uv, UV_RUN_ONCE);
        if (!up.done)
            ccb_upload_cancel(up.handle);
        bed_wait(tb.bed, &up.done);
        assert_true(!up.failed || up.err.code == CCB_CANCELLED);
        cancelled += up.failed;
    }
    assert_true(cancelled > 3);
    ups_close();
}

static void test_closing_cancels_all(void **state)
{
    static const struct peer_answer held[] = {{.mute = true}};
    struct up up[2];
    struct ccb_error err = {0};
    int closed = 0;

    (void)state;
    ups_open_in(tb.top, 1);
    peer_says(held, 1);
    up_start(&up[0], "/tmp/out", "/up");
    up_start(&up[1], "/tmp/out", "/up");
    bed_wait(tb.bed, &tb.peer.asked_once);
    ccb_uploads_close(tb.uploads, on_bed_part_closed, &closed);
    assert_false(closed || up[0].done || up[1].done);
    assert_int_equal(up_try(&(struct up){0}, "/x", "/up", "vcap", &err),
                     CCB_CLOSED);
    bed_wait(tb.bed, &closed);
    assert_string_equal(up[0].err.message, "cancelled");
    assert_string_equal(up[1].err.message, "cancelled");
    peer_drop();
}

static void test_each_allocation_may_fail(void **state)
{
    int whole = 0;

    (void)state;
    ups_open();
    PEER_SAYS({.status = 200});
    for (size_t n = 1; whole < 3 && n < 300; n++) {
        struct ccb_error err = {0};
        struct up up;
        int code;

        (void)ccb_mem_fail_at(n, 0);
        code = up_try(&up, "/tmp/out", "/up", "vcap", &err);
        if (code == CCB_OK)
            bed_wait(tb.bed, &up.done);
        else
            assert_int_equal(code, CCB_NO_MEMORY);
        if (ccb_mem_fail_at(0, 0) < n)
            whole++;
        assert_true(code != CCB_OK || !up.failed || up.err.message[0] != '\0');
    }
    assert_int_equal(whole, 3);
    ups_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_is_posted_once),
        cmocka_unit_test(test_an_empty_and_a_large_file),
        cmocka_unit_test(test_credentials_become_basic_auth),
        cmocka_unit_test(test_three_attempts_on_a_bad_status),
        cmocka_unit_test(test_transport_errors),
        cmocka_unit_test(test_a_bad_url_is_not_logged),
        cmocka_unit_test(test_what_can_not_be_read),
        cmocka_unit_test(test_temporary_files_that_can_not_be),
        cmocka_unit_test(test_a_full_disk),
        cmocka_unit_test(test_so_many_at_once),
        cmocka_unit_test(test_cancelled_in_flight),
        cmocka_unit_test(test_cancelled_at_any_moment),
        cmocka_unit_test(test_closing_cancels_all),
        cmocka_unit_test(test_each_allocation_may_fail),
    };

    if (bed_missing())
        return 0;
    return cmocka_run_group_tests(tests, setup, transfer_teardown);
}
