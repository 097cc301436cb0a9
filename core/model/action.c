/*
 * One action, checked: contract/stager.md B7, actions.md 1.
 *
 * Structure is the plugin's and is checked strictly: one known key a wrapper,
 * known members of the right type, the members that are always sent present,
 * lists not empty, counts and depth bounded. Values that come from the Cloud
 * Controller (URLs, users, numbers) are not judged here.
 */
#include <stdbool.h>
#include <stdio.h>

#include "ccbridge/json.h"
#include "model/recipe.h"

struct walk {
    struct ccb_error *err;
    size_t actions;
    unsigned depth;
    /* The way down to where we are, for messages: a list on the stack. */
    const struct step *at;
};

struct step {
    const struct step *up;
    const char *name;
    long index; /* -1: a member */
};

static size_t format_path(const struct step *at, char *out, size_t size)
{
    size_t used = at->up ? format_path(at->up, out, size) : 0;
    int n;
    if (used >= size)
        return size;
    if (at->index >= 0)
        n = snprintf(out + used, size - used, "[%ld]", at->index);
    else
        n = snprintf(out + used, size - used, "%s%s", used ? "." : "",
                     at->name);
    return n < 0 ? size : used + (size_t)n;
}

static int refuse(struct walk *walk, const char *words, const char *what)
{
    char path[200] = "";
    format_path(walk->at, path, sizeof(path));
    return ccb_error_set(walk->err, CCB_INVALID, "%s: %s %s", path, words,
                         what);
}

/* ---- the table of actions ----------------------------------------------- */

enum member_kind { TEXT, COUNT, STRINGS, ENVIRONMENT, LIMITS, ACTION, ACTIONS };

struct member {
    const char *name;
    enum member_kind kind;
    bool needed;
};

struct kind {
    const char *name;
    struct member members[8];
};

static const struct kind kinds[] = {
    {"download",
     {{"artifact", TEXT, false},
      {"from", TEXT, true},
      {"to", TEXT, true},
      {"cache_key", TEXT, true},
      {"user", TEXT, true},
      {"log_source", TEXT, false}}},
    {"upload",
     {{"artifact", TEXT, false},
      {"from", TEXT, true},
      {"to", TEXT, true},
      {"user", TEXT, true},
      {"log_source", TEXT, false}}},
    {"run",
     {{"path", TEXT, true},
      {"args", STRINGS, false},
      {"dir", TEXT, false},
      {"env", ENVIRONMENT, false},
      {"resource_limits", LIMITS, false},
      {"user", TEXT, true},
      {"log_source", TEXT, false}}},
    {"timeout",
     {{"action", ACTION, true},
      {"timeout", COUNT, true},
      {"log_source", TEXT, false}}},
    {"emit_progress",
     {{"action", ACTION, true},
      {"start_message", TEXT, true},
      {"success_message", TEXT, true},
      {"failure_message_prefix", TEXT, true},
      {"log_source", TEXT, false}}},
    {"try", {{"action", ACTION, true}, {"log_source", TEXT, false}}},
    {"parallel", {{"actions", ACTIONS, true}, {"log_source", TEXT, false}}},
    {"serial", {{"actions", ACTIONS, true}, {"log_source", TEXT, false}}},
    {"codependent", {{"actions", ACTIONS, true}, {"log_source", TEXT, false}}},
};

static const struct kind *find_kind(struct ccb_json key)
{
    size_t i;
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (ccb_json_string_is(key, kinds[i].name))
            return &kinds[i];
    return NULL;
}

/* ---- members ------------------------------------------------------------ */

/* Each check takes the value that `at` stands on, walks it to its end, and
 * reads no byte of the recipe twice (ccb_json_step). */
typedef int (*check_fn)(struct walk *walk, struct ccb_json_iter *at);

static int check_wrapped(struct walk *walk, struct ccb_json_iter *at);

static int check_text(struct walk *walk, struct ccb_json_iter *at)
{
    if (at->value.type != CCB_JSON_STRING)
        return refuse(walk, "must be", "a string");
    return 0;
}

static int check_count(struct walk *walk, struct ccb_json_iter *at)
{
    int64_t number;
    if (ccb_json_int64(at->value, &number) < 0 || number <= 0)
        return refuse(walk, "must be", "a positive integer");
    return 0;
}

static int check_strings(struct walk *walk, struct ccb_json_iter *at)
{
    static const char expected[] = "an array of strings";
    struct ccb_json_iter it;
    if (at->value.type != CCB_JSON_ARRAY)
        return refuse(walk, "must be", expected);
    ccb_json_enter(&it, at);
    while (ccb_json_step(&it))
        if (it.value.type != CCB_JSON_STRING)
            return refuse(walk, "must be", expected);
    ccb_json_leave(at, &it);
    return 0;
}

/* {"name":STRING,"value":STRING} */
static bool is_pair(struct ccb_json_iter *at)
{
    struct ccb_json_iter it;
    unsigned seen = 0;
    if (at->value.type != CCB_JSON_OBJECT)
        return false;
    ccb_json_enter(&it, at);
    while (ccb_json_step(&it)) {
        if (it.value.type != CCB_JSON_STRING)
            return false;
        seen |= ccb_json_string_is(it.key, "name") ? 1 : 0;
        seen |= ccb_json_string_is(it.key, "value") ? 2 : 0;
    }
    ccb_json_leave(at, &it);
    return seen == 3;
}

static int check_environment(struct walk *walk, struct ccb_json_iter *at)
{
    static const char expected[] = "an array of {name, value}";
    struct ccb_json_iter it;
    if (at->value.type != CCB_JSON_ARRAY)
        return refuse(walk, "must be", expected);
    ccb_json_enter(&it, at);
    while (ccb_json_step(&it))
        if (!is_pair(&it))
            return refuse(walk, "must be", expected);
    ccb_json_leave(at, &it);
    return 0;
}

/* nofile is passed as CC gave it, so only its type is judged. */
static int check_limits(struct walk *walk, struct ccb_json_iter *at)
{
    struct ccb_json_iter it;
    if (at->value.type != CCB_JSON_OBJECT)
        return refuse(walk, "must be", "an object");
    ccb_json_enter(&it, at);
    while (ccb_json_step(&it))
        if (!ccb_json_string_is(it.key, "nofile") ||
            it.value.type != CCB_JSON_NUMBER)
            return refuse(walk, "may hold", "a number \"nofile\" only");
    ccb_json_leave(at, &it);
    return 0;
}

static int check_list(struct walk *walk, struct ccb_json_iter *at)
{
    const struct step *here = walk->at;
    struct step element = {here, NULL, 0};
    struct ccb_json_iter it;
    bool any = false;
    int code = 0;
    if (at->value.type != CCB_JSON_ARRAY)
        return refuse(walk, "must be", "an array of actions");
    ccb_json_enter(&it, at);
    while (code == 0 && ccb_json_step(&it)) {
        any = true;
        element.index = (long)it.index;
        walk->at = &element;
        code = check_wrapped(walk, &it);
        walk->at = here;
    }
    if (code == 0 && !any)
        code = refuse(walk, "must not be", "empty");
    ccb_json_leave(at, &it);
    return code;
}

static const check_fn checks[] = {
    [TEXT] = check_text,       [COUNT] = check_count,
    [STRINGS] = check_strings, [ENVIRONMENT] = check_environment,
    [LIMITS] = check_limits,   [ACTION] = check_wrapped,
    [ACTIONS] = check_list,
};

/* Members mostly come in the table's order, so the search begins at `from`. */
static const struct member *find_member(const struct kind *kind,
                                        const struct member *from,
                                        struct ccb_json key)
{
    const struct member *m;
    for (m = from; m->name; m++)
        if (ccb_json_string_is(key, m->name))
            return m;
    for (m = kind->members; m < from; m++)
        if (ccb_json_string_is(key, m->name))
            return m;
    return NULL;
}

static int check_member(struct walk *walk, const struct member *m,
                        struct ccb_json_iter *at)
{
    const struct step *here = walk->at;
    struct step step = {here, m->name, -1};
    int code;
    walk->at = &step;
    code = checks[m->kind](walk, at);
    walk->at = here;
    return code;
}

static int check_members(struct walk *walk, const struct kind *kind,
                         struct ccb_json_iter *at)
{
    const struct member *m, *from = kind->members;
    struct ccb_json_iter it;
    unsigned seen = 0;
    int code = 0;
    if (at->value.type != CCB_JSON_OBJECT)
        return refuse(walk, "must be", "an object");
    ccb_json_enter(&it, at);
    while (code == 0 && ccb_json_step(&it)) {
        m = find_member(kind, from, it.key);
        if (!m)
            return refuse(walk, "has a member unknown to", kind->name);
        seen |= 1u << (m - kind->members);
        code = check_member(walk, m, &it);
        from = m + 1;
    }
    ccb_json_leave(at, &it);
    for (m = kind->members; code == 0 && m->name; m++)
        if (m->needed && !(seen & 1u << (m - kind->members)))
            code = refuse(walk, "has no member", m->name);
    return code;
}

static int check_kind(struct walk *walk, const struct kind *kind,
                      struct ccb_json_iter *at)
{
    const struct step *here = walk->at;
    struct step step = {here, kind->name, -1};
    int code;
    if (walk->depth >= CCB_RECIPE_MAX_DEPTH)
        return refuse(walk, "actions are", "nested too deeply");
    if (++walk->actions > CCB_RECIPE_MAX_ACTIONS)
        return refuse(walk, "recipe has", "too many actions");
    walk->at = &step;
    walk->depth++;
    code = check_members(walk, kind, at);
    walk->depth--;
    walk->at = here;
    return code;
}

/* {"run":{...}}: exactly one member, of a known name. */
static int check_wrapped(struct walk *walk, struct ccb_json_iter *at)
{
    static const char expected[] = "an object with one action in it";
    const struct kind *kind;
    struct ccb_json_iter it;
    int code;
    if (at->value.type != CCB_JSON_OBJECT)
        return refuse(walk, "must be", expected);
    ccb_json_enter(&it, at);
    if (!ccb_json_step(&it))
        return refuse(walk, "must be", expected);
    kind = find_kind(it.key);
    if (!kind)
        return refuse(walk, "unknown", "kind of action");
    code = check_kind(walk, kind, &it);
    if (code == 0 && ccb_json_step(&it))
        code = refuse(walk, "must hold", "one action only");
    ccb_json_leave(at, &it);
    return code;
}

int ccb_action_check(const char *name, struct ccb_json_iter *at,
                     struct ccb_error *err)
{
    struct step root = {NULL, name, -1};
    struct walk walk = {err, 0, 0, &root};
    return check_wrapped(&walk, at);
}
