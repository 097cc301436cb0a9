/*
 * The health check as a program, against servers in a network name space of
 * the test's own, whose loopback interface also has the address 10.11.12.13
 * (contract/lifecycle-healthcheck.md A2, A4).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process.h"

#define ADDRESS "10.11.12.13"
#define PROGRAM CCB_BUILD_DIR "/bundles/buildpack_app_lifecycle/healthcheck"

static int have_network;

/* ---- the network -------------------------------------------------------- */

static int set_interface(int fd, const char *name, const char *address)
{
    struct ifreq request = {0};
    struct sockaddr_in in = {.sin_family = AF_INET};

    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (address != NULL) {
        (void)inet_pton(AF_INET, address, &in.sin_addr);
        memcpy(&request.ifr_addr, &in, sizeof(in));
        return ioctl(fd, SIOCSIFADDR, &request);
    }
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    return ioctl(fd, SIOCSIFFLAGS, &request);
}

/* Loopback is up with 127.0.0.1 only. */
static int make_network(void **state)
{
    int fd, ok;

    (void)state;
    if (unshare(CLONE_NEWNET) != 0 &&
        unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return 0;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ok = fd >= 0 && set_interface(fd, "lo", NULL) == 0;
    have_network = ok;
    (void)close(fd);
    return 0;
}

static void add_address(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(set_interface(fd, "lo:1", ADDRESS), 0);
    (void)close(fd);
}

/* ---- a server of one answer after the other ----------------------------- */

struct server {
    const char *const *answers; /* NULL at the end; "" is never answered */
    int fd;
    char port[8];
    char asked[4096]; /* all requests */
    pthread_t thread;
};

/* The whole head of a request, behind what was asked before. */
static void take_request(struct server *server, int fd)
{
    size_t len = strlen(server->asked), begin = len;
    ssize_t got;

    do {
        got = recv(fd, server->asked + len, sizeof(server->asked) - 1 - len, 0);
        len += got > 0 ? (size_t)got : 0;
        server->asked[len] = '\0';
    } while (got > 0 && strstr(server->asked + begin, "\r\n\r\n") == NULL);
}

static void *serve(void *ctx)
{
    struct server *server = ctx;

    for (const char *const *answer = server->answers; *answer != NULL;
         answer++) {
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
        char rest[256];

        if (fd < 0)
            return NULL;
        take_request(server, fd);
        (void)send(fd, *answer, strlen(*answer), MSG_NOSIGNAL);
        if (**answer == '\0') /* until the other end has gone */
            while (recv(fd, rest, sizeof(rest), 0) > 0)
                continue;
        (void)close(fd);
    }
    return NULL;
}

static void start(struct server *server, const char *address,
                  const char *const *answers)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t size = sizeof(in);

    memset(server, 0, sizeof(*server));
    server->answers = answers;
    (void)inet_pton(AF_INET, address, &in.sin_addr);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server->fd >= 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(server->fd, 8), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&in, &size), 0);
    (void)snprintf(server->port, sizeof(server->port), "%d",
                   ntohs(in.sin_port));
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop(struct server *server)
{
    (void)shutdown(server->fd, SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    (void)close(server->fd);
}

/* ---- running it --------------------------------------------------------- */

/* Its stdout has to be this, its status what goes with it. */
static void check(const char *want, const char *const *words)
{
    struct ccb_failure failure = {ccb_arena_create(), NULL};
    struct ccb_buf out = {0};
    const char *argv[8] = {PROGRAM};
    int passes = strcmp(want, "healthcheck passed\n") == 0, code;

    for (size_t i = 0; words[i] != NULL; i++)
        argv[i + 1] = words[i];
    code = ccb_process_run(argv, CCB_PROCESS_CAPTURED, &out, &failure);
    if (!ccb_slice_is(ccb_buf_slice(&out), want))
        fail_msg("%s ...: %.*s", words[0], (int)out.len, out.data);
    assert_int_equal(code == 0, passes);
    if (!passes)
        assert_string_equal(failure.text, "exit status 1");
    ccb_buf_destroy(&out);
    ccb_arena_unref(failure.arena);
}

#define WORDS(...)                                                             \
    (const char *const[])                                                      \
    {                                                                          \
        __VA_ARGS__, NULL                                                      \
    }
#define passes(...) check("healthcheck passed\n", WORDS(__VA_ARGS__))
#define fails(...) check("healthcheck failed\n", WORDS(__VA_ARGS__))

static void need_network(void)
{
    if (!have_network) {
        print_message("no network name space to be had here\n");
        skip();
    }
}

/* Runs first: there is only 127.0.0.1 until the next test adds an address. */
static void a_server_on_loopback_alone_fails(void **state)
{
    struct server server;

    (void)state;
    need_network();
    start(&server, "127.0.0.1", WORDS("x", "x"));
    fails("-port", server.port, "-timeout=5s");
    add_address();
    fails("-port", server.port, "-timeout=5s");
    assert_string_equal(server.asked, "");
    stop(&server);
}

static void a_port_passes_while_something_listens(void **state)
{
    struct server server;
    char again[8];

    (void)state;
    need_network();
    start(&server, ADDRESS, WORDS("", "", "", "", "", "", "", ""));
    passes("-port", server.port);
    passes("-port", server.port, "-network=tcp4", "-timeout", "1m30s");
    passes("--port", server.port, "-uri=", "-timeout=0");
    fails("-port", server.port, "-network=tcp6");
    fails("-port", server.port, "-network=carrier-pigeon");
    fails("-port", server.port, "-timeout=-1s");
    (void)snprintf(again, sizeof(again), "%s", server.port);
    stop(&server);
    fails("-port", again);
    for (int i = 0; i < 4; i++) {
        static const char *const ports[] = {"-1", "65536", "nobody", ""};

        fails("-port", ports[i]);
    }
}

#define HEAD(status, more)                                                     \
    "HTTP/1.1 " status " X\r\n" more "Content-Length: 2\r\n\r\nok"

static void http_passes_with_200_only(void **state)
{
    static const struct {
        const char *answer;
        int good;
    } rows[] = {
        {HEAD("200", ""), 1},
        {HEAD("100", ""), 0},
        {"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" HEAD("200", ""), 1},
        {"HTTP/1.0 200 OK\r\n\r\n", 1},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 1},
        {HEAD("201", ""), 0},
        {HEAD("204", ""), 0},
        {HEAD("404", ""), 0},
        {HEAD("500", ""), 0},
        {HEAD("302", ""), 0}, /* leads nowhere */
        {"HTTP/1.1 200 OK\r\nHalf: a h", 0},
        {"SSH-2.0-nothing\r\n\r\n", 0},
        {"\r\n", 0},
    };

    (void)state;
    need_network();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct server server;

        start(&server, ADDRESS, WORDS(rows[i].answer));
        check(rows[i].good ? "healthcheck passed\n" : "healthcheck failed\n",
              WORDS("-port", server.port, "-uri", "/api/_ping?a=b c",
                    "-timeout=5s"));
        assert_memory_equal(server.asked, "GET /api/_ping?a=b%20c HTTP/1.1\r\n",
                            33);
        stop(&server);
    }
}

static void http_has_one_deadline_for_all(void **state)
{
    struct server server;

    (void)state;
    need_network();
    start(&server, ADDRESS, WORDS(""));
    fails("-port", server.port, "-uri=/", "-timeout=100ms");
    stop(&server);
}

static void http_follows_redirects(void **state)
{
    static const struct {
        const char *location, *asked; /* asked NULL: it is not followed */
    } rows[] = {
        {"/b?c", "GET /b?c HTTP/1.1\r\n"},
        {"b", "GET /x/b HTTP/1.1\r\n"},
        {"../../b/", "GET /b/ HTTP/1.1\r\n"},
        {"?q", "GET /x/y?q HTTP/1.1\r\n"},
        {"http://%s/z#f", "GET /z HTTP/1.1\r\n"},
        {"HTTP://%s", "GET / HTTP/1.1\r\n"},
        {"//%s/z", "GET /z HTTP/1.1\r\n"},
        {"https://%s/z", NULL},
        {"http://elsewhere.example/", NULL},
        {"http://[::1]/", NULL},
        {"mailto:x", NULL},
        {":", NULL},
    };

    (void)state;
    need_network();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static const char ok[] = HEAD("200", "");
        char location[128], first[256], host[64];
        const char *answers[] = {first, ok, NULL}, *percent;
        struct server server;

        /* The port is known only after the start, the answer needed later. */
        start(&server, ADDRESS, answers);
        (void)snprintf(host, sizeof(host), "%s:%s", ADDRESS, server.port);
        percent = strstr(rows[i].location, "%s");
        (void)snprintf(location, sizeof(location), "%.*s%s%s",
                       (int)(percent == NULL
                                 ? (ptrdiff_t)strlen(rows[i].location)
                                 : percent - rows[i].location),
                       rows[i].location, percent == NULL ? "" : host,
                       percent == NULL ? "" : percent + 2);
        (void)snprintf(first, sizeof(first),
                       "HTTP/1.1 %d X\r\nLocation: %s\r\n\r\n",
                       i % 2 == 0 ? 302 : 301, location);
        check(rows[i].asked != NULL ? "healthcheck passed\n"
                                    : "healthcheck failed\n",
              WORDS("-port", server.port, "-uri", "/x/y", "-timeout=5s"));
        if (rows[i].asked != NULL)
            assert_non_null(strstr(server.asked, rows[i].asked));
        stop(&server);
    }
}

static void redirects_without_end_fail(void **state)
{
    static const char more[] = HEAD("302", "Location: /\r\n");
    struct server server;

    (void)state;
    need_network();
    start(&server, ADDRESS,
          WORDS(more, more, more, more, more, more, more, more, more, more,
                more, HEAD("200", "")));
    fails("-port", server.port, "-uri=/", "-timeout=5s");
    stop(&server);
}

static void the_uri_is_appended_as_it_is(void **state)
{
    struct server server;

    (void)state;
    need_network();
    start(&server, ADDRESS, WORDS(HEAD("200", ""), HEAD("200", "")));
    fails("-port", server.port, "-uri=no-slash");
    fails("-port", server.port, "-uri=/%zz");
    passes("-port", server.port, "-uri=?query");
    assert_memory_equal(server.asked, "GET /?query HTTP/1.1\r\n", 22);
    stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_on_loopback_alone_fails),
        cmocka_unit_test(a_port_passes_while_something_listens),
        cmocka_unit_test(http_passes_with_200_only),
        cmocka_unit_test(http_has_one_deadline_for_all),
        cmocka_unit_test(http_follows_redirects),
        cmocka_unit_test(redirects_without_end_fail),
        cmocka_unit_test(the_uri_is_appended_as_it_is),
    };

    return cmocka_run_group_tests(tests, make_network, NULL);
}
