/*
 * The job that a droplet's upload starts at the Cloud Controller: its answers
 * are read until it is over (contract/fileserver-ccuploader.md 2.4).
 *
 * Invariant: polls begin on the ticks of the interval, counted from the first
 * answer; a tick that is missed is made up for at once, but only one. The
 * status of a poll's HTTP answer is not looked at.
 */
#include "base/clock.h"
#include "ccbridge/json.h"
#include "uploader/internal.h"

#define MAX_ANSWER (1024 * 1024)

struct metadata {
    struct ccb_slice url;
};

struct entity {
    struct ccb_slice status;
};

struct job {
    struct metadata metadata;
    struct entity entity;
};

static const struct ccb_json_field metadata_fields[] = {
    {.name = "url",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct metadata, url)},
};
static const struct ccb_json_shape metadata_shape = {metadata_fields, 1,
                                                     sizeof(struct metadata)};

static const struct ccb_json_field entity_fields[] = {
    {.name = "status",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct entity, status)},
};
static const struct ccb_json_shape entity_shape = {entity_fields, 1,
                                                   sizeof(struct entity)};

static const struct ccb_json_field job_fields[] = {
    {.name = "metadata",
     .kind = CCB_JSON_K_OBJECT,
     .offset = offsetof(struct job, metadata),
     .shape = &metadata_shape},
    {.name = "entity",
     .kind = CCB_JSON_K_OBJECT,
     .offset = offsetof(struct job, entity),
     .shape = &entity_shape},
};
static const struct ccb_json_shape job_shape = {job_fields, 2,
                                                sizeof(struct job)};

static void fail(struct ccb_uploading *upload, const char *action,
                 const char *error)
{
    ccb_log_error(&upload->uploader->shared->poller, action, error);
    ccb_uploader_on_not_polled(upload, error);
}

/* ---- asking ------------------------------------------------------------- */

static void read_answer(struct ccb_uploading *upload, struct ccb_slice body);

static void on_done(void *user, const struct ccb_http_answer *answer)
{
    struct ccb_uploading *upload = user;

    upload->call = NULL;
    if (answer->code != 0) {
        fail(upload, "failed-making-request-to-polling-endpoint",
             answer->error);
        return;
    }
    ccb_log_info(&upload->uploader->shared->poller,
                 "succeeded-making-request-to-polling-endpoint");
    read_answer(upload, answer->body);
}

static void ask(struct ccb_uploading *upload)
{
    const struct ccb_uploader_config *config = upload->uploader->shared->config;
    struct ccb_http_call_options options = {
        .method = "GET",
        .url = ccb_buf_slice(&upload->poll_url),
        .skip_cert_verify = config->skip_cert_verify,
        .use_proxy = true,
        .timeout = config->communication_timeout,
        .max_answer = MAX_ANSWER,
        .on_done = on_done,
        .user = upload,
    };
    struct ccb_error err;

    ccb_log_info(&upload->uploader->shared->poller,
                 "making-request-to-polling-endpoint");
    if (ccb_http_send(upload->uploader->worker->client, &options, &upload->call,
                      &err) != CCB_OK)
        fail(upload, "failed-generating-request", err.message);
}

static void on_tick(uv_timer_t *timer)
{
    struct ccb_uploading *upload = timer->data;
    int64_t interval = upload->uploader->shared->config->polling_interval;
    int64_t now = ccb_clock_monotonic();

    upload->next_tick += interval;
    if (upload->next_tick < now) /* further ones that were missed */
        upload->next_tick += (now - upload->next_tick) / interval * interval;
    ask(upload);
}

/* ---- what the answers mean ---------------------------------------------- */

static void wait_for_tick(struct ccb_uploading *upload, const struct job *job)
{
    int64_t wait = upload->next_tick - ccb_clock_monotonic();
    struct ccb_error err;

    if (ccb_query_resolve(&upload->poll_url, &upload->url, job->metadata.url,
                          &err) != CCB_OK) {
        fail(upload, "failed-parsing-url", err.message);
        return;
    }
    wait = wait > 0 ? (wait + CCB_MILLISECOND - 1) / CCB_MILLISECOND : 0;
    (void)uv_timer_start(&upload->tick, on_tick, (uint64_t)wait, 0);
}

static void on_finished(struct ccb_uploading *upload, const struct job *job)
{
    (void)job;
    ccb_log_info(&upload->uploader->shared->poller, "cc-job-finished");
    ccb_uploader_on_polled(upload);
}

static void on_failed(struct ccb_uploading *upload, const struct job *job)
{
    (void)job;
    fail(upload, "cc-job-failed", "upload job failed");
}

static void on_unknown(struct ccb_uploading *upload, const struct job *job)
{
    struct ccb_slice status = job->entity.status;
    struct ccb_error err;

    ccb_error_set(&err, CCB_INVALID, "unknown job status: %.*s",
                  (int)(status.len > 200 ? 200 : status.len),
                  status.len > 0 ? status.ptr : "");
    fail(upload, "cc-job-unknown-status", err.message);
}

static const struct {
    const char *status;
    void (*act)(struct ccb_uploading *upload, const struct job *job);
} statuses[] = {
    {"finished", on_finished},
    {"queued", wait_for_tick},
    {"running", wait_for_tick},
    {"failed", on_failed},
};

static void act(struct ccb_uploading *upload, const struct job *job)
{
    struct ccb_slice status = job->entity.status;

    ccb_log_write(&upload->uploader->shared->poller, CCB_LEVEL_INFO,
                  "checking-cc-job-status",
                  CCB_FIELDS(ccb_log_int("attempt-number", upload->polls++),
                             ccb_log_text("status", status)));
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (ccb_slice_is(status, statuses[i].status)) {
            statuses[i].act(upload, job);
            return;
        }
    on_unknown(upload, job);
}

static void read_answer(struct ccb_uploading *upload, struct ccb_slice body)
{
    /* Of its own: there may be many answers in one upload. */
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_error err = {0};
    struct ccb_json_alloc alloc;
    struct ccb_json value;
    struct job job;
    int code;

    if (arena == NULL) {
        fail(upload, "failed-parsing-polling-response", "out of memory");
        return;
    }
    alloc = ccb_arena_json(arena);
    code = ccb_json_parse(&value, body, CCB_JSON_FIRST, &err);
    if (code == CCB_OK)
        code = ccb_json_decode(value, &job_shape, &job, &alloc, &err);
    if (code == CCB_OK)
        act(upload, &job);
    else
        fail(upload, "failed-parsing-polling-response", err.message);
    ccb_arena_unref(arena);
}

void ccb_uploader_poll(struct ccb_uploading *upload, struct ccb_slice body)
{
    upload->next_tick = ccb_clock_monotonic() +
                        upload->uploader->shared->config->polling_interval;
    read_answer(upload, body);
}

void ccb_uploader_poll_cancel(struct ccb_uploading *upload)
{
    fail(upload, "upstream-request-cancelled",
         "upstream request was cancelled");
}
