/*
 * The bundle of a lifecycle: the archive with its builder, launcher and health
 * check, which -lifecycle KEY:BUNDLE names and every recipe downloads first.
 * Staging and running look it up alike, but they make its URL by different
 * rules and refuse a missing one in different words, so each has a function.
 * Follows contract/stager.md C4 (LIFECYCLE, rows 5 to 7) and contract/nsync.md
 * 3.2 and 3.6. Part of the helper library; not ABI.
 */
#ifndef CCBRIDGE_BUNDLE_H
#define CCBRIDGE_BUNDLE_H

#include "ccbridge/sdk.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a recipe needs of it. Both slices live as long as the call. */
struct ccb_bundle {
    struct ccb_slice url;       /* where the cell fetches it */
    struct ccb_slice cache_key; /* the key with its first '/' as '-', and
                                   "-lifecycle" behind it */
};

/* For staging: an entry that is an http or https URL is taken as it is, a path
 * lies below /v1/static/ of the fact "file_server_url". `key` is the map's key,
 * "buildpack/STACK" or "docker". 0, or negative after `fail`: CCB_FAILED for a
 * missing entry, another scheme, or what is no URL. */
int ccb_bundle_find_for_staging(struct ccb_sdk_call *c, struct ccb_slice key,
                                struct ccb_bundle *out);

/* For running: every entry is joined to the file server, a URL too. 0, or
 * negative after `fail`: CCB_INVALID for a missing entry, which is logged as
 * well ("unknown-lifecycle"). */
int ccb_bundle_find_for_running(struct ccb_sdk_call *c, struct ccb_slice key,
                                struct ccb_bundle *out);

#ifdef __cplusplus
}
#endif

#endif
