/*
 * Downloads into a container (contract/actions.md 3.2 and 9, "Download and
 * upload"): what they unpack, how they fail, how they are cancelled, and that
 * at most so many run at once.
 */
#include "download_bed.h"

static struct ccb_buf tgz;

static int setup(void **state)
{
    make_tgz(&tgz, "hello");
    return transfer_setup(state);
}

static int teardown(void **state)
{
    ccb_buf_destroy(&tgz);
    return transfer_teardown(state);
}

#define GOOD                                                                   \
    {                                                                          \
        .status = 200, .etag = "\"x\"", .body = ccb_buf_slice(&tgz)            \
    }

static void test_tar_tgz_and_zip_are_unpacked(void **state)
{
    struct ccb_buf tar = {0}, zip = {0};

    (void)state;
    downs_open((struct ccb_downloads_options){0});
    make_tar(&tar, "hello");
    make_zip(&zip);
    PEER_SAYS({.status = 200, .body = ccb_buf_slice(&tar)}, GOOD,
              {.status = 200, .body = ccb_buf_slice(&zip)});
    down_ok("", "/tmp/f/tar", tar.len);
    down_ok("", "/tmp/f/tgz", tgz.len);
    down_ok("", "/tmp/f/zip", zip.len);
    run_says(&tb.box, "vcap",
             "cd /tmp/f; cat tar/link tgz/link; zip/link; readlink zip/link; "
             "stat -c '%U %a %n' zip/secret zip/bin/run",
             "hellohellorun\nbin/run\nvcap 600 zip/secret\n"
             "vcap 755 zip/bin/run\n");
    assert_int_equal(files_in(tb.cache), 0);
    downs_close();
    ccb_buf_destroy(&tar);
    ccb_buf_destroy(&zip);
}

/* Larger than every buffer on the way, and than one step of unpacking. */
static void test_a_large_file_comes_whole(void **state)
{
    size_t size = 24 * 1024 * 1024;
    struct ccb_buf tar = {0};
    char *bytes = ccb_malloc(size);
    uint32_t random = 1;

    (void)state;
    downs_open((struct ccb_downloads_options){0});
    for (size_t i = 0; i < size; i++) {
        random = random * 1664525 + 1013904223;
        bytes[i] = (char)(random >> 24);
    }
    tar_put(&tar, '0', "large", "", 0644, ccb_slice_make(bytes, size));
    tar_end(&tar);
    PEER_SAYS({.status = 200, .etag = "\"l\"", .body = ccb_buf_slice(&tar)});
    down_ok("large", "/tmp/large", tar.len);
    run_says(&tb.box, "vcap", "stat -c %s /tmp/large/large; rm -r /tmp/large",
             "25165824\n");
    downs_close();
    ccb_free(bytes);
    ccb_buf_destroy(&tar);
}

static void test_an_mp3_fails(void **state)
{
    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 200, .body = CCB_LIT("ID3 la la la")});
    down_fails("/file", "key", "Downloading failed");
    log_says("download-failed", "unknown archive format");
    assert_int_equal(files_in(tb.cache), 0);
    downs_close();
}

static void test_a_bad_url_is_not_fetched(void **state)
{
    static const char *const bad[] = {"",
                                      "://x",
                                      "//hush@host/x",
                                      "a b",
                                      "http://vcap:hush@host:port/x",
                                      "ftp://vcap:hush@127.0.0.1/x"};

    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS(GOOD);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        down_fails(bad[i], "key", "Downloading failed");
        log_says("download-failed", "error");
    }
    assert_int_equal(tb.peer.asked, 0);
    downs_close();
}

static void test_credentials_become_basic_auth_and_stay_out_of_the_log(
    void **state)
{
    char url[128];
    struct down down;

    (void)state;
    downs_open((struct ccb_downloads_options){0});
    (void)snprintf(url, sizeof(url),
                   "http://user:hush@127.0.0.1:%u/x?signature=hush",
                   tb.peer.port);
    PEER_SAYS(GOOD, {.status = 404});
    down_run(&down, url, "", "/tmp/auth");
    assert_false(down.failed);
    assert_string_equal(tb.peer.seen[0].auth, "Basic dXNlcjpodXNo");
    down_fails(url, "", "Downloading failed");
    log_says("download-failed", "Status code 404");
    downs_close();
}

static void test_a_redirect_is_followed(void **state)
{
    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 302, .moved = "/there"}, GOOD);
    down_ok("", "/tmp/moved", tgz.len);
    assert_string_equal(tb.peer.seen[1].target, "/there");
    downs_close();
}

static void test_three_attempts_are_made(void **state)
{
    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 500},
              {.status = 200, .body = CCB_LIT("x"), .cut = true}, GOOD);
    down_ok("", "/tmp/third", tgz.len);
    assert_int_equal(tb.peer.asked, 3);
    log_says("download-attempt-failed", "Status code 500");
    PEER_SAYS({.status = 500});
    down_fails("/file", "", "Downloading failed");
    assert_int_equal(tb.peer.asked, 3);
    downs_close();
}

static void test_a_body_shorter_than_its_length_fails(void **state)
{
    (void)state;
    downs_open((struct ccb_downloads_options){0});
    ccb_free(log_text());
    PEER_SAYS({.status = 200, .body = ccb_buf_slice(&tgz), .cut = true});
    down_fails("/file", "key", "Downloading failed");
    log_says("download-failed", "\"error\":\"Get http://127.0.0.1:");
    assert_int_equal(files_in(tb.cache), 0);
    downs_close();
}

static void test_who_stalls_is_given_up(void **state)
{
    (void)state;
    downs_open(
        (struct ccb_downloads_options){.stall_timeout = 60 * CCB_MILLISECOND});
    PEER_SAYS({.status = 200, .body = CCB_LIT("some"), .stall = true});
    down_fails("/file", "key", "Downloading failed");
    assert_int_equal(tb.peer.asked, 3);
    log_says("download-failed", "nothing came from the peer for too long");
    PEER_SAYS({.mute = true});
    down_fails("/file", "key", "Downloading failed");
    assert_int_equal(tb.peer.asked, 3);
    assert_int_equal(files_in(tb.cache), 0);
    downs_close();
}

static void test_nobody_is_there(void **state)
{
    (void)state;
    downs_open((struct ccb_downloads_options){0});
    down_fails("http://127.0.0.1:1/x", "", "Downloading failed");
    log_says("download-failed", "dial tcp 127.0.0.1:1");
    downs_close();
}

static void test_what_can_not_be_unpacked(void **state)
{
    struct ccb_buf tar = {0}, bad = {0};

    (void)state;
    downs_open((struct ccb_downloads_options){0});
    tar_file(&tar, "../up", 0644, "no");
    tar_end(&tar);
    PEER_SAYS({.status = 200, .body = ccb_buf_slice(&tar)});
    down_fails("/file", "", "Copying into the container failed");
    log_says("unpack-failed", "../up: the name leads outside");
    assert_int_equal(tb.peer.asked, 1);
    gzip(&bad, ccb_slice_of("this was never a tar"));
    PEER_SAYS({.status = 200, .etag = "\"b\"", .body = ccb_buf_slice(&bad)});
    down_fails("/file", "key", "Copying into the container failed");
    downs_close();
    ccb_buf_destroy(&tar);
    ccb_buf_destroy(&bad);
}

static void test_so_many_at_once(void **state)
{
    static const struct peer_answer held[] = {{.mute = true}};
    struct down down[3];

    (void)state;
    downs_open((struct ccb_downloads_options){.at_once = 2});
    peer_says(held, 1);
    tb.peer.expect = 2;
    for (int i = 0; i < 3; i++)
        down_start(&down[i], "/file", "", "/tmp/slot");
    bed_wait(tb.bed, &tb.peer.all_asked);
    assert_true(down[0].started && down[1].started);
    assert_false(down[2].started);
    PEER_SAYS(GOOD);
    ccb_http_respond(tb.peer.held[0], 200, NULL, ccb_buf_slice(&tgz));
    tb.peer.held[0] = NULL;
    bed_wait(tb.bed, &down[2].done);
    assert_true(down[0].done && down[2].started);
    assert_false(down[1].done);
    ccb_http_respond(tb.peer.held[1], 200, NULL, ccb_buf_slice(&tgz));
    tb.peer.held[1] = NULL;
    bed_wait(tb.bed, &down[1].done);
    downs_close();
}

static void test_cancelled_while_it_waits_for_a_slot(void **state)
{
    static const struct peer_answer held[] = {{.mute = true}};
    struct down first, second;

    (void)state;
    downs_open((struct ccb_downloads_options){.at_once = 1});
    peer_says(held, 1);
    down_start(&first, "/file", "", "/tmp/c1");
    down_start(&second, "/file", "", "/tmp/c1");
    bed_wait(tb.bed, &tb.peer.asked_once);
    ccb_download_cancel(second.handle);
    assert_false(second.done);
    bed_wait(tb.bed, &second.done);
    assert_string_equal(second.err.message, "cancelled");
    assert_false(second.started);
    assert_int_equal(tb.peer.asked, 1);
    ccb_download_cancel(first.handle); /* while it fetches */
    ccb_download_cancel(first.handle);
    assert_false(first.done);
    bed_wait(tb.bed, &first.done);
    assert_int_equal(first.err.code, CCB_CANCELLED);
    assert_string_equal(first.err.message, "cancelled");
    assert_int_equal(files_in(tb.cache), 0);
    downs_close();
}

/* What is stored is about to be unpacked, or is already. */
static int is_stored(void)
{
    DIR *dir = opendir(tb.cache);
    struct dirent *entry;
    int stored = 0;

    for (entry = readdir(dir); entry != NULL; entry = readdir(dir))
        stored |= entry->d_name[0] != '.' && entry->d_name[0] != 't';
    (void)closedir(dir);
    return stored;
}

static void test_cancelled_while_it_unpacks(void **state)
{
    size_t size = 8 * 1024 * 1024;
    char *zeros = ccb_calloc(1, size);
    struct ccb_buf tar = {0};
    struct down down;

    (void)state;
    downs_open((struct ccb_downloads_options){0});
    tar_put(&tar, '0', "large", "", 0644, ccb_slice_make(zeros, size));
    PEER_SAYS({.status = 200, .etag = "\"u\"", .body = ccb_buf_slice(&tar)});
    down_start(&down, "/file", "key", "/tmp/unpacks");
    while (!is_stored())
        (void)uv_run(&tb.bed->loop.uv, UV_RUN_ONCE);
    ccb_download_cancel(down.handle);
    bed_wait(tb.bed, &down.done);
    assert_string_equal(down.err.message, "cancelled");
    downs_close();
    ccb_free(zeros);
    ccb_buf_destroy(&tar);
}

/* Cancelled at the n-th turn of the loop, for every n: always one answer, and
 * nothing is left. */
static void test_cancelled_at_any_moment(void **state)
{
    size_t left = 0;

    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 200, .body = ccb_buf_slice(&tgz)});
    for (int turns = 0; turns < 40; turns++) {
        struct down down;

        down_start(&down, "/file", "key", "/tmp/any");
        for (int i = 0; i < turns && !down.done; i++)
            (void)uv_run(&tb.bed->loop.uv, UV_RUN_ONCE);
        if (!down.done)
            ccb_download_cancel(down.handle);
        bed_wait(tb.bed, &down.done);
        assert_true(!down.failed || down.err.code == CCB_CANCELLED);
        left += down.failed ? 1 : 0;
        assert_int_equal(files_in(tb.cache), 0);
    }
    assert_true(left > 3);
    downs_close();
}

static void test_closing_cancels_all(void **state)
{
    static const struct peer_answer held[] = {{.mute = true}};
    struct down down[3];
    struct ccb_error err = {0};
    int closed = 0;

    (void)state;
    downs_open((struct ccb_downloads_options){.at_once = 2});
    peer_says(held, 1);
    tb.peer.expect = 2;
    for (int i = 0; i < 3; i++)
        down_start(&down[i], "/file", i == 0 ? "" : "key", "/tmp/closing");
    bed_wait(tb.bed, &tb.peer.all_asked);
    ccb_downloads_close(tb.downloads, on_bed_part_closed, &closed);
    assert_false(closed || down[0].done || down[1].done || down[2].done);
    assert_int_equal(
        down_try(&(struct down){0}, "/file", "", "/tmp/late", &err),
        CCB_CLOSED);
    bed_wait(tb.bed, &closed);
    for (int i = 0; i < 3; i++)
        assert_string_equal(down[i].err.message, "cancelled");
    assert_int_equal(files_in(tb.cache), 0);
    peer_drop();
}

/* The n-th allocation fails: it ends with words or well, and nothing stays. */
static void test_each_allocation_may_fail(void **state)
{
    int whole = 0;

    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 200, .body = ccb_buf_slice(&tgz)});
    for (size_t n = 1; whole < 3 && n < 300; n++) {
        struct ccb_error err = {0};
        struct down down;
        int code;

        (void)ccb_mem_fail_at(n, 0);
        code = down_try(&down, "/file", "key", "/tmp/memory", &err);
        if (code == CCB_OK)
            bed_wait(tb.bed, &down.done);
        else
            assert_int_equal(code, CCB_NO_MEMORY);
        if (ccb_mem_fail_at(0, 0) < n)
            whole++;
        if (code == CCB_OK && down.failed)
            assert_int_equal(down.err.code, CCB_FAILED);
        assert_int_equal(files_in(tb.cache), 0);
    }
    assert_int_equal(whole, 3);
    downs_close();
}

static void test_opening_may_fail(void **state)
{
    struct ccb_downloads_options options = {
        .loop = &tb.bed->loop, .client = tb.client, .directory = tb.cache};
    struct ccb_downloads *downloads = NULL;

    (void)state;
    for (size_t n = 1; n <= 2; n++) {
        (void)ccb_mem_fail_at(n, 0);
        assert_int_equal(ccb_downloads_open(&downloads, &options, NULL),
                         CCB_NO_MEMORY);
        (void)ccb_mem_fail_at(0, 0);
    }
    options.directory = "/proc/none";
    assert_int_equal(ccb_downloads_open(&downloads, &options, NULL), CCB_IO);
    assert_null(downloads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tar_tgz_and_zip_are_unpacked),
        cmocka_unit_test(test_a_large_file_comes_whole),
        cmocka_unit_test(test_an_mp3_fails),
        cmocka_unit_test(test_a_bad_url_is_not_fetched),
        cmocka_unit_test(
            test_credentials_become_basic_auth_and_stay_out_of_the_log),
        cmocka_unit_test(test_a_redirect_is_followed),
        cmocka_unit_test(test_three_attempts_are_made),
        cmocka_unit_test(test_a_body_shorter_than_its_length_fails),
        cmocka_unit_test(test_who_stalls_is_given_up),
        cmocka_unit_test(test_nobody_is_there),
        cmocka_unit_test(test_what_can_not_be_unpacked),
        cmocka_unit_test(test_so_many_at_once),
        cmocka_unit_test(test_cancelled_while_it_waits_for_a_slot),
        cmocka_unit_test(test_cancelled_while_it_unpacks),
        cmocka_unit_test(test_cancelled_at_any_moment),
        cmocka_unit_test(test_closing_cancels_all),
        cmocka_unit_test(test_each_allocation_may_fail),
        cmocka_unit_test(test_opening_may_fail),
    };

    if (bed_missing())
        return 0;
    return cmocka_run_group_tests(tests, setup, teardown);
}
