/*
 * Walks two JSON values side by side and stops at the first difference
 * (json_diff.h). The verdict is always ccb_json_equal's; the walk only looks
 * for the place, and falls back to the whole where it finds none.
 */
#include "json_diff.h"

#include <stdio.h>

#define SHOWN 160 /* bytes of a value */

struct walk {
    char path[512];
    char *out;
    size_t size;
};

static int differ(struct walk *w, struct ccb_json expected,
                  struct ccb_json found)
{
    struct ccb_slice a = expected.raw, b = found.raw;

    if (expected.type == CCB_JSON_NONE)
        a = ccb_slice_of("nothing");
    if (found.type == CCB_JSON_NONE)
        b = ccb_slice_of("nothing");
    snprintf(w->out, w->size, "%s: expected %.*s, found %.*s",
             w->path[0] ? w->path : "the document",
             (int)(a.len < SHOWN ? a.len : SHOWN), a.ptr,
             (int)(b.len < SHOWN ? b.len : SHOWN), b.ptr);
    return 1;
}

static int visit(struct walk *w, struct ccb_json expected,
                 struct ccb_json found);

/* Visits with `step` behind the path. */
static int visit_at(struct walk *w, const char *step, int step_len,
                    struct ccb_json expected, struct ccb_json found)
{
    size_t len = strlen(w->path);
    int differs;

    snprintf(w->path + len, sizeof(w->path) - len, "%s%.*s",
             len > 0 && step[0] != '[' ? "." : "", step_len, step);
    differs = visit(w, expected, found);
    w->path[len] = '\0';
    return differs;
}

/* Goldens hold plain keys, so that the raw text is the key. */
static int visit_members(struct walk *w, struct ccb_json from,
                         struct ccb_json to, int swapped)
{
    struct ccb_json_iter it = ccb_json_iter(from);

    while (ccb_json_next(&it)) {
        struct ccb_slice key =
            ccb_slice_make(it.key.raw.ptr + 1, it.key.raw.len - 2);
        char name[128];
        struct ccb_json other;
        int differs;

        snprintf(name, sizeof(name), "%.*s", (int)key.len, key.ptr);
        other = ccb_json_get(to, name);
        differs =
            visit_at(w, name, (int)strlen(name), swapped ? other : it.value,
                     swapped ? it.value : other);
        if (differs)
            return 1;
    }
    return 0;
}

static int visit_elements(struct walk *w, struct ccb_json expected,
                          struct ccb_json found)
{
    struct ccb_json_iter a = ccb_json_iter(expected), b = ccb_json_iter(found);
    struct ccb_json nothing = {CCB_JSON_NONE, {"", 0}};
    int more_a, more_b;

    for (;;) {
        char step[32];
        int n;
        more_a = ccb_json_next(&a);
        more_b = ccb_json_next(&b);
        if (!more_a && !more_b)
            return 0;
        n = snprintf(step, sizeof(step), "[%zu]", more_a ? a.index : b.index);
        if (visit_at(w, step, n, more_a ? a.value : nothing,
                     more_b ? b.value : nothing))
            return 1;
    }
}

static int visit(struct walk *w, struct ccb_json expected,
                 struct ccb_json found)
{
    if (expected.type != found.type)
        return differ(w, expected, found);
    if (ccb_json_equal(expected, found))
        return 0;
    if (expected.type == CCB_JSON_OBJECT &&
        (visit_members(w, expected, found, 0) ||
         visit_members(w, found, expected, 1)))
        return 1;
    if (expected.type == CCB_JSON_ARRAY && visit_elements(w, expected, found))
        return 1;
    return differ(w, expected, found);
}

void json_diff(struct ccb_json expected, struct ccb_json found, char *out,
               size_t size)
{
    struct walk w = {.path = "", .out = out, .size = size};

    out[0] = '\0';
    visit(&w, expected, found);
}
