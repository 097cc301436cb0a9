/*
 * Routes, taken apart once (contract/stager.md A7).
 *
 * Invariant: a path is split at its '/' once and compared segment by segment;
 * the first row of the table that fits in path and method wins. A segment is
 * never empty where a ":name" takes it.
 */
#include "net/http_server_internal.h"

#include <stdio.h>

#include "base/mem.h"

/* Splits what follows the first '/'. Segments beyond `max` are not set, but
 * counted. */
static size_t split(struct ccb_slice path, struct ccb_slice *segments,
                    size_t max)
{
    const char *pos = path.ptr + 1, *end = path.ptr + path.len;
    size_t count = 0;

    if (path.len == 0 || path.ptr[0] != '/')
        return 0;
    for (;;) {
        const char *slash =
            pos < end ? memchr(pos, '/', (size_t)(end - pos)) : NULL;

        if (count < max)
            segments[count] = ccb_slice_make(
                pos, (size_t)((slash == NULL ? end : slash) - pos));
        count++;
        if (slash == NULL)
            return count;
        pos = slash + 1;
    }
}

static int compile_one(struct ccb_httpd_route *out,
                       const struct ccb_http_route *route,
                       struct ccb_error *err)
{
    out->route = route;
    out->count =
        split(ccb_slice_of(route->path), out->segments, CCB_HTTPD_MAX_SEGMENTS);
    if (out->count == 0 || out->count > CCB_HTTPD_MAX_SEGMENTS)
        return ccb_error_set(err, CCB_INVALID,
                             "route \"%s\": a path of 1 to %d segments, "
                             "starting with '/', is needed",
                             route->path, CCB_HTTPD_MAX_SEGMENTS);
    for (size_t i = 0; i < out->count; i++) {
        struct ccb_slice *segment = &out->segments[i];

        if (segment->len > 0 && segment->ptr[0] == ':') {
            *segment = ccb_slice_make(NULL, 0);
            out->param_count++;
        } else if (ccb_slice_is(*segment, "*")) {
            if (i + 1 != out->count)
                return ccb_error_set(err, CCB_INVALID,
                                     "route \"%s\": '*' must come last",
                                     route->path);
            out->rest = true;
            out->param_count++;
        }
    }
    return CCB_OK;
}

int ccb_httpd_routes_compile(struct ccb_httpd_routes *routes,
                             const struct ccb_http_route *table, size_t count,
                             struct ccb_error *err)
{
    routes->count = 0;
    routes->items = ccb_calloc(count, sizeof(*routes->items));
    if (routes->items == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for routes");
    for (size_t i = 0; i < count; i++) {
        int code = compile_one(&routes->items[i], &table[i], err);

        if (code != CCB_OK) {
            ccb_httpd_routes_destroy(routes);
            return code;
        }
        routes->count++;
    }
    return CCB_OK;
}

void ccb_httpd_routes_destroy(struct ccb_httpd_routes *routes)
{
    ccb_free(routes->items);
    routes->items = NULL;
    routes->count = 0;
}

static bool path_fits(const struct ccb_httpd_route *route,
                      const struct ccb_slice *segments, size_t count)
{
    size_t fixed = route->rest ? route->count - 1 : route->count;

    if (route->rest ? count < route->count : count != route->count)
        return false;
    for (size_t i = 0; i < fixed; i++) {
        const struct ccb_slice *want = &route->segments[i];

        if (want->ptr == NULL ? segments[i].len == 0
                              : !ccb_slice_equal(*want, segments[i]))
            return false;
    }
    return true;
}

static void take_params(const struct ccb_httpd_route *route,
                        const struct ccb_slice *segments, const char *end,
                        struct ccb_httpd_match *match)
{
    for (size_t i = 0; i < route->count; i++) {
        if (route->rest && i + 1 == route->count)
            match->params[match->param_count++] = ccb_slice_make(
                segments[i].ptr, (size_t)(end - segments[i].ptr));
        else if (route->segments[i].ptr == NULL)
            match->params[match->param_count++] = segments[i];
    }
}

static bool method_fits(const char *offered, struct ccb_slice asked)
{
    return ccb_slice_is(asked, offered) || strcmp(offered, "*") == 0 ||
           (ccb_slice_is(asked, "HEAD") && strcmp(offered, "GET") == 0);
}

static void add_allowed(char *allow, size_t size, const char *method)
{
    size_t used = strlen(allow);

    if (strstr(allow, method) == NULL)
        (void)snprintf(allow + used, size - used, "%s%s", used ? ", " : "",
                       method);
}

void ccb_httpd_routes_find(const struct ccb_httpd_routes *routes,
                           struct ccb_slice method, struct ccb_slice path,
                           struct ccb_httpd_match *match)
{
    struct ccb_slice segments[CCB_HTTPD_MAX_SEGMENTS];
    size_t count = split(path, segments, CCB_HTTPD_MAX_SEGMENTS);

    match->route = NULL;
    match->param_count = 0;
    match->allow[0] = '\0';
    for (size_t i = 0; count > 0 && i < routes->count; i++) {
        const struct ccb_httpd_route *route = &routes->items[i];

        if (!path_fits(route, segments, count))
            continue;
        if (method_fits(route->route->method, method)) {
            match->route = route->route;
            take_params(route, segments, path.ptr + path.len, match);
            return;
        }
        add_allowed(match->allow, sizeof(match->allow), route->route->method);
        if (strcmp(route->route->method, "GET") == 0)
            add_allowed(match->allow, sizeof(match->allow), "HEAD");
    }
}
