/*
 * Any bytes as the traffic controller's multipart body of envelopes: what is
 * read can be written as JSON, what is refused has words (core/tps/metrics.h).
 */
#include <stdint.h>
#include <stdlib.h>

#include "ccbridge/json.h"
#include "tps/metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
    if (!ok)
        abort();
}

static void write_out(const struct ccb_container_metric *metric)
{
    struct ccb_buf out = {0};
    struct ccb_json json;

    ccb_container_metric_put(&out, metric, "2015-08-24T12:00:00Z");
    check(!out.failed);
    check(ccb_json_parse(&json, ccb_buf_slice(&out), CCB_JSON_WHOLE, NULL) ==
          0);
    ccb_buf_destroy(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_container_metrics metrics;
    struct ccb_error err = {0};
    struct ccb_slice body = ccb_slice_make((const char *)data, size);
    int code = ccb_container_metrics_parse(
        &metrics, ccb_slice_of("multipart/x-protobuf; boundary=B"), body, arena,
        &err);

    check(code == 0 || (code == CCB_INVALID && err.message[0] != '\0'));
    for (size_t i = 0; code == 0 && i < metrics.count; i++)
        write_out(&metrics.items[i]);
    (void)ccb_container_metrics_parse(&metrics, body, body, arena, &err);
    ccb_arena_unref(arena);
    return 0;
}
