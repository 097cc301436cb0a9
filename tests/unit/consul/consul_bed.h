/*
 * A Consul on the test's own loop: it notes every request, answers by a table,
 * and keeps the request that the test wants to see unanswered.
 */
#ifndef CCB_TEST_CONSUL_BED_H
#define CCB_TEST_CONSUL_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/http_server.h"

struct bed_answer {
    const char *target; /* what it begins with; the first that fits */
    int status;         /* 0: the request is kept */
    const char *body;
    const char *index; /* X-Consul-Index, or NULL */
};

struct bed {
    struct ccb_loop loop;
    struct ccb_http_server *server;
    char url[64];
    const struct bed_answer *answers; /* ends with a NULL target */
    size_t count, keep;  /* requests so far; the one that is kept, too */
    struct ccb_buf seen; /* "METHOD target body\n" */
    struct ccb_http_request *kept[8];
    size_t kept_count;
};

static inline void bed_answer(struct ccb_http_request *request,
                              const struct bed_answer *answer)
{
    struct ccb_http_header index = {
        CCB_LIT("X-Consul-Index"),
        ccb_slice_of(answer->index ? answer->index : "0")};
    ccb_http_respond_with(request, answer->status, &index, 1,
                          ccb_slice_of(answer->body ? answer->body : ""));
}

static inline void bed_on_request(struct ccb_http_request *request, void *user)
{
    const struct ccb_http_request_info *info = ccb_http_request_info(request);
    const struct bed_answer *answer;
    struct bed *bed = user;
    (void)ccb_buf_printf(
        &bed->seen, "%.*s %.*s %.*s\n", (int)info->method_text.len,
        info->method_text.ptr, (int)info->target.len, info->target.ptr,
        (int)info->body.len, info->body.len ? info->body.ptr : "");
    for (answer = bed->answers; answer->target; answer++)
        if (ccb_slice_starts(info->target, answer->target))
            break;
    if (++bed->count != bed->keep && answer->target && answer->status) {
        bed_answer(request, answer);
        return;
    }
    assert_true(bed->kept_count < 8);
    bed->kept[bed->kept_count++] = request;
    if (bed->count == bed->keep)
        uv_stop(&bed->loop.uv);
}

static inline void bed_open(struct bed *bed, const struct bed_answer *answers)
{
    static const struct ccb_http_route routes[] = {
        {.method = "GET", .path = "/*", .on_request = bed_on_request},
        {.method = "PUT", .path = "/*", .on_request = bed_on_request},
    };
    static const struct ccb_http_limits limits;
    struct ccb_http_server_options options = {
        .routes = routes, .route_count = 2, .user = bed, .limits = &limits};
    struct ccb_error err;
    int fd;
    memset(bed, 0, sizeof(*bed));
    bed->answers = answers;
    assert_int_equal(ccb_loop_open(&bed->loop, &err), 0);
    assert_int_equal(ccb_http_listen("127.0.0.1", 0, -1, &fd, &err), 0);
    snprintf(bed->url, sizeof(bed->url), "http://u:p@127.0.0.1:%u",
             ccb_http_bound_port(fd));
    assert_int_equal(
        ccb_http_server_open(&bed->server, &bed->loop, fd, &options, &err), 0);
}

static inline void bed_on_closed(void *user)
{
    (void)user;
}

/* Answers what was kept, and runs until nothing is left on the loop. */
static inline void bed_close(struct bed *bed)
{
    static const struct bed_answer late = {"", 500, "late", NULL};
    struct ccb_error err;
    size_t i;
    for (i = 0; i < bed->kept_count; i++)
        bed_answer(bed->kept[i], &late);
    ccb_http_server_close(bed->server, bed_on_closed, NULL);
    ccb_loop_run(&bed->loop);
    if (ccb_loop_close(&bed->loop, &err) != 0)
        fail_msg("%s", err.message);
    ccb_buf_destroy(&bed->seen);
    ccb_arena_drain();
}

static inline void bed_run(struct bed *bed)
{
    uv_run(&bed->loop.uv, UV_RUN_DEFAULT);
}

static inline bool bed_saw(struct bed *bed, const char *text)
{
    (void)ccb_buf_putc(&bed->seen, '\0');
    bed->seen.len--;
    return strstr(bed->seen.data, text) != NULL;
}

#endif
