/*
 * Unix sockets: how a listening one comes to be, and that server and client
 * work over it as over TCP.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/mem.h"
#include "net/http_client.h"
#include "net/http_server.h"

static char dir[64], path[96];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/ccb-unix-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/s", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

static int must_listen(void)
{
    struct ccb_error err = {0};
    int fd;

    if (ccb_http_listen_unix(path, &fd, &err) != CCB_OK)
        fail_msg("%s", err.message);
    return fd;
}

/* ---- listening ---------------------------------------------------------- */

static void test_socket_is_its_owners_alone(void **state)
{
    struct stat found;
    mode_t before = umask(0);
    int fd = must_listen();

    (void)state;
    (void)umask(before);
    assert_int_equal(lstat(path, &found), 0);
    assert_true(S_ISSOCK(found.st_mode));
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    (void)close(fd);
}

static void test_stale_socket_is_replaced(void **state)
{
    struct stat first, second;
    int fd = must_listen();

    (void)state;
    assert_int_equal(lstat(path, &first), 0);
    (void)close(fd);
    fd = must_listen();
    assert_int_equal(lstat(path, &second), 0);
    assert_true(S_ISSOCK(second.st_mode));
    (void)close(fd);
}

static void test_live_socket_is_a_conflict(void **state)
{
    struct ccb_error err = {0};
    struct stat first, second;
    int fd = must_listen(), other = 7;

    (void)state;
    assert_int_equal(lstat(path, &first), 0);
    assert_int_equal(ccb_http_listen_unix(path, &other, &err), CCB_CONFLICT);
    assert_int_equal(other, -1);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(lstat(path, &second), 0);
    assert_int_equal(first.st_ino, second.st_ino);
    assert_true(ccb_http_unix_is_served(path));
    (void)close(fd);
    assert_false(ccb_http_unix_is_served(path));
    assert_int_equal(lstat(path, &second), 0);
    assert_false(ccb_http_unix_is_served("/nowhere/at/all"));
}

static void test_other_files_are_left_alone(void **state)
{
    struct ccb_error err = {0};
    struct stat found;
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    (void)state;
    (void)close(fd);
    assert_int_equal(ccb_http_listen_unix(path, &fd, &err), CCB_CONFLICT);
    assert_non_null(strstr(err.message, "no socket"));
    assert_int_equal(lstat(path, &found), 0);
    (void)unlink(path);
    assert_int_equal(symlink("/nowhere", path), 0);
    assert_int_equal(ccb_http_listen_unix(path, &fd, &err), CCB_CONFLICT);
}

static void test_bad_paths_are_refused_with_words(void **state)
{
    struct ccb_error err = {0};
    char longer[200];
    int fd;

    (void)state;
    assert_int_equal(ccb_http_listen_unix("", &fd, &err), CCB_INVALID);
    memset(longer, 'x', sizeof(longer));
    longer[0] = '/';
    longer[108] = '\0';
    assert_int_equal(ccb_http_listen_unix(longer, &fd, &err), CCB_INVALID);
    assert_non_null(strstr(err.message, longer));
    assert_non_null(strstr(err.message, "107"));
    longer[107] = '\0'; /* long enough, but in no directory of ours */
    snprintf(longer, sizeof(longer), "%s/no/such", dir);
    assert_int_equal(ccb_http_listen_unix(longer, &fd, &err), CCB_IO);
    assert_non_null(strstr(err.message, "no such file"));
}

/* ---- server and client -------------------------------------------------- */

struct bed {
    struct ccb_loop loop;
    struct ccb_http_server *server;
    struct ccb_http_client *client;
    int done, code, status;
    char body[64], error[256];
};

static void on_hello(struct ccb_http_request *request, void *user)
{
    const struct ccb_http_request_info *info = ccb_http_request_info(request);

    (void)user;
    ccb_http_respond(request, 200, "text/plain", info->target);
}

static const struct ccb_http_route routes[] = {
    {.method = "GET", .path = "/hello", .on_request = on_hello},
};

static void on_done(void *user, const struct ccb_http_answer *answer)
{
    struct bed *bed = user;

    bed->done++;
    bed->code = answer->code;
    bed->status = answer->status;
    snprintf(bed->body, sizeof(bed->body), "%.*s", (int)answer->body.len,
             answer->body.len > 0 ? answer->body.ptr : "");
    snprintf(bed->error, sizeof(bed->error), "%s",
             answer->error != NULL ? answer->error : "");
    ccb_http_client_close(bed->client, NULL, NULL);
    if (bed->server != NULL)
        ccb_http_server_close(bed->server, NULL, NULL);
}

/* One call on a fresh loop, with a server when `serve`. */
static void call_once(struct bed *bed, bool serve, const char *proxy)
{
    struct ccb_http_server_options server = {.routes = routes,
                                             .route_count = 1};
    struct ccb_http_call_options call = {
        .method = "GET",
        .url = CCB_LIT("http://ccbridge/hello?x=1"),
        .unix_socket = path,
        .use_proxy = proxy != NULL,
        .short_lane = true, /* must not be taken */
        .on_done = on_done,
        .user = bed,
    };
    struct ccb_error err = {0};

    memset(bed, 0, sizeof(*bed));
    assert_int_equal(ccb_loop_open(&bed->loop, &err), 0);
    assert_int_equal(ccb_http_client_open(&bed->client, &bed->loop, &err), 0);
    if (serve)
        assert_int_equal(ccb_http_server_open(&bed->server, &bed->loop,
                                              must_listen(), &server, &err),
                         0);
    if (proxy != NULL)
        setenv("HTTP_PROXY", proxy, 1);
    assert_int_equal(ccb_http_send(bed->client, &call, NULL, &err), 0);
    unsetenv("HTTP_PROXY");
    (void)ccb_loop_run(&bed->loop);
    if (ccb_loop_close(&bed->loop, &err) != 0)
        fail_msg("%s", err.message);
    ccb_arena_drain();
    assert_int_equal(bed->done, 1);
}

static void test_call_goes_over_the_socket(void **state)
{
    struct bed bed;

    (void)state;
    call_once(&bed, true, NULL);
    assert_string_equal(bed.error, "");
    assert_int_equal(bed.status, 200);
    assert_string_equal(bed.body, "/hello?x=1");
}

static void test_no_proxy_comes_between(void **state)
{
    struct bed bed;

    (void)state;
    call_once(&bed, true, "http://127.0.0.1:9");
    assert_string_equal(bed.error, "");
    assert_int_equal(bed.status, 200);
}

static void test_nobody_there_names_the_socket(void **state)
{
    struct bed bed;

    (void)state;
    call_once(&bed, false, NULL);
    assert_int_equal(bed.code, CCB_IO);
    assert_non_null(strstr(bed.error, path));
    assert_non_null(strstr(bed.error, "no such file"));
    (void)close(must_listen());
    call_once(&bed, false, NULL);
    assert_non_null(strstr(bed.error, "connection refused"));
}

static void test_path_too_long_for_a_call(void **state)
{
    struct ccb_http_call_options call = {
        .method = "GET",
        .url = CCB_LIT("http://ccbridge/"),
        .on_done = on_done,
    };
    struct ccb_error err = {0};
    struct ccb_loop loop;
    struct ccb_http_client *client;
    char longer[200];

    (void)state;
    memset(longer, 'x', sizeof(longer));
    longer[108] = '\0';
    call.unix_socket = longer;
    assert_int_equal(ccb_loop_open(&loop, &err), 0);
    assert_int_equal(ccb_http_client_open(&client, &loop, &err), 0);
    assert_int_equal(ccb_http_send(client, &call, NULL, &err), CCB_INVALID);
    assert_non_null(strstr(err.message, longer));
    ccb_http_client_close(client, NULL, NULL);
    (void)ccb_loop_run(&loop);
    assert_int_equal(ccb_loop_close(&loop, &err), 0);
    ccb_arena_drain();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_socket_is_its_owners_alone),
        TEST(test_stale_socket_is_replaced),
        TEST(test_live_socket_is_a_conflict),
        TEST(test_other_files_are_left_alone),
        TEST(test_bad_paths_are_refused_with_words),
        TEST(test_call_goes_over_the_socket),
        TEST(test_no_proxy_comes_between),
        TEST(test_nobody_there_names_the_socket),
        TEST(test_path_too_long_for_a_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
