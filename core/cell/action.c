/*
 * Actions as a tree: contract/actions.md 1, receptor-api.md 4.1.
 *
 * Invariant: a tree that was read can be written: it nests no deeper than the
 * writer goes. One table says of every kind what it has, what it needs and
 * how it is written.
 */
#include "cell/action.h"

#include <stddef.h>

/* The writer holds 64 containers open; an action takes up to three, and some
 * are round it. */
#define MAX_CONTAINERS 56

#define AT(member) offsetof(struct ccb_action, member)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- members ------------------------------------------------------------ */

static const struct ccb_json_field env_fields[] = {
    {.name = "name",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct ccb_env_pair, name)},
    {.name = "value",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct ccb_env_pair, value)},
};
const struct ccb_json_shape ccb_env_pair_shape = {env_fields, COUNT(env_fields),
                                                  sizeof(struct ccb_env_pair)};

static const struct ccb_json_field limit_fields[] = {
    {.name = "nofile",
     .kind = CCB_JSON_K_UINT64,
     .offset = 0,
     .given = AT(limits.has_nofile) - AT(limits) + 1},
};
static const struct ccb_json_shape limit_shape = {
    limit_fields, 1, sizeof(((struct ccb_action *)0)->limits)};

#define TEXT(member)                                                           \
    {                                                                          \
        .name = #member, .kind = CCB_JSON_K_STRING, .offset = AT(member)       \
    }
#define INNER                                                                  \
    {                                                                          \
        .name = "action", .kind = CCB_JSON_K_RAW, .offset = AT(inner)          \
    }

static const struct ccb_json_field download_fields[] = {
    TEXT(artifact),  TEXT(from), TEXT(to),
    TEXT(cache_key), TEXT(user), TEXT(log_source)};
static const struct ccb_json_field upload_fields[] = {
    TEXT(artifact), TEXT(from), TEXT(to), TEXT(user), TEXT(log_source)};
static const struct ccb_json_field run_fields[] = {
    TEXT(path),
    {.name = "args",
     .kind = CCB_JSON_K_LIST,
     .offset = AT(args),
     .element = CCB_JSON_K_STRING},
    TEXT(dir),
    {.name = "env",
     .kind = CCB_JSON_K_LIST,
     .offset = AT(env),
     .element = CCB_JSON_K_OBJECT,
     .shape = &ccb_env_pair_shape},
    {.name = "resource_limits",
     .kind = CCB_JSON_K_OBJECT,
     .offset = AT(limits),
     .shape = &limit_shape},
    TEXT(user),
    TEXT(log_source)};
static const struct ccb_json_field timeout_fields[] = {
    INNER,
    {.name = "timeout", .kind = CCB_JSON_K_INT64, .offset = AT(timeout)},
    TEXT(log_source)};
static const struct ccb_json_field progress_fields[] = {
    INNER, TEXT(start_message), TEXT(success_message),
    TEXT(failure_message_prefix), TEXT(log_source)};
static const struct ccb_json_field try_fields[] = {INNER, TEXT(log_source)};
static const struct ccb_json_field list_fields[] = {{.name = "actions",
                                                     .kind = CCB_JSON_K_LIST,
                                                     .offset = AT(inner_list),
                                                     .element = CCB_JSON_K_RAW},
                                                    TEXT(log_source)};

/* ---- the table of kinds ------------------------------------------------- */

/* A text that is needed (in the order of messages), or always written, or
 * written when there is one. */
struct text {
    const char *name;
    size_t offset;
};
#define NAMED(member)                                                          \
    {                                                                          \
#member, AT(member)                                                    \
    }

enum nesting { ALONE, WRAPS, LISTS };

static const struct kind {
    const char *name;
    struct ccb_json_shape shape;
    enum nesting nesting;
    struct text needed[4];
    struct text always[5];
} kinds[CCB_ACTION_NONE] = {
#define SHAPE(fields)                                                          \
    {                                                                          \
        fields, COUNT(fields), sizeof(struct ccb_action)                       \
    }
    [CCB_ACTION_DOWNLOAD] = {"download",
                             SHAPE(download_fields),
                             ALONE,
                             {NAMED(from), NAMED(to), NAMED(user)},
                             {NAMED(from), NAMED(to), NAMED(cache_key),
                              NAMED(user)}},
    [CCB_ACTION_UPLOAD] = {"upload",
                           SHAPE(upload_fields),
                           ALONE,
                           {NAMED(to), NAMED(from), NAMED(user)},
                           {NAMED(from), NAMED(to), NAMED(user)}},
    [CCB_ACTION_RUN] = {"run",
                        SHAPE(run_fields),
                        ALONE,
                        {NAMED(path), NAMED(user)},
                        {NAMED(path), NAMED(user)}},
    [CCB_ACTION_TIMEOUT] =
        {"timeout", SHAPE(timeout_fields), WRAPS, {{0}}, {{0}}},
    [CCB_ACTION_EMIT_PROGRESS] = {"emit_progress",
                                  SHAPE(progress_fields),
                                  WRAPS,
                                  {{0}},
                                  {NAMED(start_message), NAMED(success_message),
                                   NAMED(failure_message_prefix)}},
    [CCB_ACTION_TRY] = {"try", SHAPE(try_fields), WRAPS, {{0}}, {{0}}},
    [CCB_ACTION_PARALLEL] =
        {"parallel", SHAPE(list_fields), LISTS, {{0}}, {{0}}},
    [CCB_ACTION_SERIAL] = {"serial", SHAPE(list_fields), LISTS, {{0}}, {{0}}},
    [CCB_ACTION_CODEPENDENT] =
        {"codependent", SHAPE(list_fields), LISTS, {{0}}, {{0}}},
};

static struct ccb_slice text_of(const struct ccb_action *action, size_t offset)
{
    return *(const struct ccb_slice *)((const char *)action + offset);
}

/* ---- reading ------------------------------------------------------------ */

struct reading {
    enum ccb_action_form form;
    struct ccb_arena *arena;
    struct ccb_json_alloc alloc;
    struct ccb_error *err;
};

static int decode(struct reading *r, struct ccb_json value, unsigned depth,
                  struct ccb_action **out);

/* Exactly one key, to the letter. */
static int find_strictly(struct reading *r, struct ccb_json value,
                         enum ccb_action_kind *kind, struct ccb_json *inner)
{
    struct ccb_json_iter it = ccb_json_iter(value);
    struct ccb_slice key;
    int code;

    if (!ccb_json_next(&it))
        return ccb_error_set(r->err, CCB_INVALID,
                             "Invalid field: Invalid action");
    code = ccb_json_string(it.key, &r->alloc, &key);
    if (code < 0)
        return ccb_error_set(r->err, code, "out of memory");
    *inner = it.value;
    if (ccb_json_next(&it))
        return ccb_error_set(r->err, CCB_INVALID,
                             "Invalid field: Invalid action");
    for (int i = 0; i < CCB_ACTION_NONE; i++)
        if (ccb_slice_is(key, kinds[i].name)) {
            *kind = (enum ccb_action_kind)i;
            return 0;
        }
    return ccb_error_set(r->err, CCB_INVALID, "Unknown action: %.*s",
                         (int)key.len, key.ptr);
}

/* The first kind that is there. */
static int find_leniently(struct ccb_json value, enum ccb_action_kind *kind,
                          struct ccb_json *inner)
{
    for (int i = 0; i < CCB_ACTION_NONE; i++) {
        *inner = ccb_json_get(value, kinds[i].name);
        if (inner->type != CCB_JSON_NONE && inner->type != CCB_JSON_NULL) {
            *kind = (enum ccb_action_kind)i;
            break;
        }
    }
    return 0;
}

static int decode_children(struct reading *r, struct ccb_action *action,
                           unsigned depth)
{
    const struct ccb_json *items = action->inner_list.items;
    size_t count = action->inner_list.count;
    int code = 0;

    if (kinds[action->kind].nesting == WRAPS) {
        items = &action->inner;
        count = 1;
    }
    action->children =
        ccb_arena_alloc(r->arena, (count + 1) * sizeof(struct ccb_action *));
    if (!action->children)
        return ccb_error_set(r->err, CCB_NO_MEMORY, "out of memory");
    action->child_count = count;
    for (size_t i = 0; code == 0 && i < count; i++)
        code = decode(r, items[i], depth, &action->children[i]);
    return code;
}

static int decode(struct reading *r, struct ccb_json value, unsigned depth,
                  struct ccb_action **out)
{
    enum ccb_action_kind kind = CCB_ACTION_NONE;
    struct ccb_json inner;
    struct ccb_action *action;
    int code;

    *out = NULL;
    if (value.type == CCB_JSON_NONE || value.type == CCB_JSON_NULL)
        return 0;
    if (value.type != CCB_JSON_OBJECT)
        return ccb_error_set(r->err, CCB_INVALID, "action: expected an object");
    if (depth > MAX_CONTAINERS)
        return ccb_error_set(r->err, CCB_INVALID, "action: nested too deeply");
    code = r->form == CCB_ACTION_OF_LRP ? find_strictly(r, value, &kind, &inner)
                                        : find_leniently(value, &kind, &inner);
    action = ccb_arena_alloc(r->arena, sizeof(*action));
    if (code == 0 && !action)
        code = ccb_error_set(r->err, CCB_NO_MEMORY, "out of memory");
    if (code == 0 && kind != CCB_ACTION_NONE)
        code = ccb_json_decode(inner, &kinds[kind].shape, action, &r->alloc,
                               r->err);
    if (code < 0)
        return code;
    action->kind = kind;
    *out = action;
    if (kind == CCB_ACTION_NONE || kinds[kind].nesting == ALONE)
        return 0;
    return decode_children(r, action, depth + 3);
}

int ccb_action_decode(struct ccb_action **out, struct ccb_json value,
                      enum ccb_action_form form, struct ccb_arena *arena,
                      struct ccb_error *err)
{
    struct reading reading = {form, arena, ccb_arena_json(arena), err};

    return decode(&reading, value, 1, out);
}

/* ---- judging ------------------------------------------------------------ */

void ccb_message_add(struct ccb_buf *messages, const char *text)
{
    if (messages->len > 0)
        (void)ccb_buf_put(messages, ", ");
    (void)ccb_buf_put(messages, text);
}

static void add_field(struct ccb_buf *messages, const char *name)
{
    ccb_message_add(messages, "Invalid field: ");
    (void)ccb_buf_put(messages, name);
}

static void validate_children(struct ccb_buf *messages,
                              const struct ccb_action *action)
{
    bool lists = kinds[action->kind].nesting == LISTS;

    if (lists && action->child_count == 0)
        add_field(messages, "actions");
    for (size_t i = 0; i < action->child_count; i++) {
        if (action->children[i]) {
            ccb_action_validate(messages, action->children[i]);
        } else if (lists) {
            add_field(messages, "action at index ");
            (void)ccb_buf_printf(messages, "%zu", i);
        } else {
            add_field(messages, "action");
        }
    }
}

void ccb_action_validate(struct ccb_buf *messages,
                         const struct ccb_action *action)
{
    const struct kind *kind;

    if (!action || action->kind == CCB_ACTION_NONE) {
        ccb_message_add(messages, "invalid action type");
        return;
    }
    kind = &kinds[action->kind];
    for (size_t i = 0; i < COUNT(kind->needed) && kind->needed[i].name; i++)
        if (text_of(action, kind->needed[i].offset).len == 0)
            add_field(messages, kind->needed[i].name);
    validate_children(messages, action);
    if (action->kind == CCB_ACTION_TIMEOUT && action->timeout <= 0)
        add_field(messages, "timeout");
}

/* ---- writing ------------------------------------------------------------ */

static void put_unless_empty(struct ccb_json_writer *w, const char *key,
                             struct ccb_slice text)
{
    if (text.len > 0)
        ccb_json_member_string(w, key, text);
}

void ccb_env_encode(struct ccb_json_writer *w, const struct ccb_json_list *env)
{
    const struct ccb_env_pair *pairs = env->items;

    ccb_json_begin_array(w);
    for (size_t i = 0; i < env->count; i++) {
        ccb_json_begin_object(w);
        ccb_json_member_string(w, "name", pairs[i].name);
        ccb_json_member_string(w, "value", pairs[i].value);
        ccb_json_end_object(w);
    }
    ccb_json_end_array(w);
}

static void encode_run(struct ccb_json_writer *w, const struct ccb_action *a,
                       enum ccb_action_form form)
{
    const struct ccb_slice *args = a->args.items;

    if (a->args.count > 0) {
        ccb_json_key(w, "args");
        ccb_json_begin_array(w);
        for (size_t i = 0; i < a->args.count; i++)
            ccb_json_put_string(w, args[i]);
        ccb_json_end_array(w);
    }
    put_unless_empty(w, "dir", a->dir);
    if (a->env.count > 0) {
        ccb_json_key(w, "env");
        ccb_env_encode(w, &a->env);
    }
    if (!a->limits.has_nofile && form == CCB_ACTION_OF_TASK)
        return;
    ccb_json_key(w, "resource_limits");
    ccb_json_begin_object(w);
    if (a->limits.has_nofile)
        ccb_json_member_uint(w, "nofile", a->limits.nofile);
    ccb_json_end_object(w);
}

static void encode_children(struct ccb_json_writer *w,
                            const struct ccb_action *action,
                            enum ccb_action_form form)
{
    if (kinds[action->kind].nesting == WRAPS) {
        ccb_json_key(w, "action");
        ccb_action_encode(w, action->children[0], form);
        return;
    }
    ccb_json_key(w, "actions");
    ccb_json_begin_array(w);
    for (size_t i = 0; i < action->child_count; i++)
        ccb_action_encode(w, action->children[i], form);
    ccb_json_end_array(w);
}

void ccb_action_encode(struct ccb_json_writer *w,
                       const struct ccb_action *action,
                       enum ccb_action_form form)
{
    const struct kind *kind;

    if (!action || action->kind == CCB_ACTION_NONE) {
        ccb_json_put_null(w);
        return;
    }
    kind = &kinds[action->kind];
    ccb_json_begin_object(w);
    ccb_json_key(w, kind->name);
    ccb_json_begin_object(w);
    put_unless_empty(w, "artifact", action->artifact);
    for (size_t i = 0; i < COUNT(kind->always) && kind->always[i].name; i++)
        ccb_json_member_string(w, kind->always[i].name,
                               text_of(action, kind->always[i].offset));
    if (action->kind == CCB_ACTION_RUN)
        encode_run(w, action, form);
    if (kind->nesting != ALONE)
        encode_children(w, action, form);
    if (action->kind == CCB_ACTION_TIMEOUT)
        ccb_json_member_int(w, "timeout", action->timeout);
    put_unless_empty(w, "log_source", action->log_source);
    ccb_json_end_object(w);
    ccb_json_end_object(w);
}
