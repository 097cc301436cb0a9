/*
 * A call of the test host for tests of the helpers: inside `in_call` the
 * helpers have a host, facts and memory; its writer's output is `out_text`.
 */
#ifndef CCB_TEST_CALL_FIXTURE_H
#define CCB_TEST_CALL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "ccbridge/sdk.h"
#include "ccbridge/testing.h"

static char fixture_memory[1 << 16], fixture_output[1 << 16];
static struct ccb_test_host fixture_host;
static int (*fixture_body)(struct ccb_sdk_call *c);

static int fixture_call(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request)
{
    struct ccb_sdk_call c;
    int code = ccb_sdk_begin(&c, &fixture_host.host, call, request);

    (void)self;
    return code < 0 ? code : fixture_body(&c);
}

static inline void fixture_init(void)
{
    ccb_test_host_init(&fixture_host, fixture_memory, sizeof(fixture_memory),
                       fixture_output, sizeof(fixture_output));
}

/* Runs `body` in a call with these facts and this message. */
static inline int in_call(const char *facts, const char *message,
                          int (*body)(struct ccb_sdk_call *c))
{
    struct ccb_request request;

    ccb_test_request_init(&request);
    request.facts = ccb_slice_of(facts);
    request.message = ccb_slice_of(message);
    fixture_body = body;
    return ccb_test_host_call(&fixture_host, fixture_call, NULL, &request);
}

/* A call that succeeds without a word, once more without each of its
 * allocations. */
static inline void assert_survives_lack_of_memory(
    const char *facts, const char *message, int (*body)(struct ccb_sdk_call *c))
{
    size_t n, count;

    assert_int_equal(in_call(facts, message, body), 0);
    count = fixture_host.allocations;
    assert_true(count > 0);
    for (n = 1; n <= count; n++) {
        fixture_host.fail_alloc_at = n;
        assert_int_equal(in_call(facts, message, body), CCB_NO_MEMORY);
        assert_int_equal(fixture_host.code, CCB_NO_MEMORY);
        assert_int_equal(fixture_host.log_len, 0);
    }
    fixture_host.fail_alloc_at = 0;
}

#define assert_slice(slice, text)                                              \
    do {                                                                       \
        struct ccb_slice seen = (slice);                                       \
        assert_int_equal(seen.len, strlen(text));                              \
        if (seen.len > 0)                                                      \
            assert_memory_equal(seen.ptr, text, seen.len);                     \
    } while (0)

#define assert_result(text) assert_slice(fixture_host.result, text)

#endif
