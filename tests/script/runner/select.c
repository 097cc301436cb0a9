/*
 * Values taken out of what crossed the wire, for `set` (match.h).
 *
 * Invariant: a value that is not there is a failure, never an empty text.
 */
#include "match_internal.h"

#include "peer.h"

#include <stdlib.h>
#include <string.h>

static int set_text(struct ccb_args *a, struct ccb_value *out, const char *text,
                    size_t len)
{
    out->ptr = ccb_pool_copy(a->pool, text ? text : "", text ? len : 0);
    out->len = text ? len : 0;
    return 0;
}

static int select_json(struct ccb_args *a, struct ccb_check *c,
                       struct ccb_value *out)
{
    struct ccb_json root, found;
    const char *path;
    if (ccb_args_text(a, &path, "the path") < 0 ||
        ccb_match_document(a, c, &root) < 0)
        return -1;
    if (ccb_diff_path(root, path, a->pool, &found, &c->why) < 0 ||
        found.type == CCB_JSON_NONE) {
        if (c->why.len == 0)
            ccb_text_adds(&c->why, "nothing is there");
        return ccb_match_fail(a, c, path);
    }
    struct ccb_slice text = ccb_diff_text(found, a->pool);
    return set_text(a, out, text.ptr, text.len);
}

static int select_named(struct ccb_args *a, struct ccb_check *c, int query,
                        struct ccb_value *out)
{
    const char *name;
    if (ccb_args_text(a, &name, "the name") < 0 ||
        ccb_match_need_message(a, c) < 0)
        return -1;
    const char *header = ccb_message_header(c->s->m, name);
    if (!query && header == NULL)
        return ccb_match_fail_header(a, c, name);
    if (!query)
        return set_text(a, out, header, strlen(header));
    char *value =
        c->s->m->target ? ccb_rule_query(c->s->m->target, name) : NULL;
    if (value == NULL)
        return ccb_fail(a->ctx, "%s has no query parameter %s", c->s->what,
                        name);
    set_text(a, out, value, strlen(value));
    free(value);
    return 0;
}

static int select_simple(struct ccb_args *a, const struct ccb_subject *s,
                         struct ccb_value *out)
{
    char text[40];
    struct ccb_text number = {0};
    if (ccb_args_keyword(a, "body"))
        return set_text(a, out, s->body, s->len);
    if (s->m != NULL && s->m->target != NULL && ccb_args_keyword(a, "path"))
        return set_text(a, out, s->m->target, strlen(s->m->target));
    if (ccb_args_keyword(a, "md5")) {
        ccb_match_digest(s, text);
        return set_text(a, out, text, strlen(text));
    }
    if (ccb_args_keyword(a, "length"))
        ccb_text_addf(&number, "%llu",
                      (unsigned long long)(s->m ? s->m->length : s->len));
    else if (s->m != NULL && ccb_args_keyword(a, "status"))
        ccb_text_addf(&number, "%d", s->m->status);
    else
        return ccb_args_unknown(
            a, "a value (json, header, query, body, path, md5, length, "
               "status)");
    set_text(a, out, number.ptr, number.len);
    ccb_text_free(&number);
    return 0;
}

int ccb_match_select(struct ccb_args *a, const struct ccb_subject *subject,
                     struct ccb_value *out)
{
    struct ccb_check c = {.s = subject};
    struct ccb_args look = *a;
    int code;
    if (ccb_args_keyword(&look, "body") && ccb_args_peek(&look, "json"))
        *a = look; /* `body json PATH` reads as well as `json PATH` */
    if (ccb_args_keyword(a, "json"))
        code = select_json(a, &c, out);
    else if (ccb_args_keyword(a, "header"))
        code = select_named(a, &c, 0, out);
    else if (ccb_args_keyword(a, "query"))
        code = select_named(a, &c, 1, out);
    else
        code = select_simple(a, subject, out);
    ccb_text_free(&c.why);
    return code;
}
