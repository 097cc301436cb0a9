/*
 * The buildpack family, run: from CC's desire request to a desired LRP.
 *
 * Invariant: checks come in the order of contract/nsync.md 3.6: the source, the
 * bundle, and last the SSH keys, which cost. Follows contract/nsync.md 3.
 */
#include "ccbridge/app.h"
#include "ccbridge/buildpack.h"

#include "buildpack_internal.h"

#define APP_PORT 8080

struct run {
    struct ccb_sdk_call c;
    struct ccb_app app;
    struct ccb_bundle bundle;
    struct ccb_ssh_keys ssh; /* only with allow_ssh */
};

static int prepare(struct run *r, const char *lifecycle)
{
    int code = ccb_app_check_source(&r->c, &r->app, CCB_APP_DROPLET);
    struct ccb_slice key;

    if (code < 0)
        return code;
    key = ccb_buildpack_key(&r->c, ccb_slice_of(lifecycle), r->app.stack);
    code = ccb_bundle_find_for_running(&r->c, key, &r->bundle);
    if (code == 0)
        code = ccb_app_find_ssh_keys(&r->c, &r->app, &r->ssh);
    return code;
}

static void put_setup(struct run *r, struct ccb_json_writer *w)
{
    struct ccb_slice key[] = {CCB_LIT("droplets-"), r->app.process_guid};
    struct ccb_download bundle = {.from = r->bundle.url,
                                  .to = CCB_LIT("/tmp/lifecycle"),
                                  .cache_key = r->bundle.cache_key,
                                  .user = CCB_LIT(CCB_BUILDPACK_USER)};
    struct ccb_download droplet = {.from = r->app.droplet_uri,
                                   .to = CCB_LIT("."),
                                   .cache_key = ccb_sdk_concat(&r->c, key, 2),
                                   .user = CCB_LIT(CCB_BUILDPACK_USER)};

    ccb_json_key(w, "setup");
    ccb_action_begin_list(w, "serial");
    ccb_action_download(w, &bundle);
    ccb_action_download(w, &droplet);
    ccb_action_end_list(w);
}

static int put_lrp(struct run *r)
{
    const struct ccb_app_run how = {&r->app, &r->ssh,
                                    CCB_LIT(CCB_BUILDPACK_USER), APP_PORT};
    struct ccb_json_writer w;

    ccb_sdk_writer(&r->c, &w);
    ccb_json_begin_object(&w);
    put_setup(r, &w);
    ccb_buildpack_put_container(&w, r->app.stack);
    ccb_put_app(&w, &how);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&r->c, &w);
}

int ccb_buildpack_build_lrp(struct ccb_instance *self, struct ccb_call *call,
                            const struct ccb_request *request,
                            const char *lifecycle)
{
    struct run r;
    int code = ccb_sdk_begin(&r.c, ccb_sdk_host(self), call, request);

    if (code == 0)
        code = ccb_sdk_speaks(&r.c, CCB_BUILDPACK_DIALECT);
    if (code == 0)
        code = ccb_sdk_decode(&r.c, CCB_JSON_FIRST, &ccb_app_shape, &r.app);
    if (code == 0)
        code = prepare(&r, lifecycle);
    if (code == 0)
        code = put_lrp(&r);
    return code;
}

int ccb_buildpack_extract(struct ccb_instance *self, struct ccb_call *call,
                          const struct ccb_request *request)
{
    struct ccb_json_writer w;
    struct ccb_sdk_call c;
    int code = ccb_sdk_begin(&c, ccb_sdk_host(self), call, request);

    if (code < 0)
        return code;
    ccb_sdk_writer(&c, &w);
    ccb_json_begin_array(&w);
    ccb_json_put_int(&w, APP_PORT);
    ccb_json_end_array(&w);
    return ccb_sdk_end(&c, &w);
}
