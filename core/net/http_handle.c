/*
 * The request object: its body, and its way to a handler (contract/stager.md
 * A7).
 *
 * Invariant: everything of a request lies in its arena, the object itself
 * too; what grew on the heap is moved there before the handler sees it, so
 * that a reference to the arena keeps it all. A handler is called once, and
 * only for a request that will be answered by it.
 */
#include "net/http_server_internal.h"

#include <strings.h>

#include "base/clock.h"
#include "net/url.h"

#define BODY_AT_ONCE (64 * 1024) /* taken ahead of the bytes, at most */

struct ccb_http_request *ccb_httpd_request_create(struct ccb_httpd_conn *conn)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_http_request *request;

    if (arena == NULL)
        return NULL;
    request = ccb_arena_alloc(arena, sizeof(*request));
    if (request == NULL) {
        ccb_arena_unref(arena);
        return NULL;
    }
    request->arena = arena;
    request->conn = conn;
    if (conn->server->meter != NULL)
        request->begun_at = ccb_clock_monotonic();
    conn->request = request;
    return request;
}

void ccb_httpd_request_end(struct ccb_http_request *request)
{
    struct ccb_httpd_conn *conn = request->conn;

    if (request->dispatched) {
        conn->server->in_flight--;
        ccb_http_meter_end(conn->server->meter);
    }
    conn->request = NULL;
    ccb_httpd_file_drop(request);
    ccb_buf_destroy(&request->heap_body);
    ccb_arena_unref(request->arena);
}

/* ---- routing ------------------------------------------------------------ */

bool ccb_httpd_slice_is_nocase(struct ccb_slice text, const char *word)
{
    return text.len == strlen(word) &&
           strncasecmp(text.ptr, word, text.len) == 0;
}

static enum ccb_http_method method_of(struct ccb_slice text)
{
    static const char *const names[CCB_HTTP_OTHER] = {
        [CCB_HTTP_GET] = "GET",       [CCB_HTTP_HEAD] = "HEAD",
        [CCB_HTTP_PUT] = "PUT",       [CCB_HTTP_POST] = "POST",
        [CCB_HTTP_DELETE] = "DELETE", [CCB_HTTP_OPTIONS] = "OPTIONS",
    };

    for (int i = 0; i < CCB_HTTP_OTHER; i++)
        if (ccb_slice_is(text, names[i]))
            return (enum ccb_http_method)i;
    return CCB_HTTP_OTHER;
}

static struct ccb_slice skip_authority(struct ccb_slice target, size_t scheme)
{
    size_t i = scheme;

    while (i < target.len && target.ptr[i] != '/' && target.ptr[i] != '?')
        i++;
    return ccb_slice_make(target.ptr + i, target.len - i);
}

/* "http://h/p?q" means "/p?q". */
static struct ccb_slice origin_form(struct ccb_slice target)
{
    static const struct ccb_slice schemes[] = {CCB_LIT("http://"),
                                               CCB_LIT("https://")};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (target.len >= schemes[i].len &&
            strncasecmp(target.ptr, schemes[i].ptr, schemes[i].len) == 0)
            return skip_authority(target, schemes[i].len);
    return target;
}

/* Path and query from the target. NULL, or what is wrong with it. */
static const char *split_target(struct ccb_http_request *request, int *status)
{
    struct ccb_http_request_info *info = &request->info;
    struct ccb_slice form = origin_form(info->target), path = form;
    const char *mark = form.len > 0 ? memchr(form.ptr, '?', form.len) : NULL;
    int code;

    *status = 400;
    info->query = ccb_slice_make(form.ptr + form.len, 0);
    if (mark != NULL) {
        path.len = (size_t)(mark - form.ptr);
        info->query = ccb_slice_make(mark + 1, form.len - path.len - 1);
    }
    if (path.len == 0 && form.ptr != info->target.ptr)
        path = ccb_slice_of("/"); /* "http://h" */
    if (path.len == 0 || (path.ptr[0] != '/' && !ccb_slice_is(path, "*")))
        return "bad request target";
    code = ccb_url_unescape(request->arena, path, &info->path);
    if (code == CCB_NO_MEMORY)
        *status = 503;
    if (code != CCB_OK)
        return code == CCB_NO_MEMORY ? "out of memory"
                                     : "bad percent-encoding in the path";
    return NULL;
}

/* Few handlers can do anything right with it. */
static bool has_bad_nul(const struct ccb_http_request *request)
{
    return memchr(request->info.path.ptr, '\0', request->info.path.len) !=
               NULL &&
           (request->route == NULL || !request->route->nul_path);
}

static bool is_form(const struct ccb_http_request *request)
{
    struct ccb_slice type = ccb_http_request_header(request, "Content-Type");
    const char *end = type.len > 0 ? memchr(type.ptr, ';', type.len) : NULL;

    if (request->info.method != CCB_HTTP_PUT &&
        request->info.method != CCB_HTTP_POST)
        return false;
    if (end != NULL)
        type.len = (size_t)(end - type.ptr);
    while (type.len > 0 && type.ptr[type.len - 1] == ' ')
        type.len--;
    return ccb_httpd_slice_is_nocase(type,
                                     "application/x-www-form-urlencoded") ||
           ccb_httpd_slice_is_nocase(type, "multipart/form-data");
}

static void dispatch(struct ccb_http_request *request)
{
    struct ccb_http_server *server = request->conn->server;

    request->dispatched = 1;
    server->in_flight++;
    ccb_http_meter_begin(server->meter);
    request->conn->state = CCB_HTTPD_HANDLING;
    request->info.user = request->route && request->route->user
                             ? request->route->user
                             : server->options.user;
    if (request->route != NULL)
        request->route->on_request(request, request->info.user);
}

static void answer_unrouted(struct ccb_http_request *request,
                            const struct ccb_httpd_match *match)
{
    struct ccb_http_header headers[] = {
        {CCB_LIT("Content-Type"), CCB_LIT("text/plain; charset=utf-8")},
        {CCB_LIT("Allow"), ccb_slice_of(match->allow)},
    };

    dispatch(request);
    if (match->allow[0] == '\0')
        ccb_http_respond_with(request, 404, headers, 1,
                              ccb_slice_of("404 page not found\n"));
    else
        ccb_http_respond_with(request, 405, headers, 2,
                              ccb_slice_of("Method Not Allowed\n"));
}

static void send_continue(struct ccb_httpd_conn *conn)
{
    static char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec part = {text, sizeof(text) - 1};

    conn->not_continued = 0;
    ccb_httpd_conn_send(conn, &part, 1, 0);
}

/* The route is known: is the body wanted, and how? */
static void accept_body(struct ccb_http_request *request)
{
    const struct ccb_http_route *route = request->route;
    struct ccb_httpd_conn *conn = request->conn;

    request->body_max = route->max_body;
    if (!route->stream && route->max_body == 0)
        request->body_max = conn->server->limits.max_body_bytes;
    if (request->body_max > 0 && request->content_length > 0 &&
        (uint64_t)request->content_length > request->body_max) {
        ccb_httpd_conn_refuse(conn, 413, "request body too large");
        return;
    }
    if (route->stream) {
        dispatch(request);
        return;
    }
    request->form = route->form_body && is_form(request);
    conn->state = CCB_HTTPD_BODY;
    if (conn->not_continued)
        send_continue(conn);
}

static int copy_params(struct ccb_http_request *request,
                       const struct ccb_httpd_match *match)
{
    struct ccb_slice *params;

    if (match->param_count == 0)
        return CCB_OK;
    params = (struct ccb_slice *)ccb_arena_alloc(
        request->arena, match->param_count * sizeof(*params));
    if (params == NULL)
        return CCB_NO_MEMORY;
    memcpy(params, match->params, match->param_count * sizeof(*params));
    request->info.params = params;
    request->info.param_count = match->param_count;
    return CCB_OK;
}

void ccb_httpd_request_route(struct ccb_http_request *request)
{
    struct ccb_httpd_conn *conn = request->conn;
    struct ccb_httpd_match match;
    int status;
    const char *why = split_target(request, &status);

    if (why != NULL) {
        ccb_httpd_conn_refuse(conn, status, why);
        return;
    }
    request->info.method = method_of(request->info.method_text);
    request->head_method = request->info.method == CCB_HTTP_HEAD;
    ccb_httpd_body_start(&conn->body, request->content_length);
    conn->not_continued =
        request->expects && conn->body.step != CCB_HTTPD_BODY_DONE;
    ccb_httpd_routes_find(&conn->server->routes, request->info.method_text,
                          request->info.path, &match);
    request->route = match.route;
    if (has_bad_nul(request))
        ccb_httpd_conn_refuse(conn, 400, "NUL in the path");
    else if (match.route == NULL)
        answer_unrouted(request, &match);
    else if (copy_params(request, &match) != CCB_OK)
        ccb_httpd_conn_refuse(conn, 503, "out of memory");
    else
        accept_body(request);
}

/* ---- bodies ------------------------------------------------------------- */

/* False: no memory. */
static bool keep_piece(struct ccb_http_request *request, struct ccb_slice piece)
{
    size_t at = (size_t)request->body_seen - piece.len;

    if (at == 0 && request->content_length > 0 &&
        request->content_length <= BODY_AT_ONCE) {
        request->arena_body =
            ccb_arena_text(request->arena, (size_t)request->content_length + 1);
        if (request->arena_body == NULL)
            return false;
        request->arena_body[request->content_length] = '\0';
    }
    if (request->arena_body == NULL)
        return ccb_buf_append(&request->heap_body, piece.ptr, piece.len) == 0;
    memcpy(request->arena_body + at, piece.ptr, piece.len);
    return true;
}

void ccb_httpd_request_body(struct ccb_http_request *request,
                            struct ccb_slice piece)
{
    request->body_seen += piece.len;
    request->conn->not_continued = 0; /* it did not wait for it */
    if (request->body_max > 0 && request->body_seen > request->body_max)
        ccb_httpd_conn_refuse(request->conn, 413, "request body too large");
    else if (request->route->stream)
        request->reader.on_body(request, piece, request->reader.user);
    else if (!request->form && !keep_piece(request, piece))
        ccb_httpd_conn_refuse(request->conn, 503, "out of memory");
}

/* Puts a whole body into the arena; false: no memory. */
static bool settle_body(struct ccb_http_request *request)
{
    struct ccb_slice *body = &request->info.body;

    *body = ccb_slice_of("");
    if (request->arena_body != NULL) {
        *body = ccb_slice_make(request->arena_body, (size_t)request->body_seen);
    } else if (request->heap_body.len > 0) {
        *body =
            ccb_arena_copy(request->arena, ccb_buf_slice(&request->heap_body));
        ccb_buf_destroy(&request->heap_body);
    }
    return body->ptr != NULL;
}

void ccb_httpd_request_whole(struct ccb_http_request *request)
{
    if (request->conn->state == CCB_HTTPD_BODY) {
        if (settle_body(request))
            dispatch(request);
        else
            ccb_httpd_conn_refuse(request->conn, 503, "out of memory");
        return;
    }
    if (request->route == NULL || !request->route->stream ||
        !request->reading || request->paused || request->ended || request->gone)
        return;
    request->ended = 1;
    if (request->reader.on_end != NULL)
        request->reader.on_end(request, request->reader.user);
}

bool ccb_httpd_request_wants_body(const struct ccb_http_request *request)
{
    return request != NULL && request->route != NULL &&
           request->route->stream && request->reading && !request->paused &&
           !request->gone && request->conn->body.step != CCB_HTTPD_BODY_DONE;
}

/* The reader changed its mind: what waits in memory, or an end that is due,
 * comes with the next turn of the loop, never from inside the call. */
static void body_wanted(struct ccb_http_request *request)
{
    struct ccb_httpd_conn *conn = request->conn;

    if (request->gone || conn->processing)
        return;
    if (conn->in.len > 0 || conn->peer_done ||
        conn->body.step == CCB_HTTPD_BODY_DONE)
        ccb_httpd_conn_later(conn);
    ccb_httpd_conn_update(conn);
}

void ccb_http_read_body(struct ccb_http_request *request,
                        const struct ccb_http_body_reader *reader)
{
    request->reader = *reader;
    request->reading = 1;
    if (request->gone)
        return;
    if (request->conn->not_continued)
        send_continue(request->conn);
    body_wanted(request);
}

void ccb_http_pause(struct ccb_http_request *request)
{
    request->paused = 1;
    if (!request->gone && !request->conn->processing)
        ccb_httpd_conn_update(request->conn);
}

void ccb_http_resume(struct ccb_http_request *request)
{
    request->paused = 0;
    body_wanted(request);
}

int64_t ccb_http_content_length(const struct ccb_http_request *request)
{
    return request->content_length;
}

/* ---- what handlers ask -------------------------------------------------- */

const struct ccb_http_request_info *ccb_http_request_info(
    const struct ccb_http_request *request)
{
    return &request->info;
}

struct ccb_arena *ccb_http_request_arena(struct ccb_http_request *request)
{
    return request->arena;
}

struct ccb_slice ccb_http_request_header(const struct ccb_http_request *request,
                                         const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < request->info.header_count; i++) {
        const struct ccb_http_header *header = &request->info.headers[i];

        if (header->name.len == len &&
            strncasecmp(header->name.ptr, name, len) == 0)
            return header->value;
    }
    return ccb_slice_make(NULL, 0);
}

void ccb_http_on_abort(struct ccb_http_request *request,
                       void (*on_abort)(struct ccb_http_request *, void *user),
                       void *user)
{
    request->on_abort = on_abort;
    request->abort_user = user;
    if (request->gone && !request->told && on_abort != NULL)
        ccb_httpd_conn_later(request->conn);
}

void ccb_httpd_request_tell(struct ccb_http_request *request)
{
    if (ccb_httpd_file_leave(request))
        return;
    if (request->told || request->on_abort == NULL)
        return;
    request->told = 1;
    request->on_abort(request, request->abort_user);
}
