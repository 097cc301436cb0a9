/*
 * What is round every request of the API: CORS, then the cookie, then
 * authorization, then the routes (contract/receptor-api.md 2). So an unknown
 * path without credentials is 401, not 404.
 */
#include "cell/api_internal.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <strings.h>

#include "base/mem.h"

/* ---- authorization ------------------------------------------------------ */

/* The value of the cookie; it goes before the header. */
static struct ccb_slice find_cookie(const struct ccb_http_request *request)
{
    static const char name[] = "receptor_authorization=";
    const struct ccb_http_request_info *info = ccb_http_request_info(request);

    for (size_t i = 0; i < info->header_count; i++) {
        struct ccb_slice rest = info->headers[i].value;

        if (info->headers[i].name.len != 6 ||
            strncasecmp(info->headers[i].name.ptr, "Cookie", 6) != 0)
            continue;
        while (rest.len > 0) {
            const char *end = memchr(rest.ptr, ';', rest.len);
            size_t len = end ? (size_t)(end - rest.ptr) : rest.len;
            struct ccb_slice one = ccb_slice_make(rest.ptr, len);

            while (one.len > 0 && one.ptr[0] == ' ')
                one = ccb_slice_make(one.ptr + 1, one.len - 1);
            if (ccb_slice_starts(one, name))
                return ccb_slice_make(one.ptr + sizeof(name) - 1,
                                      one.len - sizeof(name) + 1);
            rest = ccb_slice_make(rest.ptr + len, rest.len - len);
            if (rest.len > 0)
                rest = ccb_slice_make(rest.ptr + 1, rest.len - 1);
        }
    }
    return ccb_slice_make(NULL, 0);
}

/* Takes as long whatever the first wrong byte is. */
static bool same_secret(struct ccb_slice given, const char *wanted)
{
    size_t len = strlen(wanted);
    unsigned char differs = given.len != len;

    for (size_t i = 0; i < len; i++)
        differs |=
            (unsigned char)(wanted[i] ^ (i < given.len ? given.ptr[i] : 0));
    return differs == 0;
}

static struct ccb_slice find_authorization(
    const struct ccb_http_request *request)
{
    struct ccb_slice cookie = find_cookie(request);

    if (cookie.len > 1 && cookie.ptr[0] == '"' &&
        cookie.ptr[cookie.len - 1] == '"')
        cookie = ccb_slice_make(cookie.ptr + 1, cookie.len - 2);
    return cookie.ptr ? cookie
                      : ccb_http_request_header(request, "Authorization");
}

static void answer_unauthorized(struct ccb_http_request *request)
{
    static const struct ccb_http_header headers[] = {
        {CCB_LIT("Content-Type"), CCB_LIT("application/json")},
        {CCB_LIT("WWW-Authenticate"),
         CCB_LIT("Basic realm=\"API Authentication\"")},
    };

    ccb_api_answer(request, 401, headers, 2,
                   ccb_slice_of("{\"name\":\"Unauthorized\","
                                "\"message\":\"Unauthorized\"}"));
}

void ccb_api_auth_cookie(struct ccb_api_call *call)
{
    struct ccb_slice given = find_authorization(call->request);
    struct ccb_http_header header = {
        CCB_LIT("Set-Cookie"),
        ccb_arena_format(call->arena, "receptor_authorization=%.*s; HttpOnly",
                         (int)given.len, given.ptr ? given.ptr : ""),
    };

    if (!given.ptr)
        ccb_api_empty(call->request, 204);
    else if (!header.value.ptr)
        ccb_api_empty(call->request, 503);
    else
        ccb_api_answer(call->request, 204, &header, 1, ccb_slice_of(""));
}

static void on_allowed_origin(struct ccb_http_request *request,
                              struct ccb_api *api)
{
    if (api->credentials &&
        !same_secret(find_authorization(request), api->credentials))
        answer_unauthorized(request);
    else
        ccb_api_route(request, api);
}

/* ---- CORS --------------------------------------------------------------- */

size_t ccb_api_cors_headers(struct ccb_http_request *request,
                            struct ccb_http_header *out)
{
    const struct ccb_api *api = ccb_http_request_info(request)->user;
    struct ccb_slice origin = ccb_http_request_header(request, "Origin");

    if (!api->options.cors || origin.len == 0 || ccb_slice_is(origin, "*"))
        return 0;
    out[0] = (struct ccb_http_header){CCB_LIT("Access-Control-Allow-Origin"),
                                      origin};
    out[1] = (struct ccb_http_header){
        CCB_LIT("Access-Control-Allow-Credentials"), CCB_LIT("true")};
    return 2;
}

static void answer_preflight(struct ccb_http_request *request)
{
    struct ccb_http_header headers[2];
    size_t count = 0;

    headers[count++] = (struct ccb_http_header){
        CCB_LIT("Access-Control-Allow-Methods"),
        ccb_http_request_header(request, "Access-Control-Request-Method")};
    headers[count++] = (struct ccb_http_header){
        CCB_LIT("Access-Control-Allow-Headers"),
        ccb_http_request_header(request, "Access-Control-Request-Headers")};
    ccb_api_answer(request, 200, headers, count, ccb_slice_of(""));
}

static void on_api_request(struct ccb_http_request *request, void *user)
{
    struct ccb_api *api = user;

    if (api->options.cors &&
        ccb_http_request_info(request)->method == CCB_HTTP_OPTIONS)
        answer_preflight(request);
    else
        on_allowed_origin(request, api);
}

#define EVERY_PATH(method_)                                                    \
    {                                                                          \
        .method = method_, .path = "/*", .on_request = on_api_request          \
    }
const struct ccb_http_route ccb_api_routes[] = {
    EVERY_PATH("GET"),    EVERY_PATH("POST"),  EVERY_PATH("PUT"),
    EVERY_PATH("DELETE"), EVERY_PATH("PATCH"), EVERY_PATH("OPTIONS"),
};
const size_t ccb_api_route_count =
    sizeof(ccb_api_routes) / sizeof(ccb_api_routes[0]);

/* ---- open and close ----------------------------------------------------- */

/* "Basic " and the base64 of "USER:PASSWORD". */
static char *make_credentials(const char *username, const char *password)
{
    size_t size = strlen(username) + strlen(password) + 2;
    char *plain = ccb_malloc(size);
    char *out = ccb_malloc(6 + 4 * ((size + 1) / 3) + 8);

    if (plain && out) {
        (void)snprintf(plain, size, "%s:%s", username, password);
        memcpy(out, "Basic ", 6);
        (void)EVP_EncodeBlock((unsigned char *)out + 6,
                              (const unsigned char *)plain, (int)size - 1);
    } else {
        ccb_free(out);
        out = NULL;
    }
    ccb_free(plain);
    return out;
}

struct ccb_api *ccb_api_open(const struct ccb_api_options *options)
{
    struct ccb_api *api = ccb_calloc(1, sizeof(*api));

    if (!api)
        return NULL;
    api->options = *options;
    if (options->username && options->username[0]) {
        api->credentials = make_credentials(
            options->username, options->password ? options->password : "");
        if (!api->credentials) {
            ccb_free(api);
            return NULL;
        }
    }
    return api;
}

void ccb_api_close(struct ccb_api *api)
{
    if (!api)
        return;
    ccb_free(api->credentials);
    ccb_free(api);
}

void *ccb_api_owner(const struct ccb_api *api)
{
    return api->options.owner;
}
