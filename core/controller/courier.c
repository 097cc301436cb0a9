/*
 * The couriers: each tells one role (stager, nsync) what the outbox has for
 * it, in order, one at a time.
 *
 * Invariant: what is said is made from the ledger as it stands when it is
 * said, and its row goes only when the role took it or refused it for good. So
 * a kill at any moment repeats a message, which all of them bear, and loses
 * none.
 */
#include "base/clock.h"
#include "controller/internal.h"

#define MAX_PAUSE (30 * CCB_SECOND)
#define MAX_CANCELS 8 /* attempts */

struct delivery {
    struct ccb_errand errand; /* first */
    struct ccb_courier *courier;
    bool found;    /* there is a row */
    bool moot;     /* there is nothing to say any more */
    int64_t pause; /* ns until the next row's time; 0: there is none */
    int64_t attempts;
    int status;
    struct ccb_buf body;
    struct ccb_slice target; /* the guid in the path */
    struct ccb_outcome outcome;
    struct ccb_slice error_id, error_message; /* the stager's */
    bool awaited;                             /* somebody waits for it */
};

/* ---- kinds -------------------------------------------------------------- */

static int make_stage(struct delivery *d, struct ccb_ledger *ledger,
                      struct ccb_error *err)
{
    struct ccb_errand *errand = &d->errand;
    int code = ccb_app_load(ledger, &errand->app, CCB_APP_BY_GUID,
                            ccb_guid_of_app(d->outcome.key), err);

    d->moot = code == CCB_NOT_FOUND ||
              (code == 0 &&
               (!ccb_slice_equal(errand->app.staging.guid, d->outcome.key) ||
                !ccb_slice_is(errand->app.staging.state, "PENDING")));
    if (d->moot || code < 0)
        return d->moot ? 0 : code;
    return ccb_message_stage(&d->body, &errand->controller->shared->facts,
                             &errand->app, errand->arena, err);
}

static int make_desire(struct delivery *d, struct ccb_ledger *ledger,
                       struct ccb_error *err)
{
    struct ccb_errand *errand = &d->errand;
    struct ccb_json_writer w;
    int code = ccb_app_load(ledger, &errand->app, CCB_APP_BY_GUID,
                            d->outcome.key, err);

    d->moot = code == CCB_NOT_FOUND || (code == 0 && !errand->app.started);
    if (d->moot || code < 0)
        return d->moot ? 0 : code;
    d->target = ccb_app_process_guid(errand->arena, &errand->app);
    if (!d->target.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    ccb_json_writer_init(&w, ccb_buf_sink, &d->body);
    code = ccb_message_desire(&w, &errand->controller->shared->facts,
                              &errand->app, errand->arena, err);
    if (ccb_json_writer_end(&w) < 0 && code == 0)
        code = ccb_error_set(err, w.code, "out of memory");
    return code;
}

/* The stager's own words, or ours for a stager that is not there. */
static int settle_stage(struct delivery *d, struct ccb_ledger *ledger,
                        struct ccb_error *err)
{
    struct ccb_errand *errand = &d->errand;
    int code = ccb_app_load(ledger, &errand->app, CCB_APP_BY_GUID,
                            ccb_guid_of_app(d->outcome.key), err);

    if (code < 0)
        return code == CCB_NOT_FOUND ? 0 : code;
    if (!ccb_slice_equal(errand->app.staging.guid, d->outcome.key) ||
        !ccb_slice_is(errand->app.staging.state, "PENDING"))
        return 0; /* stopped, or ended already */
    if (d->outcome.err.code == 0)
        return ccb_ledger_run(
            ledger, err, "UPDATE stagings SET state = 'STAGING' WHERE guid = ?",
            "t", d->outcome.key);
    if (d->error_id.ptr)
        return ccb_staging_fail(ledger, &errand->app, d->error_id.ptr,
                                d->error_message.ptr, err);
    return ccb_staging_fail(ledger, &errand->app, "StagingError",
                            d->outcome.err.message, err);
}

static const struct kind {
    const char *method, *path;
    int (*make)(struct delivery *d, struct ccb_ledger *ledger,
                struct ccb_error *err);
    int (*settle)(struct delivery *d, struct ccb_ledger *ledger,
                  struct ccb_error *err);
    bool missing_is_fine; /* 404: what is to go is gone */
} kinds[] = {
    [CCB_TELL_STAGE] = {"PUT", "/v1/staging/", make_stage, settle_stage, false},
    [CCB_TELL_CANCEL] = {"DELETE", "/v1/staging/", NULL, NULL, true},
    [CCB_TELL_DESIRE] = {"PUT", "/v1/apps/", make_desire, NULL, false},
    [CCB_TELL_REMOVE] = {"DELETE", "/v1/apps/", NULL, NULL, true},
};

/* ---- 1: the next row ---------------------------------------------------- */

static int find_pause(struct delivery *d, struct ccb_ledger *ledger,
                      struct ccb_error *err)
{
    int64_t next;
    int code = ccb_ledger_number(ledger, err, &next,
                                 "SELECT min(next_try) FROM outbox WHERE peer "
                                 "= ? HAVING count(*) > 0",
                                 "i", (int64_t)d->courier->peer);

    if (code > 0)
        d->pause = next > ledger->now ? next - ledger->now : 1;
    return code < 0 ? code : 0;
}

static int take(struct ccb_errand *errand, struct ccb_ledger *ledger,
                struct ccb_error *err)
{
    struct delivery *d = (struct delivery *)errand;
    sqlite3_stmt *row = ccb_ledger_query(
        ledger, err,
        "SELECT id, kind, key, attempts FROM outbox WHERE peer = ? AND "
        "next_try <= ? ORDER BY id LIMIT 1",
        "ii", (int64_t)d->courier->peer, ledger->now);
    int code = ccb_ledger_step(ledger, row, err);

    if (code <= 0)
        return code < 0 ? code : find_pause(d, ledger, err);
    d->found = true;
    d->outcome.id = sqlite3_column_int64(row, 0);
    d->outcome.kind = (enum ccb_errand_kind)sqlite3_column_int(row, 1);
    d->outcome.key = ccb_ledger_text(ledger, row, 2);
    d->target = d->outcome.key;
    d->attempts = sqlite3_column_int64(row, 3);
    (void)sqlite3_reset(row);
    if (!d->outcome.key.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (!kinds[d->outcome.kind].make)
        return 0;
    code = kinds[d->outcome.kind].make(d, ledger, err);
    if (code == CCB_NO_MEMORY || code == CCB_IO)
        return code;
    if (code < 0) { /* it can't be said, now or later */
        d->outcome.err = *err;
        return 0;
    }
    return d->body.failed ? ccb_error_set(err, CCB_NO_MEMORY, "out of memory")
                          : 0;
}

/* ---- 2: it is said ------------------------------------------------------ */

static void settle(struct delivery *d);

/* {"error":{"id","message"}}, as the stager words what went wrong. */
static void read_error(struct delivery *d, struct ccb_slice body)
{
    struct ccb_json_alloc alloc = ccb_arena_json(d->errand.arena);
    struct ccb_slice id, message;
    struct ccb_json document;

    if (ccb_json_parse(&document, body, CCB_JSON_FIRST, NULL) < 0)
        return;
    document = ccb_json_get(document, "error");
    if (ccb_json_string(ccb_json_get(document, "id"), &alloc, &id) < 0 ||
        ccb_json_string(ccb_json_get(document, "message"), &alloc, &message) <
            0)
        return;
    id = ccb_arena_copy(d->errand.arena, id);
    d->error_message = ccb_arena_copy(d->errand.arena, message);
    if (d->error_message.ptr && id.len > 0)
        d->error_id = id;
}

static void on_answer(struct ccb_errand *errand,
                      const struct ccb_http_answer *answer)
{
    struct delivery *d = (struct delivery *)errand;
    const struct kind *kind = &kinds[d->outcome.kind];
    bool taken =
        answer->code == 0 && (answer->status == 202 ||
                              (answer->status == 404 && kind->missing_is_fine));

    d->status = answer->code == 0 ? answer->status : 0;
    if (!taken) {
        (void)ccb_controller_unavailable(&d->outcome.err, d->courier->peer,
                                         answer);
        if (d->outcome.kind == CCB_TELL_STAGE && d->status >= 400)
            read_error(d, answer->body);
    }
    settle(d);
}

static void finish(struct ccb_courier *courier);

static void on_timer(uv_timer_t *timer)
{
    struct ccb_courier *courier =
        (struct ccb_courier *)(void *)((char *)timer -
                                       offsetof(struct ccb_courier, timer));

    ccb_courier_wake(courier);
}

static void say(struct ccb_errand *errand)
{
    struct delivery *d = (struct delivery *)errand;
    struct ccb_courier *courier = d->courier;
    const struct kind *kind = &kinds[d->outcome.kind];
    struct ccb_slice path;

    if (!d->found) {
        if (d->pause > 0 && !errand->controller->closing)
            (void)uv_timer_start(&courier->timer, on_timer,
                                 (uint64_t)(d->pause / CCB_MILLISECOND) + 1, 0);
        ccb_errand_end(errand);
        finish(courier);
        return;
    }
    if (d->moot || d->outcome.err.code < 0) {
        settle(d);
        return;
    }
    path = ccb_arena_format(errand->arena, "%s%.*s", kind->path,
                            (int)d->target.len, d->target.ptr);
    ccb_errand_call(errand, courier->peer, kind->method, path,
                    ccb_buf_slice(&d->body), on_answer);
}

/* ---- 3: what came of it ------------------------------------------------- */

/* Nobody waits for the answer and the role may only not be up yet: again
 * later. 4xx will not change by itself. A staging that a person waits for
 * fails at once instead. */
static bool put_off(const struct delivery *d)
{
    bool refused = d->status >= 400 && d->status < 500 && d->status != 409;

    if (d->moot || d->outcome.err.code == 0 || refused ||
        d->outcome.err.code == CCB_NOT_FOUND)
        return false;
    if (d->outcome.kind == CCB_TELL_STAGE)
        return !d->awaited && d->status == 0;
    return d->outcome.kind != CCB_TELL_CANCEL || d->attempts < MAX_CANCELS;
}

static int record(struct ccb_errand *errand, struct ccb_ledger *ledger,
                  struct ccb_error *err)
{
    struct delivery *d = (struct delivery *)errand;
    const struct kind *kind = &kinds[d->outcome.kind];
    int64_t pause = CCB_SECOND << (d->attempts < 5 ? d->attempts : 5);
    int code;

    if (put_off(d))
        return ccb_ledger_run(
            ledger, err,
            "UPDATE outbox SET attempts = attempts + 1, next_try = ? WHERE id "
            "= ?",
            "ii", ledger->now + (pause < MAX_PAUSE ? pause : MAX_PAUSE),
            d->outcome.id);
    code = ccb_ledger_run(ledger, err, "DELETE FROM outbox WHERE id = ?", "i",
                          d->outcome.id);
    if (code == 0 && kind->settle && !d->moot)
        code = kind->settle(d, ledger, err);
    return code;
}

static void tell_waiting(struct ccb_controller *controller,
                         const struct ccb_outcome *outcome)
{
    struct ccb_errand *errand = controller->errands, *next;

    for (; errand; errand = next) {
        next = errand->next;
        if (!errand->waiting || errand->kind != outcome->kind ||
            errand->id > outcome->id ||
            !ccb_slice_equal(errand->key, outcome->key))
            continue;
        errand->waiting = false;
        if (outcome->err.code == 0)
            ccb_errand_answer(errand);
        else
            ccb_errand_fail(errand, &outcome->err);
    }
}

static void on_recorded(struct ccb_errand *errand)
{
    struct delivery *d = (struct delivery *)errand;
    struct ccb_courier *courier = d->courier;

    if (d->outcome.err.code < 0)
        ccb_log_write(errand->controller->shared->log, CCB_LEVEL_ERROR,
                      "not-taken",
                      CCB_FIELDS(ccb_log_cstr("error", d->outcome.err.message),
                                 ccb_log_text("guid", d->outcome.key)));
    /* The stager took the request and refused the app: that is the staging's
     * end, and no fault of the request's. */
    if (d->error_id.ptr)
        d->outcome.err.code = 0;
    tell_waiting(errand->controller, &d->outcome);
    courier->again = true;
    ccb_errand_end(errand);
    finish(courier);
}

static bool is_awaited(const struct delivery *d)
{
    const struct ccb_errand *errand = d->errand.controller->errands;

    while (errand && !(errand->waiting && errand->kind == d->outcome.kind &&
                       ccb_slice_equal(errand->key, d->outcome.key)))
        errand = errand->next;
    return errand != NULL;
}

static void settle(struct delivery *d)
{
    d->awaited = is_awaited(d);
    ccb_errand_run(&d->errand, record, on_recorded);
}

/* The state can't be read or written: after a while it is tried again. */
static void on_failed(struct ccb_errand *errand)
{
    struct delivery *d = (struct delivery *)errand;
    struct ccb_courier *courier = d->courier;

    ccb_log_error(errand->controller->shared->log, "courier-failed",
                  errand->err.message);
    if (d->found) {
        d->outcome.err = errand->err;
        tell_waiting(errand->controller, &d->outcome);
    }
    if (!errand->controller->closing)
        (void)uv_timer_start(&courier->timer, on_timer, 1000, 0);
    ccb_errand_end(errand);
    courier->again = false;
    finish(courier);
}

/* ---- the courier -------------------------------------------------------- */

static void dispose(struct ccb_errand *errand)
{
    ccb_buf_destroy(&((struct delivery *)errand)->body);
}

void ccb_courier_wake(struct ccb_courier *courier)
{
    struct delivery *d;

    if (courier->controller->closing)
        return;
    if (courier->busy) {
        courier->again = true;
        return;
    }
    (void)uv_timer_stop(&courier->timer);
    d = ccb_errand_begin(courier->controller, NULL, sizeof(*d));
    if (!d) {
        (void)uv_timer_start(&courier->timer, on_timer, 1000, 0);
        return;
    }
    courier->busy = true;
    courier->again = false;
    d->courier = courier;
    d->errand.failed = on_failed;
    d->errand.dispose = dispose;
    ccb_errand_run(&d->errand, take, say);
}

static void finish(struct ccb_courier *courier)
{
    courier->busy = false;
    if (courier->again)
        ccb_courier_wake(courier);
}

void ccb_couriers_wake(struct ccb_controller *controller)
{
    ccb_courier_wake(&controller->couriers[0]);
    ccb_courier_wake(&controller->couriers[1]);
}

void ccb_couriers_open(struct ccb_controller *controller)
{
    for (int i = 0; i < 2; i++) {
        struct ccb_courier *courier = &controller->couriers[i];
        courier->controller = controller;
        courier->peer = i == 0 ? CCB_PEER_STAGER : CCB_PEER_NSYNC;
        (void)uv_timer_init(&controller->worker->loop->uv, &courier->timer);
        courier->timer.data = controller;
        controller->handles++;
    }
}

void ccb_errand_wait(struct ccb_errand *errand, enum ccb_errand_kind kind,
                     struct ccb_slice key, int64_t id)
{
    errand->waiting = true;
    errand->kind = kind;
    errand->key = key;
    errand->id = id;
    ccb_courier_wake(&errand->controller->couriers[kind >= CCB_TELL_DESIRE]);
}

/* ---- deadlines ---------------------------------------------------------- */

struct deadline {
    struct ccb_errand errand; /* first */
    int64_t next, now;
};

static int expire(struct ccb_errand *errand, struct ccb_ledger *ledger,
                  struct ccb_error *err)
{
    struct deadline *deadline = (struct deadline *)errand;

    deadline->now = ledger->now;
    return ccb_staging_expire(ledger, &deadline->next, err);
}

static void on_deadline(uv_timer_t *timer)
{
    ccb_deadline_check(timer->data);
}

static void on_expired(struct ccb_errand *errand)
{
    struct deadline *deadline = (struct deadline *)errand;
    struct ccb_controller *controller = errand->controller;

    if (!controller->closing && deadline->next > 0)
        (void)uv_timer_start(
            &controller->deadline, on_deadline,
            (uint64_t)((deadline->next - deadline->now) / CCB_MILLISECOND) + 1,
            0);
    ccb_errand_end(errand);
    ccb_courier_wake(&controller->couriers[0]);
}

static void on_expire_failed(struct ccb_errand *errand)
{
    struct ccb_controller *controller = errand->controller;

    ccb_log_error(controller->shared->log, "deadlines-failed",
                  errand->err.message);
    if (!controller->closing)
        (void)uv_timer_start(&controller->deadline, on_deadline, 10000, 0);
    ccb_errand_end(errand);
}

void ccb_deadline_check(struct ccb_controller *controller)
{
    struct deadline *deadline =
        ccb_errand_begin(controller, NULL, sizeof(*deadline));

    if (!deadline) {
        (void)uv_timer_start(&controller->deadline, on_deadline, 10000, 0);
        return;
    }
    deadline->errand.failed = on_expire_failed;
    ccb_errand_run(&deadline->errand, expire, on_expired);
}
