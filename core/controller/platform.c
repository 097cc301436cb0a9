/*
 * What the platform tells its Cloud Controller: a staging ended
 * (contract/stager.md C6), an instance crashed (contract/tps.md 2.3).
 *
 * Invariant: what does not belong to the app's current staging is taken with
 * 200 and changes nothing: completions come twice, and late.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "controller/blobs.h"
#include "controller/internal.h"

/* ---- who may ------------------------------------------------------------ */

bool ccb_platform_authorized(struct ccb_http_request *request,
                             struct ccb_controller *controller)
{
    struct ccb_slice want = ccb_buf_slice(&controller->shared->authorization);
    struct ccb_slice got = ccb_http_request_header(request, "Authorization");
    struct ccb_error err;

    if (want.len == 0 || (got.len == want.len &&
                          CRYPTO_memcmp(got.ptr, want.ptr, want.len) == 0))
        return true;
    ccb_fault(&err, "NotAuthenticated", "Authentication error");
    ccb_controller_refuse(request, true, &err);
    return false;
}

void ccb_platform_unknown(struct ccb_http_request *request, void *user)
{
    struct ccb_error err;

    (void)user;
    ccb_fault(&err, "NotFound", "Unknown request");
    ccb_controller_refuse(request, true, &err);
}

/* ---- a staging ended ---------------------------------------------------- */

struct completion {
    struct ccb_errand errand; /* first */
    struct ccb_json document;
    struct ccb_slice guid;
    struct ccb_slice start_command, metadata, detected;
    struct ccb_slice error_id, error_message; /* ptr NULL: it succeeded */
    bool malformed;
};

static bool text_of(struct completion *c, struct ccb_json value,
                    struct ccb_slice *out)
{
    struct ccb_json_alloc alloc = ccb_arena_json(c->errand.arena);
    struct ccb_slice text;

    if (ccb_json_string(value, &alloc, &text) < 0)
        return false;
    *out = ccb_arena_copy(c->errand.arena, text);
    return out->ptr != NULL;
}

/* CC's schema of a success: all members are there and of their type. */
static bool read_success(struct completion *c)
{
    struct ccb_json commands =
        ccb_json_get(c->document, "detected_start_command");
    struct ccb_json data = ccb_json_get(c->document, "lifecycle_data");
    struct ccb_json web = ccb_json_get(commands, "web");
    struct ccb_slice key;

    c->start_command = ccb_slice_of("");
    return commands.type == CCB_JSON_OBJECT &&
           (web.type == CCB_JSON_NONE || text_of(c, web, &c->start_command)) &&
           text_of(c, ccb_json_get(c->document, "execution_metadata"),
                   &c->metadata) &&
           text_of(c, ccb_json_get(data, "buildpack_key"), &key) &&
           text_of(c, ccb_json_get(data, "detected_buildpack"), &c->detected);
}

static bool read_failure(struct completion *c, struct ccb_json error)
{
    return text_of(c, ccb_json_get(error, "id"), &c->error_id) &&
           text_of(c, ccb_json_get(error, "message"), &c->error_message);
}

static int succeed(struct completion *c, struct ccb_ledger *ledger,
                   struct ccb_error *err)
{
    struct ccb_app *app = &c->errand.app;
    struct ccb_droplet before = app->droplet;
    int code = ccb_ledger_run(
        ledger, err,
        "INSERT INTO droplets (digest, start_command, metadata) VALUES (?, ?, "
        "?)",
        "ttt", app->staging.upload, c->start_command, c->metadata);

    if (code < 0)
        return code;
    app->droplet.id = sqlite3_last_insert_rowid(ledger->db);
    app->updated_at = ledger->now;
    code = ccb_app_save(ledger, app, err);
    if (code == 0)
        code = ccb_ledger_run(
            ledger, err,
            "UPDATE stagings SET state = 'STAGED', detected = ?, ended_at = ?, "
            "upload = NULL WHERE app = ?",
            "tii", c->detected, ledger->now, app->id);
    if (code == 0)
        code = ccb_ledger_run(ledger, err,
                              "DELETE FROM outbox WHERE kind = ? AND key = ?",
                              "it", (int64_t)CCB_TELL_STAGE, c->guid);
    if (code == 0)
        code = ccb_droplet_release(ledger, app, &before, err);
    if (code == 0)
        code = ccb_event_add(ledger, app->name, "staging.succeed", err,
                             "staged by %.*s", (int)c->detected.len,
                             c->detected.ptr);
    return code;
}

/* The stager keeps to itself why a task failed that was cut at its time limit;
 * that it had used it up tells. */
static bool timed_out(const struct completion *c,
                      const struct ccb_ledger *ledger)
{
    return ccb_slice_is(c->error_id, "StagingError") &&
           ccb_slice_is(c->error_message, "staging failed") &&
           ledger->now - c->errand.app.staging.started_at >=
               c->errand.controller->shared->config->staging_timeout;
}

static int settle(struct completion *c, struct ccb_ledger *ledger,
                  struct ccb_error *err)
{
    struct ccb_app *app = &c->errand.app;

    if (c->malformed)
        return ccb_staging_fail(ledger, app, "MalformedResult", NULL, err);
    if (c->error_id.ptr && timed_out(c, ledger))
        return ccb_staging_fail(ledger, app, "StagingTimeExpired", NULL, err);
    if (c->error_id.ptr)
        return ccb_staging_fail(ledger, app, c->error_id.ptr,
                                c->error_message.ptr, err);
    if (!app->staging.upload.ptr)
        return ccb_staging_fail(ledger, app, "NoDroplet", NULL, err);
    return succeed(c, ledger, err);
}

static int complete(struct ccb_errand *errand, struct ccb_ledger *ledger,
                    struct ccb_error *err)
{
    struct completion *c = (struct completion *)errand;
    int code = ccb_app_load(ledger, &errand->app, CCB_APP_BY_GUID,
                            ccb_guid_of_app(c->guid), err);

    if (code < 0)
        return code == CCB_NOT_FOUND
                   ? ccb_fault(err, "NotFound", "Unknown request")
                   : code;
    ccb_buf_put(&errand->out, "{}");
    if (!ccb_slice_equal(errand->app.staging.guid, c->guid) ||
        !ccb_staging_under_way(&errand->app.staging))
        return 0;
    return settle(c, ledger, err);
}

/* What can't be read has failed the staging: the failure is committed, and
 * told afterwards. */
static void on_completed(struct ccb_errand *errand)
{
    struct ccb_error err;

    if (!((struct completion *)errand)->malformed) {
        ccb_errand_answer(errand);
        return;
    }
    ccb_fault(&err, "InvalidRequest", "The request is invalid");
    ccb_errand_fail(errand, &err);
}

static struct ccb_errand *begin_json(struct ccb_http_request *request,
                                     struct ccb_controller *controller,
                                     size_t size, struct ccb_json *document)
{
    struct ccb_errand *errand;
    struct ccb_error err;

    if (!ccb_platform_authorized(request, controller))
        return NULL;
    if (ccb_json_parse(document, ccb_http_request_info(request)->body,
                       CCB_JSON_WHOLE, &err) < 0) {
        ccb_fault(&err, "MessageParseError",
                  "Request invalid due to parse error: %s", err.message);
        ccb_controller_refuse(request, true, &err);
        return NULL;
    }
    errand = ccb_errand_begin(controller, request, size);
    if (errand)
        errand->platform = true;
    return errand;
}

void ccb_platform_completed(struct ccb_http_request *request, void *user)
{
    struct ccb_json document, error;
    struct completion *c =
        (struct completion *)begin_json(request, user, sizeof(*c), &document);

    if (!c)
        return;
    c->document = document;
    c->guid = ccb_http_request_info(request)->params[0];
    error = ccb_json_get(document, "error");
    c->malformed = error.type == CCB_JSON_NONE || error.type == CCB_JSON_NULL
                       ? !read_success(c)
                       : !read_failure(c, error);
    ccb_errand_run(&c->errand, complete, on_completed);
}

/* ---- an instance crashed ------------------------------------------------ */

struct crash {
    struct ccb_errand errand; /* first */
    struct ccb_json document;
    struct ccb_slice guid;
};

/* One line of a reason, without what a list of several puts around it; empty
 * for lines that say nothing to a person: the head of the list, and parts that
 * ended because another one did. */
static struct ccb_slice plain_line(struct ccb_slice line)
{
    while (line.len > 0 && (line.ptr[0] == '*' || line.ptr[0] == ' '))
        line = ccb_slice_make(line.ptr + 1, line.len - 1);
    if (ccb_slice_is(line, "cancelled") ||
        ccb_slice_ends(line, "error(s) occurred:"))
        line.len = 0;
    return line;
}

/* The reasons of a list, which the platform words for programs, as one line. */
static struct ccb_slice plain_reason(struct ccb_arena *arena,
                                     struct ccb_slice why)
{
    struct ccb_slice plain = CCB_LIT("");
    const char *at = why.ptr, *end = why.ptr + why.len;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct ccb_slice line;

        stop = stop ? stop : end;
        line = plain_line(ccb_slice_make(at, (size_t)(stop - at)));
        at = stop + 1;
        if (line.len > 0)
            plain = ccb_arena_format(arena, "%.*s%s%.*s", (int)plain.len,
                                     plain.ptr, plain.len > 0 ? "; " : "",
                                     (int)line.len, line.ptr);
        if (!plain.ptr)
            return why; /* no memory: as it came */
    }
    return plain.len > 0 ? plain : why;
}

static int record_crash(struct ccb_errand *errand, struct ccb_ledger *ledger,
                        struct ccb_error *err)
{
    struct crash *crash = (struct crash *)errand;
    struct ccb_json_alloc alloc = ccb_arena_json(errand->arena);
    struct ccb_slice why = CCB_LIT("");
    int64_t index = 0, count = 0;
    int code = ccb_app_load(ledger, &errand->app, CCB_APP_BY_GUID,
                            ccb_guid_of_app(crash->guid), err);

    if (code < 0)
        return code == CCB_NOT_FOUND
                   ? ccb_fault(err, "NotFound", "Unknown request")
                   : code;
    (void)ccb_json_int64(ccb_json_get(crash->document, "index"), &index);
    (void)ccb_json_int64(ccb_json_get(crash->document, "crash_count"), &count);
    if (ccb_json_string(ccb_json_get(crash->document, "exit_description"),
                        &alloc, &why) < 0 ||
        why.len == 0)
        why = ccb_slice_of("no reason was given");
    why = plain_reason(errand->arena, why);
    ccb_buf_put(&errand->out, "{}");
    return ccb_event_add(ledger, errand->app.name, "instance.crash", err,
                         "instance %lld crashed (count %lld): %.*s",
                         (long long)index, (long long)count,
                         (int)(why.len < 256 ? why.len : 256), why.ptr);
}

void ccb_platform_crashed(struct ccb_http_request *request, void *user)
{
    struct ccb_json document;
    struct crash *crash =
        (struct crash *)begin_json(request, user, sizeof(*crash), &document);

    if (!crash)
        return;
    crash->document = document;
    crash->guid = ccb_http_request_info(request)->params[0];
    ccb_errand_run(&crash->errand, record_crash, NULL);
}
