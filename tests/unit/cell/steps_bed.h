/*
 * What the tests of steps share: a loop, a log that is a text, downloads and
 * uploads that do what their URL says, and trees run to their end. These are
 * definitions of the functions themselves: the library's are not linked then.
 * With processes that are no processes: steps_fake_process.h.
 */
#ifndef CCB_TESTS_STEPS_BED_H
#define CCB_TESTS_STEPS_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cell/steps.h"

#define STEPS_DEADLINE (20 * CCB_SECOND)
#define MS CCB_MILLISECOND

static struct ccb_loop *steps_loop;
static uv_timer_t steps_deadline;
static struct ccb_arena *steps_arena; /* of the trees' documents */
static char steps_log[1 << 20];
static size_t steps_log_len;

static inline void log_clear(void)
{
    steps_log_len = 0;
    steps_log[0] = '\0';
}

/* "SOURCE O text", a line each. */
void ccb_logs_write(struct ccb_logs *logs,
                    const struct ccb_log_message *message)
{
    (void)logs;
    steps_log_len += (size_t)snprintf(
        steps_log + steps_log_len, sizeof(steps_log) - steps_log_len,
        "%.*s %c %.*s\n", (int)message->source.len, message->source.ptr,
        message->stream == CCB_STREAM_OUT ? 'O' : 'E', (int)message->text.len,
        message->text.ptr);
    assert_true(steps_log_len < sizeof(steps_log));
}

/* ---- transfers ---------------------------------------------------------- */

/* What a transfer does, by its URL: one that is not here waits to be
 * cancelled; "slot:" waits without having begun. */
static const struct transfer_script {
    const char *url;
    int start; /* the code of start */
    bool begins;
    int code;
    const char *message;
    bool emittable;
    uint64_t bytes;
} transfer_scripts[] = {
    {"http://ok", 0, true, 0, NULL, false, 42},
    {"http://cached", 0, true, 0, NULL, false, 0},
    {"http://bad", 0, true, CCB_FAILED, "Downloading failed", true, 0},
    {"http://unpack", 0, true, CCB_FAILED, "Copying into the container failed",
     true, 0},
    {"http://500", 0, true, CCB_FAILED, "Upload failed: Status code 500", false,
     0},
    {"http://tempdir", 0, true, CCB_IO, "Failed to create temp dir", true, 0},
    {"::", 0, true, CCB_INVALID, "parse ::: missing protocol scheme", false, 0},
    {"memory:", CCB_NO_MEMORY, false, 0, "no memory", false, 0},
};

struct transfer_fake {
    uv_timer_t timer;
    const struct transfer_script *script; /* NULL: waits */
    struct ccb_download_options download;
    struct ccb_upload_options upload;
    bool uploads, used, cancelled;
};
static struct transfer_fake transfer_fakes[16];
static size_t transfer_count;
static int transfers_cancelled;

static void on_transfer_end(uv_timer_t *timer)
{
    struct transfer_fake *fake = timer->data;
    const struct transfer_script *script = fake->script;
    struct ccb_error err = {0}, *told = NULL;

    uv_close((uv_handle_t *)timer, NULL);
    if (fake->cancelled)
        (void)ccb_error_set(told = &err, CCB_CANCELLED, "cancelled");
    else if (script->code != 0)
        (void)ccb_error_set(told = &err, script->code, "%s", script->message);
    if (fake->uploads)
        fake->upload.on_done(fake->upload.ctx, told,
                             told && script && script->emittable,
                             script ? script->bytes : 0);
    else
        fake->download.on_done(fake->download.ctx, told,
                               script ? script->bytes : 0);
}

static void on_transfer_begin(uv_timer_t *timer)
{
    struct transfer_fake *fake = timer->data;

    if (fake->uploads)
        fake->upload.on_started(fake->upload.ctx);
    else
        fake->download.on_started(fake->download.ctx);
    if (fake->script != NULL)
        (void)uv_timer_start(timer, on_transfer_end, 0, 0);
}

static int transfer_open(struct transfer_fake **out, struct ccb_slice url,
                         struct ccb_error *err)
{
    struct transfer_fake *fake = &transfer_fakes[transfer_count % 16];

    memset(fake, 0, sizeof(*fake));
    for (size_t i = 0;
         i < sizeof(transfer_scripts) / sizeof(transfer_scripts[0]); i++)
        if (ccb_slice_is(url, transfer_scripts[i].url))
            fake->script = &transfer_scripts[i];
    if (fake->script != NULL && fake->script->start != 0)
        return ccb_error_set(err, fake->script->start, "%s",
                             fake->script->message);
    transfer_count++;
    (void)uv_timer_init(&steps_loop->uv, &fake->timer);
    fake->timer.data = fake;
    if (!ccb_slice_starts(url, "slot:"))
        (void)uv_timer_start(&fake->timer, on_transfer_begin, 0, 0);
    *out = fake;
    return CCB_OK;
}

static void transfer_cancel(struct transfer_fake *fake)
{
    transfers_cancelled++;
    fake->cancelled = true;
    (void)uv_timer_start(&fake->timer, on_transfer_end, 0, 0);
}

int ccb_download_start(struct ccb_download **out,
                       struct ccb_downloads *downloads,
                       const struct ccb_download_options *options,
                       struct ccb_error *err)
{
    struct transfer_fake *fake;
    int code = transfer_open(&fake, options->from, err);

    (void)downloads;
    if (code != CCB_OK)
        return code;
    fake->download = *options;
    *out = (struct ccb_download *)fake;
    return CCB_OK;
}

void ccb_download_cancel(struct ccb_download *download)
{
    transfer_cancel((struct transfer_fake *)download);
}

int ccb_upload_start(struct ccb_upload **out, struct ccb_uploads *uploads,
                     const struct ccb_upload_options *options,
                     struct ccb_error *err)
{
    struct transfer_fake *fake;
    int code = transfer_open(&fake, options->to, err);

    (void)uploads;
    if (code != CCB_OK)
        return code;
    fake->uploads = true;
    fake->upload = *options;
    *out = (struct ccb_upload *)fake;
    return CCB_OK;
}

void ccb_upload_cancel(struct ccb_upload *upload)
{
    transfer_cancel((struct transfer_fake *)upload);
}

/* ---- trees -------------------------------------------------------------- */

/* One tree and what it told. */
struct tree {
    struct ccb_steps_options options;
    struct ccb_steps *steps;
    int healthy, done;
    bool failed, inside; /* inside: start or cancel has not returned */
    char reason[8192];
    size_t reason_len;
};

static struct ccb_step_times steps_times;
static struct ccb_step_cell steps_cell;

static inline void steps_reset(struct ccb_loop *loop)
{
    steps_loop = loop;
    (void)uv_timer_init(&loop->uv, &steps_deadline);
    steps_arena = ccb_arena_create();
    log_clear();
    transfer_count = 0;
    transfers_cancelled = 0;
    steps_times = (struct ccb_step_times){20 * MS, 20 * MS, 2 * MS, 4 * MS};
    steps_cell = (struct ccb_step_cell){
        .loop = loop,
        .times = &steps_times,
        .checks = ccb_step_checks_create(CCB_CHECKS_AT_ONCE)};
}

static inline void steps_clean(void)
{
    uv_close((uv_handle_t *)&steps_deadline, NULL);
    ccb_step_checks_free(steps_cell.checks);
    ccb_arena_unref(steps_arena);
}

/* '' in the text stand for "". */
static inline struct ccb_action *steps_action(const char *text)
{
    struct ccb_slice copy = ccb_arena_copy(steps_arena, ccb_slice_of(text));
    struct ccb_action *action = NULL;
    struct ccb_error err = {0};
    struct ccb_json json;

    for (size_t i = 0; i < copy.len; i++)
        if (copy.ptr[i] == '\'')
            ((char *)copy.ptr)[i] = '"';
    if (ccb_json_parse(&json, copy, CCB_JSON_WHOLE, &err) != 0 ||
        ccb_action_decode(&action, json, CCB_ACTION_OF_TASK, steps_arena,
                          &err) != 0)
        fail_msg("%s: %s", text, err.message);
    return action;
}

static inline void on_tree_healthy(void *ctx)
{
    struct tree *tree = ctx;

    assert_false(tree->inside);
    assert_false(tree->done);
    tree->healthy++;
}

static inline void on_tree_done(void *ctx, bool failed, struct ccb_slice reason)
{
    struct tree *tree = ctx;

    assert_false(tree->inside);
    assert_false(tree->done);
    tree->done = 1;
    tree->failed = failed;
    tree->reason_len = reason.len;
    (void)snprintf(tree->reason, sizeof(tree->reason), "%.*s", (int)reason.len,
                   reason.ptr);
}

static inline void tree_init(struct tree *tree, const char *action)
{
    memset(tree, 0, sizeof(*tree));
    tree->options = (struct ccb_steps_options){
        .cell = &steps_cell,
        .action = action ? steps_action(action) : NULL,
        .log_guid = CCB_LIT("guid"),
        .log_source = CCB_LIT("APP"),
        .on_healthy = on_tree_healthy,
        .on_done = on_tree_done,
        .ctx = tree};
}

static inline void tree_start(struct tree *tree)
{
    struct ccb_error err = {0};

    tree->inside = true;
    if (ccb_steps_start(&tree->steps, &tree->options, &err) != CCB_OK)
        fail_msg("%s", err.message);
    tree->inside = false;
}

static inline void tree_cancel(struct tree *tree)
{
    tree->inside = true;
    ccb_steps_cancel(tree->steps);
    tree->inside = false;
}

static inline void on_steps_deadline(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("nothing came; the log so far:\n%s", steps_log);
}

/* Runs the loop until *flag is at least `least`. */
static inline void steps_wait(const int *flag, int least)
{
    (void)uv_timer_start(&steps_deadline, on_steps_deadline,
                         STEPS_DEADLINE / CCB_MILLISECOND, 0);
    while (*flag < least)
        (void)uv_run(&steps_loop->uv, UV_RUN_ONCE);
    (void)uv_timer_stop(&steps_deadline);
}

/* What the log holds now has to be this. */
#define LOG_IS(wanted) assert_string_equal(steps_log, wanted)
#define LOG_HAS(part) assert_non_null(strstr(steps_log, part))

static inline void tree_ends(struct tree *tree, const char *reason)
{
    steps_wait(&tree->done, 1);
    if (reason == NULL) {
        assert_string_equal(tree->reason, "");
        assert_false(tree->failed);
    } else {
        assert_string_equal(tree->reason, reason);
        assert_true(tree->failed);
    }
}

/* Runs it: it has to end with this reason (NULL: well). */
static inline void action_ends(const char *action, const char *reason)
{
    struct tree tree;

    tree_init(&tree, action);
    tree_start(&tree);
    tree_ends(&tree, reason);
    assert_int_equal(tree.healthy, 1);
}

#endif
