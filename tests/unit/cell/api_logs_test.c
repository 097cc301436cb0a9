/*
 * The route of logs over real sockets: GET /v1/logs/:log_guid.
 */
#include "api_bed.h"

#include <dirent.h>

static char logs_dir[64];

static int served_open(void **state)
{
    (void)snprintf(logs_dir, sizeof(logs_dir), "/tmp/ccb-logs-XXXXXX");
    assert_non_null(mkdtemp(logs_dir));
    api_logs_dir = logs_dir;
    return api_open(state);
}

static int served_close(void **state)
{
    DIR *dir = opendir(logs_dir);
    struct dirent *entry;

    (void)api_close(state);
    api_logs_dir = NULL;
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    (void)closedir(dir);
    return rmdir(logs_dir);
}

/* "line 0" and so on. */
static void write_served(void *count)
{
    char text[64];
    struct ccb_log_message message = {.guid = ccb_slice_of("web-1")};

    for (int i = 0; i < *(int *)count; i++) {
        (void)snprintf(text, sizeof(text), "line %d", i);
        message.text = ccb_slice_of(text);
        ccb_logs_write(api_logs, &message);
    }
}

static int open_stream(const char *path)
{
    int fd = dial();

    say(fd, "GET ");
    say(fd, path);
    say(fd, " HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_head(fd);
    assert_heard("HTTP/1.1 200 ");
    return fd;
}

/* Reads a chunked stream until `part` came; bytes are kept in `heard`. */
static void hear_part(int fd, const char *part)
{
    heard_len = 0;
    heard[0] = '\0';
    while (strstr(heard, part) == NULL) {
        ssize_t n =
            recv(fd, heard + heard_len, sizeof(heard) - 1 - heard_len, 0);

        if (n <= 0)
            fail_msg("no \"%s\" in: %.*s", part, (int)heard_len, heard);
        heard_len += (size_t)n;
        heard[heard_len] = '\0';
    }
}

static void test_the_route_gives_the_tail(void **state)
{
    int count = 5;

    (void)state;
    bed_call(write_served, &count);
    (void)request("GET /v1/logs/web-1?tail=2", "", "");
    assert_heard("HTTP/1.1 200 ");
    assert_heard("Content-Type: application/x-ndjson\r\n");
    assert_heard("\"message\":\"line 3\"}\n");
    assert_heard("\"message\":\"line 4\"}\n");
    assert_not_heard("line 2");
    assert_heard("\r\n0\r\n\r\n");
    (void)request("GET /v1/logs/web-1", "", "");
    assert_heard("\"message\":\"line 0\"}\n");
    (void)request("HEAD /v1/logs/web-1?follow=true", "", "");
    assert_heard("HTTP/1.1 200 ");
}

static void test_the_route_refuses(void **state)
{
    static const char *const bad[] = {"x", "-1", "", "1.5",
                                      "99999999999999999999"};
    char line[80];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(line, sizeof(line), "GET /v1/logs/g?x=1&tail=%s",
                       bad[i]);
        SAID(line, "", "", "400",
             ERROR("InvalidRequest",
                   "tail: a whole number of lines, or none for all"));
    }
    SAID("GET /v1/logs/g?follow=yes", "", "", "400",
         ERROR("InvalidRequest", "follow: true or false"));
}

static void end_served(void *unused)
{
    (void)unused;
    ccb_logs_end_readers(api_logs);
}

static void test_a_follower_gets_what_comes_until_the_end(void **state)
{
    int fd = open_stream("/v1/logs/web-1?tail=0&follow=true"), count = 3;

    (void)state;
    bed_call(write_served, &count);
    hear_part(fd, "line 2\"}\n\r\n");
    assert_heard("line 0\"");
    bed_call(end_served, NULL);
    assert_true(hear_bytes(fd, 5));
    assert_string_equal(heard, "0\r\n\r\n");
    (void)close(fd);
}

/* The sink's reader is gone as soon as the server knows, and with it the
 * request: closing the bed proves it. */
static void test_a_follower_that_leaves_is_forgotten(void **state)
{
    int fd = open_stream("/v1/logs/web-1?follow=true"), count = 1;
    int64_t aborted = metric(CCB_METRIC_HTTP_ABORTED);

    (void)state;
    (void)close(fd);
    while (metric(CCB_METRIC_HTTP_ABORTED) == aborted) {
        bed_call(write_served, &count); /* it is seen at the next writes */
        (void)request("GET /v1/cells", "", "");
    }
}

/* A peer that does not read: what it gets later is whole all the same. */
static void test_a_slow_follower_misses_nothing_that_is_kept(void **state)
{
    int fd = open_stream("/v1/logs/web-1?follow=true"), count = 1000;

    (void)state;
    for (int i = 0; i < 15; i++) {
        bed_call(write_served, &count);
        (void)request("GET /v1/logs/web-1?tail=0", "", ""); /* is written */
    }
    for (int i = 0; i < 15; i++) {
        hear_part(fd, "line 999\"}\n");
        for (char *at = heard; (at = strstr(at, "line 999\"}\n")); at++)
            i += at != strstr(heard, "line 999\"}\n");
    }
    (void)close(fd);
}

static void test_without_a_sink_there_is_no_route(void **state)
{
    (void)state;
    (void)request("GET /v1/logs/web-1", "", "");
    assert_heard("HTTP/1.1 404 ");
}

#define SERVED(name)                                                           \
    cmocka_unit_test_setup_teardown(name, served_open, served_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(test_the_route_gives_the_tail),
        SERVED(test_the_route_refuses),
        SERVED(test_a_follower_gets_what_comes_until_the_end),
        SERVED(test_a_follower_that_leaves_is_forgotten),
        SERVED(test_a_slow_follower_misses_nothing_that_is_kept),
        cmocka_unit_test_setup_teardown(test_without_a_sink_there_is_no_route,
                                        api_open, api_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
