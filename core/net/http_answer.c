/*
 * Reading one HTTP answer for the short lane: llhttp, and the checks it leaves
 * out. Pure parsing over bytes, no I/O, so that it can be fuzzed and cut at
 * every byte.
 *
 * Invariant: an answer that is cut short, framed in two ways at once or over a
 * limit is an error, never a shorter success. Nothing is copied when the whole
 * answer arrives in one piece: slices then point into the bytes fed.
 * Follows contract/stager.md B1 and the llhttp row of the traps.
 */
#include "net/http_client_internal.h"

/* ---- heads -------------------------------------------------------------- */

void ccb_http_head_init(struct ccb_http_head *head)
{
    head->spans = head->first;
    head->count = 0;
    head->cap = CCB_HTTP_SPANS;
}

struct ccb_http_span *ccb_http_head_add(struct ccb_http_head *head,
                                        struct ccb_arena *arena)
{
    struct ccb_http_span *span;

    if (head->count == head->cap) {
        struct ccb_http_span *more =
            ccb_arena_alloc(arena, head->cap * 2 * sizeof(*more));

        if (more == NULL)
            return NULL;
        memcpy(more, head->spans, head->count * sizeof(*more));
        head->spans = more;
        head->cap *= 2;
    }
    span = &head->spans[head->count];
    head->count++;
    memset(span, 0, sizeof(*span));
    return span;
}

static struct ccb_slice trim(struct ccb_slice text)
{
    while (text.len > 0 && (*text.ptr == ' ' || *text.ptr == '\t')) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 &&
           (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static void point(struct ccb_http_header *headers,
                  const struct ccb_http_head *head, const char *text)
{
    for (size_t i = 0; i < head->count; i++) {
        const struct ccb_http_span *span = &head->spans[i];

        headers[i].name = ccb_slice_make(text + span->name, span->name_len);
        headers[i].value =
            trim(ccb_slice_make(text + span->value, span->value_len));
    }
}

struct ccb_http_header *ccb_http_head_slices(const struct ccb_http_head *head,
                                             const char *text,
                                             struct ccb_arena *arena)
{
    struct ccb_http_header *headers =
        ccb_arena_alloc(arena, (head->count + 1) * sizeof(*headers));

    if (headers != NULL)
        point(headers, head, text);
    return headers;
}

const char *ccb_http_head_fault(const struct ccb_http_header *headers,
                                size_t count)
{
    static const struct ccb_slice encoding = CCB_LIT("transfer-encoding");
    static const struct ccb_slice length = CCB_LIT("content-length");
    static const struct ccb_slice chunked = CCB_LIT("chunked");
    size_t framings = 0;

    for (size_t i = 0; i < count; i++) {
        bool encoded = ccb_http_same_word(headers[i].name, encoding);

        if (!ccb_http_is_token(headers[i].name))
            return "bad header name";
        if (encoded && !ccb_http_same_word(headers[i].value, chunked))
            return "unknown transfer encoding";
        if (encoded || ccb_http_same_word(headers[i].name, length))
            framings++;
    }
    return framings > 1 ? "the body's length is given twice" : NULL;
}

/* ---- callbacks of the parser -------------------------------------------- */

static int refuse(struct ccb_http_reader *reader, int code, const char *why)
{
    if (reader->code == 0) {
        reader->code = code;
        reader->why = why;
    }
    return -1;
}

static int no_memory(struct ccb_http_reader *reader)
{
    return refuse(reader, CCB_NO_MEMORY, "out of memory");
}

/* Where `at` lies in the head's text, counted from its first byte. */
static uint32_t offset_of(const struct ccb_http_reader *reader, const char *at)
{
    return (uint32_t)(reader->fed + (size_t)(at - reader->input.ptr));
}

static int on_message_begin(llhttp_t *parser)
{
    struct ccb_http_reader *reader = parser->data;

    reader->head.count = 0; /* drops what a 1xx answer brought */
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct ccb_http_reader *reader = parser->data;
    struct ccb_http_head *head = &reader->head;
    struct ccb_http_span *span;

    if (reader->head_done)
        return 0; /* a trailer; nobody asked for it */
    span = head->count > 0 ? &head->spans[head->count - 1] : NULL;
    if (span == NULL || span->value != 0) {
        if (head->count == CCB_HTTP_MAX_HEADERS)
            return refuse(reader, CCB_TOO_LARGE, "too many header lines");
        span = ccb_http_head_add(head, reader->arena);
        if (span == NULL)
            return no_memory(reader);
        span->name = offset_of(reader, at);
    }
    span->name_len += (uint32_t)len;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct ccb_http_reader *reader = parser->data;
    struct ccb_http_span *span;
    uint32_t offset;

    if (reader->head_done || reader->head.count == 0)
        return 0;
    span = &reader->head.spans[reader->head.count - 1];
    offset = offset_of(reader, at);
    if (span->value == 0)
        span->value = offset; /* never 0: a name lies before it */
    else if (span->value + span->value_len != offset)
        return refuse(reader, CCB_IO, "folded header line");
    span->value_len += (uint32_t)len;
    return 0;
}

/* The bytes of the head, in one piece. */
static const char *head_text(struct ccb_http_reader *reader)
{
    if (reader->fed == 0)
        return reader->input.ptr;
    if (ccb_buf_put_slice(&reader->raw, reader->input) != 0)
        return NULL;
    return reader->raw.data;
}

static bool has_no_body(const struct ccb_http_reader *reader)
{
    return reader->no_body || reader->status == 204 || reader->status == 304;
}

/* The head of the answer proper: checks it and makes room for the body. */
static int take_head(struct ccb_http_reader *reader)
{
    const llhttp_t *parser = &reader->parser;
    const char *text = head_text(reader);
    const char *fault;

    if (text == NULL)
        return no_memory(reader);
    reader->headers = ccb_http_head_slices(&reader->head, text, reader->arena);
    if (reader->headers == NULL)
        return no_memory(reader);
    fault = ccb_http_head_fault(reader->headers, reader->head.count);
    if (fault != NULL)
        return refuse(reader, CCB_IO, fault);
    reader->head_done = true;
    /* llhttp forgets the framing when the message is over. */
    reader->keep_alive = llhttp_should_keep_alive(parser) != 0;
    if (has_no_body(reader)) {
        /* llhttp asks the length where there is no body to frame. */
        reader->keep_alive =
            (parser->flags & F_CONNECTION_CLOSE) == 0 && parser->http_minor > 0;
        return 1;
    }
    if ((parser->flags & F_CONTENT_LENGTH) == 0)
        return 0;
    if (parser->content_length > reader->max_body)
        return refuse(reader, CCB_TOO_LARGE, "the answer is too large");
    reader->length = (int64_t)parser->content_length;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct ccb_http_reader *reader = parser->data;
    const struct ccb_http_head *head = &reader->head;

    reader->status = parser->status_code;
    if (parser->http_major != 1)
        return refuse(reader, CCB_IO, "not HTTP/1");
    if (reader->status < 100 || reader->status > 999)
        return refuse(reader, CCB_IO, "bad status code");
    if (reader->status == 101)
        return refuse(reader, CCB_IO, "the protocol was switched unasked");
    if (head->count > 0) {
        const struct ccb_http_span *last = &head->spans[head->count - 1];

        if (last->value + last->value_len > CCB_HTTP_MAX_HEAD)
            return refuse(reader, CCB_TOO_LARGE, "the head is too large");
    }
    return reader->status < 200 ? 1 : take_head(reader);
}

/* Moves a body piece that was only borrowed into our own memory. */
static int keep_piece(struct ccb_http_reader *reader)
{
    struct ccb_slice piece = reader->piece;
    size_t room = piece.len;

    if (piece.len == 0)
        return 0;
    reader->piece = ccb_slice_make(NULL, 0);
    /* A length is a claim: it saves copying, but buys no memory by itself. */
    if (reader->length > 0 && reader->length <= 8 * CCB_HTTP_SCRATCH &&
        (size_t)reader->length > room)
        room = (size_t)reader->length;
    if (ccb_buf_reserve(&reader->kept, room) == NULL)
        return no_memory(reader);
    (void)ccb_buf_put_slice(&reader->kept, piece); /* there is room */
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct ccb_http_reader *reader = parser->data;

    if (len > reader->max_body - reader->total)
        return refuse(reader, CCB_TOO_LARGE, "the answer is too large");
    if (reader->total == 0) {
        reader->piece = ccb_slice_make(at, len);
        reader->total = len;
        return 0;
    }
    reader->total += len;
    if (keep_piece(reader) != 0)
        return -1;
    return ccb_buf_append(&reader->kept, at, len) != 0 ? no_memory(reader) : 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct ccb_http_reader *reader = parser->data;

    if (!reader->head_done)
        return 0; /* a 1xx: the answer follows */
    reader->done = true;
    return HPE_PAUSED; /* what follows is not ours to read */
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- the reader --------------------------------------------------------- */

void ccb_http_reader_init(struct ccb_http_reader *reader,
                          struct ccb_arena *arena, bool no_body,
                          uint64_t max_body)
{
    memset(reader, 0, sizeof(*reader));
    llhttp_init(&reader->parser, HTTP_RESPONSE, &settings);
    reader->parser.data = reader;
    reader->arena = arena;
    reader->no_body = no_body;
    reader->max_body = max_body;
    reader->length = -1;
    ccb_http_head_init(&reader->head);
}

void ccb_http_reader_destroy(struct ccb_http_reader *reader)
{
    ccb_buf_destroy(&reader->raw);
    ccb_buf_destroy(&reader->kept);
}

/* Before the fed bytes go: what still points at them becomes ours. */
static int keep_rest(struct ccb_http_reader *reader)
{
    if (!reader->head_done) {
        if (reader->input.len > CCB_HTTP_MAX_HEAD - reader->fed)
            return refuse(reader, CCB_TOO_LARGE, "the head is too large");
        reader->fed += reader->input.len;
        return ccb_buf_put_slice(&reader->raw, reader->input) != 0
                   ? no_memory(reader)
                   : 0;
    }
    if (reader->raw.len == 0 && reader->head.count > 0) {
        const struct ccb_http_span *last =
            &reader->head.spans[reader->head.count - 1];

        if (ccb_buf_append(&reader->raw, reader->input.ptr,
                           last->value + last->value_len) != 0)
            return no_memory(reader);
        point(reader->headers, &reader->head, reader->raw.data);
    }
    return keep_piece(reader);
}

static int give_up(struct ccb_http_reader *reader)
{
    if (reader->code == 0) {
        const char *why = llhttp_get_error_reason(&reader->parser);

        (void)refuse(reader, CCB_IO, why != NULL ? why : "bad syntax");
    }
    return reader->code;
}

int ccb_http_reader_feed(struct ccb_http_reader *reader, struct ccb_slice bytes)
{
    llhttp_errno_t rc;

    if (reader->code != 0 || bytes.len == 0)
        return reader->code;
    reader->begun = true;
    reader->input = bytes;
    rc = llhttp_execute(&reader->parser, bytes.ptr, bytes.len);
    if (reader->done && rc == HPE_PAUSED) {
        /* Bytes behind the answer: somebody lost count; not to be reused. */
        if (llhttp_get_error_pos(&reader->parser) != bytes.ptr + bytes.len)
            reader->keep_alive = false;
        return 1;
    }
    if (rc != HPE_OK || keep_rest(reader) != 0)
        return give_up(reader);
    return 0;
}

int ccb_http_reader_finish(struct ccb_http_reader *reader)
{
    llhttp_errno_t rc;

    if (reader->code != 0)
        return reader->code;
    reader->input = ccb_slice_make("", 0);
    rc = llhttp_finish(&reader->parser);
    if (reader->done && (rc == HPE_OK || rc == HPE_PAUSED)) {
        reader->keep_alive = false;
        return 1;
    }
    (void)refuse(reader, CCB_IO,
                 reader->begun ? "the answer broke off"
                               : "the connection was closed without an answer");
    return reader->code;
}

void ccb_http_reader_answer(const struct ccb_http_reader *reader,
                            struct ccb_http_answer *answer)
{
    answer->status = reader->head_done ? reader->status : 0;
    answer->headers = reader->head_done ? reader->headers : NULL;
    answer->header_count = reader->head_done ? reader->head.count : 0;
    answer->body =
        reader->kept.len > 0 ? ccb_buf_slice(&reader->kept) : reader->piece;
}
