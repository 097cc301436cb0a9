/*
 * A directory as an answer: a line for each entry
 * (contract/fileserver-ccuploader.md 1.2).
 *
 * Invariant: memory is bounded by BATCH however large the directory is. The
 * pool reads and formats one batch of entries at a time, sorted by name; a
 * directory of one batch, which is nearly every one, so is sorted as a whole.
 * The next batch waits until the peer has taken the one before.
 */
#include "files/internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"

#define BATCH (256 * 1024) /* bytes of names */

struct listing {
    uv_work_t work;
    struct ccb_file_serve *serve;
    DIR *dir;
    struct ccb_buf names;   /* "b/\0a\0": as they come */
    struct ccb_buf offsets; /* of each, as size_t */
    struct ccb_buf html;
    bool busy;    /* the pool has it */
    bool started; /* the head is out */
    bool gone;    /* the peer left */
    bool ended;   /* the directory is read; the pool's while busy */
    int error;    /* errno of the pool's work */
};

/* ---- in the pool -------------------------------------------------------- */

static bool is_directory(const struct listing *listing,
                         const struct dirent *entry)
{
    struct stat found;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(dirfd(listing->dir), entry->d_name, &found,
                   AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(found.st_mode);
}

static void read_batch(struct listing *listing)
{
    const struct dirent *entry;

    while (listing->names.len < BATCH && !listing->names.failed) {
        size_t at = listing->names.len;

        errno = 0;
        entry = readdir(listing->dir);
        if (entry == NULL) {
            listing->error = errno;
            listing->ended = true;
            return;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)ccb_buf_append(&listing->offsets, &at, sizeof(at));
        (void)ccb_buf_put(&listing->names, entry->d_name);
        if (is_directory(listing, entry))
            (void)ccb_buf_putc(&listing->names, '/');
        (void)ccb_buf_putc(&listing->names, '\0');
    }
}

static int compare(const void *a, const void *b, void *names)
{
    const char *text = names;

    return strcmp(text + *(const size_t *)a, text + *(const size_t *)b);
}

static void put_line(struct ccb_buf *html, struct ccb_slice name)
{
    bool slash = name.ptr[name.len - 1] == '/';

    name.len -= slash ? 1 : 0;
    (void)ccb_buf_put(html, "<a href=\"");
    ccb_files_put_encoded(html, name);
    (void)ccb_buf_put(html, slash ? "/\">" : "\">");
    ccb_files_put_escaped(html, name);
    (void)ccb_buf_put(html, slash ? "/</a>\n" : "</a>\n");
}

static void on_work(uv_work_t *work)
{
    struct listing *listing = work->data;
    size_t count;
    const size_t *offsets;

    ccb_buf_reset(&listing->names);
    ccb_buf_reset(&listing->offsets);
    ccb_buf_reset(&listing->html);
    read_batch(listing);
    if (listing->names.failed || listing->offsets.failed) {
        listing->error = ENOMEM;
        return;
    }
    count = listing->offsets.len / sizeof(size_t);
    if (count > 0)
        qsort_r(listing->offsets.data, count, sizeof(size_t), compare,
                listing->names.data);
    offsets = (const size_t *)(const void *)listing->offsets.data;
    if (!listing->started)
        (void)ccb_buf_put(&listing->html, "<pre>\n");
    for (size_t i = 0; i < count; i++)
        put_line(&listing->html,
                 ccb_slice_of(listing->names.data + offsets[i]));
    if (listing->ended)
        (void)ccb_buf_put(&listing->html, "</pre>\n");
    if (listing->html.failed)
        listing->error = ENOMEM;
}

/* ---- on the loop -------------------------------------------------------- */

static void destroy(struct listing *listing)
{
    (void)closedir(listing->dir);
    ccb_buf_destroy(&listing->names);
    ccb_buf_destroy(&listing->offsets);
    ccb_buf_destroy(&listing->html);
}

static const struct ccb_http_header html_type = {
    CCB_LIT("Content-Type"), CCB_LIT("text/html; charset=utf-8")};

/* The end before the head went out, or with it. The request's memory, and so
 * the listing, is gone when it is answered. */
static void answer_whole(struct listing *listing)
{
    struct ccb_file_serve *serve = listing->serve;
    struct ccb_buf html = listing->html;
    int error = listing->error;

    ccb_buf_init(&listing->html);
    destroy(listing);
    if (error != 0)
        ccb_files_respond_text(serve, 500, "Error reading directory\n");
    else
        ccb_files_respond(serve, 200, &html_type, 1, ccb_buf_slice(&html));
    ccb_buf_destroy(&html);
}

static void end(struct listing *listing)
{
    struct ccb_http_request *request = listing->serve->request;
    bool whole = listing->error == 0 && (listing->ended || listing->gone);

    destroy(listing);
    if (whole)
        ccb_http_finish(request);
    else
        ccb_http_abandon(request);
}

static void start(struct ccb_file_serve *serve)
{
    struct ccb_http_header headers[1 + CCB_FILES_VALIDATORS] = {html_type};
    size_t count = 1 + ccb_files_put_validators(serve, headers + 1);

    serve->status = 200;
    ccb_http_respond_start(serve->request, 200, headers, count, -1);
}

static void read_next(struct listing *listing);

static void on_done(uv_work_t *work, int status)
{
    struct listing *listing = work->data;
    struct ccb_file_serve *serve = listing->serve;
    size_t waiting;

    (void)status;
    listing->busy = false;
    if (listing->gone) {
        end(listing);
        return;
    }
    if (!listing->started && (listing->ended || listing->error != 0)) {
        answer_whole(listing);
        return;
    }
    if (!listing->started)
        start(serve);
    listing->started = true;
    if (listing->error != 0) {
        end(listing);
        return;
    }
    waiting = ccb_http_write(serve->request, ccb_buf_slice(&listing->html));
    if (listing->ended)
        end(listing);
    else if (waiting == 0)
        read_next(listing);
}

static void read_next(struct listing *listing)
{
    if (uv_queue_work(&listing->serve->files->worker->loop->uv, &listing->work,
                      on_work, on_done) != 0) {
        listing->error = ENOMEM;
        end(listing);
        return;
    }
    listing->busy = true;
}

static void on_drain(struct ccb_http_request *request, void *user)
{
    struct listing *listing = user;

    (void)request;
    if (!listing->busy)
        read_next(listing);
}

/* While the pool has it, on_done goes on and sees the end itself. */
static void on_abort(struct ccb_http_request *request, void *user)
{
    struct listing *listing = user;

    (void)request;
    listing->gone = true;
    if (!listing->busy)
        end(listing);
}

void ccb_files_send_listing(struct ccb_file_serve *serve)
{
    struct listing *listing;

    if (ccb_http_request_info(serve->request)->method == CCB_HTTP_HEAD) {
        start(serve);
        ccb_http_finish(serve->request);
        return;
    }
    listing = ccb_arena_alloc(serve->arena, sizeof(*listing));
    if (listing != NULL)
        listing->dir = fdopendir(serve->fd);
    if (listing == NULL || listing->dir == NULL) {
        ccb_files_respond_text(serve, 503, "out of memory\n");
        return;
    }
    serve->fd = -1; /* it is the DIR's */
    listing->serve = serve;
    listing->work.data = listing;
    ccb_http_on_drain(serve->request, on_drain, listing);
    ccb_http_on_abort(serve->request, on_abort, listing);
    read_next(listing);
}
