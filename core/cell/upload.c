/*
 * Uploads: slots, states, cancelling and the end (contract/actions.md 3.3).
 *
 * Invariant: an upload ends once, through ENDING, and its memory goes when no
 * job and no post of it is on its way. Who waits for a slot waits on, also when
 * it was cancelled.
 */
#include <unistd.h>

#include "base/mem.h"
#include "cell/upload_internal.h"

/* The log takes user info and signatures out of the URL. */
void ccb_upload_tell(struct ccb_upload *u, enum ccb_log_level level,
                     const char *action)
{
    if (u->owner->options.log == NULL)
        return;
    ccb_log_write(u->owner->options.log, level, action,
                  CCB_FIELDS(ccb_log_cstr("error", u->cause.message),
                             ccb_log_cstr("url", u->to),
                             ccb_log_int("attempt", u->attempts)));
}

/* ---- the end ------------------------------------------------------------ */

static void leave(struct ccb_uploads *owner)
{
    void (*on_closed)(void *user) = owner->on_closed;
    void *user = owner->user;

    if (--owner->live > 0)
        return;
    ccb_free(owner->directory);
    ccb_free(owner);
    on_closed(user);
}

static void free_upload(struct ccb_upload *u)
{
    ccb_free(u->from);
    ccb_free(u->to);
    ccb_free(u->user);
    ccb_free(u->block);
    ccb_free(u);
}

static void release(void *upload)
{
    struct ccb_upload *u = upload;
    struct ccb_uploads *owner = u->owner;
    bool failed = u->err.code != 0;

    if (u->prev != NULL)
        u->prev->next = u->next;
    else
        owner->first = u->next;
    if (u->next != NULL)
        u->next->prev = u->prev;
    ccb_gate_leave(&owner->slots, &u->slot);
    u->on_done(u->ctx, failed ? &u->err : NULL, u->emittable,
               failed ? 0 : u->size);
    free_upload(u);
    leave(owner);
}

static void in_ending(struct ccb_upload *u)
{
    if (!u->job.working && !u->job.closed)
        ccb_transfer_close(&u->job);
}

/* [pool] Closing an unlinked file gives back its blocks, which takes time. */
static void run_close(uv_work_t *work)
{
    struct ccb_upload *u = work->data;

    if (u->file >= 0)
        (void)close(u->file);
    u->file = -1;
}

void ccb_upload_end(struct ccb_upload *u, int code, const char *words,
                    bool emittable)
{
    if (code != 0)
        (void)ccb_error_set(&u->err, code, "%s", words);
    u->emittable = emittable;
    u->state = CCB_UPLOAD_ENDING;
    ccb_transfer_run(&u->job, run_close);
}

/* ---- the first states --------------------------------------------------- */

static void in_queued(struct ccb_upload *u)
{
    if (!u->slot.inside)
        return;
    if (u->cancelled) {
        ccb_upload_end(u, CCB_CANCELLED, "cancelled", false);
        return;
    }
    u->state = CCB_UPLOAD_STARTED;
    if (u->on_started != NULL)
        u->on_started(u->ctx);
    ccb_upload_step(u);
}

/* Nothing of a bad URL is logged: it may hold secrets. */
static void in_started(struct ccb_upload *u)
{
    struct ccb_error err = {0};

    if (u->cancelled)
        ccb_upload_end(u, CCB_CANCELLED, "cancelled", false);
    else if (ccb_transfer_check_url(u->to, &err) != CCB_OK)
        ccb_upload_end(u, err.code, err.message, false);
    else
        ccb_upload_read(u);
}

static void (*const states[])(struct ccb_upload *u) = {
    [CCB_UPLOAD_QUEUED] = in_queued,
    [CCB_UPLOAD_STARTED] = in_started,
    [CCB_UPLOAD_READ] = ccb_upload_in_read,
    [CCB_UPLOAD_SEND] = ccb_upload_in_send,
    [CCB_UPLOAD_ENDING] = in_ending,
};

void ccb_upload_step(struct ccb_upload *u)
{
    states[u->state](u);
}

static void step(void *upload)
{
    ccb_upload_step(upload);
}

/* ---- start and cancel --------------------------------------------------- */

static void on_slot(struct ccb_gate_ticket *ticket)
{
    struct ccb_upload *u =
        (struct ccb_upload *)((char *)ticket -
                              offsetof(struct ccb_upload, slot));

    ccb_transfer_wake(&u->job);
}

int ccb_upload_start(struct ccb_upload **out, struct ccb_uploads *uploads,
                     const struct ccb_upload_options *options,
                     struct ccb_error *err)
{
    struct ccb_upload *u;

    if (uploads->closing)
        return ccb_error_set(err, CCB_CLOSED, "the uploads are closing");
    u = ccb_calloc(1, sizeof(*u));
    if (u == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for an upload");
    u->owner = uploads;
    u->job = (struct ccb_transfer){.loop = uploads->options.loop,
                                   .owner = u,
                                   .step = step,
                                   .release = release};
    u->container = options->container;
    u->on_started = options->on_started;
    u->on_done = options->on_done;
    u->ctx = options->ctx;
    u->file = -1;
    u->from = ccb_slice_dup(options->from);
    u->to = ccb_slice_dup(options->to);
    u->user = ccb_slice_dup(options->user);
    if (u->from == NULL || u->to == NULL || u->user == NULL) {
        free_upload(u);
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for an upload");
    }
    u->next = uploads->first;
    if (u->next != NULL)
        u->next->prev = u;
    uploads->first = u;
    uploads->live++;
    u->slot.on_inside = on_slot;
    ccb_gate_enter(&uploads->slots, &u->slot);
    *out = u;
    return CCB_OK;
}

void ccb_upload_cancel(struct ccb_upload *u)
{
    if (u->cancelled || u->state == CCB_UPLOAD_ENDING)
        return;
    u->cancelled = true;
    ccb_upload_hang_up(u);
    ccb_upload_cancel_read(u);
    ccb_transfer_wake(&u->job);
}

/* ---- open and close ----------------------------------------------------- */

int ccb_uploads_open(struct ccb_uploads **out,
                     const struct ccb_uploads_options *options,
                     struct ccb_error *err)
{
    struct ccb_uploads *uploads = ccb_calloc(1, sizeof(*uploads));

    if (uploads != NULL)
        uploads->directory = ccb_strdup(options->directory);
    if (uploads == NULL || uploads->directory == NULL) {
        ccb_free(uploads);
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for uploads");
    }
    uploads->options = *options;
    uploads->options.directory = uploads->directory;
    uploads->slots.room =
        options->at_once > 0 ? options->at_once : CCB_TRANSFERS_AT_ONCE;
    uploads->live = 1;
    *out = uploads;
    return CCB_OK;
}

static void on_close_posted(struct ccb_post *post)
{
    leave((struct ccb_uploads *)((char *)post -
                                 offsetof(struct ccb_uploads, closed)));
}

void ccb_uploads_close(struct ccb_uploads *uploads,
                       void (*on_closed)(void *user), void *user)
{
    uploads->closing = true;
    uploads->on_closed = on_closed;
    uploads->user = user;
    for (struct ccb_upload *u = uploads->first; u != NULL; u = u->next)
        ccb_upload_cancel(u);
    uploads->closed.run = on_close_posted;
    ccb_loop_post(uploads->options.loop, &uploads->closed);
}
