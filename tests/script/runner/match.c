/*
 * The clauses of expectations (match.h).
 *
 * Invariant: clauses are read while they are checked, left to right; the
 * first that does not hold is the failure.
 */
#include "match_internal.h"

#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ccb_subject ccb_match_message(const char *what,
                                     const struct ccb_message *m)
{
    return (struct ccb_subject){.what = what,
                                .m = m,
                                .body = m->body.ptr,
                                .len = m->body.len,
                                .whole = m->whole};
}

struct ccb_subject ccb_match_bytes(const char *what, const char *bytes,
                                   size_t len)
{
    return (struct ccb_subject){
        .what = what, .body = bytes, .len = len, .whole = 1};
}

/* ---- clauses ------------------------------------------------------------ */

/* Fails with what `why` says about `place` of the subject. */
int ccb_match_fail(struct ccb_args *a, struct ccb_check *c, const char *place)
{
    return ccb_fail(a->ctx, "%s, %s: %s", c->s->what, place,
                    c->why.ptr ? c->why.ptr : "");
}

static int check_text(struct ccb_args *a, struct ccb_check *c,
                      const char *place, const char *text, size_t len)
{
    int holds = ccb_match_text(a, text, len, &c->why);
    return holds == 0 ? ccb_match_fail(a, c, place) : holds < 0 ? -1 : 0;
}

int ccb_match_need_message(struct ccb_args *a, struct ccb_check *c)
{
    return c->s->m != NULL ? 0
                           : ccb_fail(a->ctx, "%s has no headers", c->s->what);
}

static int take_status(struct ccb_args *a, void *target)
{
    struct ccb_check *c = target;
    char status[16];
    if (ccb_match_need_message(a, c) < 0)
        return -1;
    snprintf(status, sizeof(status), "%d", c->s->m->status);
    int code = check_text(a, c, "status", status, strlen(status));
    if (code < 0 && c->s->len > 0) {
        ccb_text_adds(&a->ctx->failure, "\n    with the body ");
        ccb_text_show(&a->ctx->failure, c->s->body, c->s->len, 400);
    }
    return code;
}

int ccb_match_fail_header(struct ccb_args *a, struct ccb_check *c,
                          const char *name)
{
    struct ccb_text list = {0};
    for (size_t i = 0; i < c->s->m->header_count; i++)
        ccb_text_addf(&list, "\n    %s: %s", c->s->m->headers[i].name,
                      c->s->m->headers[i].value);
    ccb_fail(a->ctx, "%s has no header %s; it has%s", c->s->what, name,
             list.ptr ? list.ptr : " none");
    ccb_text_free(&list);
    return -1;
}

static int take_header(struct ccb_args *a, void *target)
{
    struct ccb_check *c = target;
    const char *name;
    if (ccb_match_need_message(a, c) < 0 ||
        ccb_args_text(a, &name, "the header's name") < 0)
        return -1;
    const char *value = ccb_message_header(c->s->m, name);
    if (value == NULL)
        return ccb_match_fail_header(a, c, name);
    return check_text(a, c, name, value, strlen(value));
}

/* path [OPERATOR] VALUE: path and query, byte for byte */
static int take_path(struct ccb_args *a, void *target)
{
    struct ccb_check *c = target;
    const char *path = c->s->m ? c->s->m->target : NULL;
    if (path == NULL)
        return ccb_fail(a->ctx, "%s has no path", c->s->what);
    return check_text(a, c, "path", path, strlen(path));
}

static int take_query(struct ccb_args *a, void *target)
{
    struct ccb_check *c = target;
    const char *name;
    if (ccb_match_need_message(a, c) < 0 ||
        ccb_args_text(a, &name, "the parameter's name") < 0)
        return -1;
    const char *request = c->s->m->target;
    char *value = request ? ccb_rule_query(request, name) : NULL;
    int code;
    if (value == NULL)
        code = ccb_fail(a->ctx, "%s has no query parameter %s: %s", c->s->what,
                        name, request ? request : "");
    else
        code = check_text(a, c, name, value, strlen(value));
    free(value);
    return code;
}

/* no header NAME, no query NAME */
static int take_no(struct ccb_args *a, void *target)
{
    struct ccb_check *c = target;
    const char *name;
    int query = ccb_args_keyword(a, "query");
    if (!query && !ccb_args_keyword(a, "header"))
        return ccb_args_unknown(a, "`header` or `query`");
    if (ccb_match_need_message(a, c) < 0 ||
        ccb_args_text(a, &name, "the name") < 0)
        return -1;
    char *value = NULL;
    if (query)
        value = ccb_rule_query(c->s->m->target, name);
    else if (ccb_message_header(c->s->m, name) != NULL)
        value = ccb_tool_copy(ccb_message_header(c->s->m, name),
                              strlen(ccb_message_header(c->s->m, name)));
    if (value == NULL)
        return 0;
    ccb_fail(a->ctx, "%s: expected no %s, found %s", c->s->what, name, value);
    free(value);
    return -1;
}

static int need_body(struct ccb_args *a, struct ccb_check *c)
{
    if (c->s->whole)
        return 0;
    return ccb_fail(a->ctx,
                    "%s: a body of %llu bytes is not kept; use body length, "
                    "md5 or bytes",
                    c->s->what,
                    (unsigned long long)(c->s->m ? c->s->m->length : 0));
}

static int parse_json(struct ccb_args *a, struct ccb_json *out,
                      struct ccb_slice text, const char *what)
{
    struct ccb_error err;
    if (ccb_json_parse(out, text, CCB_JSON_WHOLE, &err) == 0)
        return 0;
    struct ccb_text shown = {0};
    ccb_text_show(&shown, text.ptr, text.len, 400);
    ccb_fail(a->ctx, "%s is no JSON: %s\n    %s", what, err.message,
             shown.ptr ? shown.ptr : "(empty)");
    ccb_text_free(&shown);
    return -1;
}

/* The expected document against a value that was found. */
static int check_json(struct ccb_args *a, struct ccb_check *c,
                      struct ccb_json found, int subset, const char *place)
{
    struct ccb_value v;
    struct ccb_json expected;
    if (ccb_args_value(a, &v, "the expected JSON") < 0 ||
        parse_json(a, &expected, ccb_slice_make(v.ptr, v.len),
                   "what is expected") < 0)
        return -1;
    if (ccb_diff_json(expected, found, subset, &c->why))
        return ccb_match_fail(a, c, place);
    return 0;
}

int ccb_match_document(struct ccb_args *a, struct ccb_check *c,
                       struct ccb_json *out)
{
    struct ccb_text what = {0};
    if (need_body(a, c) < 0)
        return -1;
    ccb_text_addf(&what, "the body of %s", c->s->what);
    int code =
        parse_json(a, out, ccb_slice_make(c->s->body, c->s->len), what.ptr);
    ccb_text_free(&what);
    return code;
}

static int body_json(struct ccb_args *a, struct ccb_check *c)
{
    struct ccb_json found;
    return ccb_match_document(a, c, &found) < 0
               ? -1
               : check_json(a, c, found, 0, "body");
}

static int body_includes(struct ccb_args *a, struct ccb_check *c)
{
    struct ccb_json found;
    return ccb_match_document(a, c, &found) < 0
               ? -1
               : check_json(a, c, found, 1, "body");
}

static int body_empty(struct ccb_args *a, struct ccb_check *c)
{
    uint64_t length = c->s->m ? c->s->m->length : c->s->len;
    if (length == 0)
        return 0;
    ccb_text_adds(&c->why, "expected nothing, found ");
    ccb_text_show(&c->why, c->s->body, c->s->len, 400);
    return ccb_match_fail(a, c, "body");
}

static int body_length(struct ccb_args *a, struct ccb_check *c)
{
    struct ccb_text n = {0};
    uint64_t expected, length = c->s->m ? c->s->m->length : c->s->len;
    int code;
    if (a->next < a->end &&
        ccb_tool_size(a->stmt->words[a->next].text, &expected) == 0) {
        a->next++;
        if (expected == length)
            return 0;
        ccb_text_addf(&c->why, "expected %llu bytes, found %llu",
                      (unsigned long long)expected, (unsigned long long)length);
        return ccb_match_fail(a, c, "body length");
    }
    ccb_text_addf(&n, "%llu", (unsigned long long)length);
    code = check_text(a, c, "body length", n.ptr, n.len);
    ccb_text_free(&n);
    return code;
}

void ccb_match_digest(const struct ccb_subject *s, char hex[33])
{
    if (s->m != NULL) {
        memcpy(hex, s->m->md5, 33);
        return;
    }
    struct ccb_md5 *md5 = ccb_md5_create();
    ccb_md5_add(md5, s->body, s->len);
    ccb_md5_finish(md5, hex);
}

static int body_md5(struct ccb_args *a, struct ccb_check *c)
{
    char hex[33];
    ccb_match_digest(c->s, hex);
    return check_text(a, c, "body md5", hex, strlen(hex));
}

/* body bytes N: the generated content of that length */
static int body_bytes(struct ccb_args *a, struct ccb_check *c)
{
    uint64_t size;
    char found[33], expected[33];
    if (ccb_args_size(a, &size) < 0)
        return -1;
    ccb_match_digest(c->s, found);
    ccb_tool_generated_md5(size, expected);
    if (strcmp(found, expected) == 0)
        return 0;
    ccb_text_addf(&c->why,
                  "expected the generated %llu bytes, md5 %s\n    found %llu "
                  "bytes, md5 %s",
                  (unsigned long long)size, expected,
                  (unsigned long long)(c->s->m ? c->s->m->length : c->s->len),
                  found);
    return ccb_match_fail(a, c, "body");
}

static int body_equals(struct ccb_args *a, struct ccb_check *c)
{
    if (need_body(a, c) < 0)
        return -1;
    return check_text(a, c, "body", c->s->body ? c->s->body : "", c->s->len);
}

/* The forms of `body`; none of them: [OPERATOR] TEXT. */
static const struct {
    const char *name;
    int (*check)(struct ccb_args *, struct ccb_check *);
} bodies[] = {{"json", body_json},     {"includes", body_includes},
              {"empty", body_empty},   {"length", body_length},
              {"md5", body_md5},       {"bytes", body_bytes},
              {"equals", body_equals}, {"text", body_equals}};

static int take_body(struct ccb_args *a, void *target)
{
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
        if (ccb_args_keyword(a, bodies[i].name))
            return bodies[i].check(a, target);
    return body_equals(a, target);
}

/* ---- json PATH ... ------------------------------------------------------ */

static int json_absent(struct ccb_args *a, struct ccb_check *c,
                       struct ccb_json found, const char *path)
{
    if (found.type == CCB_JSON_NONE)
        return 0;
    ccb_text_adds(&c->why, "expected nothing, found ");
    ccb_text_show(&c->why, found.raw.ptr, found.raw.len, 400);
    return ccb_match_fail(a, c, path);
}

static int json_length(struct ccb_args *a, struct ccb_check *c,
                       struct ccb_json found, const char *path)
{
    struct ccb_text n = {0};
    size_t count = 0;
    struct ccb_json_iter it = ccb_json_iter(found);
    while (ccb_json_next(&it))
        count++;
    if (found.type == CCB_JSON_STRING)
        count = ccb_diff_text(found, a->pool).len;
    ccb_text_addf(&n, "%zu", count);
    int code = check_text(a, c, path, n.ptr, n.len);
    ccb_text_free(&n);
    return code;
}

/* Whether the word at hand is JSON when it stands bare: a number, true,
 * false, null, or a document. */
static int is_json_word(const struct ccb_args *a)
{
    static const char *const names[] = {"true", "false", "null"};
    if (a->next >= a->end)
        return 0;
    const struct ccb_word *w = &a->stmt->words[a->next];
    if (w->kind == CCB_WORD_JSON)
        return 1;
    if (w->kind != CCB_WORD_BARE)
        return 0;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(w->text, names[i]) == 0)
            return 1;
    const char *digits = w->text + (w->text[0] == '-');
    return *digits != '\0' && digits[strspn(digits, "0123456789.eE+-")] == '\0';
}

/* Whether a bare word's variables make it a document. A number out of a
 * variable is compared as text: it may be meant for a string. */
static int becomes_json(const struct ccb_args *a)
{
    struct ccb_args look = *a;
    struct ccb_value v;
    if (a->next >= a->end || a->stmt->words[a->next].kind != CCB_WORD_BARE ||
        strncmp(a->stmt->words[a->next].text, "${", 2) != 0)
        return 0;
    if (ccb_args_value(&look, &v, "the value") < 0)
        return -1;
    return v.ptr[0] == '{' || v.ptr[0] == '[';
}

static int json_value(struct ccb_args *a, struct ccb_check *c,
                      struct ccb_json found, const char *path)
{
    struct ccb_args look = *a;
    ccb_args_keyword(&look, "==");
    int document = is_json_word(&look) ? 1 : becomes_json(&look);
    if (document < 0)
        return -1;
    if (document) {
        *a = look;
        return check_json(a, c, found, 0, path);
    }
    if (found.type == CCB_JSON_NONE) {
        ccb_text_adds(&c->why, "nothing is there");
        return ccb_match_fail(a, c, path);
    }
    struct ccb_slice text = ccb_diff_text(found, a->pool);
    const char *copy = ccb_pool_copy(a->pool, text.ptr, text.len);
    return check_text(a, c, path, copy, text.len);
}

static int take_json(struct ccb_args *a, void *target)
{
    struct ccb_check *c = target;
    struct ccb_json root, found;
    const char *path;
    if (ccb_args_text(a, &path, "the path") < 0 ||
        ccb_match_document(a, c, &root) < 0)
        return -1;
    if (ccb_diff_path(root, path, a->pool, &found, &c->why) < 0)
        return ccb_match_fail(a, c, path);
    if (ccb_args_keyword(a, "absent"))
        return json_absent(a, c, found, path);
    if (ccb_args_keyword(a, "length"))
        return json_length(a, c, found, path);
    if (ccb_args_keyword(a, "includes"))
        return check_json(a, c, found, 1, path);
    if (!ccb_args_keyword(a, "present"))
        return json_value(a, c, found, path);
    ccb_text_adds(&c->why, "nothing is there");
    return found.type != CCB_JSON_NONE ? 0 : ccb_match_fail(a, c, path);
}

static int take_within(struct ccb_args *a, void *target)
{
    long long ms;
    (void)target;
    return ccb_args_duration(a, &ms);
}

static const struct ccb_keyword clauses[] = {
    {"status", take_status}, {"header", take_header}, {"query", take_query},
    {"no", take_no},         {"body", take_body},     {"json", take_json},
    {"path", take_path},     {"within", take_within},
};

int ccb_match_body(struct ccb_args *a, const struct ccb_subject *subject)
{
    struct ccb_check c = {.s = subject};
    ccb_args_keyword(a, "body");
    int code = take_body(a, &c);
    ccb_text_free(&c.why);
    return code < 0 ? -1 : ccb_match_clauses(a, subject);
}

int ccb_match_clauses(struct ccb_args *a, const struct ccb_subject *subject)
{
    struct ccb_check c = {.s = subject};
    int code = 1;
    while (code > 0)
        code =
            ccb_args_take(a, clauses, sizeof(clauses) / sizeof(*clauses), &c);
    if (code == 0 && ccb_args_more(a))
        code = ccb_args_unknown(a, "a clause (status, header, path, query, no, "
                                   "body, json, within)");
    ccb_text_free(&c.why);
    return code;
}
