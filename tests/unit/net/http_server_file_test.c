/*
 * Files as bodies: whole, a part, too short, to slow and to leaving peers, over
 * TCP and beside other requests (net/http_server.h).
 */
#include "http_bed.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#define LARGE (12 * 1024 * 1024)

static struct {
    int fd; /* of an unlinked file */
    uint64_t offset, length;
    uv_sem_t answered;
    _Atomic uint64_t bytes; /* of the last answer */
} file;

/* Byte i of every test file, so that a wrong offset shows. */
static char byte_at(uint64_t i)
{
    return (char)('a' + (i + i / 251) % 26);
}

static void file_open(uint64_t size)
{
    char name[] = "/tmp/ccb-file-XXXXXX";
    char *bytes = malloc(size + 1);

    file.fd = mkostemp(name, O_CLOEXEC);
    assert_true(file.fd >= 0);
    (void)unlink(name);
    for (uint64_t i = 0; i < size; i++)
        bytes[i] = byte_at(i);
    assert_int_equal(write(file.fd, bytes, size), (ssize_t)size);
    free(bytes);
    file.offset = 0;
    file.length = size;
    file.bytes = 0;
    assert_int_equal(uv_sem_init(&file.answered, 0), 0);
}

static void file_close(void)
{
    uv_sem_destroy(&file.answered);
    (void)close(file.fd);
}

/* ---- handlers ----------------------------------------------------------- */

static void on_answered(struct ccb_http_request *request, uint64_t bytes,
                        void *user)
{
    assert_ptr_equal(user, &file);
    assert_true(ccb_http_request_info(request)->target.len > 0);
    file.bytes = bytes;
    uv_sem_post(&file.answered);
}

static void on_file(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_on_answered(request, on_answered, &file);
    ccb_http_on_abort(request, on_bed_abort, NULL);
    ccb_http_respond_start(request, 200, NULL, 0, (int64_t)file.length);
    ccb_http_send_file(request, fcntl(file.fd, F_DUPFD_CLOEXEC, 0), file.offset,
                       file.length);
}

static void on_small(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_respond(request, 200, "text/plain", ccb_slice_of("small"));
}

static void on_too_much(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_respond_start(request, 200, NULL, 0, 5);
    ccb_http_send_file(request, fcntl(file.fd, F_DUPFD_CLOEXEC, 0), 0, 10);
}

static void on_too_little(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_respond_start(request, 200, NULL, 0, 15);
    ccb_http_send_file(request, fcntl(file.fd, F_DUPFD_CLOEXEC, 0), 0, 10);
}

/* The file three times, with a mark between. */
static int rounds;

static void give_rounds(struct ccb_http_request *request, void *user)
{
    (void)user;
    while (rounds > 0) {
        rounds--;
        (void)ccb_http_write(request, ccb_slice_of("|"));
        if (!ccb_http_write_file(request, file.fd, 0, file.length))
            return;
    }
    ccb_http_finish(request);
}

static void on_rounds_abort(struct ccb_http_request *request, void *user)
{
    on_bed_abort(request, user);
    ccb_http_finish(request);
}

static void on_rounds(struct ccb_http_request *request, void *user)
{
    rounds = 3;
    ccb_http_on_answered(request, on_answered, &file);
    ccb_http_on_abort(request, on_rounds_abort, NULL);
    ccb_http_on_drain(request, give_rounds, NULL);
    ccb_http_respond_start(request, 200, NULL, 0, 3 * (int64_t)file.length + 3);
    give_rounds(request, user);
}

static const struct ccb_http_route routes[] = {
    {.method = "GET", .path = "/file", .on_request = on_file},
    {.method = "GET", .path = "/small", .on_request = on_small},
    {.method = "GET", .path = "/much", .on_request = on_too_much},
    {.method = "GET", .path = "/little", .on_request = on_too_little},
    {.method = "GET", .path = "/rounds", .on_request = on_rounds},
};

static void open_all(uint64_t size, const struct ccb_http_limits *limits)
{
    file_open(size);
    bed_open(routes, sizeof(routes) / sizeof(routes[0]), limits);
}

static void close_all(void)
{
    bed_close();
    file_close();
}

/* ---- peers -------------------------------------------------------------- */

/* Reads so many bytes of the file from `from` on, each one looked at. */
static void hear_file(int fd, uint64_t from, uint64_t length)
{
    static char bytes[65536];

    while (length > 0) {
        size_t want = length < sizeof(bytes) ? (size_t)length : sizeof(bytes);
        ssize_t n = recv(fd, bytes, want, 0);

        if (n <= 0)
            fail_msg("%llu bytes are missing", (unsigned long long)length);
        for (ssize_t i = 0; i < n; i++)
            if (bytes[i] != byte_at(from++))
                fail_msg("wrong byte at %llu", (unsigned long long)from - 1);
        length -= (uint64_t)n;
    }
}

static void test_whole_file(void **state)
{
    int fd;

    (void)state;
    open_all(LARGE, &usual_limits);
    fd = dial();
    for (int i = 0; i < 2; i++) { /* the connection serves on */
        say(fd, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
        hear_head(fd);
        assert_heard("Content-Length: 12582912\r\n");
        hear_file(fd, 0, LARGE);
        uv_sem_wait(&file.answered);
        assert_int_equal(file.bytes, LARGE);
    }
    (void)close(fd);
    assert_int_equal(bed.aborted, 0);
    close_all();
}

static void test_part_of_a_file(void **state)
{
    int fd;

    (void)state;
    open_all(100000, &usual_limits);
    file.offset = 70001;
    file.length = 20002;
    fd = dial();
    say(fd, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_head(fd);
    hear_file(fd, 70001, 20002);
    (void)close(fd);
    close_all();
}

static void test_empty_file_and_head(void **state)
{
    (void)state;
    open_all(0, &usual_limits);
    ask("GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_heard("Content-Length: 0\r\n");
    assert_string_equal(heard_body(), "");
    close_all();
    open_all(5, &usual_limits);
    ask("HEAD /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_heard("Content-Length: 5\r\n");
    assert_string_equal(heard_body(), "");
    assert_int_equal(file.bytes, 0);
    close_all();
}

static void test_pipelined_requests_behind_a_file(void **state)
{
    int fd;

    (void)state;
    open_all(LARGE, &usual_limits);
    fd = dial();
    say(fd, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n"
            "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_head(fd);
    hear_file(fd, 0, LARGE);
    assert_string_equal(hear_answer(fd), "small");
    (void)close(fd);
    close_all();
}

static void test_pieces_of_files_among_others(void **state)
{
    int fd;

    (void)state;
    open_all(LARGE / 4, &usual_limits);
    fd = dial();
    say(fd, "GET /rounds HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_head(fd);
    for (int i = 0; i < 3; i++) {
        assert_true(hear_bytes(fd, 1));
        assert_string_equal(heard, "|");
        hear_file(fd, 0, LARGE / 4);
    }
    uv_sem_wait(&file.answered);
    assert_int_equal(file.bytes, 3 * (LARGE / 4) + 3);
    (void)close(fd);
    close_all();
}

/* ---- what must not look whole ------------------------------------------- */

static void test_shorter_file_cuts_the_connection(void **state)
{
    static const char *const paths[] = {"/file", "/rounds"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        int64_t stalled = metric(CCB_METRIC_HTTP_STALLED);
        int fd;

        open_all(3000, &usual_limits);
        assert_int_equal(ftruncate(file.fd, 1000), 0);
        fd = dial();
        (void)snprintf(heard, sizeof(heard),
                       "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[i]);
        say(fd, heard);
        assert_int_equal(hear_all(fd), -1);
        (void)close(fd);
        uv_sem_wait(&file.answered);
        assert_true(file.bytes <= 1001);
        assert_int_equal(bed.aborted, i);
        /* at once, not when its time was over */
        assert_int_equal(metric(CCB_METRIC_HTTP_STALLED), stalled);
        close_all();
    }
}

static void test_length_must_be_as_declared(void **state)
{
    static const char *const asked[] = {
        "GET /much HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /little HTTP/1.1\r\nHost: x\r\n\r\n"};

    (void)state;
    open_all(100, &usual_limits);
    for (int i = 0; i < 2; i++) {
        int fd = dial();

        say(fd, asked[i]);
        assert_int_equal(hear_all(fd), -1);
        (void)close(fd);
    }
    close_all();
}

/* ---- slow and leaving peers --------------------------------------------- */

static void test_small_answers_pass_a_stuck_file(void **state)
{
    int stuck, fd;

    (void)state;
    open_all(LARGE, &usual_limits);
    stuck = dial();
    say(stuck, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_head(stuck); /* and nothing of the body */
    fd = dial();
    say(fd, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_string_equal(hear_answer(fd), "small");
    (void)close(fd);
    hear_file(stuck, 0, LARGE); /* and then it reads after all */
    (void)close(stuck);
    close_all();
}

static void test_stalled_peer_is_cut(void **state)
{
    struct ccb_http_limits limits = usual_limits;
    int64_t before = metric(CCB_METRIC_HTTP_STALLED);
    int fd;

    (void)state;
    limits.stall_timeout = 50 * INT64_C(1000000);
    open_all(LARGE, &limits);
    fd = dial();
    say(fd, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    uv_sem_wait(&file.answered); /* nothing was read */
    assert_true(file.bytes < LARGE);
    assert_int_equal(metric(CCB_METRIC_HTTP_STALLED), before + 1);
    (void)close(fd);
    close_all();
}

static void test_peer_leaves(void **state)
{
    static const char *const asked[] = {
        "GET /file HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /rounds HTTP/1.1\r\nHost: x\r\n\r\n"};

    (void)state;
    open_all(LARGE, &usual_limits);
    for (int i = 0; i < 2; i++) {
        int fd = dial();

        say(fd, asked[i]);
        hear_head(fd);
        (void)close(fd); /* with unread bytes: a reset */
        uv_sem_wait(&file.answered);
        assert_true(file.bytes < LARGE);
        assert_int_equal(bed.aborted, i); /* send_file needs no help */
    }
    close_all();
}

static void test_server_closes_amid_a_file(void **state)
{
    int fd;

    (void)state;
    open_all(LARGE, &usual_limits);
    fd = dial();
    say(fd, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_head(fd);
    close_all();
    (void)close(fd);
}

/* ---- a cold page cache -------------------------------------------------- */

static void test_cold_file(void **state)
{
    int fd;

    (void)state;
    open_all(LARGE, &usual_limits);
    assert_int_equal(fsync(file.fd), 0);
    (void)posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED);
    fd = dial();
    say(fd, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_head(fd);
    hear_file(fd, 0, LARGE);
    (void)close(fd);
    close_all();
}

static void test_peer_leaves_a_cold_file(void **state)
{
    int fd;

    (void)state;
    open_all(LARGE, &usual_limits);
    assert_int_equal(fsync(file.fd), 0);
    (void)posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED);
    fd = dial();
    say(fd, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)close(fd);
    uv_sem_wait(&file.answered);
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_file),
        cmocka_unit_test(test_part_of_a_file),
        cmocka_unit_test(test_empty_file_and_head),
        cmocka_unit_test(test_pipelined_requests_behind_a_file),
        cmocka_unit_test(test_pieces_of_files_among_others),
        cmocka_unit_test(test_shorter_file_cuts_the_connection),
        cmocka_unit_test(test_length_must_be_as_declared),
        cmocka_unit_test(test_small_answers_pass_a_stuck_file),
        cmocka_unit_test(test_stalled_peer_is_cut),
        cmocka_unit_test(test_peer_leaves),
        cmocka_unit_test(test_server_closes_amid_a_file),
        cmocka_unit_test(test_cold_file),
        cmocka_unit_test(test_peer_leaves_a_cold_file),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* sendfile knows no MSG_NOSIGNAL */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
