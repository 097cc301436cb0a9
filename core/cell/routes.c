/*
 * Routes of an LRP: contract/receptor-api.md 4.2.
 */
#include "cell/routes.h"

#include "base/buf.h"

#define MAX_VALUE_BYTES 4096

struct route {
    struct ccb_slice name;
    struct ccb_json value;
};

/* White space outside of strings is left out. */
static void put_compact(struct ccb_buf *out, struct ccb_slice json)
{
    bool quoted = false;
    char *to = ccb_buf_reserve(out, json.len);
    size_t len = 0;

    if (!to)
        return;
    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];

        if (!quoted && (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
            continue;
        to[len++] = c;
        if (quoted && c == '\\' && i + 1 < json.len)
            to[len++] = json.ptr[++i];
        else if (c == '"')
            quoted = !quoted;
    }
    out->len += len;
}

static int read_routes(struct ccb_routes *out, struct ccb_json value,
                       struct route *routes, size_t *count,
                       struct ccb_arena *arena, struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json_iter it = ccb_json_iter(value);
    struct route route;
    size_t i;

    *count = 0;
    while (ccb_json_next(&it)) {
        if (ccb_json_string(it.key, &alloc, &route.name) < 0)
            return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
        if (it.value.type == CCB_JSON_NULL)
            return ccb_error_set(
                err, CCB_INVALID, "routes: the value of \"%.*s\" is null",
                (int)(route.name.len < 80 ? route.name.len : 80),
                route.name.ptr);
        route.value = it.value;
        out->value_bytes += it.value.raw.len;
        if (!ccb_routes_fit(out)) /* refused anyway: no need to compare all */
            return 0;
        for (i = 0; i < *count; i++)
            if (ccb_slice_equal(routes[i].name, route.name))
                break;
        routes[i] = route;
        if (i == *count)
            (*count)++;
    }
    return 0;
}

static int write_routes(struct ccb_routes *out, const struct route *routes,
                        size_t count, struct ccb_arena *arena,
                        struct ccb_error *err)
{
    struct ccb_buf text = {0}, compact = {0};
    struct ccb_json_writer w;

    ccb_json_writer_init(&w, ccb_buf_sink, &text);
    ccb_json_begin_object(&w);
    for (size_t i = 0; i < count; i++) {
        ccb_json_key_slice(&w, routes[i].name);
        ccb_buf_reset(&compact);
        put_compact(&compact, routes[i].value.raw);
        ccb_json_put_raw(&w, ccb_buf_slice(&compact));
    }
    ccb_json_end_object(&w);
    if (ccb_json_writer_end(&w) == 0 && !compact.failed && !text.failed)
        out->text = ccb_arena_copy(arena, ccb_buf_slice(&text));
    ccb_buf_destroy(&text);
    ccb_buf_destroy(&compact);
    return out->text.ptr ? 0
                         : ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

int ccb_routes_decode(struct ccb_routes *out, struct ccb_json value,
                      struct ccb_arena *arena, struct ccb_error *err)
{
    struct route *routes;
    size_t count;
    int code;

    *out = (struct ccb_routes){0};
    if (value.type == CCB_JSON_NONE || value.type == CCB_JSON_NULL)
        return 0;
    if (value.type != CCB_JSON_OBJECT)
        return ccb_error_set(err, CCB_INVALID, "routes: expected an object");
    out->given = true;
    /* A member takes four bytes at least, `"":1`, and a value one of them, so
     * this holds all that can fit. */
    count = value.raw.len / 4 + 1;
    if (count > MAX_VALUE_BYTES + 1)
        count = MAX_VALUE_BYTES + 1;
    routes = ccb_arena_alloc(arena, count * sizeof(*routes));
    if (!routes)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    code = read_routes(out, value, routes, &count, arena, err);
    if (code < 0 || count == 0)
        return code;
    return write_routes(out, routes, count, arena, err);
}

bool ccb_routes_fit(const struct ccb_routes *routes)
{
    return routes->value_bytes <= MAX_VALUE_BYTES;
}
