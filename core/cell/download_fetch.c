/*
 * One attempt to fetch what a download names (contract/actions.md 4): the
 * request with the validators that are stored, the answer into a file, its
 * checksum; and up to three attempts, at once.
 *
 * Invariant: the state REQUEST is left only by ccb_download_in_request, when
 * neither the call nor a job of the spool is under way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "cell/download_internal.h"

#define MD5_DIGITS (2 * CCB_SPOOL_MD5)

static void blame(struct ccb_download *d, int code, const char *words)
{
    struct ccb_error cause;

    (void)ccb_error_set(&cause, code, "%s", words);
    ccb_download_blame(d, &cause);
}

/* ---- a peer that stalls ------------------------------------------------- */

static void on_stall(uv_timer_t *timer)
{
    struct ccb_download *d = timer->data;

    ccb_download_hang_up(d);
    blame(d, CCB_TIMED_OUT, "nothing came from the peer for too long");
    ccb_download_step(d);
}

/* The client does not say when it is connected: until the head is there the
 * limit is twice that of a stall, which by default is that of connecting. */
static void watch(struct ccb_download *d)
{
    int64_t limit = d->owner->options.stall_timeout * (d->head_seen ? 1 : 2);

    (void)uv_timer_start(&d->stall, on_stall,
                         (uint64_t)(limit / CCB_MILLISECOND) + 1, 0);
}

void ccb_download_hang_up(struct ccb_download *d)
{
    (void)uv_timer_stop(&d->stall);
    if (d->call != NULL)
        ccb_http_cancel(d->call);
    d->call = NULL;
}

/* ---- the answer --------------------------------------------------------- */

/* A copy of a header of the answer; NULL when it has none. */
static int copy_header(const struct ccb_http_answer *head, const char *name,
                       char **out)
{
    struct ccb_slice value = ccb_http_answer_header(head, name);

    ccb_free(*out);
    *out = NULL;
    if (value.len == 0)
        return CCB_OK;
    *out = ccb_slice_dup(value);
    return *out != NULL ? CCB_OK : CCB_NO_MEMORY;
}

/* The ETag without its quotes, when it is 32 hex digits; else an empty one. */
static struct ccb_slice etag_md5(const char *etag)
{
    struct ccb_slice text = ccb_slice_of(etag);

    while (text.len > 0 && text.ptr[0] == '"') {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && text.ptr[text.len - 1] == '"')
        text.len--;
    if (text.len != MD5_DIGITS ||
        strspn(text.ptr, "0123456789abcdefABCDEF") < MD5_DIGITS)
        text.len = 0;
    return text;
}

static int on_head(void *user, const struct ccb_http_answer *head)
{
    struct ccb_download *d = user;
    struct ccb_error err = {0};

    d->head_seen = true;
    watch(d);
    d->not_modified = head->status == 304 && d->cached >= 0;
    if (d->key[0] != '\0' && (d->not_modified || head->status == 200))
        ccb_metric_add(d->not_modified ? CCB_METRIC_CELL_CACHE_HITS
                                       : CCB_METRIC_CELL_CACHE_MISSES,
                       1);
    if (d->not_modified)
        return CCB_OK;
    if (head->status != 200) {
        (void)ccb_error_set(&err, CCB_FAILED, "Download failed: Status code %d",
                            head->status);
        ccb_download_blame(d, &err);
        return CCB_FAILED;
    }
    if (copy_header(head, "ETag", &d->etag) != CCB_OK ||
        copy_header(head, "Last-Modified", &d->modified) != CCB_OK) {
        blame(d, CCB_NO_MEMORY, "no memory for the answer's head");
        return CCB_NO_MEMORY;
    }
    if (etag_md5(d->etag).len > 0 && ccb_spool_hash(&d->spool, &err) != CCB_OK)
        ccb_download_blame(d, &err);
    return d->cause.code;
}

static int on_body(void *user, struct ccb_slice piece)
{
    struct ccb_download *d = user;

    if (ccb_spool_full(&d->spool)) {
        (void)uv_timer_stop(&d->stall); /* it is we who are slow */
        d->paused = true;
        return CCB_HTTP_PAUSE;
    }
    ccb_spool_put(&d->spool, piece);
    watch(d);
    return d->spool.err.code;
}

static void on_answer(void *user, const struct ccb_http_answer *answer)
{
    struct ccb_download *d = user;

    d->call = NULL;
    if (answer->code != 0 && d->spool.err.code == 0)
        blame(d, answer->code, answer->error);
    ccb_download_step(d);
}

static void on_written(void *ctx)
{
    struct ccb_download *d = ctx;

    if (d->call != NULL && d->paused) {
        d->paused = false;
        watch(d);
        ccb_http_call_resume(d->call);
    }
    ccb_download_step(d);
}

/* ---- the request -------------------------------------------------------- */

static int send_request(struct ccb_download *d,
                        const struct ccb_cache_entry *entry,
                        struct ccb_error *err)
{
    struct ccb_downloads *owner = d->owner;
    struct ccb_http_header headers[3] = {
        {CCB_LIT("Connection"), CCB_LIT("close")}};
    struct ccb_http_call_options options = {
        .method = "GET",
        .url = ccb_slice_of(d->from),
        .headers = headers,
        .header_count = 1,
        .skip_cert_verify = owner->options.skip_cert_verify,
        .use_proxy = true,
        .connect_timeout = CCB_TRANSFER_CONNECT,
        .timeout = CCB_TRANSFER_WHOLE,
        .on_head = on_head,
        .on_body = on_body,
        .on_done = on_answer,
        .user = d,
    };

    if (entry != NULL && entry->etag != NULL)
        headers[options.header_count++] = (struct ccb_http_header){
            CCB_LIT("If-None-Match"), ccb_slice_of(entry->etag)};
    if (entry != NULL && entry->modified != NULL)
        headers[options.header_count++] = (struct ccb_http_header){
            CCB_LIT("If-Modified-Since"), ccb_slice_of(entry->modified)};
    watch(d);
    return ccb_http_send(owner->options.client, &options, &d->call, err);
}

/* The stored file, held open: it may be evicted before the answer comes. */
static const struct ccb_cache_entry *hold_stored(struct ccb_download *d)
{
    struct ccb_cache *cache = d->owner->cache;
    struct ccb_cache_entry *entry =
        d->key[0] != '\0' ? ccb_cache_find(cache, d->key) : NULL;

    if (entry == NULL)
        return NULL;
    d->cached =
        openat(ccb_cache_directory(cache), entry->name, O_RDONLY | O_CLOEXEC);
    if (d->cached >= 0)
        return entry;
    ccb_cache_remove(cache, d->key, &d->gone); /* somebody took the file */
    return NULL;
}

static int open_raw(struct ccb_download *d, struct ccb_error *err)
{
    struct ccb_cache *cache = d->owner->cache;
    int code;

    ccb_cache_temporary(cache, d->raw.name);
    d->raw.fd = openat(ccb_cache_directory(cache), d->raw.name,
                       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (d->raw.fd < 0) {
        d->raw.name[0] = '\0';
        return ccb_error_set(err, CCB_IO, "making a temporary file: %s",
                             strerror(errno));
    }
    code = ccb_spool_init(&d->spool, &d->owner->options.loop->uv, d->raw.fd,
                          CCB_ARCHIVE_BYTES_MAX, err);
    d->spool.on_written = on_written;
    d->spool.ctx = d;
    return code;
}

void ccb_download_attempt(struct ccb_download *d)
{
    struct ccb_error err = {0};
    const struct ccb_cache_entry *entry;

    d->attempts++;
    d->cause.code = 0;
    d->head_seen = false;
    d->not_modified = false;
    d->paused = false;
    d->state = CCB_DOWNLOAD_REQUEST;
    entry = hold_stored(d);
    if (open_raw(d, &err) == CCB_OK && send_request(d, entry, &err) == CCB_OK)
        return;
    ccb_download_blame(d, &err);
    ccb_download_step(d);
}

/* ---- what came of it ---------------------------------------------------- */

void ccb_download_again(struct ccb_download *d)
{
    bool last = d->attempts >= CCB_TRANSFER_ATTEMPTS;

    ccb_download_tell(d, last ? CCB_LEVEL_ERROR : CCB_LEVEL_INFO,
                      last ? "download-failed" : "download-attempt-failed",
                      &d->cause);
    if (last) {
        ccb_download_end(d, CCB_FAILED, "Downloading failed");
        return;
    }
    d->state = CCB_DOWNLOAD_AGAIN;
    ccb_download_job(d, ccb_download_drop_files);
}

void ccb_download_in_again(struct ccb_download *d)
{
    if (d->job.working)
        return;
    if (d->cancelled)
        ccb_download_end(d, CCB_CANCELLED, "cancelled");
    else
        ccb_download_attempt(d);
}

static void check_md5(struct ccb_download *d)
{
    unsigned char sum[CCB_SPOOL_MD5];
    char digits[MD5_DIGITS + 1];
    struct ccb_error err = {0};

    if (d->spool.md5 == NULL)
        return;
    if (ccb_spool_md5(&d->spool, sum, &err) != CCB_OK) {
        ccb_download_blame(d, &err);
        return;
    }
    for (size_t i = 0; i < sizeof(sum); i++)
        (void)snprintf(digits + 2 * i, 3, "%02x", sum[i]);
    if (strncasecmp(etag_md5(d->etag).ptr, digits, MD5_DIGITS) != 0)
        blame(d, CCB_FAILED, "Download failed: Checksum mismatch");
}

static void use_stored(struct ccb_download *d)
{
    struct ccb_cache *cache = d->owner->cache;
    struct ccb_cache_entry *entry = ccb_cache_find(cache, d->key);

    if (entry != NULL)
        ccb_cache_touch(cache, entry);
    d->transferred = 0;
    ccb_download_unpack(d);
}

void ccb_download_in_request(struct ccb_download *d)
{
    if (d->call != NULL || d->spool.working)
        return;
    (void)uv_timer_stop(&d->stall);
    if (d->spool.err.code != 0)
        ccb_download_blame(d, &d->spool.err);
    if (d->cause.code == 0 && !d->cancelled)
        check_md5(d);
    d->transferred = d->spool.bytes;
    ccb_spool_destroy(&d->spool);
    if (d->cancelled)
        ccb_download_end(d, CCB_CANCELLED, "cancelled");
    else if (d->cause.code != 0)
        ccb_download_again(d);
    else if (d->not_modified)
        use_stored(d);
    else
        ccb_download_convert(d);
}
