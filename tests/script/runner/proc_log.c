/*
 * Expectations on JSON log lines (proc.h): contract/stager.md A3 says what a
 * line holds.
 *
 * Invariant: a line is taken by one `expect log` only; lines that are no JSON
 * objects are no log lines.
 */
#include "match.h"
#include "proc_internal.h"

#include <string.h>

struct wanted {
    const char *message, *level, *source;
    struct ccb_value data;
    int has_data;
};

static int take_level(struct ccb_args *a, void *target)
{
    return ccb_args_text(a, &((struct wanted *)target)->level, "the level");
}

static int take_source(struct ccb_args *a, void *target)
{
    return ccb_args_text(a, &((struct wanted *)target)->source, "the source");
}

static int take_data(struct ccb_args *a, void *target)
{
    struct wanted *w = target;
    struct ccb_json checked;
    struct ccb_error err;
    w->has_data = 1;
    if (ccb_args_value(a, &w->data, "the data") < 0)
        return -1;
    if (ccb_json_parse(&checked, ccb_slice_make(w->data.ptr, w->data.len),
                       CCB_JSON_WHOLE, &err) < 0)
        return ccb_fail(a->ctx, "the data is no JSON: %s", err.message);
    return 0;
}

static int take_within(struct ccb_args *a, void *target)
{
    long long ms;
    (void)target;
    return ccb_args_duration(a, &ms);
}

static const struct ccb_keyword clauses[] = {{"level", take_level},
                                             {"source", take_source},
                                             {"data", take_data},
                                             {"within", take_within}};

static int take_wanted(struct ccb_args *a, struct wanted *w)
{
    int code = 1;
    if (ccb_args_text(a, &w->message, "the message") < 0)
        return -1;
    while (code > 0)
        code = ccb_args_take(a, clauses, sizeof(clauses) / sizeof(*clauses), w);
    return code < 0 ? -1 : 0;
}

static int member_like(struct ccb_json line, const char *path,
                       const char *pattern, struct ccb_pool *pool)
{
    struct ccb_json value;
    struct ccb_text why = {0};
    if (pattern == NULL)
        return 1;
    ccb_diff_path(line, path, pool, &value, &why);
    ccb_text_free(&why);
    struct ccb_slice text = ccb_diff_text(value, pool);
    const char *copy = ccb_pool_copy(pool, text.ptr, text.len);
    return value.type == CCB_JSON_STRING && ccb_tool_like(pattern, copy);
}

/* Levels are numbers (0 debug to 3 fatal) or words; the script says either. */
static int level_is(struct ccb_json line, const char *level,
                    struct ccb_pool *pool)
{
    static const char *const words[] = {"debug", "info", "error", "fatal"};
    struct ccb_json value;
    struct ccb_text why = {0};
    if (level == NULL)
        return 1;
    ccb_diff_path(line, "log_level", pool, &value, &why);
    if (value.type == CCB_JSON_NONE)
        ccb_diff_path(line, "level", pool, &value, &why);
    ccb_text_free(&why);
    struct ccb_slice text = ccb_diff_text(value, pool);
    for (int i = 0; i < 4; i++) {
        char digit[2] = {(char)('0' + i), '\0'};
        if (strcmp(level, words[i]) == 0 || strcmp(level, digit) == 0)
            return ccb_slice_is(text, words[i]) || ccb_slice_is(text, digit);
    }
    return ccb_slice_is(text, level);
}

/* 1: the line is wanted; 0: not, with the data's difference in `why` when
 * only that differs. */
static int line_is(const struct ccb_line *l, const struct wanted *w,
                   struct ccb_pool *pool, struct ccb_text *why)
{
    struct ccb_json line, data, expected;
    struct ccb_error err;
    struct ccb_text unused = {0};
    if (ccb_json_parse(&line, ccb_slice_make(l->text, l->len), CCB_JSON_WHOLE,
                       &err) < 0 ||
        line.type != CCB_JSON_OBJECT ||
        !member_like(line, "message", w->message, pool) ||
        !member_like(line, "source", w->source, pool) ||
        !level_is(line, w->level, pool))
        return 0;
    if (!w->has_data)
        return 1;
    ccb_diff_path(line, "data", pool, &data, &unused);
    ccb_text_free(&unused);
    ccb_json_parse(&expected, ccb_slice_make(w->data.ptr, w->data.len),
                   CCB_JSON_WHOLE, &err);
    ccb_text_clear(why);
    return !ccb_diff_json(expected, data, 1, why);
}

/* The first wanted line not yet taken; `count`, when given, counts all. */
static struct ccb_line *find(struct ccb_proc *p, const struct wanted *w,
                             size_t *count, struct ccb_text *why)
{
    struct ccb_pool pool = {0};
    struct ccb_line *found = NULL;
    for (struct ccb_line *l = p->lines; l != NULL; l = l->next) {
        if (l->len == 0 || l->text[0] != '{' || (!count && l->logged))
            continue;
        if (!line_is(l, w, &pool, why))
            continue;
        if (count != NULL)
            ++*count;
        if (found == NULL && !l->logged)
            found = l;
        if (count == NULL)
            break;
    }
    ccb_pool_free(&pool);
    return found;
}

static int expect_line(struct ccb_args *a, struct ccb_proc *p,
                       const struct wanted *w, long long deadline)
{
    struct ccb_text why = {0};
    struct ccb_line *line;
    int late = 0;
    ccb_event_lock();
    do {
        /* `ended` is set after the last line: one look then is the last. */
        late = p->ended;
        line = find(p, w, NULL, &why);
        if (line == NULL && !late && ccb_event_wait(deadline) < 0)
            late = 1;
    } while (line == NULL && !late);
    if (line != NULL)
        line->logged = 1;
    ccb_event_unlock();
    if (line == NULL)
        ccb_fail(a->ctx, "%s has not logged %s%s%s%s", p->name, w->message,
                 w->level ? " at level " : "", w->level ? w->level : "",
                 why.len ? why.ptr : "");
    ccb_text_free(&why);
    return line ? 0 : -1;
}

static int expect_none(struct ccb_args *a, struct ccb_proc *p,
                       const struct wanted *w)
{
    struct ccb_text why = {0};
    ccb_event_lock();
    struct ccb_line *line = find(p, w, NULL, &why);
    ccb_event_unlock();
    ccb_text_free(&why);
    return line ? ccb_fail(a->ctx, "%s was not to log that: %s", p->name,
                           line->text)
                : 0;
}

/* count N MESSAGE ...: waits until there are N, then there must be no more */
static int expect_count(struct ccb_args *a, struct ccb_proc *p,
                        const struct wanted *w, long long wanted,
                        long long deadline)
{
    struct ccb_text why = {0};
    size_t count;
    int late = 0;
    ccb_event_lock();
    do {
        count = 0;
        late = p->ended;
        find(p, w, &count, &why);
        if (count < (size_t)wanted && !late && ccb_event_wait(deadline) < 0)
            late = 1;
    } while (count < (size_t)wanted && !late);
    ccb_event_unlock();
    ccb_text_free(&why);
    if (count == (size_t)wanted)
        return 0;
    return ccb_fail(a->ctx, "%s: expected %s logged %lld times, found %zu",
                    p->name, w->message, wanted, count);
}

int ccb_proc_expect_log(struct ccb_args *a)
{
    struct wanted w = {0};
    const char *name;
    long long deadline, count = 0;
    if (ccb_args_deadline(a, &deadline) < 0 ||
        ccb_args_text(a, &name, "the process's name") < 0)
        return -1;
    struct ccb_proc *p = ccb_proc_find(a->ctx->run, name);
    if (p == NULL)
        return ccb_fail(a->ctx, "no process is called %s", name);
    int none = ccb_args_keyword(a, "no");
    int counted = !none && ccb_args_keyword(a, "count");
    if (counted && ccb_args_number(a, &count, "how many") < 0)
        return -1;
    if (take_wanted(a, &w) < 0 || ccb_args_end(a) < 0)
        return -1;
    if (none)
        return expect_none(a, p, &w);
    return counted ? expect_count(a, p, &w, count, deadline)
                   : expect_line(a, p, &w, deadline);
}
