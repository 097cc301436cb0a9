/*
 * How an answer of the Receptor is judged: contract/stager.md B1 and B3.
 * Errors have names; statuses tell nothing.
 */
#include "diego/internal.h"

bool ccb_receptor_is_json(const struct ccb_http_answer *from)
{
    static const char json[] = "application/json";
    struct ccb_slice type = ccb_http_answer_header(from, "Content-Type");
    const char *semicolon = type.len ? memchr(type.ptr, ';', type.len) : NULL;
    if (semicolon)
        type.len = (size_t)(semicolon - type.ptr);
    while (type.len > 0 &&
           (type.ptr[type.len - 1] == ' ' || type.ptr[type.len - 1] == '\t'))
        type.len--;
    return type.len == sizeof(json) - 1 &&
           strncasecmp(type.ptr, json, type.len) == 0;
}

void ccb_receptor_fail(struct ccb_diego_answer *out, const char *name,
                       struct ccb_slice message)
{
    out->code = CCB_FAILED;
    out->name = ccb_slice_of(name);
    out->message = message;
}

struct wire_error {
    struct ccb_slice name, message;
};

static const struct ccb_json_field error_fields[] = {
    {.name = "name",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct wire_error, name)},
    {.name = "message",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct wire_error, message)},
};
static const struct ccb_json_shape error_shape = {error_fields, 2,
                                                  sizeof(struct wire_error)};

static void judge_error(struct ccb_slice body, struct ccb_arena *arena,
                        struct ccb_diego_answer *out)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json document;
    struct wire_error error;
    if (ccb_json_parse(&document, body, CCB_JSON_FIRST, NULL) < 0 ||
        ccb_json_decode(document, &error_shape, &error, &alloc, NULL) < 0) {
        ccb_receptor_fail(
            out, "InvalidJSON",
            ccb_slice_of("the back end's error is not readable JSON"));
        return;
    }
    out->code = CCB_FAILED;
    out->name = error.name;
    out->message = error.message;
}

bool ccb_receptor_judge(const struct ccb_http_answer *from,
                        struct ccb_arena *arena, struct ccb_diego_answer *out)
{
    struct ccb_slice router;
    bool json;
    if (from->code < 0) {
        out->code = from->code;
        out->message = ccb_slice_of(from->error);
        return false;
    }
    router = ccb_http_answer_header(from, "X-Cf-Routererror");
    if (router.ptr) {
        ccb_receptor_fail(out, "RouterError", router);
        return false;
    }
    json = ccb_receptor_is_json(from);
    if (from->status > 299 && json)
        judge_error(from->body, arena, out);
    else if (from->status > 299)
        ccb_receptor_fail(
            out, "InvalidResponse",
            ccb_arena_format(arena, "Invalid Response with status code: %d",
                             from->status));
    return from->status <= 299 && json;
}
