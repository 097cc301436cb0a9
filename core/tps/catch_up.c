/* One listing at a time, again after a pause when it failed
 * (tps/catch_up.h). */
#include "tps/catch_up.h"

#include "base/mem.h"

#define AGAIN_MS 5000

struct ccb_catch_up {
    struct ccb_diego *diego;
    struct ccb_crashes *crashes;
    struct ccb_arena *arena; /* of the listing under way */
    struct ccb_http_call *call;
    bool paused, said;    /* that it fails, which may go on for long */
    struct ccb_error err; /* what an element was refused for */
    uv_timer_t timer;
};

static void end(struct ccb_catch_up *catch_up)
{
    if (catch_up->call)
        ccb_http_cancel(catch_up->call);
    catch_up->call = NULL;
    catch_up->paused = false;
    ccb_arena_unref(catch_up->arena);
    catch_up->arena = NULL;
}

static void on_timer(uv_timer_t *timer)
{
    ccb_catch_up_start(timer->data);
}

static void fail(struct ccb_catch_up *catch_up, const char *why)
{
    if (!catch_up->said)
        ccb_log_error(catch_up->crashes->log, "failed-listing-actual-lrps",
                      why);
    catch_up->said = true;
    end(catch_up);
    (void)uv_timer_start(&catch_up->timer, on_timer, AGAIN_MS, 0);
}

static int on_lrp(void *user, struct ccb_json lrp)
{
    struct ccb_catch_up *catch_up = user;
    int code = ccb_crashes_listed(catch_up->crashes, lrp, &catch_up->err);
    if (code < 0)
        return code;
    catch_up->paused = ccb_crash_queue_full(catch_up->crashes->queue);
    return catch_up->paused ? CCB_HTTP_PAUSE : 0;
}

static void on_done(void *user, const struct ccb_diego_answer *answer)
{
    struct ccb_catch_up *catch_up = user;
    char words[sizeof(catch_up->err.message) + 512];
    catch_up->call = NULL;
    if (answer->code == 0) {
        ccb_crashes_end_listing(catch_up->crashes);
        catch_up->said = false;
        end(catch_up);
        return;
    }
    snprintf(words, sizeof(words), "%.*s%s%s", (int)answer->message.len,
             answer->message.len ? answer->message.ptr : "",
             catch_up->err.code ? ": " : "",
             catch_up->err.code ? catch_up->err.message : "");
    fail(catch_up, words);
}

void ccb_catch_up_start(struct ccb_catch_up *catch_up)
{
    struct ccb_diego_list_options options = {
        .what = CCB_DIEGO_ACTUAL_LRPS,
        .domain = CCB_LIT(CCB_CRASH_DOMAIN),
        .on_lrp = on_lrp,
        .on_done = on_done,
        .user = catch_up,
    };
    struct ccb_error err = {0};
    end(catch_up);
    (void)uv_timer_stop(&catch_up->timer);
    catch_up->err = err;
    ccb_crashes_begin_listing(catch_up->crashes);
    catch_up->arena = options.arena = ccb_arena_create();
    if (!options.arena)
        fail(catch_up, "out of memory");
    else if (ccb_diego_list_lrps(catch_up->diego, &options, &catch_up->call,
                                 &err) < 0)
        fail(catch_up, err.message);
}

void ccb_catch_up_resume(struct ccb_catch_up *catch_up)
{
    if (!catch_up->paused)
        return;
    catch_up->paused = false;
    ccb_http_call_resume(catch_up->call);
}

struct ccb_catch_up *ccb_catch_up_open(struct ccb_loop *loop,
                                       struct ccb_diego *diego,
                                       struct ccb_crashes *crashes)
{
    struct ccb_catch_up *catch_up = ccb_calloc(1, sizeof(*catch_up));
    if (!catch_up)
        return NULL;
    catch_up->diego = diego;
    catch_up->crashes = crashes;
    (void)uv_timer_init(&loop->uv, &catch_up->timer); /* can't fail */
    catch_up->timer.data = catch_up;
    return catch_up;
}

static void on_timer_closed(uv_handle_t *timer)
{
    ccb_free(timer->data);
}

void ccb_catch_up_close(struct ccb_catch_up *catch_up)
{
    if (!catch_up)
        return;
    end(catch_up);
    uv_close((uv_handle_t *)&catch_up->timer, on_timer_closed);
}
