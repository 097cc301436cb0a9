/*
 * The control API: PUT /v1/apps/NAME/bits. To the disk, then looked through,
 * then the app's.
 */
#include "controller/bits.h"
#include "controller/blobs.h"
#include "controller/internal.h"

struct bits {
    struct ccb_errand errand; /* first */
    const char *path;
    struct ccb_digests digests;
};

static int find(struct ccb_errand *errand, struct ccb_ledger *ledger,
                struct ccb_error *err)
{
    return ccb_app_load(ledger, &errand->app, CCB_APP_BY_NAME, errand->name,
                        err);
}

static int check(struct ccb_errand *errand, struct ccb_error *err)
{
    return ccb_bits_check(((struct bits *)errand)->path, err);
}

static int adopt(struct ccb_errand *errand, struct ccb_ledger *ledger,
                 struct ccb_error *err)
{
    struct bits *bits = (struct bits *)errand;
    struct ccb_app *app = &errand->app;
    struct ccb_slice before;
    int code = find(errand, ledger, err); /* it may be gone by now */

    if (code < 0)
        return code;
    before = app->bits;
    app->bits = ccb_slice_of(bits->digests.sha256);
    app->updated_at = ledger->now;
    code = ccb_blobs_adopt(ledger, bits->path, &bits->digests, err);
    if (code == 0)
        code = ccb_app_save(ledger, app, err);
    if (code == 0)
        code = ccb_blobs_release(ledger, before, err);
    if (code == 0)
        code = ccb_event_add(ledger, app->name, "bits.upload", err,
                             "%llu bytes were uploaded",
                             (unsigned long long)bits->digests.bytes);
    ccb_buf_printf(&errand->out, "{\"digest\":\"sha256:%s\",\"bytes\":%llu}",
                   bits->digests.sha256,
                   (unsigned long long)bits->digests.bytes);
    return code;
}

static void on_checked(struct ccb_errand *errand)
{
    ccb_errand_run(errand, adopt, NULL);
}

static void on_taken(struct ccb_errand *errand, const char *path,
                     const struct ccb_digests *digests)
{
    struct bits *bits = (struct bits *)errand;

    bits->path = path;
    bits->digests = *digests;
    ccb_errand_toil(errand, check, on_checked);
}

static void take_in(struct ccb_errand *errand)
{
    struct ccb_intake_options options = {.errand = errand, .on_done = on_taken};

    ccb_intake_start(&options);
}

void ccb_controller_put_bits(struct ccb_http_request *request, void *user)
{
    struct ccb_errand *errand =
        ccb_errand_begin(user, request, sizeof(struct bits));

    if (!errand)
        return;
    errand->status = 201;
    errand->name = ccb_http_request_info(request)->params[0];
    ccb_errand_run(errand, find, take_in);
}
