/*
 * The glue between one call of a plugin and the helpers: facts, message,
 * result, memory, log lines. All of it works on the host's services alone.
 *
 * Invariant: whoever sets `code` has told the host why, and nobody overwrites
 * it. Follows ccbridge/sdk.h and the rules of ccbridge/lifecycle.h.
 */
#include "ccbridge/sdk.h"

#include <stdio.h>

static int refuse(struct ccb_sdk_call *c, int code, struct ccb_slice id,
                  struct ccb_slice text)
{
    if (c->code == 0) {
        c->host->fail(c->call, code, id, text);
        c->code = code;
    }
    return c->code;
}

int ccb_sdk_fail(struct ccb_sdk_call *c, int code, const char *text)
{
    return refuse(c, code, ccb_slice_of(""), ccb_slice_of(text));
}

int ccb_sdk_fail_error(struct ccb_sdk_call *c, const struct ccb_error *err)
{
    return refuse(c, err->code, ccb_slice_of(err->id),
                  ccb_slice_of(err->message));
}

int ccb_sdk_fail_for(struct ccb_sdk_call *c, const char *what,
                     const struct ccb_error *err)
{
    struct ccb_error named = *err;

    named.code = CCB_FAILED;
    ccb_error_prefix(&named, "%s", what);
    return ccb_sdk_fail_error(c, &named);
}

static int no_memory(struct ccb_sdk_call *c)
{
    return ccb_sdk_fail(c, CCB_NO_MEMORY, "out of memory");
}

/* ---- begin -------------------------------------------------------------- */

static void *call_alloc(void *ctx, size_t size)
{
    struct ccb_sdk_call *c = ctx;
    return c->host->alloc(c->call, size);
}

/* Facts and gathered facts: absent, or one JSON object. */
static int read_object(struct ccb_sdk_call *c, struct ccb_slice text,
                       const char *what, struct ccb_json *out)
{
    struct ccb_error err = {0, "", ""};
    int code;

    out->type = CCB_JSON_NONE;
    out->raw = ccb_slice_of("");
    if (text.len == 0)
        return 0;
    code = ccb_json_parse(out, text, CCB_JSON_WHOLE, &err);
    if (code == 0 && out->type == CCB_JSON_OBJECT)
        return 0;
    if (code == 0)
        ccb_error_set(&err, CCB_FAILED, "expected an object");
    ccb_error_prefix(&err, "%s", what);
    err.code = CCB_FAILED;
    return ccb_sdk_fail_error(c, &err);
}

int ccb_sdk_begin(struct ccb_sdk_call *out, const struct ccb_host *host,
                  struct ccb_call *call, const struct ccb_request *request)
{
    memset(out, 0, sizeof(*out));
    out->host = host;
    out->call = call;
    out->request = request;
    out->alloc.alloc = call_alloc;
    out->alloc.ctx = out;
    if (read_object(out, request->facts, "facts", &out->facts) == 0)
        read_object(out, request->gathered, "gathered facts", &out->gathered);
    return out->code;
}

int ccb_sdk_speaks(struct ccb_sdk_call *c, const char *dialect)
{
    struct ccb_slice asked = c->request->dialect;
    char text[160];

    if (ccb_slice_is(asked, dialect))
        return 0;
    snprintf(text, sizeof(text),
             "the back end speaks \"%.*s\", this plugin only \"%s\"",
             asked.len < 60 ? (int)asked.len : 60, asked.len ? asked.ptr : "",
             dialect);
    return ccb_sdk_fail(c, CCB_UNSUPPORTED, text);
}

int ccb_sdk_decode(struct ccb_sdk_call *c, enum ccb_json_extent extent,
                   const struct ccb_json_shape *shape, void *out)
{
    struct ccb_error err = {0, "", ""};
    int code = ccb_json_parse(&c->message, c->request->message, extent, &err);

    if (code == 0)
        code = ccb_json_decode(c->message, shape, out, &c->alloc, &err);
    if (code == 0)
        return 0;
    err.code = code == CCB_NO_MEMORY ? code : CCB_FAILED;
    return ccb_sdk_fail_error(c, &err);
}

/* ---- result ------------------------------------------------------------- */

static int emit(void *ctx, const char *bytes, size_t len)
{
    struct ccb_sdk_call *c = ctx;
    return c->host->emit(c->call, bytes, len);
}

void ccb_sdk_writer(struct ccb_sdk_call *c, struct ccb_json_writer *w)
{
    ccb_json_writer_init(w, emit, c);
}

int ccb_sdk_end(struct ccb_sdk_call *c, struct ccb_json_writer *w)
{
    int code = ccb_json_writer_end(w);

    if (c->code < 0 || code == 0)
        return c->code;
    if (code == CCB_TOO_LARGE)
        return ccb_sdk_fail(c, code, "the result is over the host's limit");
    return ccb_sdk_fail(c, code, "the result could not be written");
}

/* ---- facts -------------------------------------------------------------- */

struct ccb_slice ccb_sdk_member(struct ccb_sdk_call *c, struct ccb_json object,
                                const char *name)
{
    struct ccb_json value = ccb_json_get(object, name);
    struct ccb_slice text = CCB_LIT("");

    if (value.type == CCB_JSON_STRING &&
        ccb_json_string(value, &c->alloc, &text) < 0) {
        no_memory(c);
        text = ccb_slice_of("");
    }
    return text;
}

struct ccb_slice ccb_sdk_fact_string(struct ccb_sdk_call *c, const char *name)
{
    return ccb_sdk_member(c, c->facts, name);
}

bool ccb_sdk_fact_bool(struct ccb_sdk_call *c, const char *name)
{
    struct ccb_json value = ccb_json_get(c->facts, name);
    return value.type == CCB_JSON_BOOL && ccb_slice_is(value.raw, "true");
}

struct ccb_slice ccb_sdk_bundle(struct ccb_sdk_call *c, struct ccb_slice key)
{
    /* Not ccb_json_get: these are the operator's words, where case counts. */
    struct ccb_json_iter it =
        ccb_json_iter(ccb_json_get(c->facts, "lifecycles"));
    struct ccb_slice found = CCB_LIT("");

    while (ccb_json_next(&it)) {
        struct ccb_slice name;
        if (it.key.type != CCB_JSON_STRING || it.value.type != CCB_JSON_STRING)
            continue;
        if (ccb_json_string(it.key, &c->alloc, &name) < 0)
            no_memory(c);
        else if (ccb_slice_equal(name, key) &&
                 ccb_json_string(it.value, &c->alloc, &found) < 0)
            no_memory(c);
    }
    return c->code < 0 ? ccb_slice_of("") : found;
}

/* ---- memory and texts --------------------------------------------------- */

void *ccb_sdk_alloc(struct ccb_sdk_call *c, size_t count, size_t size)
{
    void *memory = NULL;

    if (size == 0 || count <= SIZE_MAX / size)
        memory = c->host->alloc(c->call, count * size);
    if (!memory)
        no_memory(c);
    return memory;
}

struct ccb_slice ccb_sdk_concat(struct ccb_sdk_call *c,
                                const struct ccb_slice *pieces, size_t count)
{
    size_t i, len = 0, at = 0;
    char *text;

    for (i = 0; i < count; i++)
        len += pieces[i].len;
    text = ccb_sdk_alloc(c, len + 1, 1);
    if (!text)
        return ccb_slice_of("");
    for (i = 0; i < count; i++) {
        if (pieces[i].len > 0)
            memcpy(text + at, pieces[i].ptr, pieces[i].len);
        at += pieces[i].len;
    }
    return ccb_slice_make(text, len);
}

int ccb_sdk_text_sink(void *text, const char *bytes, size_t len)
{
    struct ccb_sdk_text *t = text;

    if (len > t->room - t->len) {
        /* The old copy stays behind in the call's memory: at most as much
         * again as what it holds now. */
        size_t room = t->room ? t->room : 256;
        char *bigger;
        while (room - t->len < len) {
            if (room > SIZE_MAX / 2)
                return CCB_NO_MEMORY;
            room *= 2;
        }
        bigger = t->c->host->alloc(t->c->call, room);
        if (!bigger)
            return CCB_NO_MEMORY;
        if (t->len > 0)
            memcpy(bigger, t->ptr, t->len);
        t->ptr = bigger;
        t->room = room;
    }
    if (len > 0)
        memcpy(t->ptr + t->len, bytes, len);
    t->len += len;
    return 0;
}

struct ccb_json_writer *ccb_sdk_log_begin(struct ccb_sdk_log *log,
                                          struct ccb_sdk_call *c)
{
    struct ccb_sdk_text empty = {c, NULL, 0, 0};

    log->text = empty;
    ccb_json_writer_init(&log->w, ccb_sdk_text_sink, &log->text);
    ccb_json_begin_object(&log->w);
    return &log->w;
}

void ccb_sdk_log_end(struct ccb_sdk_log *log, int level, const char *action)
{
    struct ccb_sdk_call *c = log->text.c;
    struct ccb_slice data = CCB_LIT("");

    ccb_json_end_object(&log->w);
    if (ccb_json_writer_end(&log->w) == 0)
        data = ccb_slice_make(log->text.ptr, log->text.len);
    c->host->log(c->call, level, ccb_slice_of(action), data);
}
