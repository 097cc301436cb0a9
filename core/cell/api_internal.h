/*
 * The inside of the API: one request's struct, the answers all handlers use.
 */
#ifndef CCB_CELL_API_INTERNAL_H
#define CCB_CELL_API_INTERNAL_H

#include "base/buf.h"
#include "cell/api.h"
#include "cell/validate.h"

struct ccb_api {
    struct ccb_api_options options;
    char *credentials; /* "Basic dXNlcjpwYXNz", or NULL */
};

/* One request, in its arena. The store's operation comes first, so that it
 * leads back here; what a handler needs besides lies in `of`. */
struct ccb_api_call {
    struct ccb_store_op op;
    struct ccb_api *api;
    struct ccb_http_request *request;
    struct ccb_arena *arena;
    struct ccb_slice guid; /* the route's first parameter */
    struct ccb_slice param2;
    int64_t index;                            /* parsed of the second */
    int status;                               /* of success */
    void (*on_done)(struct ccb_store_op *op); /* the handler's */
    struct ccb_buf out;                       /* filled on the store's thread */
    union {
        struct ccb_task task;
        struct ccb_desired desired;
        struct ccb_desired_update update;
        int64_t ttl; /* of a domain */
    } of;
};

/* ---- answers (api_answer.c) --------------------------------------------- */

/* Adds the CORS headers that are due to what is given; all answers pass
 * here. */
void ccb_api_answer(struct ccb_http_request *request, int status,
                    const struct ccb_http_header *headers, size_t count,
                    struct ccb_slice body);
void ccb_api_empty(struct ccb_http_request *request, int status);
void ccb_api_json(struct ccb_http_request *request, int status,
                  struct ccb_slice body);
void ccb_api_error(struct ccb_http_request *request, int status,
                   const char *name, struct ccb_slice message);
void ccb_api_refuse(struct ccb_http_request *request, int code,
                    const struct ccb_refusal *refusal);
/* A store's error: its id is the name, which tells the status. */
void ccb_api_store_error(struct ccb_http_request *request,
                         const struct ccb_error *err);

/* ---- round the routes (api_auth.c) -------------------------------------- */

/* Up to two; how many. */
size_t ccb_api_cors_headers(struct ccb_http_request *request,
                            struct ccb_http_header *out);

/* ---- calls (api.c) ------------------------------------------------------ */

void ccb_api_route(struct ccb_http_request *request, struct ccb_api *api);

/* As for a path that no route has. */
void ccb_api_no_page(struct ccb_http_request *request);

/* Runs `run` in the store; then the call's status, with `out` as JSON when it
 * holds anything, or the error. */
void ccb_api_submit(struct ccb_api_call *call,
                    int (*run)(struct ccb_store_op *op, struct ccb_store_tx *tx,
                               struct ccb_error *err),
                    int status);
/* The same with an ending of the handler's own. */
void ccb_api_submit_with(struct ccb_api_call *call,
                         int (*run)(struct ccb_store_op *op,
                                    struct ccb_store_tx *tx,
                                    struct ccb_error *err),
                         void (*then)(struct ccb_store_op *op));

/* ---- handlers ----------------------------------------------------------- */

void ccb_api_task_create(struct ccb_api_call *call);
void ccb_api_task_get(struct ccb_api_call *call);
void ccb_api_task_delete(struct ccb_api_call *call);
void ccb_api_task_cancel(struct ccb_api_call *call);
void ccb_api_desired_create(struct ccb_api_call *call);
void ccb_api_desired_get(struct ccb_api_call *call);
void ccb_api_desired_update(struct ccb_api_call *call);
void ccb_api_desired_delete(struct ccb_api_call *call);
void ccb_api_actual_get(struct ccb_api_call *call);
void ccb_api_actual_kill(struct ccb_api_call *call);
void ccb_api_domain_put(struct ccb_api_call *call);
void ccb_api_auth_cookie(struct ccb_api_call *call);
void ccb_api_events(struct ccb_api_call *call);
void ccb_api_logs(struct ccb_api_call *call);
/* Lists (api_list.c) */
void ccb_api_tasks(struct ccb_api_call *call);
void ccb_api_desireds(struct ccb_api_call *call);
void ccb_api_actuals(struct ccb_api_call *call);
void ccb_api_actuals_of(struct ccb_api_call *call);
void ccb_api_cells(struct ccb_api_call *call);
void ccb_api_domains(struct ccb_api_call *call);

#endif
