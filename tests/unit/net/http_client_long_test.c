/*
 * The long lane: the common cases, and what only it does: redirects, proxies,
 * TLS.
 */
#define LANE false
#include "client_cases.h"
#include "client_conns.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

/* ---- peers that vanish -------------------------------------------------- */

/* The connection to `port` that this process has. */
static int find_connection(unsigned short port)
{
    struct sockaddr_in peer;

    for (int fd = 3; fd < 256; fd++) {
        socklen_t len = sizeof(peer);

        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
            peer.sin_family == AF_INET && ntohs(peer.sin_port) == port)
            return fd;
    }
    return -1;
}

static int get_option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    (void)getsockopt(fd, level, name, &value, &len);
    return value;
}

static void test_a_silent_peer_is_probed(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0}, {PEER_READ, NULL, 0}, {PEER_SEND, OK_ANSWER, 0},
        {PEER_GONE, NULL, 0},   {PEER_END, NULL, 0},
    };
    struct result r = {0};
    struct ccb_http_call_options options;
    struct peer peer;
    struct bed bed;
    int fd;

    (void)state;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    options = bed_options("GET", peer.port, false, &r);
    bed_call(&bed, &options);
    fd = find_connection(peer.port); /* kept for the next call */
    assert_true(fd >= 0);
    assert_int_equal(get_option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(get_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 30);
    assert_int_equal(get_option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 30);
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    peer_free(&peer);
    result_free(&r);
}

/* ---- redirects ---------------------------------------------------------- */

/* GET is followed; what is for one host is not told to another. */
static void test_redirect_drops_auth_for_another_host(void **state)
{
    static char redirect[128];
    static const struct peer_step steps[] = {
        {PEER_WAIT, NULL, 0}, /* until `redirect` names the port */
        {PEER_ACCEPT, NULL, 0}, {PEER_READ, NULL, 0}, {PEER_SEND, redirect, 0},
        {PEER_ACCEPT, NULL, 0}, {PEER_READ, NULL, 0}, {PEER_SEND, OK_ANSWER, 0},
        {PEER_END, NULL, 0},
    };
    struct result r = {0};
    struct ccb_http_call_options options;
    const char *second;
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, steps));
    snprintf(redirect, sizeof(redirect),
             "HTTP/1.1 302 Found\r\nLocation: http://localhost:%u/new\r\n"
             "Content-Length: 3\r\n\r\nold",
             peer.port);
    peer_go(&peer);
    bed_open(&bed);
    options = bed_options("GET", peer.port, false, &r);
    options.has_auth = true;
    options.username = ccb_slice_of("a");
    options.password = ccb_slice_of("b");
    bed_call(&bed, &options);
    assert_int_equal(r.code, 0);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "ok");
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    second = strstr(peer.log, "GET /new HTTP/1.1");
    assert_non_null(second);
    assert_non_null(strstr(peer.log, "Authorization: Basic"));
    assert_null(strstr(second, "Authorization"));
    peer_free(&peer);
    result_free(&r);
}

#define LOOP_STEP                                                              \
    {PEER_READ, NULL, 0},                                                      \
    {                                                                          \
        PEER_SEND,                                                             \
            "HTTP/1.1 302 Found\r\nLocation: /l\r\nContent-Length: 0\r\n\r\n", \
            0                                                                  \
    }

static void test_redirects_end(void **state)
{
    static const struct peer_step steps[] = {{PEER_ACCEPT, NULL, 0},
                                             LOOP_STEP,
                                             LOOP_STEP,
                                             LOOP_STEP,
                                             LOOP_STEP,
                                             LOOP_STEP,
                                             LOOP_STEP,
                                             LOOP_STEP,
                                             LOOP_STEP,
                                             LOOP_STEP,
                                             LOOP_STEP,
                                             LOOP_STEP,
                                             {PEER_END, NULL, 0}};
    struct result r = {0};
    struct ccb_http_call_options options;
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    options = bed_options("GET", peer.port, false, &r);
    bed_call(&bed, &options);
    assert_int_equal(r.code, CCB_IO);
    assert_non_null(strstr(r.error, "stopped after 10 redirects"));
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    peer_free(&peer);
    result_free(&r);
}

/* ---- proxies ------------------------------------------------------------ */

static void test_proxy(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0},
        {PEER_END, NULL, 0},
    };
    struct result r = {0};
    struct ccb_http_call_options options;
    struct peer peer;
    struct bed bed;
    char url[64];

    (void)state;
    assert_true(peer_start(&peer, steps));
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", peer.port);
    setenv("HTTP_PROXY", url, 1);
    bed_open(&bed);
    options = bed_options("GET", peer.port, true, &r);
    options.url = ccb_slice_of("http://cc.invalid/p");
    bed_call(&bed, &options); /* not asked for: not used */
    assert_int_equal(r.code, CCB_IO);
    options.use_proxy = true;
    setenv("NO_PROXY", ".invalid", 1);
    bed_call(&bed, &options);
    assert_int_equal(r.code, CCB_IO);
    unsetenv("NO_PROXY");
    bed_call(&bed, &options);
    assert_int_equal(r.code, 0);
    assert_non_null(strstr(peer.log, "GET http://cc.invalid/p HTTP/1.1\r\n"));
    bed_close(&bed);
    unsetenv("HTTP_PROXY");
    assert_true(peer_stop(&peer));
    peer_free(&peer);
    result_free(&r);
}

/* ---- TLS ---------------------------------------------------------------- */

struct tls {
    char dir[64], key[96], cert[96];
    pid_t pid;
    int port;
};

static pid_t spawn(const char *const *argv, int out)
{
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    if (out >= 0)
        posix_spawn_file_actions_adddup2(&actions, out, 1);
    else
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_RDWR, 0);
    if (posix_spawnp(&pid, argv[0], &actions, NULL,
                     (char *const *)(uintptr_t)argv, environ) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static bool make_certificate(struct tls *tls)
{
    const char *argv[] = {"openssl",
                          "req",
                          "-x509",
                          "-newkey",
                          "ec",
                          "-pkeyopt",
                          "ec_paramgen_curve:prime256v1",
                          "-nodes",
                          "-keyout",
                          tls->key,
                          "-out",
                          tls->cert,
                          "-subj",
                          "/CN=localhost",
                          "-addext",
                          "subjectAltName=DNS:localhost",
                          "-days",
                          "2",
                          NULL};
    int status = -1;
    pid_t pid;

    snprintf(tls->dir, sizeof(tls->dir), "/tmp/ccb-tls-XXXXXX");
    if (mkdtemp(tls->dir) == NULL)
        return false;
    snprintf(tls->key, sizeof(tls->key), "%s/key", tls->dir);
    snprintf(tls->cert, sizeof(tls->cert), "%s/cert", tls->dir);
    pid = spawn(argv, -1);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* `openssl s_server -www` on a free port, which it prints. */
static bool serve(struct tls *tls)
{
    const char *argv[] = {"openssl", "s_server", "-accept", "127.0.0.1:0",
                          "-key",    tls->key,   "-cert",   tls->cert,
                          "-www",    NULL};
    char text[512] = "";
    size_t len = 0;
    int pipes[2];

    if (pipe(pipes) != 0)
        return false;
    tls->pid = spawn(argv, pipes[1]);
    close(pipes[1]);
    while (tls->pid > 0 && len < sizeof(text) - 1 &&
           peer_ready(pipes[0], POLLIN)) {
        const char *port;
        ssize_t n = read(pipes[0], text + len, sizeof(text) - 1 - len);

        if (n <= 0)
            break;
        len += (size_t)n;
        text[len] = '\0';
        port = strstr(text, "ACCEPT 127.0.0.1:");
        if (port != NULL && strchr(port, '\n') != NULL) {
            tls->port = (int)strtol(port + 17, NULL, 10);
            break;
        }
    }
    close(pipes[0]);
    return tls->port > 0;
}

static void test_tls(void **state)
{
    struct tls tls = {0};
    struct result r = {0};
    struct ccb_http_call_options options;
    struct bed bed;
    char url[64];

    (void)state;
    if (!make_certificate(&tls) || !serve(&tls))
        fail_msg("no TLS server");
    bed_open(&bed);
    options = bed_options("GET", 1, true, &r);
    snprintf(url, sizeof(url), "https://localhost:%d/", tls.port);
    options.url = ccb_slice_of(url);
    bed_call(&bed, &options); /* nobody vouches for it */
    assert_int_equal(r.code, CCB_IO);
    assert_non_null(strstr(r.error, "certificate"));
    options.skip_cert_verify = true;
    bed_call(&bed, &options);
    assert_int_equal(r.code, 0);
    assert_int_equal(r.status, 200);
    /* The connection that was not verified must not serve this one. */
    options.skip_cert_verify = false;
    bed_call(&bed, &options);
    assert_int_equal(r.code, CCB_IO);
    setenv("SSL_CERT_FILE", tls.cert, 1);
    bed_call(&bed, &options); /* vouched for */
    assert_int_equal(r.code, 0);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", tls.port);
    options.url = ccb_slice_of(url);
    bed_call(&bed, &options); /* but not under this name */
    assert_int_equal(r.code, CCB_IO);
    unsetenv("SSL_CERT_FILE");
    bed_close(&bed);
    kill(tls.pid, SIGKILL);
    (void)waitpid(tls.pid, NULL, 0);
    unlink(tls.key);
    unlink(tls.cert);
    rmdir(tls.dir);
    result_free(&r);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        COMMON_TESTS,
        cmocka_unit_test(test_a_silent_peer_is_probed),
        cmocka_unit_test(test_redirect_drops_auth_for_another_host),
        cmocka_unit_test(test_redirects_end),
        cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_tls),
    };

    unsetenv("NO_PROXY");
    unsetenv("no_proxy");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
