/*
 * Downloads and uploads as steps: contract/actions.md 3.2, 3.3 and what of 9
 * "Download and upload" is the step's. The transfers are fakes.
 */
#include "steps_fake_process.h"

#include <sys/mman.h>
#include <unistd.h>

#include "cell/step_internal.h"

#define DOWNLOAD(more, url)                                                    \
    "{'download':{" more "'from':'" url "','to':'/tmp/x','cache_key':'k',"     \
    "'user':'vcap'}}"
#define UPLOAD(more, url)                                                      \
    "{'upload':{" more "'from':'/tmp/f','to':'" url "','user':'vcap'}}"
#define NAMED "'artifact':'bits',"

struct row {
    const char *action, *reason, *log;
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        log_clear();
        action_ends(rows[i].action, rows[i].reason);
        LOG_IS(rows[i].log);
    }
}

static void downloads_say_what_the_contract_says(void **state)
{
    static const struct row rows[] = {
        {DOWNLOAD("", "http://ok"), NULL, ""},
        {DOWNLOAD(NAMED, "http://ok"), NULL,
         "APP O Downloading bits...\nAPP O Downloaded bits (42B)\n"},
        {DOWNLOAD(NAMED, "http://cached"), NULL,
         "APP O Downloading bits...\nAPP O Downloaded bits\n"},
        {DOWNLOAD(NAMED "'log_source':'D',", "http://cached"), NULL,
         "D O Downloading bits...\nD O Downloaded bits\n"},
        {DOWNLOAD("", "http://bad"), "Downloading failed", ""},
        {DOWNLOAD(NAMED, "http://bad"), "Downloading failed",
         "APP O Downloading bits...\n"},
        {DOWNLOAD(NAMED, "http://unpack"), "Copying into the container failed",
         "APP O Downloading bits...\n"},
        {DOWNLOAD(NAMED, "memory:"), "no memory", ""},
    };

    (void)state;
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void uploads_say_what_the_contract_says(void **state)
{
    static const struct row rows[] = {
        {UPLOAD("", "http://ok"), NULL, ""},
        {UPLOAD(NAMED, "http://ok"), NULL,
         "APP O Uploading bits...\nAPP O Uploaded bits (42B)\n"},
        {UPLOAD("", "http://500"), "Upload failed: Status code 500", ""},
        {UPLOAD(NAMED, "http://500"), "Upload failed: Status code 500",
         "APP O Uploading bits...\nAPP O Failed to upload bits\n"},
        {UPLOAD(NAMED, "http://tempdir"), "Failed to create temp dir",
         "APP O Uploading bits...\n"},
        {UPLOAD(NAMED, "::"), "parse ::: missing protocol scheme",
         "APP O Uploading bits...\n"},
    };

    (void)state;
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

/* Emittable or not shows in what emit_progress quotes. */
static void which_errors_are_for_people(void **state)
{
    static const struct {
        const char *action, *log;
    } rows[] = {
#define PROGRESS(action)                                                       \
    "{'emit_progress':{'failure_message_prefix':'F','action':" action "}}"
        {PROGRESS(DOWNLOAD("", "http://bad")), "APP E F: Downloading failed\n"},
        {PROGRESS(UPLOAD("", "http://tempdir")),
         "APP E F: Failed to create temp dir\n"},
        {PROGRESS(UPLOAD("", "http://500")), "APP E F\n"},
        {PROGRESS(UPLOAD("", "::")), "APP E F\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tree tree;

        log_clear();
        tree_init(&tree, rows[i].action);
        tree_start(&tree);
        steps_wait(&tree.done, 1);
        LOG_IS(rows[i].log);
    }
}

static void a_transfer_gets_what_the_action_says(void **state)
{
    const struct ccb_download_options *download = &transfer_fakes[0].download;
    const struct ccb_upload_options *upload = &transfer_fakes[1].upload;

    (void)state;
    action_ends(DOWNLOAD("", "http://ok"), NULL);
    action_ends(UPLOAD("", "http://ok"), NULL);
    assert_true(ccb_slice_is(download->from, "http://ok"));
    assert_true(ccb_slice_is(download->to, "/tmp/x"));
    assert_true(ccb_slice_is(download->cache_key, "k"));
    assert_true(ccb_slice_is(download->user, "vcap"));
    assert_true(ccb_slice_is(upload->from, "/tmp/f"));
    assert_true(ccb_slice_is(upload->to, "http://ok"));
    assert_true(ccb_slice_is(upload->user, "vcap"));
}

static void cancel_when(const char *action, const char *log)
{
    int before = (int)transfer_count;
    struct tree tree;

    log_clear();
    tree_init(&tree, action);
    tree_start(&tree);
    while ((int)transfer_count == before || strcmp(steps_log, log) != 0)
        (void)uv_run(&steps_loop->uv, UV_RUN_ONCE);
    tree_cancel(&tree);
    tree_ends(&tree, "cancelled");
    LOG_IS(log);
}

static void cancelled_while_it_waits_for_a_slot_nothing_is_said(void **state)
{
    (void)state;
    cancel_when(DOWNLOAD(NAMED, "slot:"), "");
    assert_int_equal(transfers_cancelled, 1);
}

static void cancelled_under_way_it_is_cancelled(void **state)
{
    (void)state;
    cancel_when(DOWNLOAD(NAMED, "http://wait"), "APP O Downloading bits...\n");
    cancel_when(UPLOAD(NAMED, "http://wait"), "APP O Uploading bits...\n");
    assert_int_equal(transfers_cancelled, 2);
}

static void cancelled_before_its_beginning_it_does_not_begin(void **state)
{
    static const char *const actions[] = {DOWNLOAD(NAMED, "http://ok"),
                                          UPLOAD(NAMED, "http://ok")};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tree tree;

        tree_init(&tree, actions[i]);
        tree_start(&tree);
        tree_cancel(&tree);
        tree_ends(&tree, "cancelled");
    }
    assert_int_equal(transfer_count, 0);
    LOG_IS("");
}

/* What try swallows is told in the cell's log, but no text that may hold a
 * URL. */
static void try_shows_no_secrets(void **state)
{
    struct ccb_log_session log;
    char text[4096] = "";
    int fd = memfd_create("log", MFD_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    ccb_log_open(&log, "cell");
    steps_cell.log = &log;
    ccb_log_set_fd(fd);
    action_ends(
        "{'try':{'action':{'parallel':{'actions':[" UPLOAD("", "::") "]}}}}",
        NULL);
    action_ends("{'try':{'action':" DOWNLOAD("", "http://bad") "}}", NULL);
    ccb_log_flush();
    ccb_log_set_fd(1);
    assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
    assert_int_equal(close(fd), 0);
    assert_null(strstr(text, "::"));
    assert_non_null(strstr(text, "it may hold a URL"));
    assert_non_null(strstr(text, "Downloading failed"));
}

static void sizes_are_short(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {{0, "0"},
                {1, "1B"},
                {512, "512B"},
                {1023, "1023B"},
                {1024, "1K"},
                {1536, "1.5K"},
                {10695475, "10.2M"},
                {UINT64_C(3) << 30, "3G"},
                {UINT64_C(2) << 40, "2T"},
                {UINT64_C(5000) << 40, "5000T"},
                {100 * 1024, "100K"},
                {10 * 1024, "10K"}};
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ccb_step_format_size(rows[i].bytes, text, sizeof(text));
        assert_string_equal(text, rows[i].text);
    }
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fakes_open_bed, fakes_close_bed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(downloads_say_what_the_contract_says),
        TEST(uploads_say_what_the_contract_says),
        TEST(which_errors_are_for_people),
        TEST(a_transfer_gets_what_the_action_says),
        TEST(cancelled_while_it_waits_for_a_slot_nothing_is_said),
        TEST(cancelled_under_way_it_is_cancelled),
        TEST(cancelled_before_its_beginning_it_does_not_begin),
        TEST(try_shows_no_secrets),
        TEST(sizes_are_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
