/*
 * Steps and jobs of a transfer (cell/transfer.h; contract/actions.md 3.2, 3.3).
 *
 * Invariant: `release` is called once, when neither a post nor a job of the
 * transfer is on its way.
 */
#include "cell/transfer.h"

#include <stddef.h>

#include "net/url.h"

static void on_post(struct ccb_post *post)
{
    struct ccb_transfer *t =
        (struct ccb_transfer *)((char *)post -
                                offsetof(struct ccb_transfer, post));

    t->posted = false;
    if (t->closed)
        t->release(t->owner);
    else
        t->step(t->owner);
}

void ccb_transfer_wake(struct ccb_transfer *t)
{
    if (t->posted)
        return;
    t->posted = true;
    t->post.run = on_post;
    ccb_loop_post(t->loop, &t->post);
}

static void on_job_done(uv_work_t *work, int status)
{
    struct ccb_transfer *t =
        (struct ccb_transfer *)((char *)work -
                                offsetof(struct ccb_transfer, work));

    (void)status; /* nobody cancels it in the pool */
    t->working = false;
    t->step(t->owner);
}

void ccb_transfer_run(struct ccb_transfer *t, void (*run)(uv_work_t *work))
{
    t->work.data = t->owner;
    t->code = 0;
    t->working = true;
    if (uv_queue_work(&t->loop->uv, &t->work, run, on_job_done) == 0)
        return;
    run(&t->work); /* libuv knows no such failure; slow, but right */
    t->working = false;
    ccb_transfer_wake(t);
}

void ccb_transfer_close(struct ccb_transfer *t)
{
    t->closed = true;
    if (!t->posted)
        t->release(t->owner);
}

int ccb_transfer_check_url(const char *text, struct ccb_error *err)
{
    struct ccb_url url;
    int code = ccb_url_parse(&url, ccb_slice_of(text), err);

    return code == CCB_OK ? ccb_url_check_http(&url, err) : code;
}
