/*
 * How an errand goes from step to step, and how it ends (internal.h).
 *
 * Invariant: an errand is on exactly one step at a time (ledger, pool, call,
 * courier), and ends once.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "controller/internal.h"

#define CALL_TIMEOUT (30 * CCB_SECOND)
#define CONNECT_TIMEOUT (10 * CCB_SECOND)

static const struct ccb_http_header json_type[] = {
    {CCB_LIT("Content-Type"), CCB_LIT("application/json")}};

/* ---- answers ------------------------------------------------------------ */

void ccb_controller_refuse(struct ccb_http_request *request, bool platform,
                           const struct ccb_error *err)
{
    struct ccb_buf body = {0};

    ccb_fault_encode(&body, err, platform);
    ccb_http_respond_with(request, ccb_fault_status(err), json_type, 1,
                          ccb_buf_slice(&body));
    ccb_buf_destroy(&body);
}

static void refuse_without_memory(struct ccb_http_request *request)
{
    struct ccb_error err;

    ccb_error_set(&err, CCB_NO_MEMORY, "out of memory");
    ccb_controller_refuse(request, false, &err);
}

void ccb_errand_answer(struct ccb_errand *errand)
{
    struct ccb_slice body = ccb_buf_slice(&errand->out);

    if (errand->out.failed) {
        ccb_error_set(&errand->err, CCB_NO_MEMORY, "out of memory");
        ccb_errand_fail(errand, &errand->err);
        return;
    }
    if (errand->request)
        ccb_http_respond_with(errand->request, errand->status, json_type,
                              body.len > 0, body);
    errand->request = NULL;
    ccb_errand_end(errand);
}

/* What the person did wrong is theirs to know; what is wrong with us is in the
 * log, too. */
void ccb_errand_fail(struct ccb_errand *errand, const struct ccb_error *err)
{
    if (ccb_fault_status(err) >= 500)
        ccb_log_error(errand->controller->shared->log, "request-failed",
                      err->message);
    if (errand->request)
        ccb_controller_refuse(errand->request, errand->platform, err);
    errand->request = NULL;
    ccb_errand_end(errand);
}

/* ---- begin and end ------------------------------------------------------ */

void *ccb_errand_begin(struct ccb_controller *controller,
                       struct ccb_http_request *request, size_t size)
{
    struct ccb_arena *arena = ccb_arena_create_for(4096);
    struct ccb_errand *errand = arena ? ccb_arena_alloc(arena, size) : NULL;

    if (!errand) {
        ccb_arena_unref(arena);
        if (request)
            refuse_without_memory(request);
        return NULL;
    }
    errand->controller = controller;
    errand->request = request;
    errand->arena = arena;
    errand->status = 200;
    errand->op.loop = controller->worker->loop;
    errand->op.arena = arena;
    errand->next = controller->errands;
    if (errand->next)
        errand->next->prev = errand;
    controller->errands = errand;
    return errand;
}

void ccb_controller_closed(uv_handle_t *handle)
{
    struct ccb_controller *controller = handle->data;

    if (--controller->handles == 0)
        ccb_free(controller);
}

static void unlink_errand(struct ccb_errand *errand)
{
    struct ccb_controller *controller = errand->controller;

    if (errand->next)
        errand->next->prev = errand->prev;
    if (errand->prev)
        errand->prev->next = errand->next;
    else
        controller->errands = errand->next;
}

void ccb_errand_end(struct ccb_errand *errand)
{
    struct ccb_controller *controller = errand->controller;

    if (errand->request) { /* a step that forgot it */
        refuse_without_memory(errand->request);
        errand->request = NULL;
    }
    if (errand->dispose)
        errand->dispose(errand);
    unlink_errand(errand);
    ccb_buf_destroy(&errand->out);
    ccb_arena_unref(errand->arena);
    if (controller->closing && !controller->errands &&
        !uv_is_closing((uv_handle_t *)&controller->hold))
        uv_close((uv_handle_t *)&controller->hold, ccb_controller_closed);
}

/* ---- steps -------------------------------------------------------------- */

static void wake_streams(struct ccb_controller *controller)
{
    struct ccb_stream *stream = controller->streams, *next;

    for (; stream; stream = next) {
        next = stream->next;
        if (stream->on_events)
            stream->on_events(stream);
    }
}

static void go_on(struct ccb_errand *errand, int code)
{
    if (code < 0 && errand->failed)
        errand->failed(errand);
    else if (code < 0)
        ccb_errand_fail(errand, &errand->err);
    else if (errand->then)
        errand->then(errand);
    else
        ccb_errand_answer(errand);
}

static int on_run(struct ccb_ledger_op *op, struct ccb_ledger *ledger,
                  struct ccb_error *err)
{
    struct ccb_errand *errand = (struct ccb_errand *)op;

    return errand->run(errand, ledger, err);
}

static void on_ran(struct ccb_ledger_op *op)
{
    struct ccb_errand *errand = (struct ccb_errand *)op;
    struct ccb_controller *controller = errand->controller;
    bool events = op->events;

    errand->err = op->err;
    go_on(errand, op->code);
    if (events && !controller->closing)
        wake_streams(controller);
}

void ccb_errand_run(struct ccb_errand *errand,
                    int (*run)(struct ccb_errand *errand,
                               struct ccb_ledger *ledger,
                               struct ccb_error *err),
                    void (*then)(struct ccb_errand *errand))
{
    errand->run = run;
    errand->then = then;
    errand->op.run = on_run;
    errand->op.on_done = on_ran;
    ccb_ledger_submit(errand->controller->shared->ledger, &errand->op);
}

static void on_toil(uv_work_t *work)
{
    struct ccb_errand *errand = work->data;

    errand->op.code = errand->toil(errand, &errand->err);
}

static void on_toiled(uv_work_t *work, int status)
{
    struct ccb_errand *errand = work->data;

    (void)status; /* work is never cancelled */
    go_on(errand, errand->op.code);
}

void ccb_errand_toil(struct ccb_errand *errand,
                     int (*toil)(struct ccb_errand *errand,
                                 struct ccb_error *err),
                     void (*then)(struct ccb_errand *errand))
{
    errand->toil = toil;
    errand->then = then;
    errand->work.data = errand;
    (void)uv_queue_work(&errand->controller->worker->loop->uv, &errand->work,
                        on_toil, on_toiled); /* fails only without on_toil */
}

/* ---- calls -------------------------------------------------------------- */

static const char *const peer_names[] = {
    [CCB_PEER_STAGER] = "stager",
    [CCB_PEER_NSYNC] = "nsync-listener",
    [CCB_PEER_TPS] = "tps-listener",
    [CCB_PEER_DIEGO] = "receptor",
};

const char *ccb_controller_peer_name(enum ccb_peer peer)
{
    return peer_names[peer];
}

struct ccb_slice ccb_controller_peer_url(
    const struct ccb_controller_shared *shared, enum ccb_peer peer)
{
    const struct ccb_controller_config *c = shared->config;
    const char *const urls[] = {c->stager_url, c->nsync_url, c->tps_url,
                                c->diego_url};
    struct ccb_slice url = ccb_slice_of(urls[peer]);

    while (url.len > 0 && url.ptr[url.len - 1] == '/')
        url.len--;
    return url;
}

int ccb_controller_unavailable(struct ccb_error *err, enum ccb_peer peer,
                               const struct ccb_http_answer *answer)
{
    if (answer->code < 0)
        return ccb_fault(err, "RoleUnavailable",
                         "the %s does not answer: %s; is it running, and is "
                         "its URL the right one?",
                         peer_names[peer], answer->error);
    return ccb_fault(err, "RoleUnavailable",
                     "the %s answered with status %d; its log says why",
                     peer_names[peer], answer->status);
}

static void on_done(void *user, const struct ccb_http_answer *answer)
{
    struct ccb_errand *errand = user;

    errand->call = NULL;
    errand->on_answer(errand, answer);
}

void ccb_errand_call(struct ccb_errand *errand, enum ccb_peer peer,
                     const char *method, struct ccb_slice path,
                     struct ccb_slice body,
                     void (*on_answer)(struct ccb_errand *errand,
                                       const struct ccb_http_answer *answer))
{
    struct ccb_controller_shared *shared = errand->controller->shared;
    struct ccb_slice base = ccb_controller_peer_url(shared, peer);
    struct ccb_http_header headers[2] = {
        json_type[0], {CCB_LIT("Authorization"), CCB_LIT("none")}};
    struct ccb_http_call_options call = {
        .method = method,
        .url = ccb_arena_format(errand->arena, "%.*s%.*s", (int)base.len,
                                base.ptr, (int)path.len, path.ptr),
        .headers = peer == CCB_PEER_TPS ? headers + 1 : headers,
        .header_count = peer == CCB_PEER_TPS || body.len > 0,
        .body = body,
        .short_lane = true,
        .connect_timeout = CONNECT_TIMEOUT,
        .timeout = CALL_TIMEOUT,
        .on_done = on_done,
        .user = errand,
    };
    struct ccb_http_answer none = {.code = CCB_NO_MEMORY,
                                   .error = "out of memory"};

    errand->on_answer = on_answer;
    if (errand->controller->closing) {
        none.error = "the daemon stops";
        on_answer(errand, &none);
    } else if (!path.ptr || !call.url.ptr ||
               ccb_http_send(errand->controller->worker->client, &call,
                             &errand->call, &errand->err) < 0) {
        if (call.url.ptr)
            none.error = errand->err.message;
        on_answer(errand, &none);
    }
}

/* ---- odds and ends ------------------------------------------------------ */

struct ccb_slice ccb_controller_query(struct ccb_http_request *request,
                                      const char *name)
{
    struct ccb_slice rest = ccb_http_request_info(request)->query;
    size_t len = strlen(name);

    while (rest.len > 0) {
        const char *end = memchr(rest.ptr, '&', rest.len);
        size_t size = end ? (size_t)(end - rest.ptr) : rest.len;
        if (size > len && rest.ptr[len] == '=' &&
            memcmp(rest.ptr, name, len) == 0)
            return ccb_slice_make(rest.ptr + len + 1, size - len - 1);
        rest.ptr += end ? size + 1 : size;
        rest.len -= end ? size + 1 : size;
    }
    return ccb_slice_make(NULL, 0);
}

void ccb_stream_add(struct ccb_controller *controller,
                    struct ccb_stream *stream)
{
    stream->next = controller->streams;
    controller->streams = stream;
}

void ccb_stream_remove(struct ccb_controller *controller,
                       struct ccb_stream *stream)
{
    struct ccb_stream **at = &controller->streams;

    while (*at && *at != stream)
        at = &(*at)->next;
    if (*at)
        *at = stream->next;
}
