/*
 * See answers.h. Members are found in any case, the last duplicate counts, a
 * null is as if it were not there; a member of another type is refused
 * (contract/stager.md A8, A9, C5).
 */
#include "consul/answers.h"

#include "base/number.h"
#include "ccbridge/json.h"

/* The body's first value, which must be of `type` or null. */
static int parse(struct ccb_slice body, enum ccb_json_type type,
                 const char *expected, struct ccb_json *out,
                 struct ccb_error *err)
{
    int code = ccb_json_parse(out, body, CCB_JSON_FIRST, err);
    if (code < 0)
        return code;
    if (out->type != type && out->type != CCB_JSON_NULL)
        return ccb_error_set(err, CCB_INVALID, "expected %s", expected);
    return 0;
}

static bool is_given(struct ccb_json value)
{
    return value.type != CCB_JSON_NONE && value.type != CCB_JSON_NULL;
}

/* A member that is a string, or not there. */
static int get_string(struct ccb_json object, const char *key,
                      struct ccb_json *out, struct ccb_error *err)
{
    *out = ccb_json_get(object, key);
    if (is_given(*out) && out->type != CCB_JSON_STRING)
        return ccb_error_set(err, CCB_INVALID, "%s: expected a string", key);
    return 0;
}

/* An element of a list of objects; a null one has no members. */
static int check_item(struct ccb_json item, struct ccb_error *err)
{
    if (item.type == CCB_JSON_OBJECT || item.type == CCB_JSON_NULL)
        return 0;
    return ccb_error_set(err, CCB_INVALID, "expected a list of objects");
}

/* The first of a list of objects; of type NONE where the list is empty. */
static int parse_first(struct ccb_slice body, struct ccb_json *first,
                       struct ccb_error *err)
{
    struct ccb_json list;
    struct ccb_json_iter it;
    int code = parse(body, CCB_JSON_ARRAY, "a list", &list, err);
    *first = (struct ccb_json){CCB_JSON_NONE, {NULL, 0}};
    if (code < 0)
        return code;
    it = ccb_json_iter(list);
    if (!ccb_json_next(&it))
        return 0;
    *first = it.value;
    return check_item(it.value, err);
}

/* ---- node and sessions -------------------------------------------------- */

int ccb_consul_read_node(struct ccb_slice body, struct ccb_arena *arena,
                         struct ccb_slice *name, struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json agent, node;
    int code = parse(body, CCB_JSON_OBJECT, "an object", &agent, err);
    if (code == 0)
        code =
            get_string(ccb_json_get(agent, "Config"), "NodeName", &node, err);
    if (code < 0)
        return code;
    if (!is_given(node) || ccb_json_string_is(node, ""))
        return ccb_error_set(err, CCB_INVALID, "it has no Config.NodeName");
    code = ccb_json_string(node, &alloc, name);
    return code == 0 ? 0 : ccb_error_set(err, code, "out of memory");
}

static bool is_id_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || c == '-';
}

/* What an ID may hold stands in a JSON string as it is, between its quotes. */
static int read_id(struct ccb_json session, char id[CCB_CONSUL_ID_SIZE],
                   struct ccb_error *err)
{
    struct ccb_json value;
    struct ccb_slice text;
    size_t i;
    int code = get_string(session, "ID", &value, err);
    if (code < 0)
        return code;
    if (!is_given(value))
        return ccb_error_set(err, CCB_INVALID, "a session has no ID");
    text = ccb_slice_make(value.raw.ptr + 1, value.raw.len - 2);
    for (i = 0; i < text.len && is_id_char(text.ptr[i]); i++)
        continue;
    if (i < text.len || text.len == 0 || text.len >= CCB_CONSUL_ID_SIZE)
        return ccb_error_set(err, CCB_INVALID,
                             "a session's ID is not 1 to %d letters, digits "
                             "and '-'",
                             CCB_CONSUL_ID_SIZE - 1);
    memcpy(id, text.ptr, text.len);
    id[text.len] = '\0';
    return 0;
}

/* Counts them, or with `ids` room for them reads their IDs. */
static int each_session(struct ccb_json list, const char *name,
                        struct ccb_consul_ids *ids, struct ccb_error *err)
{
    struct ccb_json_iter it = ccb_json_iter(list);
    int code = 0;
    ids->count = 0;
    while (code == 0 && ccb_json_next(&it)) {
        struct ccb_json called = {CCB_JSON_NONE, {NULL, 0}};
        code = check_item(it.value, err);
        if (code == 0)
            code = get_string(it.value, "Name", &called, err);
        if (code < 0 || !ccb_json_string_is(called, name))
            continue;
        if (ids->items)
            code = read_id(it.value, ids->items[ids->count], err);
        ids->count++;
    }
    return code;
}

int ccb_consul_read_sessions(struct ccb_slice body, const char *name,
                             struct ccb_arena *arena,
                             struct ccb_consul_ids *ids, struct ccb_error *err)
{
    struct ccb_json list;
    int code = parse(body, CCB_JSON_ARRAY, "a list", &list, err);
    *ids = (struct ccb_consul_ids){0};
    if (code == 0)
        code = each_session(list, name, ids, err);
    if (code < 0 || ids->count == 0)
        return code;
    ids->items = ccb_arena_alloc(arena, ids->count * sizeof(ids->items[0]));
    if (!ids->items)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return each_session(list, name, ids, err);
}

int ccb_consul_read_session(struct ccb_slice body, char id[CCB_CONSUL_ID_SIZE],
                            struct ccb_error *err)
{
    struct ccb_json session;
    int code = parse(body, CCB_JSON_OBJECT, "an object", &session, err);
    return code == 0 ? read_id(session, id, err) : code;
}

int ccb_consul_read_renewal(struct ccb_slice body, struct ccb_error *err)
{
    struct ccb_json session;
    int code = parse_first(body, &session, err);
    if (code == 0 && session.type == CCB_JSON_NONE)
        code = ccb_error_set(err, CCB_NOT_FOUND, "the session is gone");
    return code;
}

/* ---- the key ------------------------------------------------------------ */

static int read_entry(struct ccb_json object, const char *own,
                      struct ccb_consul_entry *entry, struct ccb_error *err)
{
    struct ccb_json flags = ccb_json_get(object, "Flags"), session;
    int code = get_string(object, "Session", &session, err);
    if (code == 0 && is_given(flags) &&
        ccb_json_uint64(flags, &entry->flags) < 0)
        code = ccb_error_set(err, CCB_INVALID,
                             "Flags: expected a whole number of 64 bits");
    if (code < 0)
        return code;
    if (!is_given(session) || ccb_json_string_is(session, ""))
        entry->holder = CCB_CONSUL_NOBODY;
    else if (ccb_json_string_is(session, own))
        entry->holder = CCB_CONSUL_OWN;
    else
        entry->holder = CCB_CONSUL_ANOTHER;
    return 0;
}

int ccb_consul_read_entry(struct ccb_slice body, const char *own,
                          struct ccb_consul_entry *entry, struct ccb_error *err)
{
    struct ccb_json first;
    int code = parse_first(body, &first, err);
    *entry = (struct ccb_consul_entry){0};
    if (code < 0 || first.type == CCB_JSON_NONE)
        return code;
    entry->there = true;
    return read_entry(first, own, entry, err);
}

int ccb_consul_read_truth(struct ccb_slice body, bool *truth,
                          struct ccb_error *err)
{
    struct ccb_json value;
    int code = ccb_json_parse(&value, body, CCB_JSON_FIRST, err);
    if (code < 0)
        return code;
    if (value.type != CCB_JSON_BOOL)
        return ccb_error_set(err, CCB_INVALID, "expected true or false");
    *truth = ccb_slice_is(value.raw, "true");
    return 0;
}

uint64_t ccb_consul_read_index(struct ccb_slice text)
{
    int64_t index;
    if (ccb_number_parse(text, &index) < 0 || index < 0)
        return 0;
    return (uint64_t)index;
}

/* ---- the catalog -------------------------------------------------------- */

int ccb_consul_read_addresses(struct ccb_slice body, struct ccb_buf *out,
                              struct ccb_error *err)
{
    struct ccb_json list, address;
    struct ccb_json_iter it;
    struct ccb_json_writer w;
    int code = parse(body, CCB_JSON_ARRAY, "a list", &list, err);
    if (code < 0)
        return code;
    it = ccb_json_iter(list);
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_array(&w);
    while (code == 0 && ccb_json_next(&it)) {
        code = check_item(it.value, err);
        if (code == 0)
            code = get_string(it.value, "Address", &address, err);
        if (code == 0)
            ccb_json_put_quoted(
                &w, is_given(address) ? address.raw : ccb_slice_make(NULL, 0));
    }
    ccb_json_end_array(&w);
    if (ccb_json_writer_end(&w) < 0 && code == 0)
        code = ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return code;
}
