/*
 * A peer's rules: reading them, and picking the one that answers (peer.h).
 *
 * Invariant: the first rule that matches and is not used up answers.
 */
#include "peer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

int ccb_rule_names(const char *method, const char *target,
                   const struct ccb_message *m)
{
    if (!ccb_tool_like(method, m->method))
        return 0;
    const char *query = strchr(m->target, '?');
    if (query == NULL || strchr(target, '?') != NULL)
        return ccb_tool_like(target, m->target);
    char *path = ccb_tool_copy(m->target, (size_t)(query - m->target));
    int like = ccb_tool_like(target, path);
    free(path);
    return like;
}

static char *decode_query(const char *p, size_t len)
{
    char *out = ccb_tool_alloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (p[i] == '%' && i + 2 < len && isxdigit((unsigned char)p[i + 1]) &&
            isxdigit((unsigned char)p[i + 2])) {
            char hex[3] = {p[i + 1], p[i + 2], '\0'};
            out[n++] = (char)strtol(hex, NULL, 16);
            i += 2;
        } else {
            out[n++] = p[i] == '+' ? ' ' : p[i];
        }
    }
    return out;
}

char *ccb_rule_query(const char *target, const char *name)
{
    const char *p = strchr(target, '?');
    while (p != NULL) {
        p++;
        size_t len = strcspn(p, "&");
        const char *equal = memchr(p, '=', len);
        size_t key_len = equal ? (size_t)(equal - p) : len;
        char *key = decode_query(p, key_len);
        int found = strcmp(key, name) == 0;
        free(key);
        if (found)
            return equal ? decode_query(equal + 1, len - key_len - 1)
                         : ccb_tool_copy("", 0);
        p = strchr(p, '&');
    }
    return NULL;
}

static int conditions_hold(const struct ccb_rule *r,
                           const struct ccb_message *m)
{
    for (size_t i = 0; i < r->condition_count; i++) {
        const char *pattern = r->conditions[i].pattern;
        const char *name = r->conditions[i].name;
        char *query = NULL;
        const char *value = NULL;
        if (r->conditions[i].query)
            value = query = ccb_rule_query(m->target, name);
        else
            value = ccb_message_header(m, name);
        int holds = value != NULL && ccb_tool_like(pattern, value);
        free(query);
        if (!holds)
            return 0;
    }
    return 1;
}

struct ccb_rule *ccb_rule_pick(struct ccb_peer *peer,
                               const struct ccb_message *m)
{
    for (struct ccb_rule *r = peer->rules; r != NULL; r = r->next) {
        if (r->times == 0 || !ccb_rule_names(r->method, r->target, m) ||
            !conditions_hold(r, m))
            continue;
        if (r->times > 0)
            r->times--;
        r->refs++;
        return r;
    }
    return NULL;
}

void ccb_rule_unref(struct ccb_rule *rule)
{
    if (rule == NULL || --rule->refs > 0)
        return;
    struct ccb_pool pool = rule->pool;
    free(rule);
    ccb_pool_free(&pool);
}

/* ---- reading ------------------------------------------------------------ */

static int take_header(struct ccb_args *a, void *target)
{
    struct ccb_rule *r = target;
    if (r->header_count == CCB_RULE_HEADERS)
        return ccb_fail(a->ctx, "a rule has at most %d headers",
                        CCB_RULE_HEADERS);
    size_t i = r->header_count++;
    if (ccb_args_text(a, &r->headers[i].name, "the header's name") < 0)
        return -1;
    return ccb_args_text(a, &r->headers[i].value, "the header's value");
}

static int take_when(struct ccb_args *a, void *target)
{
    struct ccb_rule *r = target;
    if (r->condition_count == CCB_RULE_CONDITIONS)
        return ccb_fail(a->ctx, "a rule has at most %d conditions",
                        CCB_RULE_CONDITIONS);
    size_t i = r->condition_count++;
    r->conditions[i].query = ccb_args_keyword(a, "query");
    if (!r->conditions[i].query && !ccb_args_keyword(a, "header"))
        return ccb_args_unknown(a, "`header` or `query`");
    if (ccb_args_text(a, &r->conditions[i].name, "the name") < 0)
        return -1;
    return ccb_args_text(a, &r->conditions[i].pattern, "the pattern");
}

static int take_json(struct ccb_args *a, void *target)
{
    return ccb_content_json(a, &((struct ccb_rule *)target)->content);
}

static int take_text(struct ccb_args *a, void *target)
{
    return ccb_content_text(a, &((struct ccb_rule *)target)->content);
}

static int take_bytes(struct ccb_args *a, void *target)
{
    return ccb_content_bytes(a, &((struct ccb_rule *)target)->content);
}

static int take_raw(struct ccb_args *a, void *target)
{
    ((struct ccb_rule *)target)->raw = 1;
    return take_text(a, target);
}

static int take_delay(struct ccb_args *a, void *target)
{
    return ccb_args_duration(a, &((struct ccb_rule *)target)->delay);
}

static int take_cut(struct ccb_args *a, void *target)
{
    return ccb_args_size(a, &((struct ccb_rule *)target)->cut);
}

static int take_read(struct ccb_args *a, void *target)
{
    return ccb_args_size(a, &((struct ccb_rule *)target)->read);
}

static int take_slow(struct ccb_args *a, void *target)
{
    struct ccb_rule *r = target;
    if (ccb_args_size(a, &r->slow_bytes) < 0)
        return -1;
    if (!ccb_args_keyword(a, "every"))
        return ccb_args_unknown(a, "`every`, as in: slow 100 every 10ms");
    return ccb_args_duration(a, &r->slow_ms);
}

static int take_times(struct ccb_args *a, void *target)
{
    return ccb_args_number(a, &((struct ccb_rule *)target)->times,
                           "how many times");
}

#define FLAG(name)                                                             \
    static int take_##name(struct ccb_args *a, void *target)                   \
    {                                                                          \
        (void)a;                                                               \
        ((struct ccb_rule *)target)->name = 1;                                 \
        return 0;                                                              \
    }
FLAG(echo)
FLAG(chunked)
FLAG(steps)
FLAG(hang)
FLAG(close)
FLAG(reset)
FLAG(no_type)
FLAG(unrecorded)

static const struct ccb_keyword clauses[] = {
    {"header", take_header},
    {"when", take_when},
    {"json", take_json},
    {"text", take_text},
    {"body", take_text},
    {"bytes", take_bytes},
    {"raw", take_raw},
    {"delay", take_delay},
    {"cut", take_cut},
    {"read", take_read},
    {"slow", take_slow},
    {"times", take_times},
    {"echo", take_echo},
    {"chunked", take_chunked},
    {"steps", take_steps},
    {"hang", take_hang},
    {"close", take_close},
    {"reset", take_reset},
    {"no-content-type", take_no_type},
    {"unrecorded", take_unrecorded},
};

/* A bare number is the status. 1 taken, 0 no number, -1 failed. */
static int take_status(struct ccb_args *a, struct ccb_rule *r)
{
    long long status;
    if (a->next >= a->end)
        return 0;
    const struct ccb_word *w = &a->stmt->words[a->next];
    if (w->kind != CCB_WORD_BARE ||
        (!isdigit((unsigned char)w->text[0]) && w->text[0] != '$'))
        return 0;
    if (ccb_args_number(a, &status, "the status") < 0)
        return -1;
    r->status = (int)status;
    return 1;
}

/* on METHOD PATH [STATUS] CLAUSE... */
static int parse(struct ccb_args *a, struct ccb_rule *r)
{
    if (!ccb_args_keyword(a, "on"))
        return ccb_args_unknown(a, "a rule: on METHOD PATH STATUS ...");
    if (ccb_args_text(a, &r->method, "the method") < 0 ||
        ccb_args_text(a, &r->target, "the path") < 0)
        return -1;
    int code = 1;
    while (code > 0) {
        code = take_status(a, r);
        if (code == 0)
            code = ccb_args_take(a, clauses, sizeof(clauses) / sizeof(*clauses),
                                 r);
    }
    if (code == 0 && ccb_args_more(a))
        return ccb_args_unknown(a, "a clause of a rule");
    return code;
}

int ccb_rule_parse(struct ccb_ctx *ctx, const struct ccb_stmt *s,
                   struct ccb_rule **out)
{
    struct ccb_rule *r = ccb_tool_alloc(sizeof(*r));
    struct ccb_args a = ccb_args_begin(ctx, s, &r->pool);
    *r = (struct ccb_rule){.refs = 1,
                           .status = 200,
                           .cut = UINT64_MAX,
                           .read = UINT64_MAX,
                           .times = -1};
    ctx->at = s;
    ctx->line = s->line;
    if (parse(&a, r) < 0) {
        ccb_rule_unref(r);
        return -1;
    }
    *out = r;
    return 0;
}
