/*
 * A lifecycle plugin under any message: whatever comes, it answers with one
 * valid JSON document or fails in words, through all its functions. Included
 * by NAME_fuzz.c, which states `facts` and `gathered` and is linked with the
 * plugin's sources, so that the fuzzer sees their coverage.
 *
 * Input: the first byte picks the function and the facts, the rest is the
 * message. For build_response a message that is no JSON object is tried as the
 * task's result, so that the fuzzer need not write JSON within JSON.
 */
#ifndef TESTS_FUZZ_PLUGIN_FUZZ_H
#define TESTS_FUZZ_PLUGIN_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ccbridge/error.h"
#include "ccbridge/sdk.h"
#include "ccbridge/testing.h"

#define MEMORY (16u << 20)
#define FACTS (sizeof(facts) / sizeof(facts[0]))

static struct ccb_test_host host;
static struct ccb_instance *self;
static ccb_test_function functions[5];

static void open_plugin(void)
{
    const struct ccb_lifecycle_entry *entry = &ccb_lifecycle_entry_v1;
    const struct ccb_staging_1 *staging;
    const struct ccb_run_1 *run;
    const struct ccb_ports_1 *ports;

    ccb_test_host_init(&host, ccb_malloc(MEMORY), MEMORY, ccb_malloc(MEMORY),
                       MEMORY);
    self = entry->create(&host.host, ccb_slice_of(""));
    staging = entry->get_interface(self, CCB_STAGING_1);
    run = entry->get_interface(self, CCB_RUN_1);
    ports = entry->get_interface(self, CCB_PORTS_1);
    functions[0] = staging->build_recipe;
    functions[1] = run->build_lrp;
    functions[2] = staging->build_response;
    functions[3] = ports->extract;
    functions[4] = staging->build_response;
}

static void judge(int code)
{
    struct ccb_json document;

    if (code == 0 &&
        ccb_json_parse(&document, host.result, CCB_JSON_WHOLE, NULL) != 0)
        abort(); /* not JSON */
    if (code > 0 || (code < 0 && code != CCB_NEED_FACTS && host.code != code))
        abort(); /* failed without a word */
}

/* {"result": TEXT}, in memory of exactly its size. */
static int keep_bytes(void *ctx, const char *bytes, size_t len)
{
    struct ccb_slice *out = ctx;
    char *bigger = ccb_realloc((void *)(uintptr_t)out->ptr, out->len + len + 1);

    if (!bigger)
        return CCB_NO_MEMORY;
    memcpy(bigger + out->len, bytes, len);
    *out = ccb_slice_make(bigger, out->len + len);
    return 0;
}

static struct ccb_slice wrap(struct ccb_slice text)
{
    struct ccb_slice out = {NULL, 0};
    struct ccb_json_writer w;

    ccb_json_writer_init(&w, keep_bytes, &out);
    ccb_json_begin_object(&w);
    ccb_json_member_string(&w, "result", text);
    ccb_json_end_object(&w);
    if (ccb_json_writer_end(&w) != 0)
        abort();
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ccb_request request;
    struct ccb_slice message = {NULL, 0};
    unsigned pick, function;
    int code;

    if (size == 0)
        return 0;
    if (!self)
        open_plugin();
    pick = data[0];
    function = pick % 5;
    ccb_test_request_init(&request);
    request.facts = ccb_slice_of(facts[pick / 5 % FACTS]);
    message = ccb_slice_make((const char *)data + 1, size - 1);
    if (function == 4)
        message = wrap(message);
    request.message = message;
    host.fail_alloc_at = pick / 20; /* 0: never */
    code = ccb_test_host_call(&host, functions[function], self, &request);
    judge(code);
    if (code == CCB_NEED_FACTS) {
        request.gathered = ccb_slice_of(gathered);
        code = ccb_test_host_call(&host, functions[function], self, &request);
        judge(code);
        if (code == CCB_NEED_FACTS)
            abort(); /* it would ask for ever */
    }
    if (function == 4)
        ccb_free((void *)(uintptr_t)message.ptr);
    return 0;
}

#endif
