/*
 * What the client's tests have in common: a loop with a client, one call whose
 * end is recorded, and the proof at the end that no handle is left open.
 */
#ifndef CCB_TEST_CLIENT_BED_H
#define CCB_TEST_CLIENT_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "net/http_client.h"

#include "fake_peer.h"

struct bed {
    struct ccb_loop loop;
    struct ccb_http_client *client;
    bool closed;
};

struct result {
    int done; /* how often on_done came */
    int code, status;
    char error[512];
    char header[128]; /* "X-Test" of the answer */
    char *body;
    size_t body_len;
    bool sending; /* inside ccb_http_send */
};

static inline void on_bed_closed(void *user)
{
    ((struct bed *)user)->closed = true;
}

static inline void bed_open(struct bed *bed)
{
    struct ccb_error err;

    memset(bed, 0, sizeof(*bed));
    assert_int_equal(ccb_loop_open(&bed->loop, &err), 0);
    assert_int_equal(ccb_http_client_open(&bed->client, &bed->loop, &err), 0);
}

static inline void bed_close(struct bed *bed)
{
    struct ccb_error err = {0};

    if (bed->client != NULL)
        ccb_http_client_close(bed->client, on_bed_closed, bed);
    (void)ccb_loop_run(&bed->loop);
    assert_true(bed->closed);
    if (ccb_loop_close(&bed->loop, &err) != 0)
        fail_msg("%s", err.message);
    ccb_arena_drain();
}

static inline void on_result(void *user, const struct ccb_http_answer *answer)
{
    struct result *r = user;
    struct ccb_slice header = ccb_http_answer_header(answer, "x-test");

    assert_false(r->sending);
    r->done++;
    r->code = answer->code;
    r->status = answer->status;
    if (answer->error != NULL)
        snprintf(r->error, sizeof(r->error), "%s", answer->error);
    snprintf(r->header, sizeof(r->header), "%.*s", (int)header.len,
             header.len > 0 ? header.ptr : "");
    free(r->body);
    r->body = calloc(1, answer->body.len + 1);
    if (answer->body.len > 0)
        memcpy(r->body, answer->body.ptr, answer->body.len);
    r->body_len = answer->body.len;
}

static inline void result_free(struct result *r)
{
    free(r->body);
    r->body = NULL;
}

/* Options of a call to "http://127.0.0.1:PORT/p?q=secret". */
static inline struct ccb_http_call_options bed_options(const char *method,
                                                       unsigned short port,
                                                       bool short_lane,
                                                       struct result *r)
{
    static char url[128];
    struct ccb_http_call_options options = {
        .method = method,
        .short_lane = short_lane,
        .on_done = on_result,
        .user = r,
    };

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/p?q=secret", port);
    options.url = ccb_slice_of(url);
    return options;
}

static inline struct ccb_http_call *bed_send(
    struct bed *bed, const struct ccb_http_call_options *options)
{
    struct result *r = options->user;
    struct ccb_http_call *call = NULL;
    struct ccb_error err = {0};

    r->sending = true;
    if (ccb_http_send(bed->client, options, &call, &err) != 0)
        fail_msg("%s", err.message);
    r->sending = false;
    return call;
}

/* Sends and waits for the end. */
static inline void bed_call(struct bed *bed,
                            const struct ccb_http_call_options *options)
{
    struct result *r = options->user;
    int before = r->done;

    (void)bed_send(bed, options);
    (void)ccb_loop_run(&bed->loop);
    assert_int_equal(r->done, before + 1);
}

#endif
