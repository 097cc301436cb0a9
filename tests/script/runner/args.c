/*
 * Walks the words of one statement (run.h).
 *
 * Invariant: a keyword is a bare word; the same text in quotes is a value.
 * Every word is taken by somebody, or the statement fails.
 */
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ccb_args ccb_args_begin(struct ccb_ctx *ctx, const struct ccb_stmt *s,
                               struct ccb_pool *pool)
{
    return (struct ccb_args){
        .ctx = ctx, .stmt = s, .end = s->word_count, .pool = pool};
}

int ccb_args_more(const struct ccb_args *a)
{
    return a->next < a->end;
}

int ccb_args_peek(const struct ccb_args *a, const char *keyword)
{
    if (a->next >= a->end)
        return 0;
    const struct ccb_word *w = &a->stmt->words[a->next];
    return w->kind == CCB_WORD_BARE && strcmp(w->text, keyword) == 0;
}

int ccb_args_keyword(struct ccb_args *a, const char *keyword)
{
    if (!ccb_args_peek(a, keyword))
        return 0;
    a->ctx->line = a->stmt->words[a->next].line;
    a->next++;
    return 1;
}

int ccb_args_value(struct ccb_args *a, struct ccb_value *out, const char *what)
{
    if (a->next >= a->end)
        return ccb_fail(a->ctx, "%s is missing at the end of the statement",
                        what);
    const struct ccb_word *w = &a->stmt->words[a->next++];
    struct ccb_text text = {0};
    a->ctx->line = w->line;
    if (ccb_vars_expand(a->ctx, w, &text) < 0) {
        ccb_text_free(&text);
        return -1;
    }
    out->kind = w->kind;
    out->ptr = ccb_pool_copy(a->pool, text.ptr, text.len);
    out->len = text.len;
    ccb_text_free(&text);
    return 0;
}

int ccb_args_text(struct ccb_args *a, const char **out, const char *what)
{
    struct ccb_value v;
    if (ccb_args_value(a, &v, what) < 0)
        return -1;
    *out = v.ptr;
    return 0;
}

int ccb_args_number(struct ccb_args *a, long long *out, const char *what)
{
    const char *text;
    char *end;
    if (ccb_args_text(a, &text, what) < 0)
        return -1;
    errno = 0;
    *out = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return ccb_fail(a->ctx, "%s is no number: %s", what, text);
    return 0;
}

int ccb_args_duration(struct ccb_args *a, long long *ms)
{
    const char *text;
    if (ccb_args_text(a, &text, "a duration") < 0)
        return -1;
    if (ccb_tool_duration(text, ms) < 0)
        return ccb_fail(a->ctx, "no duration (20ms, 3s, 2m): %s", text);
    return 0;
}

int ccb_args_size(struct ccb_args *a, uint64_t *bytes)
{
    const char *text;
    if (ccb_args_text(a, &text, "a size") < 0)
        return -1;
    if (ccb_tool_size(text, bytes) < 0)
        return ccb_fail(a->ctx, "no size (10, 64k, 5M, 4G): %s", text);
    return 0;
}

int ccb_args_unknown(struct ccb_args *a, const char *what)
{
    if (a->next >= a->end)
        return ccb_fail(a->ctx, "%s is missing at the end of the statement",
                        what);
    const struct ccb_word *w = &a->stmt->words[a->next];
    a->ctx->line = w->line;
    return ccb_fail(a->ctx, "`%s` is not %s", w->text, what);
}

int ccb_args_end(struct ccb_args *a)
{
    return ccb_args_more(a) ? ccb_args_unknown(a, "understood here") : 0;
}

int ccb_args_deadline(struct ccb_args *a, long long *deadline)
{
    long long ms = a->ctx->run->deadline;
    for (size_t i = a->next; i + 1 < a->end; i++) {
        const struct ccb_word *w = &a->stmt->words[i];
        if (w->kind != CCB_WORD_BARE || strcmp(w->text, "within") != 0)
            continue;
        struct ccb_args at = *a;
        at.next = i + 1;
        if (ccb_args_duration(&at, &ms) < 0)
            return -1;
    }
    *deadline = ccb_tool_now() + ms;
    return 0;
}

int ccb_args_skip_within(struct ccb_args *a)
{
    long long ms;
    return ccb_args_keyword(a, "within") ? ccb_args_duration(a, &ms) : 0;
}

int ccb_args_take(struct ccb_args *a, const struct ccb_keyword *table,
                  size_t count, void *target)
{
    for (size_t i = 0; i < count; i++)
        if (ccb_args_keyword(a, table[i].name))
            return table[i].take(a, target) < 0 ? -1 : 1;
    return 0;
}

static int take_content(struct ccb_args *a, struct ccb_content *c,
                        const char *what)
{
    struct ccb_value v;
    if (ccb_args_value(a, &v, what) < 0)
        return -1;
    c->kind = CCB_CONTENT_TEXT;
    c->ptr = v.ptr;
    c->len = v.len;
    return 0;
}

int ccb_content_json(struct ccb_args *a, struct ccb_content *c)
{
    c->type = "application/json";
    return take_content(a, c, "the JSON");
}

int ccb_content_text(struct ccb_args *a, struct ccb_content *c)
{
    c->type = "text/plain";
    return take_content(a, c, "the text");
}

int ccb_content_bytes(struct ccb_args *a, struct ccb_content *c)
{
    c->kind = CCB_CONTENT_BYTES;
    c->type = "application/octet-stream";
    return ccb_args_size(a, &c->generated);
}
