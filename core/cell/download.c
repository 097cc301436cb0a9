/*
 * Downloads: slots, states, cancelling and the end (contract/actions.md 3.2).
 *
 * Invariant: a download ends once, through ENDING, and its memory goes when its
 * timer is closed and no post of it is on its way. Follows design.md 5.
 */
#include "base/mem.h"
#include "cell/download_internal.h"

#define STALL (5 * INT64_C(1000000000))

/* ---- steps and jobs ----------------------------------------------------- */

static void wake(struct ccb_download *d)
{
    ccb_transfer_wake(&d->job);
}

void ccb_download_job(struct ccb_download *d, void (*run)(uv_work_t *work))
{
    d->job_err.code = 0;
    ccb_transfer_run(&d->job, run);
}

/* ---- words -------------------------------------------------------------- */

void ccb_download_blame(struct ccb_download *d, const struct ccb_error *cause)
{
    if (d->cause.code == 0)
        d->cause = *cause;
}

/* The log takes user info and signatures out of the URL. */
void ccb_download_tell(struct ccb_download *d, enum ccb_log_level level,
                       const char *action, const struct ccb_error *cause)
{
    if (d->owner->options.log == NULL)
        return;
    ccb_log_write(d->owner->options.log, level, action,
                  CCB_FIELDS(ccb_log_cstr("error", cause->message),
                             ccb_log_cstr("url", d->from),
                             ccb_log_int("attempt", d->attempts)));
}

/* ---- the gate of a key -------------------------------------------------- */

static void on_turn(struct ccb_gate_ticket *ticket)
{
    wake((struct ccb_download *)((char *)ticket -
                                 offsetof(struct ccb_download, turn)));
}

static int lock(struct ccb_download *d)
{
    struct ccb_downloads *owner = d->owner;
    struct ccb_download_key *at = owner->keys;

    while (at != NULL && strcmp(at->key, d->key) != 0)
        at = at->next;
    if (at == NULL) {
        at = ccb_calloc(1, sizeof(*at));
        if (at == NULL)
            return CCB_NO_MEMORY;
        memcpy(at->key, d->key, sizeof(at->key));
        at->gate.room = 1;
        at->next = owner->keys;
        owner->keys = at;
    }
    at->users++;
    d->lock = at;
    d->turn.on_inside = on_turn;
    ccb_gate_enter(&at->gate, &d->turn);
    return CCB_OK;
}

void ccb_download_unlock(struct ccb_download *d)
{
    struct ccb_download_key *key = d->lock, **at = &d->owner->keys;

    if (key == NULL)
        return;
    d->lock = NULL;
    ccb_gate_leave(&key->gate, &d->turn);
    if (--key->users > 0)
        return;
    while (*at != key)
        at = &(*at)->next;
    *at = key->next;
    ccb_free(key);
}

/* ---- the end ------------------------------------------------------------ */

static void leave(struct ccb_downloads *owner)
{
    void (*on_closed)(void *user) = owner->on_closed;
    void *user = owner->user;

    if (--owner->live > 0)
        return;
    ccb_cache_close(owner->cache);
    ccb_free(owner);
    on_closed(user);
}

static void free_download(struct ccb_download *d)
{
    ccb_free(d->from);
    ccb_free(d->to);
    ccb_free(d->user);
    ccb_free(d->etag);
    ccb_free(d->modified);
    ccb_free(d->block);
    ccb_free(d);
}

static void release(void *download)
{
    struct ccb_download *d = download;
    struct ccb_downloads *owner = d->owner;

    if (d->prev != NULL)
        d->prev->next = d->next;
    else
        owner->first = d->next;
    if (d->next != NULL)
        d->next->prev = d->prev;
    ccb_gate_leave(&owner->slots, &d->slot);
    d->on_done(d->ctx, d->err.code != 0 ? &d->err : NULL,
               d->err.code != 0 ? 0 : d->transferred);
    free_download(d);
    leave(owner);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct ccb_download *d = handle->data;

    ccb_transfer_close(&d->job);
}

static void in_ending(struct ccb_download *d)
{
    if (!d->job.working && !uv_is_closing((uv_handle_t *)&d->stall))
        uv_close((uv_handle_t *)&d->stall, on_timer_closed);
}

void ccb_download_end(struct ccb_download *d, int code, const char *words)
{
    if (code != 0)
        (void)ccb_error_set(&d->err, code, "%s", words);
    ccb_download_unlock(d);
    d->state = CCB_DOWNLOAD_ENDING;
    ccb_download_job(d, ccb_download_drop_files);
}

/* ---- the first states --------------------------------------------------- */

static void in_queued(struct ccb_download *d)
{
    if (d->cancelled) {
        ccb_download_end(d, CCB_CANCELLED, "cancelled");
        return;
    }
    if (!d->slot.inside)
        return;
    d->state = CCB_DOWNLOAD_STARTED;
    if (d->on_started != NULL)
        d->on_started(d->ctx);
    ccb_download_step(d);
}

static void in_locking(struct ccb_download *d)
{
    if (d->cancelled)
        ccb_download_end(d, CCB_CANCELLED, "cancelled");
    else if (d->lock == NULL || d->turn.inside)
        ccb_download_attempt(d);
}

static void refuse(struct ccb_download *d, const char *why)
{
    if (d->owner->options.log != NULL)
        ccb_log_error(d->owner->options.log, "download-failed", why);
    ccb_download_end(d, CCB_FAILED, "Downloading failed");
}

static void in_started(struct ccb_download *d)
{
    struct ccb_error err = {0};

    d->state = CCB_DOWNLOAD_LOCKING;
    if (d->cancelled)
        in_locking(d);
    else if (ccb_transfer_check_url(d->from, &err) != CCB_OK)
        refuse(d, err.message);
    else if (d->key[0] != '\0' && lock(d) != CCB_OK)
        refuse(d, "no memory for a download");
    else
        in_locking(d);
}

static void (*const states[])(struct ccb_download *d) = {
    [CCB_DOWNLOAD_QUEUED] = in_queued,
    [CCB_DOWNLOAD_STARTED] = in_started,
    [CCB_DOWNLOAD_LOCKING] = in_locking,
    [CCB_DOWNLOAD_REQUEST] = ccb_download_in_request,
    [CCB_DOWNLOAD_AGAIN] = ccb_download_in_again,
    [CCB_DOWNLOAD_CONVERT] = ccb_download_in_convert,
    [CCB_DOWNLOAD_STORE] = ccb_download_in_store,
    [CCB_DOWNLOAD_UNPACK] = ccb_download_in_unpack,
    [CCB_DOWNLOAD_ENDING] = in_ending,
};

void ccb_download_step(struct ccb_download *d)
{
    states[d->state](d);
}

static void step(void *download)
{
    ccb_download_step(download);
}

/* ---- start and cancel --------------------------------------------------- */

static void on_slot(struct ccb_gate_ticket *ticket)
{
    wake((struct ccb_download *)((char *)ticket -
                                 offsetof(struct ccb_download, slot)));
}

static int copy_texts(struct ccb_download *d,
                      const struct ccb_download_options *options,
                      struct ccb_error *err)
{
    d->from = ccb_slice_dup(options->from);
    d->to = ccb_slice_dup(options->to);
    d->user = ccb_slice_dup(options->user);
    if (d->from == NULL || d->to == NULL || d->user == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for a download");
    if (options->cache_key.len == 0)
        return CCB_OK;
    return ccb_cache_key(options->cache_key, d->key, err);
}

int ccb_download_start(struct ccb_download **out,
                       struct ccb_downloads *downloads,
                       const struct ccb_download_options *options,
                       struct ccb_error *err)
{
    struct ccb_download *d;
    int code;

    if (downloads->closing)
        return ccb_error_set(err, CCB_CLOSED, "the downloads are closing");
    d = ccb_calloc(1, sizeof(*d));
    if (d == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for a download");
    d->owner = downloads;
    d->job = (struct ccb_transfer){.loop = downloads->options.loop,
                                   .owner = d,
                                   .step = step,
                                   .release = release};
    d->container = options->container;
    d->on_started = options->on_started;
    d->on_done = options->on_done;
    d->ctx = options->ctx;
    d->raw.fd = d->tar.fd = d->cached = -1;
    code = copy_texts(d, options, err);
    if (code != CCB_OK) {
        free_download(d);
        return code;
    }
    (void)uv_timer_init(&downloads->options.loop->uv, &d->stall);
    d->stall.data = d;
    d->next = downloads->first;
    if (d->next != NULL)
        d->next->prev = d;
    downloads->first = d;
    downloads->live++;
    d->slot.on_inside = on_slot;
    ccb_gate_enter(&downloads->slots, &d->slot);
    *out = d;
    return CCB_OK;
}

void ccb_download_cancel(struct ccb_download *d)
{
    if (d->cancelled || d->state == CCB_DOWNLOAD_ENDING)
        return;
    d->cancelled = true;
    ccb_download_hang_up(d);
    ccb_download_cancel_unpack(d);
    wake(d);
}

/* ---- open and close ----------------------------------------------------- */

int ccb_downloads_open(struct ccb_downloads **out,
                       const struct ccb_downloads_options *options,
                       struct ccb_error *err)
{
    struct ccb_downloads *downloads = ccb_calloc(1, sizeof(*downloads));
    int code;

    if (downloads == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for downloads");
    downloads->options = *options;
    downloads->options.directory = NULL;
    if (options->cache_bytes == 0)
        downloads->options.cache_bytes = CCB_CACHE_BYTES;
    if (options->stall_timeout == 0)
        downloads->options.stall_timeout = STALL;
    downloads->slots.room =
        options->at_once > 0 ? options->at_once : CCB_TRANSFERS_AT_ONCE;
    downloads->live = 1;
    code = ccb_cache_open(&downloads->cache, options->directory,
                          downloads->options.cache_bytes, err);
    if (code != CCB_OK) {
        ccb_free(downloads);
        return code;
    }
    *out = downloads;
    return CCB_OK;
}

static void on_close_posted(struct ccb_post *post)
{
    leave((struct ccb_downloads *)((char *)post -
                                   offsetof(struct ccb_downloads, closed)));
}

void ccb_downloads_close(struct ccb_downloads *downloads,
                         void (*on_closed)(void *user), void *user)
{
    downloads->closing = true;
    downloads->on_closed = on_closed;
    downloads->user = user;
    for (struct ccb_download *d = downloads->first; d != NULL; d = d->next)
        ccb_download_cancel(d);
    downloads->closed.run = on_close_posted;
    ccb_loop_post(downloads->options.loop, &downloads->closed);
}
