/*
 * Answers of the API: contract/receptor-api.md 1, 3. Every error's status is a
 * row of one table.
 */
#include "cell/api_internal.h"

#include "cell/task.h"

static const struct {
    const char *name;
    int status;
} errors[] = {
    {"InvalidJSON", 400},          {"InvalidRequest", 400},
    {"InvalidTask", 400},          {"InvalidLRP", 400},
    {"InvalidDomain", 400},        {"Unauthorized", 401},
    {CCB_ID_TASK_NOT_FOUND, 404},  {CCB_ID_LRP_NOT_FOUND, 404},
    {CCB_ID_INDEX_NOT_FOUND, 404}, {CCB_ID_TASK_EXISTS, 409},
    {CCB_ID_LRP_EXISTS, 409},      {"TaskNotDeletable", 409},
    {"ResourceConflict", 500},
};

static const char unknown[] = "UnknownError";

/* 500 for names that are no error of the API's. */
static int status_of(const char *name, const char **shown)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (strcmp(errors[i].name, name) == 0) {
            *shown = errors[i].name;
            return errors[i].status;
        }
    *shown = unknown;
    return 500;
}

void ccb_api_answer(struct ccb_http_request *request, int status,
                    const struct ccb_http_header *headers, size_t count,
                    struct ccb_slice body)
{
    struct ccb_http_header all[6];

    if (count > 0)
        memcpy(all, headers, count * sizeof(*headers));
    count += ccb_api_cors_headers(request, all + count);
    ccb_http_respond_with(request, status, all, count, body);
}

void ccb_api_empty(struct ccb_http_request *request, int status)
{
    ccb_api_answer(request, status, NULL, 0, ccb_slice_of(""));
}

void ccb_api_json(struct ccb_http_request *request, int status,
                  struct ccb_slice body)
{
    static const struct ccb_http_header type = {CCB_LIT("Content-Type"),
                                                CCB_LIT("application/json")};

    ccb_api_answer(request, status, &type, 1, body);
}

void ccb_api_error(struct ccb_http_request *request, int status,
                   const char *name, struct ccb_slice message)
{
    struct ccb_buf body = {0};
    struct ccb_json_writer w;

    ccb_json_writer_init(&w, ccb_buf_sink, &body);
    ccb_json_begin_object(&w);
    ccb_json_member_cstr(&w, "name", name);
    ccb_json_member_string(&w, "message", message);
    ccb_json_end_object(&w);
    if (ccb_json_writer_end(&w) < 0)
        ccb_api_empty(request, 503);
    else
        ccb_api_json(request, status, ccb_buf_slice(&body));
    ccb_buf_destroy(&body);
}

void ccb_api_refuse(struct ccb_http_request *request, int code,
                    const struct ccb_refusal *refusal)
{
    const char *name;
    int status;

    if (code != CCB_INVALID) {
        ccb_api_error(request, 500, unknown, ccb_slice_of("out of memory"));
        return;
    }
    status = status_of(refusal->name, &name);
    ccb_api_error(request, status, name, refusal->message);
}

void ccb_api_store_error(struct ccb_http_request *request,
                         const struct ccb_error *err)
{
    const char *name;
    int status = status_of(err->id, &name);

    ccb_api_error(request, status, name, ccb_slice_of(err->message));
}
