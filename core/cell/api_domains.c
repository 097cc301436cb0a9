/*
 * Domains over HTTP: contract/receptor-api.md 4.5.
 */
#include "cell/api_internal.h"

#include <strings.h>

#include "base/clock.h"
#include "base/number.h"

static const char directive[] = "max-age=";

/* The first line of the header that is the directive. The reference does not
 * look behind commas. */
static bool find_directive(const struct ccb_http_request *request,
                           bool *any_line, struct ccb_slice *out)
{
    const struct ccb_http_request_info *info = ccb_http_request_info(request);
    static const char name[] = "Cache-Control";

    *any_line = false;
    for (size_t i = 0; i < info->header_count; i++) {
        if (info->headers[i].name.len != sizeof(name) - 1 ||
            strncasecmp(info->headers[i].name.ptr, name, sizeof(name) - 1) != 0)
            continue;
        *any_line = true;
        *out = info->headers[i].value;
        if (ccb_slice_starts(*out, directive))
            return true;
    }
    return false;
}

/* Seconds that are not negative and can be counted in ns. */
static int parse_seconds(struct ccb_slice text, int64_t *ttl)
{
    int64_t value = 0;

    if (ccb_slice_starts(text, "-") || ccb_number_parse(text, &value) < 0)
        return CCB_INVALID;
    return __builtin_mul_overflow(value, CCB_SECOND, ttl) ? CCB_INVALID : 0;
}

/* 0, or answered. */
static int read_ttl(struct ccb_api_call *call, int64_t *ttl)
{
    const size_t prefix = sizeof(directive) - 1;
    struct ccb_slice message = ccb_slice_of("max-age directive missing from "
                                            "request");
    struct ccb_slice line;
    bool any_line;
    bool found = find_directive(call->request, &any_line, &line);

    *ttl = 0;
    if (!found && !any_line)
        return 0;
    if (found &&
        parse_seconds(ccb_slice_make(line.ptr + prefix, line.len - prefix),
                      ttl) == 0)
        return 0;
    if (found)
        message =
            ccb_arena_format(call->arena, "invalid-max-age-directive: %.*s",
                             (int)line.len, line.ptr);
    ccb_api_error(call->request, 400, "InvalidRequest", message);
    return CCB_INVALID;
}

static int run_put(struct ccb_store_op *op, struct ccb_store_tx *tx,
                   struct ccb_error *err)
{
    struct ccb_api_call *call = (struct ccb_api_call *)op;

    return ccb_domain_upsert(tx, call->guid, call->of.ttl, err);
}

void ccb_api_domain_put(struct ccb_api_call *call)
{
    if (read_ttl(call, &call->of.ttl) == 0)
        ccb_api_submit(call, run_put, 204);
}
