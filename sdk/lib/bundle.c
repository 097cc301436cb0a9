/*
 * The bundle of a lifecycle, looked up for staging and for running.
 *
 * Invariant: messages never hold the URL, which may carry a password; checks
 * come in the order of the contract's tables, with their words. Follows
 * contract/stager.md C4 (LIFECYCLE, rows 5 to 7) and contract/nsync.md 3.2 and
 * 3.6.
 */
#include "ccbridge/bundle.h"

#include <strings.h>

static struct ccb_slice static_url(struct ccb_sdk_call *c,
                                   struct ccb_slice entry)
{
    struct ccb_slice base =
        ccb_sdk_join(c, ccb_sdk_fact_string(c, "file_server_url"),
                     ccb_slice_of("/v1/static/"));
    return ccb_sdk_join(c, base, entry);
}

static struct ccb_slice cache_key(struct ccb_sdk_call *c, struct ccb_slice key)
{
    struct ccb_slice pieces[] = {key, CCB_LIT(""), CCB_LIT(""),
                                 CCB_LIT("-lifecycle")};
    const char *slash = key.len > 0 ? memchr(key.ptr, '/', key.len) : NULL;

    if (slash) {
        pieces[0].len = (size_t)(slash - key.ptr);
        pieces[1] = ccb_slice_of("-");
        pieces[2] = ccb_slice_make(slash + 1, key.len - pieces[0].len - 1);
    }
    return ccb_sdk_concat(c, pieces, sizeof(pieces) / sizeof(pieces[0]));
}

/* ---- staging ------------------------------------------------------------ */

static bool is_http(struct ccb_slice scheme)
{
    return (scheme.len == 4 && strncasecmp(scheme.ptr, "http", 4) == 0) ||
           (scheme.len == 5 && strncasecmp(scheme.ptr, "https", 5) == 0);
}

static int make_staging_url(struct ccb_sdk_call *c, struct ccb_slice entry,
                            struct ccb_slice *out)
{
    struct ccb_slice scheme;
    struct ccb_error err;

    if (ccb_url_scheme(entry, &scheme, &err) < 0)
        return ccb_sdk_fail_for(c, "couldn't parse compiler URL", &err);
    *out = entry;
    if (is_http(scheme))
        return 0;
    if (scheme.len > 0)
        return ccb_sdk_fail(
            c, CCB_FAILED,
            "the compiler URL's scheme is neither http nor https");
    *out = static_url(c, entry);
    if (c->code == 0 && ccb_url_check_request_uri(*out, &err) < 0)
        return ccb_sdk_fail_for(c, "failed to parse compiler download URL",
                                &err);
    return c->code;
}

int ccb_bundle_find_for_staging(struct ccb_sdk_call *c, struct ccb_slice key,
                                struct ccb_bundle *out)
{
    struct ccb_slice entry = ccb_sdk_bundle(c, key);

    out->cache_key = cache_key(c, key);
    if (c->code < 0)
        return c->code;
    if (entry.len == 0)
        return ccb_sdk_fail(c, CCB_FAILED,
                            "no compiler defined for requested stack");
    return make_staging_url(c, entry, &out->url);
}

/* ---- running ------------------------------------------------------------ */

static int refuse_unknown(struct ccb_sdk_call *c, struct ccb_slice key)
{
    struct ccb_sdk_log log;
    struct ccb_json_writer *w = ccb_sdk_log_begin(&log, c);

    ccb_json_member_string(w, "lifecycle", key);
    ccb_sdk_log_end(&log, CCB_LOG_ERROR, "unknown-lifecycle");
    return ccb_sdk_fail(c, CCB_INVALID,
                        "no lifecycle binary bundle defined for stack");
}

int ccb_bundle_find_for_running(struct ccb_sdk_call *c, struct ccb_slice key,
                                struct ccb_bundle *out)
{
    struct ccb_slice entry = ccb_sdk_bundle(c, key);

    out->cache_key = cache_key(c, key);
    if (c->code < 0)
        return c->code;
    if (entry.len == 0)
        return refuse_unknown(c, key);
    out->url = static_url(c, entry);
    return c->code;
}
