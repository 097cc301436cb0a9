/* Outcomes: words, severity, and the document that goes from child to parent.
 */
#include "outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[CCB_CHECK_STATUSES] = {
    [CCB_CHECK_SUCCESS] = "success",   [CCB_CHECK_WARNING] = "warning",
    [CCB_CHECK_FAILED] = "failed",     [CCB_CHECK_CRASHED] = "crashed",
    [CCB_CHECK_TIMED_OUT] = "timeout", [CCB_CHECK_SKIPPED] = "skipped",
};

const char *ccb_check_status_name(enum ccb_check_status status)
{
    return names[status];
}

int ccb_check_status_is_bad(enum ccb_check_status status)
{
    return status == CCB_CHECK_FAILED || status == CCB_CHECK_CRASHED ||
           status == CCB_CHECK_TIMED_OUT;
}

/* A plugin's words must not move the cursor of whoever reads them. */
static void clean(char *text)
{
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = ' ';
}

static void __attribute__((format(printf, 5, 0)))
set(struct ccb_check_outcome *out, enum ccb_check_status status, int rule,
    const char *expected, const char *found, va_list args)
{
    out->status = status;
    out->rule = rule;
    snprintf(out->expected, sizeof(out->expected), "%s", expected);
    vsnprintf(out->found, sizeof(out->found), found, args);
    clean(out->expected);
    clean(out->found);
}

void ccb_check_fail(struct ccb_check_outcome *out, int rule,
                    const char *expected, const char *found, ...)
{
    va_list args;

    if (ccb_check_status_is_bad(out->status))
        return;
    va_start(args, found);
    set(out, CCB_CHECK_FAILED, rule, expected, found, args);
    va_end(args);
}

void ccb_check_warn(struct ccb_check_outcome *out, int rule,
                    const char *expected, const char *found, ...)
{
    va_list args;

    if (out->status == CCB_CHECK_WARNING ||
        ccb_check_status_is_bad(out->status))
        return;
    va_start(args, found);
    set(out, CCB_CHECK_WARNING, rule, expected, found, args);
    va_end(args);
}

void ccb_check_skip(struct ccb_check_outcome *out, const char *why, ...)
{
    va_list args;

    if (out->status != CCB_CHECK_SUCCESS)
        return;
    va_start(args, why);
    set(out, CCB_CHECK_SKIPPED, 0, "", why, args);
    va_end(args);
}

void ccb_check_remark(struct ccb_check_outcome *out, const char *what, ...)
{
    va_list args;

    if (out->status != CCB_CHECK_SUCCESS)
        return;
    va_start(args, what);
    set(out, CCB_CHECK_SUCCESS, 0, "", what, args);
    va_end(args);
}

void ccb_check_set(struct ccb_check_outcome *out, enum ccb_check_status status,
                   int rule, const char *expected, const char *found, ...)
{
    va_list args;

    va_start(args, found);
    set(out, status, rule, expected, found, args);
    va_end(args);
}

/* ---- from child to parent ----------------------------------------------- */

void ccb_check_outcome_encode(struct ccb_buf *out,
                              const struct ccb_check_outcome *from)
{
    struct ccb_json_writer w;

    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    ccb_json_member_cstr(&w, "status", names[from->status]);
    ccb_json_member_int(&w, "rule", from->rule);
    ccb_json_member_cstr(&w, "expected", from->expected);
    ccb_json_member_cstr(&w, "found", from->found);
    ccb_json_member_cstr(&w, "subject", from->subject);
    ccb_json_end_object(&w);
    if (ccb_json_writer_end(&w) < 0 && !out->failed)
        out->failed = CCB_FAILED;
}

struct text_room {
    char *at;
    size_t left;
};

static void *take_room(void *ctx, size_t size)
{
    struct text_room *room = ctx;
    char *text = room->at;

    if (size > room->left)
        return NULL;
    room->at += size;
    room->left -= size;
    return text;
}

static void take_text(char *out, size_t size, struct ccb_json object,
                      const char *key)
{
    char memory[8192];
    struct text_room room = {memory, sizeof(memory)};
    struct ccb_json_alloc alloc = {take_room, &room};
    struct ccb_slice text;

    if (ccb_json_string(ccb_json_get(object, key), &alloc, &text) == 0)
        snprintf(out, size, "%.*s", (int)text.len, text.ptr);
}

int ccb_check_outcome_decode(struct ccb_check_outcome *out,
                             struct ccb_slice text, struct ccb_error *err)
{
    struct ccb_json json;
    int64_t rule = 0;
    int code = ccb_json_parse(&json, text, CCB_JSON_WHOLE, err);
    int status = 0;

    memset(out, 0, sizeof(*out));
    if (code < 0)
        return code;
    while (status < CCB_CHECK_STATUSES &&
           !ccb_json_string_is(ccb_json_get(json, "status"), names[status]))
        status++;
    if (status == CCB_CHECK_STATUSES ||
        ccb_json_int64(ccb_json_get(json, "rule"), &rule) < 0)
        return ccb_error_set(err, CCB_INVALID, "no outcome");
    out->status = (enum ccb_check_status)status;
    out->rule = (int)rule;
    take_text(out->expected, sizeof(out->expected), json, "expected");
    take_text(out->found, sizeof(out->found), json, "found");
    take_text(out->subject, sizeof(out->subject), json, "subject");
    return 0;
}
