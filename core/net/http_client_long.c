/*
 * One transfer of the long lane: how a call becomes a libcurl handle, what its
 * callbacks do, and how libcurl's results become ours.
 *
 * Invariant: libcurl never sends a request again on its own but as
 * net/http_client.h allows: bodies that must not be repeated can't be rewound,
 * and `on_request` counts the sendings. A dead call's owner is never called.
 * Follows contract/stager.md B1 and C6 (TLS, proxies, redirects).
 */
#include <stdlib.h>

#include "base/flags.h"
#include "base/mem.h"
#include "net/http_client_curl.h"

#define MAX_REDIRECTS 10L
#define RECEIVE_BUFFER (64L * 1024)
#define KEEP_ALIVE 30L /* seconds */

/* ---- the head of an answer ---------------------------------------------- */

/* A callback gives up: notes why; what libcurl is told differs. */
static void give_up(struct ccb_http_long_call *lc, int code, const char *why)
{
    if (lc->code == 0) {
        lc->code = code;
        lc->why = why;
    }
}

static int malformed(struct ccb_http_long_call *lc, const char *why)
{
    lc->malformed = true;
    give_up(lc, CCB_IO, why);
    return -1;
}

static int add_line(struct ccb_http_long_call *lc, struct ccb_slice line)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    struct ccb_http_span *span;

    if (colon == NULL || line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return malformed(lc, "folded header line");
    if (lc->head.count == CCB_HTTP_MAX_HEADERS ||
        line.len > CCB_HTTP_MAX_HEAD - lc->text.len) {
        give_up(lc, CCB_TOO_LARGE, "the head is too large");
        return -1;
    }
    span = ccb_http_head_add(&lc->head, lc->call.arena);
    if (span == NULL || ccb_buf_put_slice(&lc->text, line) != 0) {
        give_up(lc, CCB_NO_MEMORY, "out of memory");
        return -1;
    }
    span->name = (uint32_t)(lc->text.len - line.len);
    span->name_len = (uint32_t)(colon - line.ptr);
    span->value = span->name + span->name_len + 1;
    span->value_len = (uint32_t)line.len - span->name_len - 1;
    return 0;
}

static bool is_redirect(const struct ccb_http_call *call)
{
    int status = call->answer.status;

    return (status == 301 || status == 302 || status == 303 || status == 307 ||
            status == 308) &&
           ccb_http_answer_header(&call->answer, "Location").len > 0;
}

static int tell_head(struct ccb_http_long_call *lc)
{
    const struct ccb_http_call_options *options = &lc->call.options;
    int code;

    lc->head_done = true;
    if (options->on_head == NULL)
        return 0;
    code = options->on_head(options->user, &lc->call.answer);
    if (lc->dead)
        return -1;
    if (code == CCB_HTTP_PAUSE)
        lc->hold = true;
    else if (code != 0)
        give_up(lc, code, "given up at the head of the answer");
    return code == 0 || code == CCB_HTTP_PAUSE ? 0 : -1;
}

static int end_head(struct ccb_http_long_call *lc)
{
    struct ccb_http_answer *answer = &lc->call.answer;
    const char *fault;
    long status = 0;

    (void)ccb_curl.easy_getinfo(lc->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 101)
        return malformed(lc, "the protocol was switched unasked");
    if (status < 200)
        return 0; /* the answer follows */
    answer->headers = ccb_http_head_slices(
        &lc->head, lc->text.len > 0 ? lc->text.data : "", lc->call.arena);
    if (answer->headers == NULL) {
        give_up(lc, CCB_NO_MEMORY, "out of memory");
        return -1;
    }
    fault = ccb_http_head_fault(answer->headers, lc->head.count);
    if (fault != NULL)
        return malformed(lc, fault);
    answer->status = (int)status;
    answer->header_count = lc->head.count;
    if (lc->follows && is_redirect(&lc->call))
        return 0;
    return tell_head(lc);
}

/* "HTTP/1.1 200 OK": the first, or the one after a 1xx or a redirect. */
static int begin_head(struct ccb_http_long_call *lc, struct ccb_slice line)
{
    if (!ccb_slice_starts(line, "HTTP/1."))
        return malformed(lc, "not HTTP/1");
    ccb_buf_reset(&lc->text);
    lc->head.count = 0;
    lc->call.answer.status = 0;
    lc->call.answer.header_count = 0;
    return 0;
}

/* One line of a head, or of trailers, with its line end. */
static size_t on_header(char *bytes, size_t size, size_t count, void *user)
{
    struct ccb_http_long_call *lc = user;
    struct ccb_slice line = {bytes, size * count};
    int code;

    if (lc->dead)
        return 0;
    if (lc->head_done)
        return size * count; /* a trailer; nobody asked for it */
    while (line.len > 0 &&
           (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
        line.len--;
    if (line.len == 0)
        code = end_head(lc);
    else if (ccb_slice_starts(line, "HTTP/"))
        code = begin_head(lc, line);
    else
        code = add_line(lc, line);
    return code == 0 ? size * count : 0;
}

/* ---- bodies ------------------------------------------------------------- */

static int keep(struct ccb_http_long_call *lc, struct ccb_slice piece)
{
    if (piece.len > lc->call.options.max_answer - lc->body.len) {
        give_up(lc, CCB_TOO_LARGE, "the answer is too large");
        return -1;
    }
    if (ccb_buf_put_slice(&lc->body, piece) != 0) {
        give_up(lc, CCB_NO_MEMORY, "out of memory");
        return -1;
    }
    return 0;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *user)
{
    struct ccb_http_long_call *lc = user;
    const struct ccb_http_call_options *options = &lc->call.options;
    struct ccb_slice piece = {bytes, size * count};
    int code;

    if (lc->dead || piece.len == 0)
        return 0;
    if (lc->hold)
        return CURL_WRITEFUNC_PAUSE;
    if (options->on_body == NULL)
        return keep(lc, piece) == 0 ? piece.len : 0;
    code = options->on_body(options->user, piece);
    if (lc->dead)
        return 0;
    if (code == 0)
        return piece.len;
    if (code == CCB_HTTP_PAUSE)
        return CURL_WRITEFUNC_PAUSE;
    give_up(lc, code, "given up in the body of the answer");
    return 0;
}

/* A piece of the upload from the caller. */
static size_t read_piece(struct ccb_http_long_call *lc, char *bytes,
                         size_t size)
{
    const struct ccb_http_call_options *options = &lc->call.options;
    bool known = options->upload_length >= 0;
    uint64_t left = (uint64_t)options->upload_length - lc->uploaded;
    int64_t got;

    if (known && left == 0)
        return 0;
    if (known && size > left)
        size = (size_t)left;
    got = options->on_read(options->user, bytes, size);
    if (lc->dead)
        return CURL_READFUNC_ABORT;
    if (got == CCB_HTTP_PAUSE)
        return CURL_READFUNC_PAUSE;
    if (got < 0)
        give_up(lc, (int)got, "given up in the body of the request");
    else if (got > (int64_t)size)
        give_up(lc, CCB_FAILED, "more was read than asked for");
    else if (got == 0 && known)
        give_up(lc, CCB_IO, "the upload ended before its stated length");
    if (lc->code != 0)
        return CURL_READFUNC_ABORT;
    lc->uploaded += (uint64_t)got;
    return (size_t)got;
}

static size_t on_read(char *bytes, size_t size, size_t count, void *user)
{
    struct ccb_http_long_call *lc = user;
    struct ccb_slice body = lc->call.options.body;
    size_t room = size * count;
    size_t left;

    if (lc->dead)
        return CURL_READFUNC_ABORT;
    if (lc->call.options.on_read != NULL)
        return read_piece(lc, bytes, room);
    left = body.len - (size_t)lc->uploaded;
    if (room > left)
        room = left;
    if (room > 0)
        memcpy(bytes, body.ptr + lc->uploaded, room);
    lc->uploaded += room;
    return room;
}

/* Only given where a repeat is allowed. */
static int on_seek(void *user, curl_off_t offset, int origin)
{
    struct ccb_http_long_call *lc = user;

    if (origin != SEEK_SET || offset < 0 ||
        (uint64_t)offset > lc->call.options.body.len)
        return CURL_SEEKFUNC_CANTSEEK;
    lc->uploaded = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* Before each sending: a redirect is a new request, all else a repeat. */
static int on_request(void *user, char *peer_ip, char *own_ip, int peer_port,
                      int own_port)
{
    struct ccb_http_long_call *lc = user;
    unsigned most = ccb_http_may_repeat(&lc->call.options) ? 2 : 1;
    long redirects = 0;

    (void)peer_ip;
    (void)own_ip;
    (void)peer_port;
    (void)own_port;
    (void)ccb_curl.easy_getinfo(lc->easy, CURLINFO_REDIRECT_COUNT, &redirects);
    lc->sends++;
    if (lc->dead)
        return CURL_PREREQFUNC_ABORT;
    if (lc->sends <= most + (unsigned)redirects)
        return CURL_PREREQFUNC_OK;
    give_up(lc, CCB_IO,
            "the connection was lost and the request must not be repeated");
    return CURL_PREREQFUNC_ABORT;
}

/* ---- setting up --------------------------------------------------------- */

/* Sets an option of the handle `easy`, keeping the first error in `rc`. */
#define SET(option, value)                                                     \
    do {                                                                       \
        if (rc == CURLE_OK)                                                    \
            rc = ccb_curl.easy_setopt(easy, option, value);                    \
    } while (0)

/* A stream of events may be silent for hours. Without probes a peer whose
 * machine died would be waited for without end; with them it is given up
 * after some minutes, and what stands between does not forget the
 * connection. */
static CURLcode set_keep_alive(CURL *easy)
{
    CURLcode rc = CURLE_OK;

    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_TCP_KEEPIDLE, KEEP_ALIVE);
    SET(CURLOPT_TCP_KEEPINTVL, KEEP_ALIVE);
    return rc;
}

static CURLcode set_common(struct ccb_http_long_call *lc)
{
    CURL *easy = lc->easy;
    CURLcode rc = set_keep_alive(easy);

    SET(CURLOPT_PRIVATE, lc);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* don't wait for a resolver's thread */
    SET(CURLOPT_ERRORBUFFER, lc->detail);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
    SET(CURLOPT_MAXAGE_CONN, (long)(CCB_HTTP_IDLE_TIME / 1000000000));
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, lc);
    SET(CURLOPT_WRITEFUNCTION, on_write);
    SET(CURLOPT_WRITEDATA, lc);
    SET(CURLOPT_PREREQFUNCTION, on_request);
    SET(CURLOPT_PREREQDATA, lc);
    return rc;
}

static CURLcode set_peer(struct ccb_http_long_call *lc)
{
    const struct ccb_http_call_options *options = &lc->call.options;
    const char *bundle = getenv("SSL_CERT_FILE"); /* as Go's client does */
    const char *proxy = NULL;
    int64_t wait = (options->connect_timeout + 999999) / 1000000;
    CURL *easy = lc->easy;
    CURLcode rc = CURLE_OK;

    if (options->use_proxy && options->unix_socket == NULL)
        proxy = ccb_http_request_proxy(&lc->call.url);
    /* 0 would mean libcurl's own limit. */
    SET(CURLOPT_CONNECTTIMEOUT_MS,
        wait > 0 && wait < INT32_MAX ? (long)wait : (long)INT32_MAX);
    SET(CURLOPT_PROXY, proxy != NULL ? proxy : "");
    if (options->unix_socket != NULL)
        SET(CURLOPT_UNIX_SOCKET_PATH, options->unix_socket);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_0);
    SET(CURLOPT_SSL_VERIFYPEER, options->skip_cert_verify ? 0L : 1L);
    SET(CURLOPT_SSL_VERIFYHOST, options->skip_cert_verify ? 0L : 2L);
    if (bundle != NULL && bundle[0] != '\0')
        SET(CURLOPT_CAINFO, bundle);
    return rc;
}

static CURLcode set_upload(struct ccb_http_long_call *lc)
{
    const struct ccb_http_call_options *options = &lc->call.options;
    int64_t length = options->on_read != NULL ? options->upload_length
                                              : (int64_t)options->body.len;
    CURL *easy = lc->easy;
    CURLcode rc = CURLE_OK;

    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_CUSTOMREQUEST, options->method);
    SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)length);
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, lc);
    if (ccb_http_may_repeat(options)) {
        SET(CURLOPT_SEEKFUNCTION, on_seek);
        SET(CURLOPT_SEEKDATA, lc);
    }
    return rc;
}

static CURLcode set_method(struct ccb_http_long_call *lc)
{
    const struct ccb_http_call_options *options = &lc->call.options;
    bool get = strcmp(options->method, "GET") == 0;
    bool head = strcmp(options->method, "HEAD") == 0;
    CURL *easy = lc->easy;
    CURLcode rc = CURLE_OK;

    if (options->on_read != NULL || options->body.len > 0 ||
        strcmp(options->method, "PUT") == 0 ||
        strcmp(options->method, "POST") == 0)
        return set_upload(lc);
    if (head)
        SET(CURLOPT_NOBODY, 1L);
    else if (!get)
        SET(CURLOPT_CUSTOMREQUEST, options->method);
    lc->follows = get || head;
    SET(CURLOPT_FOLLOWLOCATION, lc->follows ? 1L : 0L);
    SET(CURLOPT_MAXREDIRS, MAX_REDIRECTS);
    return rc;
}

static int set_url(struct ccb_http_long_call *lc)
{
    const struct ccb_url *url = &lc->call.url;
    const char *slash;
    struct ccb_slice target = ccb_http_request_target(url, &slash);
    struct ccb_slice text = ccb_arena_format(
        lc->call.arena, "%.*s://%.*s%s%.*s", (int)url->scheme.len,
        url->scheme.ptr, (int)url->authority.len, url->authority.ptr, slash,
        (int)target.len, target.len > 0 ? target.ptr : "");

    if (text.ptr == NULL ||
        ccb_curl.easy_setopt(lc->easy, CURLOPT_URL, text.ptr) != CURLE_OK)
        return CCB_NO_MEMORY;
    return 0;
}

static int push_line(struct ccb_http_long_call *lc, const char *line)
{
    struct curl_slist *lines =
        line != NULL ? ccb_curl.slist_append(lc->lines, line) : NULL;

    if (lines == NULL)
        return CCB_NO_MEMORY;
    lc->lines = lines;
    return 0;
}

/* libcurl's form: "Name: value", and "Name;" for an empty value. */
static int push_header(struct ccb_http_long_call *lc, struct ccb_slice name,
                       struct ccb_slice value)
{
    struct ccb_slice line =
        ccb_arena_format(lc->call.arena, "%.*s%s%.*s", (int)name.len, name.ptr,
                         value.len > 0 ? ": " : ";", (int)value.len,
                         value.len > 0 ? value.ptr : "");

    return push_line(lc, line.ptr);
}

/* Who asks for the connection's end gets one of his own: libcurl would put it
 * back while the peer closes it, and the next request would be lost. */
static bool wants_own_connection(const struct ccb_http_call_options *options)
{
    for (size_t i = 0; i < options->header_count; i++)
        if (ccb_http_same_word(options->headers[i].name,
                               ccb_slice_of("Connection")) &&
            ccb_http_same_word(options->headers[i].value,
                               ccb_slice_of("close")))
            return true;
    return false;
}

static int set_headers(struct ccb_http_long_call *lc, struct ccb_error *err)
{
    static const char *const silenced[] = {"Expect", "Accept"};
    const struct ccb_http_call_options *options = &lc->call.options;
    struct ccb_slice auth;
    bool has_auth;
    int code = ccb_http_request_auth(&lc->call, &has_auth, &auth, err);

    if (code != 0)
        return code;
    /* What libcurl would add by itself, unless the caller says otherwise:
     * a name with nothing behind the colon takes it away. */
    for (size_t i = 0; i < sizeof(silenced) / sizeof(silenced[0]); i++) {
        struct ccb_slice name = ccb_slice_of(silenced[i]);
        bool given = false;

        for (size_t k = 0; k < options->header_count; k++)
            given = given || ccb_http_same_word(options->headers[k].name, name);
        if (!given)
            code |= push_line(lc, i == 0 ? "Expect:" : "Accept:");
    }
    if (has_auth)
        code |= push_header(lc, ccb_slice_of("Authorization"), auth);
    for (size_t i = 0; i < options->header_count; i++)
        code |= push_header(lc, options->headers[i].name,
                            options->headers[i].value);
    if (wants_own_connection(options)) {
        (void)ccb_curl.easy_setopt(lc->easy, CURLOPT_FRESH_CONNECT, 1L);
        (void)ccb_curl.easy_setopt(lc->easy, CURLOPT_FORBID_REUSE, 1L);
    }
    if (code != 0 || ccb_curl.easy_setopt(lc->easy, CURLOPT_HTTPHEADER,
                                          lc->lines) != CURLE_OK)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return 0;
}

static int setup(struct ccb_http_long_call *lc, struct ccb_error *err)
{
    CURLcode rc;

    ccb_http_head_init(&lc->head);
    lc->easy = ccb_curl.easy_init();
    if (lc->easy == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    rc = set_common(lc);
    if (rc == CURLE_OK)
        rc = set_peer(lc);
    if (rc == CURLE_OK)
        rc = set_method(lc);
    if (rc != CURLE_OK)
        return ccb_error_set(
            err, rc == CURLE_OUT_OF_MEMORY ? CCB_NO_MEMORY : CCB_FAILED,
            "libcurl can't be set up: %s", ccb_curl.easy_strerror(rc));
    if (set_url(lc) != 0)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return set_headers(lc, err);
}

/* ---- results ------------------------------------------------------------ */

/* NULL words: libcurl's own detail, which names hosts but never the URL. */
static const struct {
    CURLcode result;
    int code;
    const char *words;
} results[] = {
    {CURLE_OUT_OF_MEMORY, CCB_NO_MEMORY, "out of memory"},
    {CURLE_URL_MALFORMAT, CCB_IO, "the URL is malformed"},
    {CURLE_TOO_MANY_REDIRECTS, CCB_IO, "stopped after 10 redirects"},
    {CURLE_PARTIAL_FILE, CCB_IO, "the answer broke off"},
    {CURLE_GOT_NOTHING, CCB_IO, "the connection was closed without an answer"},
    {CURLE_SEND_FAIL_REWIND, CCB_IO,
     "the connection was lost and the request must not be repeated"},
};

static void connect_words(struct ccb_http_long_call *lc)
{
    const struct ccb_url *url = &lc->call.url;
    const char *path = lc->call.options.unix_socket;
    long error = 0;

    (void)ccb_curl.easy_getinfo(lc->easy, CURLINFO_OS_ERRNO, &error);
    if (path != NULL) {
        ccb_http_call_error(&lc->call, CCB_IO, "dial unix %s: %s", path,
                            error > 0 ? uv_strerror(-(int)error) : lc->detail);
        return;
    }
    ccb_http_call_error(&lc->call, CCB_IO, "dial tcp %.*s:%u: %s",
                        (int)url->host.len, url->host.ptr, url->port,
                        error > 0 ? uv_strerror(-(int)error) : lc->detail);
}

/* Name, address, TLS: libcurl's time limit is for all of these. */
static bool is_unconnected(CURLcode result)
{
    return result == CURLE_COULDNT_CONNECT ||
           result == CURLE_COULDNT_RESOLVE_HOST ||
           result == CURLE_COULDNT_RESOLVE_PROXY ||
           result == CURLE_OPERATION_TIMEDOUT;
}

static void result_words(struct ccb_http_long_call *lc, CURLcode result)
{
    struct ccb_http_call *call = &lc->call;
    const char *detail =
        lc->detail[0] != '\0' ? lc->detail : ccb_curl.easy_strerror(result);
    char limit[40];

    call->answer.unconnected = is_unconnected(result) && lc->sends == 0;
    if (result == CURLE_COULDNT_CONNECT) {
        connect_words(lc);
        return;
    }
    if (result == CURLE_COULDNT_RESOLVE_HOST) {
        ccb_http_call_error(call, CCB_IO, "dial tcp: lookup %.*s: no such host",
                            (int)call->url.host.len, call->url.host.ptr);
        return;
    }
    if (result == CURLE_OPERATION_TIMEDOUT) {
        ccb_duration_format(call->options.connect_timeout, limit,
                            sizeof(limit));
        ccb_http_call_error(call, CCB_TIMED_OUT, "no connection within %s",
                            limit);
        return;
    }
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
        if (results[i].result == result) {
            ccb_http_call_error(call, results[i].code, "%s", results[i].words);
            return;
        }
    ccb_http_call_error(call, CCB_IO, "%s", detail);
}

void ccb_http_long_finish(struct ccb_http_long_call *lc, CURLcode result)
{
    struct ccb_http_answer *answer = &lc->call.answer;

    if (lc->code != 0)
        ccb_http_call_error(&lc->call, lc->code, "%s%s",
                            lc->malformed ? "malformed HTTP answer: " : "",
                            lc->why);
    else if (result != CURLE_OK)
        result_words(lc, result);
    else if (!lc->head_done) /* to libcurl a head that broke off is whole */
        result_words(lc, CURLE_PARTIAL_FILE);
    else
        answer->body = ccb_buf_slice(&lc->body);
    ccb_http_curl_remove(lc);
    ccb_http_call_done(&lc->call);
}

/* ---- the lane ----------------------------------------------------------- */

static int start(struct ccb_http_call *call, struct ccb_error *err)
{
    struct ccb_http_long_call *lc = (struct ccb_http_long_call *)call;
    int code = ccb_http_curl_open(call->client, err);

    if (code == 0)
        code = setup(lc, err);
    if (code != 0) {
        ccb_http_curl_remove(lc);
        return code;
    }
    ccb_http_call_set_due(call, call->deadline);
    ccb_http_curl_queue(lc);
    return 0;
}

static bool stop(struct ccb_http_call *call)
{
    struct ccb_http_long_call *lc = (struct ccb_http_long_call *)call;

    if (call->client->curl->depth > 0) {
        lc->dead = true;
        ccb_http_curl_queue(lc);
        return false;
    }
    ccb_http_curl_remove(lc);
    return true;
}

static void resume(struct ccb_http_call *call)
{
    struct ccb_http_long_call *lc = (struct ccb_http_long_call *)call;

    lc->wants_resume = true;
    ccb_http_curl_queue(lc);
}

static void destroy(struct ccb_http_call *call)
{
    struct ccb_http_long_call *lc = (struct ccb_http_long_call *)call;

    ccb_buf_destroy(&lc->text);
    ccb_buf_destroy(&lc->body);
}

const struct ccb_http_lane ccb_http_long_lane = {
    .call_size = sizeof(struct ccb_http_long_call),
    .start = start,
    .stop = stop,
    .resume = resume,
    .destroy = destroy,
};
