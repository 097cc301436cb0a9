/*
 * Sends a post to each other loop and waits for it to come back (health.h).
 *
 * Invariant: a beat is out at most once, however often somebody asks; a loop
 * that keeps it is stuck, until it gives it back.
 */
#include "daemon/health.h"

#include <string.h>

#define PATIENCE_MS 5000

/* ---- answers ------------------------------------------------------------ */

static void respond(struct ccb_http_request *request, int status,
                    struct ccb_buf *out, struct ccb_json_writer *w)
{
    ccb_json_end_object(w);
    if (ccb_json_writer_end(w) < 0)
        status = 500;
    ccb_http_respond(request, status, "application/json",
                     out->failed ? ccb_slice_of("{}") : ccb_buf_slice(out));
    ccb_buf_destroy(out);
}

static void begin(struct ccb_buf *out, struct ccb_json_writer *w,
                  const char *status)
{
    *out = (struct ccb_buf){0};
    ccb_json_writer_init(w, ccb_buf_sink, out);
    ccb_json_begin_object(w);
    ccb_json_member_cstr(w, "status", status);
}

static bool is_stuck(const struct ccb_health *health)
{
    size_t i = 1;
    while (i < *health->thread_count && !health->beats[i].out)
        i++;
    return i < *health->thread_count;
}

static void answer_one(const struct ccb_health *health,
                       struct ccb_http_request *request)
{
    bool stuck = is_stuck(health) && !*health->stopping;
    struct ccb_buf out;
    struct ccb_json_writer w;
    size_t i;
    begin(&out, &w, stuck ? "stuck" : *health->stopping ? "stopping" : "ok");
    if (stuck) {
        ccb_json_key(&w, "loops");
        ccb_json_begin_array(&w);
        for (i = 1; i < *health->thread_count; i++)
            if (health->beats[i].out)
                ccb_json_put_uint(&w, i);
        ccb_json_end_array(&w);
    }
    respond(request, stuck ? 503 : 200, &out, &w);
}

static void answer_all(struct ccb_health *health)
{
    struct ccb_health_wait *wait = health->waiting, *next;
    health->waiting = NULL;
    (void)uv_timer_stop(&health->timer);
    for (; wait; wait = next) {
        next = wait->next; /* goes with its request */
        answer_one(health, wait->request);
    }
}

/* ---- beats -------------------------------------------------------------- */

static void on_back(struct ccb_post *post)
{
    struct ccb_beat *beat =
        (struct ccb_beat *)(void *)((char *)post -
                                    offsetof(struct ccb_beat, back));
    beat->out = false;
    if (beat->health->waiting && !is_stuck(beat->health))
        answer_all(beat->health);
}

/* On the other loop. */
static void on_beat(struct ccb_post *post)
{
    struct ccb_beat *beat =
        (struct ccb_beat *)(void *)((char *)post -
                                    offsetof(struct ccb_beat, to));
    ccb_loop_post(beat->health->main, &beat->back);
}

static void send_beats(struct ccb_health *health)
{
    size_t i;
    for (i = 1; i < *health->thread_count; i++) {
        struct ccb_beat *beat = &health->beats[i];
        if (beat->out)
            continue;
        beat->out = true;
        beat->to.run = on_beat;
        beat->back.run = on_back;
        ccb_loop_post(beat->loop, &beat->to);
    }
}

static void on_timer(uv_timer_t *timer)
{
    answer_all(timer->data);
}

void ccb_health_live(struct ccb_http_request *request, void *user)
{
    struct ccb_health *health = user;
    struct ccb_health_wait *wait;
    if (*health->stopping || *health->thread_count < 2) {
        answer_one(health, request);
        return;
    }
    wait = ccb_arena_alloc(ccb_http_request_arena(request), sizeof(*wait));
    if (!wait) {
        ccb_http_respond(request, 500, NULL, ccb_slice_make(NULL, 0));
        return;
    }
    wait->request = request;
    wait->next = health->waiting;
    if (!health->waiting)
        (void)uv_timer_start(&health->timer, on_timer, PATIENCE_MS, 0);
    health->waiting = wait;
    send_beats(health);
}

/* ---- ready -------------------------------------------------------------- */

/* The first worker has a seat for each role, in their order, until the end
 * begins. */
static bool is_standby(const struct ccb_health *health, size_t member)
{
    const struct ccb_seat *seat = &health->threads[0].seats[member];
    return seat->member->role->is_standby &&
           seat->member->role->is_standby(seat->instance);
}

void ccb_health_ready(struct ccb_http_request *request, void *user)
{
    const struct ccb_health *health = user;
    const char *states[CCB_MAX_ROLES];
    size_t i, working = 0;
    struct ccb_buf out;
    struct ccb_json_writer w;
    for (i = 0; i < health->member_count; i++) {
        states[i] = *health->stopping       ? "stopping"
                    : is_standby(health, i) ? "standby"
                                            : "ready";
        working += strcmp(states[i], "ready") == 0;
    }
    begin(&out, &w,
          *health->stopping ? "stopping"
          : working == 0    ? "standby"
                            : "ready");
    ccb_json_key(&w, "roles");
    ccb_json_begin_object(&w);
    for (i = 0; i < health->member_count; i++)
        ccb_json_member_cstr(&w, health->members[i].role->name, states[i]);
    ccb_json_end_object(&w);
    respond(request, working == 0 ? 503 : 200, &out, &w);
}

/* ---- open and close ----------------------------------------------------- */

void ccb_health_open(struct ccb_health *health, struct ccb_thread *threads,
                     const size_t *thread_count, const bool *stopping)
{
    size_t i;
    health->threads = threads;
    health->thread_count = thread_count;
    health->stopping = stopping;
    health->main = &threads[0].loop;
    for (i = 0; i < CCB_MAX_WORKERS; i++) {
        health->beats[i].health = health;
        health->beats[i].loop = &threads[i].loop;
    }
    (void)uv_timer_init(&health->main->uv, &health->timer); /* can't fail */
    uv_unref((uv_handle_t *)&health->timer);
    health->timer.data = health;
    health->opened = true;
}

void ccb_health_stop(struct ccb_health *health)
{
    if (health->opened)
        answer_all(health);
}

void ccb_health_close(struct ccb_health *health)
{
    if (health->opened)
        uv_close((uv_handle_t *)&health->timer, NULL);
    health->opened = false;
}
