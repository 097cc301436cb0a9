/*
 * The cached downloader as contract/actions.md 9 pins it, row by row, with a
 * real peer, real files and a real container.
 */
#include "download_bed.h"

#include <sys/resource.h>

static struct ccb_buf one, two; /* tgz with bin/run = "one", "two" */

static int setup(void **state)
{
    make_tgz(&one, "one");
    make_tgz(&two, "two and more");
    return transfer_setup(state);
}

static int teardown(void **state)
{
    ccb_buf_destroy(&one);
    ccb_buf_destroy(&two);
    return transfer_teardown(state);
}

#define ONE ccb_buf_slice(&one)
#define TWO ccb_buf_slice(&two)
#define DATE "Tue, 02 Jan 2024 03:04:05 GMT"

static void test_no_key_leaves_the_cache_alone(void **state)
{
    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 200, .etag = "\"x\"", .body = ONE});
    down_ok("", "/tmp/nokey", one.len);
    box_has("/tmp/nokey/bin/run", "one");
    assert_int_equal(files_in(tb.cache), 0);
    assert_string_equal(tb.peer.seen[0].none_match, "");
    PEER_SAYS({.status = 500});
    down_fails("/file", "", "Downloading failed");
    assert_int_equal(files_in(tb.cache), 0);
    downs_close();
}

static void test_an_answer_with_an_etag_is_stored(void **state)
{
    char path[256];
    struct stat info;

    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 200, .etag = "\"x\"", .body = ONE});
    down_ok("abc", "/tmp/stored", one.len);
    assert_int_equal(files_in(tb.cache), 1);
    (void)snprintf(path, sizeof(path), "%s/%s-2", tb.cache,
                   "900150983cd24fb0d6963f7d28e17f72");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size % 512, 0); /* the tar, not the tgz */
    downs_close();
}

static void test_without_validators_nothing_is_stored(void **state)
{
    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 200, .body = ONE});
    down_ok("key", "/tmp/plain", one.len);
    box_has("/tmp/plain/bin/run", "one");
    assert_int_equal(files_in(tb.cache), 0);
    down_ok("key", "/tmp/plain", one.len);
    assert_string_equal(tb.peer.seen[1].none_match, "");
    downs_close();
}

static void test_304_gives_the_stored_content(void **state)
{
    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 200, .etag = "\"x\"", .modified = DATE, .body = ONE},
              {.status = 304});
    down_ok("key", "/tmp/a304", one.len);
    down_ok("key", "/tmp/b304", 0);
    box_has("/tmp/b304/bin/run", "one");
    assert_int_equal(tb.peer.asked, 2);
    assert_string_equal(tb.peer.seen[1].none_match, "\"x\"");
    assert_string_equal(tb.peer.seen[1].since, DATE);
    assert_int_equal(files_in(tb.cache), 1);
    downs_close();
}

/* The URL is not part of the key, and a date alone is a validator. */
static void test_two_urls_share_a_key(void **state)
{
    struct down down;

    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 200, .modified = DATE, .body = ONE}, {.status = 304});
    down_ok("key", "/tmp/share", one.len);
    down_run(&down, "/elsewhere", "key", "/tmp/share2");
    assert_false(down.failed);
    assert_string_equal(tb.peer.seen[1].target, "/elsewhere");
    assert_string_equal(tb.peer.seen[1].since, DATE);
    assert_string_equal(tb.peer.seen[1].none_match, "");
    box_has("/tmp/share2/bin/run", "one");
    downs_close();
}

static void test_200_replaces_the_entry(void **state)
{
    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 200, .etag = "\"x\"", .body = ONE},
              {.status = 200, .etag = "\"y\"", .body = TWO}, {.status = 304});
    down_ok("key", "/tmp/rep", one.len);
    down_ok("key", "/tmp/rep", two.len);
    box_has("/tmp/rep/bin/run", "two and more");
    assert_int_equal(files_in(tb.cache), 1);
    down_ok("key", "/tmp/rep3", 0);
    assert_string_equal(tb.peer.seen[2].none_match, "\"y\"");
    box_has("/tmp/rep3/bin/run", "two and more");
    downs_close();
}

static void test_200_without_validators_removes_the_entry(void **state)
{
    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 200, .etag = "\"x\"", .body = ONE},
              {.status = 200, .body = TWO});
    down_ok("key", "/tmp/rem", one.len);
    down_ok("key", "/tmp/rem", two.len);
    box_has("/tmp/rem/bin/run", "two and more");
    assert_int_equal(files_in(tb.cache), 0);
    downs_close();
}

static void test_an_error_is_no_reason_to_use_the_stored(void **state)
{
    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 200, .etag = "\"x\"", .body = ONE}, {.status = 503});
    down_ok("key", "/tmp/err", one.len);
    down_fails("/file", "key", "Downloading failed");
    assert_int_equal(tb.peer.asked, 4);
    log_says("download-failed", "Download failed: Status code 503");
    PEER_SAYS({.status = 304});
    down_ok("key", "/tmp/err2", 0); /* it is still there */
    downs_close();
}

static void test_304_unasked_is_an_error(void **state)
{
    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 304});
    down_fails("/file", "key", "Downloading failed");
    log_says("download-failed", "Download failed: Status code 304");
    downs_close();
}

static void test_a_file_larger_than_the_cache_is_never_stored(void **state)
{
    (void)state;
    downs_open((struct ccb_downloads_options){.cache_bytes = 1000});
    PEER_SAYS({.status = 200, .etag = "\"x\"", .body = ONE});
    down_ok("key", "/tmp/large", one.len);
    down_ok("key", "/tmp/large", one.len);
    assert_string_equal(tb.peer.seen[1].none_match, "");
    assert_int_equal(files_in(tb.cache), 0);
    downs_close();
}

/* A tar here is 3072 bytes: header, header, data, header, end. */
static void test_the_least_recently_read_go_first(void **state)
{
    (void)state;
    downs_open((struct ccb_downloads_options){.cache_bytes = 7000});
    PEER_SAYS({.status = 200, .etag = "\"x\"", .body = ONE},
              {.status = 200, .etag = "\"x\"", .body = ONE}, {.status = 304},
              {.status = 200, .etag = "\"x\"", .body = ONE}, {.status = 304},
              {.status = 200, .etag = "\"x\"", .body = ONE});
    down_ok("a", "/tmp/lru", one.len);
    down_ok("b", "/tmp/lru", one.len);
    down_ok("a", "/tmp/lru", 0); /* read: younger than b now */
    down_ok("c", "/tmp/lru", one.len);
    assert_int_equal(files_in(tb.cache), 2);
    down_ok("a", "/tmp/lru", 0);
    down_ok("b", "/tmp/lru", one.len);
    assert_string_equal(tb.peer.seen[5].none_match, "");
    downs_close();
}

/* The entry goes while its revalidation is under way: what was there at the
 * beginning is used. */
static void test_an_entry_in_use_survives_its_eviction(void **state)
{
    static const struct peer_answer held[] = {{.mute = true}};
    struct down a;

    (void)state;
    downs_open((struct ccb_downloads_options){.cache_bytes = 4000});
    PEER_SAYS({.status = 200, .etag = "\"x\"", .body = ONE});
    down_ok("a", "/tmp/use", one.len);
    peer_says(held, 1);
    down_start(&a, "/file", "a", "/tmp/use2");
    bed_wait(tb.bed, &tb.peer.asked_once);
    PEER_SAYS({.status = 200, .etag = "\"x\"", .body = TWO});
    down_ok("b", "/tmp/use3", two.len);
    assert_int_equal(files_in(tb.cache), 2); /* b's, and a's empty raw file */
    ccb_http_respond(tb.peer.held[0], 304, NULL, ccb_slice_make(NULL, 0));
    tb.peer.held[0] = NULL;
    bed_wait(tb.bed, &a.done);
    assert_false(a.failed);
    box_has("/tmp/use2/bin/run", "one");
    downs_close();
}

static void test_one_fetch_at_a_time_per_key(void **state)
{
    static const struct peer_answer held[] = {{.mute = true}};
    struct down first, second, third, other;

    (void)state;
    downs_open((struct ccb_downloads_options){0});
    peer_says(held, 1);
    down_start(&first, "/1", "key", "/tmp/turn1");
    bed_wait(tb.bed, &tb.peer.asked_once);
    down_start(&second, "/2", "key", "/tmp/turn2");
    down_start(&third, "/3", "key", "/tmp/turn3");
    PEER_SAYS({.status = 200, .etag = "\"o\"", .body = TWO}, {.status = 304});
    down_run(&other, "/o", "other", "/tmp/turn4"); /* is not held up */
    assert_true(second.started && third.started);
    assert_int_equal(tb.peer.asked, 1);
    ccb_download_cancel(second.handle); /* while it waits */
    assert_false(second.done);
    bed_wait(tb.bed, &second.done);
    assert_int_equal(second.err.code, CCB_CANCELLED);
    assert_string_equal(second.err.message, "cancelled");
    assert_int_equal(tb.peer.asked, 1);
    ccb_http_respond_with(
        tb.peer.held[0], 200,
        &(struct ccb_http_header){CCB_LIT("ETag"), CCB_LIT("\"k\"")}, 1, ONE);
    tb.peer.held[0] = NULL;
    bed_wait(tb.bed, &first.done);
    bed_wait(tb.bed, &third.done);
    assert_false(first.failed || third.failed);
    assert_string_equal(tb.peer.seen[1].target, "/3");
    assert_string_equal(tb.peer.seen[1].none_match, "\"k\"");
    assert_int_equal(third.bytes, 0);
    downs_close();
}

static void test_an_etag_may_be_the_md5(void **state)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    char right[40], wrong[40];

    (void)state;
    (void)EVP_Digest(one.data, one.len, sum, NULL, EVP_md5(), NULL);
    right[0] = wrong[0] = '"';
    for (int i = 0; i < 16; i++) {
        (void)snprintf(right + 1 + 2 * i, 4, "%02x\"", sum[i]);
        (void)snprintf(wrong + 1 + 2 * i, 4, "%02x\"", sum[i] ^ 1);
    }
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 200, .etag = right, .body = ONE});
    down_ok("", "/tmp/md5", one.len);
    PEER_SAYS({.status = 200, .etag = "\"not a sum\"", .body = ONE});
    down_ok("", "/tmp/md5", one.len);
    PEER_SAYS({.status = 200, .etag = wrong, .body = ONE});
    down_fails("/file", "key", "Downloading failed");
    assert_int_equal(tb.peer.asked, 3);
    log_says("download-failed", "Download failed: Checksum mismatch");
    assert_int_equal(files_in(tb.cache), 0);
    downs_close();
}

static void test_a_full_disk_leaves_nothing(void **state)
{
    struct rlimit before, small = {2000, 2000};

    (void)state;
    downs_open((struct ccb_downloads_options){0});
    PEER_SAYS({.status = 200, .etag = "\"x\"", .body = ONE});
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    down_fails("/file", "key", "Downloading failed");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(files_in(tb.cache), 0);
    downs_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_key_leaves_the_cache_alone),
        cmocka_unit_test(test_an_answer_with_an_etag_is_stored),
        cmocka_unit_test(test_without_validators_nothing_is_stored),
        cmocka_unit_test(test_304_gives_the_stored_content),
        cmocka_unit_test(test_two_urls_share_a_key),
        cmocka_unit_test(test_200_replaces_the_entry),
        cmocka_unit_test(test_200_without_validators_removes_the_entry),
        cmocka_unit_test(test_an_error_is_no_reason_to_use_the_stored),
        cmocka_unit_test(test_304_unasked_is_an_error),
        cmocka_unit_test(test_a_file_larger_than_the_cache_is_never_stored),
        cmocka_unit_test(test_the_least_recently_read_go_first),
        cmocka_unit_test(test_an_entry_in_use_survives_its_eviction),
        cmocka_unit_test(test_one_fetch_at_a_time_per_key),
        cmocka_unit_test(test_an_etag_may_be_the_md5),
        cmocka_unit_test(test_a_full_disk_leaves_nothing),
    };

    if (bed_missing())
        return 0;
    return cmocka_run_group_tests(tests, setup, teardown);
}
