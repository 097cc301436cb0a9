/*
 * One request of the file server: which file the path names, and what kind of
 * answer that makes (contract/fileserver-ccuploader.md 1.2).
 *
 * Invariant: only regular files and directories are ever read. What else may
 * lie in the tree is opened without waiting (a FIFO would) and let go.
 */
#include "files/internal.h"

#include <errno.h>
#include <unistd.h>

/* ---- answers of its own -------------------------------------------------- */

static void on_answered(struct ccb_http_request *request, uint64_t bytes,
                        void *user)
{
    const struct ccb_http_request_info *info = ccb_http_request_info(request);
    struct ccb_file_serve *serve = user;

    if (serve->fd >= 0)
        (void)close(serve->fd);
    ccb_log_write(&serve->log, CCB_LEVEL_INFO, "response",
                  CCB_FIELDS(ccb_log_text("method", info->method_text),
                             ccb_log_int("size", (int64_t)bytes),
                             ccb_log_int("status", serve->status),
                             ccb_log_text("uri", info->target)));
}

/* Answers with a place relative to the one asked for; the query goes along.
 * The name in it is data, so it is encoded. */
static void redirect(struct ccb_file_serve *serve, const char *before,
                     struct ccb_slice name, const char *after)
{
    const struct ccb_http_request_info *info =
        ccb_http_request_info(serve->request);
    struct ccb_http_header location = {CCB_LIT("Location"), {NULL, 0}};
    struct ccb_buf text = {0};

    (void)ccb_buf_put(&text, before);
    ccb_files_put_encoded(&text, name);
    (void)ccb_buf_put(&text, after);
    if (info->query.len > 0) {
        (void)ccb_buf_putc(&text, '?');
        (void)ccb_buf_put_slice(&text, info->query);
    }
    serve->modified = 0; /* of no interest here */
    serve->etag[0] = '\0';
    location.value = ccb_buf_slice(&text);
    if (text.failed)
        ccb_files_respond_text(serve, 503, "out of memory\n");
    else
        ccb_files_respond(serve, 301, &location, 1, ccb_slice_of(""));
    ccb_buf_destroy(&text);
}

void ccb_files_to_root(struct ccb_http_request *request, void *user)
{
    static const struct ccb_http_header headers[] = {
        {CCB_LIT("Content-Type"), CCB_LIT("text/html; charset=utf-8")},
        {CCB_LIT("Location"), CCB_LIT("/v1/static/")},
    };

    (void)user;
    ccb_http_respond_with(
        request, 301, headers, 2,
        ccb_slice_of("<a href=\"/v1/static/\">Moved Permanently</a>.\n\n"));
}

/* ---- finding the file --------------------------------------------------- */

static void set_file(struct ccb_file_serve *serve, int fd,
                     const struct stat *found)
{
    serve->fd = fd;
    serve->size = (uint64_t)found->st_size;
    serve->modified = (int64_t)found->st_mtim.tv_sec;
    ccb_http_date_format(serve->modified, serve->date);
    if (S_ISREG(found->st_mode) && serve->files->digests != NULL)
        ccb_files_set_digest(serve, found);
}

/* The index of a directory takes its place, if it has one. CCB_NO_MEMORY, or
 * CCB_NOT_FOUND. */
static int open_index(struct ccb_file_serve *serve, const char *clean)
{
    struct ccb_slice path =
        ccb_arena_format(serve->arena, "%s/index.html", clean);
    struct stat found;
    int fd = -ENOMEM;

    if (path.ptr != NULL)
        fd = ccb_files_open(serve->files->config, serve->arena, path.ptr);
    if (fd < 0)
        return fd == -ENOMEM ? CCB_NO_MEMORY : CCB_NOT_FOUND;
    if (fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) {
        (void)close(fd);
        return CCB_NOT_FOUND;
    }
    (void)close(serve->fd);
    serve->name = ccb_slice_of("index.html");
    set_file(serve, fd, &found);
    return CCB_OK;
}

/* What the conditions leave to be sent. */
static void send_unless(struct ccb_file_serve *serve, bool directory)
{
    int status = ccb_files_condition(serve, directory);

    if (status != 0)
        ccb_files_respond(serve, status, NULL, 0, ccb_slice_of(""));
    else if (directory)
        ccb_files_send_listing(serve);
    else
        ccb_files_send(serve);
}

static void serve_directory(struct ccb_file_serve *serve, const char *clean)
{
    int code = open_index(serve, clean);

    if (code == CCB_NO_MEMORY)
        ccb_files_respond_errno(serve, ENOMEM);
    else
        send_unless(serve, code != CCB_OK);
}

static void serve_open(struct ccb_file_serve *serve, struct ccb_slice rest,
                       const char *clean)
{
    bool slash = rest.len == 0 || rest.ptr[rest.len - 1] == '/';
    struct stat found;

    if (fstat(serve->fd, &found) != 0) {
        ccb_files_respond_errno(serve, errno);
        return;
    }
    if (!S_ISDIR(found.st_mode) && !S_ISREG(found.st_mode)) {
        ccb_files_respond_errno(serve, ENOENT);
        return;
    }
    set_file(serve, serve->fd, &found);
    if (S_ISDIR(found.st_mode) && !slash)
        redirect(serve, "", serve->name, "/");
    else if (S_ISDIR(found.st_mode))
        serve_directory(serve, clean);
    else if (slash)
        redirect(serve, "../", serve->name, "");
    else
        send_unless(serve, false);
}

static void serve_path(struct ccb_file_serve *serve, struct ccb_slice rest)
{
    const char *clean = ccb_files_clean_path(serve->arena, rest);
    int fd = -ENOMEM;

    if (clean != NULL)
        fd = ccb_files_open(serve->files->config, serve->arena, clean);
    if (fd < 0) {
        ccb_files_respond_errno(serve, -fd);
        return;
    }
    serve->fd = fd;
    serve->name = ccb_files_base(rest);
    serve_open(serve, rest, clean);
}

void ccb_files_serve(struct ccb_http_request *request, void *user)
{
    struct ccb_slice rest = ccb_http_request_info(request)->params[0];
    struct ccb_arena *arena = ccb_http_request_arena(request);
    struct ccb_file_serve *serve = ccb_arena_alloc(arena, sizeof(*serve));

    if (serve == NULL) {
        ccb_http_respond(request, 503, "text/plain; charset=utf-8",
                         ccb_slice_of("out of memory\n"));
        return;
    }
    serve->files = user;
    serve->request = request;
    serve->arena = arena;
    serve->fd = -1;
    ccb_log_begin(&serve->log, serve->files->worker->log, "static-file", NULL,
                  0);
    ccb_http_on_answered(request, on_answered, serve);
    if (ccb_slice_is(rest, "index.html") || ccb_slice_ends(rest, "/index.html"))
        redirect(serve, "./", ccb_slice_of(""), "");
    else if (memchr(rest.ptr, '\0', rest.len) != NULL)
        ccb_files_respond_errno(serve, EINVAL);
    else
        serve_path(serve, rest);
}
