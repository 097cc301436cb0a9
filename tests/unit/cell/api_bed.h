/*
 * The bed of the API's tests: a store, the API and an HTTP server on a loop in
 * a thread of its own; the test's thread is the client, over real sockets.
 */
#ifndef CCB_TESTS_API_BED_H
#define CCB_TESTS_API_BED_H

#include "cell_bed.h"

#include "../net/http_bed.h"
#include "cell/api.h"

static struct ccb_api *api;
/* With a directory there is a log sink. */
static const char *api_logs_dir;
static struct ccb_logs *api_logs;

static void open_api(const char *username, bool cors)
{
    struct ccb_api_options options = {.loop = &bed.loop,
                                      .store = cell.store,
                                      .events = cell.events,
                                      .username = username,
                                      .password = "pass",
                                      .cors = cors};
    struct ccb_http_server_options http = {.routes = ccb_api_routes,
                                           .route_count = ccb_api_route_count,
                                           .limits = &usual_limits};
    struct ccb_error err;
    int fd;

    memset(&bed, 0, sizeof(bed));
    assert_int_equal(uv_sem_init(&bed.parked_there, 0), 0);
    assert_int_equal(uv_sem_init(&bed.aborted_there, 0), 0);
    assert_int_equal(ccb_loop_open(&bed.loop, &err), 0);
    assert_int_equal(uv_async_init(&bed.loop.uv, &bed.hold, NULL), 0);
    if (api_logs_dir) {
        struct ccb_logs_options logs = {.loop = &bed.loop,
                                        .directory = api_logs_dir};

        assert_int_equal(ccb_logs_open(&api_logs, &logs, &err), 0);
        options.logs = api_logs;
    }
    api = ccb_api_open(&options);
    assert_non_null(api);
    http.user = api;
    assert_int_equal(ccb_http_listen("127.0.0.1", 0, -1, &fd, &err), 0);
    assert_int_equal(
        ccb_http_server_open(&bed.server, &bed.loop, fd, &http, &err), 0);
    bed.port = ccb_http_bound_port(fd);
    assert_int_equal(uv_thread_create(&bed.thread, run_bed, NULL), 0);
}

static MAY_BE_UNUSED int api_open(void **state)
{
    (void)cell_open(state);
    open_api(NULL, false);
    return 0;
}

static void close_api_logs(void *unused)
{
    (void)unused;
    ccb_logs_close(api_logs, NULL, NULL);
}

static MAY_BE_UNUSED int api_close(void **state)
{
    ccb_events_close(cell.events);
    if (api_logs)
        bed_call(close_api_logs, NULL);
    api_logs = NULL;
    bed_close();
    ccb_api_close(api);
    return cell_close(state);
}

static MAY_BE_UNUSED int api_open_with_auth(void **state)
{
    (void)cell_open(state);
    open_api("user", false);
    return 0;
}

static MAY_BE_UNUSED int api_open_with_cors(void **state)
{
    (void)cell_open(state);
    open_api("user", true);
    return 0;
}

/* ---- requests ----------------------------------------------------------- */

/* Single quotes of the body stand for double ones. */
static MAY_BE_UNUSED const char *request(const char *line, const char *headers,
                                         const char *body)
{
    static char text[70000];
    size_t used;

    used = (size_t)snprintf(text, sizeof(text),
                            "%s HTTP/1.1\r\nHost: x\r\n%sConnection: close\r\n"
                            "Content-Length: %zu\r\n\r\n",
                            line, headers, strlen(body));
    for (size_t i = 0; body[i]; i++)
        text[used++] = body[i] == '\'' ? '"' : body[i];
    text[used] = '\0';
    return ask(text);
}

/* The body that was heard, with single quotes. */
static MAY_BE_UNUSED const char *quoted_body(void)
{
    static char text[70000];

    (void)snprintf(text, sizeof(text), "%s", heard_body());
    for (size_t i = 0; text[i]; i++)
        text[i] = text[i] == '"' ? '\'' : text[i];
    return text;
}

#define SAID(line, headers, body, status, answer)                              \
    do {                                                                       \
        (void)request(line, headers, body);                                    \
        if (memcmp(heard, "HTTP/1.1 " status, sizeof("HTTP/1.1 " status) - 1)) \
            fail_msg("%s: not %s but\n%s", line, status, heard);               \
        assert_string_equal(quoted_body(), answer);                            \
    } while (0)
#define ERROR(name, message) "{'name':'" name "','message':'" message "'}"

#define RUN "{'run':{'path':'/x','user':'u'}}"
#define TASK(guid)                                                             \
    "{'task_guid':'" guid "','domain':'demo','rootfs':'preloaded:base',"       \
    "'action':" RUN "}"
#define LRP(guid, rest)                                                        \
    "{'process_guid':'" guid "','domain':'demo','rootfs':'preloaded:base',"    \
    "'action':" RUN rest "}"

#endif
