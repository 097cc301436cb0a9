/* Policies of plugins: any bytes are a policy within its bounds, or are refused
 * in words (core/plugin/policy.h). */
#include <stdint.h>
#include <stdlib.h>

#include "plugin/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_plugin_policy policy;
    struct ccb_error err = {0};
    int code = ccb_plugin_policy_decode(
        &policy, ccb_slice_make((const char *)data, size), arena, &err);

    if (code) {
        check(code == CCB_INVALID && err.message[0]);
    } else {
        check(policy.memory_mb >= 16 && policy.memory_mb <= 65536);
        check(policy.workers <= 16 && policy.timeout >= 0);
        check(policy.has_claims == (policy.claims.count > 0));
        check(policy.sha256.len == 0 || policy.sha256.len == 64);
    }
    ccb_arena_unref(arena);
    return 0;
}
