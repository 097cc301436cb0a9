/*
 * Every allocation of a command may fail: it says so and ends with a status,
 * never with a crash (core/cli/run.c). A forked process plays the daemon.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"

static char dir[64], app[96], sock[96];
static pid_t server;
static int saved_out, saved_err;

/* An answer that is right for every question of these tests. */
static const char answer[] =
    "{\"apps\":[{\"name\":\"a\",\"state\":\"STARTED\",\"instances\":1}],"
    "\"name\":\"a\",\"state\":\"STARTED\",\"instances\":1,\"env\":[\"A\"],"
    "\"staging_guid\":\"s\",\"staging\":{\"guid\":\"s\",\"state\":\"STAGED\"},"
    "\"instances_now\":[{\"index\":0,\"state\":\"RUNNING\",\"host\":\"h\","
    "\"port\":1}],\"addresses\":{\"x\":\"y\"},\"cells\":[{}],"
    "\"message\":\"m\",\"source_type\":\"STG\"}";

/* Reads head and body, as far as a small app needs it. */
static void serve_one(int fd)
{
    char in[65536], out[1024];
    size_t got = 0, want = 0;
    ssize_t n = 1;

    while (n > 0 && (want == 0 || got < want) && got < sizeof(in) - 1) {
        const char *end, *length;

        n = read(fd, in + got, sizeof(in) - 1 - got);
        got += n > 0 ? (size_t)n : 0;
        in[got] = '\0';
        end = memmem(in, got, "\r\n\r\n", 4);
        length = strcasestr(in, "content-length: ");
        if (end)
            want =
                (size_t)(end - in) + 4 +
                (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
    }
    n = snprintf(out, sizeof(out),
                 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                 sizeof(answer) - 1, answer);
    if (write(fd, out, (size_t)n) < 0)
        return; /* the client may be gone by then */
    close(fd);
}

static void serve(int listener)
{
    (void)signal(SIGPIPE, SIG_IGN);
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd >= 0)
            serve_one(fd);
    }
}

static int set_up(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
    char file[128];

    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/ccb-cli-XXXXXX");
    if (listener < 0 || !mkdtemp(dir))
        return -1;
    (void)snprintf(app, sizeof(app), "%s/index.html", dir);
    (void)snprintf(sock, sizeof(sock), "%s/control.sock", dir);
    (void)snprintf(file, sizeof(file), "%s", app);
    fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    close(fd);
    memcpy(address.sun_path, sock, strlen(sock) + 1);
    if (fd < 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener, 16) < 0)
        return -1;
    server = fork();
    if (server == 0)
        serve(listener);
    close(listener);
    return server < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    (void)unlink(app);
    (void)unlink(sock);
    return rmdir(dir);
}

static void mute(int on)
{
    int null;

    (void)fflush(NULL);
    if (!on) {
        (void)dup2(saved_out, 1);
        (void)dup2(saved_err, 2);
        close(saved_out);
        close(saved_err);
        return;
    }
    saved_out = dup(1);
    saved_err = dup(2);
    null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)dup2(null, 1);
    (void)dup2(null, 2);
    close(null);
}

/* The status with the n-th allocation failing, or none for 0. */
static int run(char **words, size_t nth)
{
    int argc = 0, code;

    while (words[argc])
        argc++;
    mute(1);
    ccb_mem_fail_at(nth, 0);
    code = ccb_cli_main(argc, words, "1");
    ccb_mem_fail_at(0, 0);
    mute(0);
    return code;
}

static char flag[] = "--state", program[] = "ccbridge";

static void endure(char *command, char *one, char *two, char *three)
{
    char *words[] = {program, command, flag, dir, one, two, three, NULL};
    size_t n, failed = 0, count;

    (void)ccb_mem_fail_at(0, 0);
    assert_int_equal(run(words, 0), 0);
    /* How many there are: until a run no longer meets its failure. */
    count = 400;
    for (n = 1; n <= count; n++) {
        int code = run(words, n);

        assert_true(code >= 0 && code <= CCB_EXIT_NOT_UP);
        failed += code != 0;
        if (code == 0 && n > failed + 40)
            break;
    }
    assert_true(failed > 3);
}

static void test_lists(void **state)
{
    static char apps[] = "apps", name[] = "a", one[] = "app", json[] = "--json";

    (void)state;
    endure(apps, NULL, NULL, NULL);
    endure(one, name, NULL, NULL);
    endure(one, name, json, NULL);
}

static void test_streams(void **state)
{
    static char logs[] = "logs", events[] = "events", name[] = "a";

    (void)state;
    endure(logs, name, NULL, NULL);
    endure(events, name, NULL, NULL);
}

static void test_status(void **state)
{
    static char status[] = "status", json[] = "--json";

    (void)state;
    endure(status, NULL, NULL, NULL);
    endure(status, json, NULL, NULL);
}

static void test_changes(void **state)
{
    static char scale[] = "scale", name[] = "a", two[] = "2", kill_[] = "kill";
    static char restart[] = "restart", no_wait[] = "--no-wait";

    (void)state;
    endure(scale, name, two, NULL);
    endure(kill_, name, two, no_wait);
    endure(restart, name, NULL, NULL);
}

static void test_a_push(void **state)
{
    static char push[] = "push", name[] = "a";

    (void)state;
    endure(push, name, dir, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),  cmocka_unit_test(test_streams),
        cmocka_unit_test(test_status), cmocka_unit_test(test_changes),
        cmocka_unit_test(test_a_push),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
