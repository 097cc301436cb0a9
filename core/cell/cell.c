/*
 * The cell put together: opened in the order in which its parts need each
 * other, closed in the reverse, and the effects of the store brought to the
 * loop (contract/embedded-cell.md 3).
 *
 * The end: nothing more is placed, everything that calls somebody is cancelled,
 * runners end their steps and remove their containers; the record of what ran
 * stays as it is and the next start sorts it out. The store goes last, when
 * nothing is live any more.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "cell/cell_internal.h"

/* ---- effects ------------------------------------------------------------ */

static void free_cell(struct ccb_cell *cell);

static void act(struct ccb_cell *cell, const struct ccb_effect *effect)
{
    struct ccb_slice none = {NULL, 0};
    struct ccb_runner *r = NULL;

    switch (effect->kind) {
    case CCB_EFFECT_AUCTION_TASK:
        ccb_runner_start(cell, CCB_RUNNER_TASK, effect->guid, 0);
        break;
    case CCB_EFFECT_AUCTION_ACTUAL:
        ccb_runner_start(cell, CCB_RUNNER_LRP, effect->guid, effect->index);
        break;
    case CCB_EFFECT_CANCEL_TASK:
        r = ccb_runner_find(cell, CCB_RUNNER_TASK, effect->guid, 0, none);
        break;
    case CCB_EFFECT_STOP_ACTUAL:
        r = ccb_runner_find(cell, CCB_RUNNER_LRP, effect->guid, effect->index,
                            effect->instance_guid);
        break;
    case CCB_EFFECT_CALL_BACK:
        break; /* went to its pool */
    }
    if (r)
        ccb_runner_stop(r);
}

static void on_effects_posted(struct ccb_post *post)
{
    struct ccb_cell *cell =
        (struct ccb_cell *)((char *)post -
                            offsetof(struct ccb_cell, effects_post));
    struct ccb_cell_effect *effect, *next;

    uv_mutex_lock(&cell->lock);
    effect = cell->first;
    cell->first = NULL;
    cell->last = &cell->first;
    cell->effects_posted = false;
    uv_mutex_unlock(&cell->lock);
    for (; effect; effect = next) {
        next = effect->next;
        /* What asks for a place before the sweep waits in the store: the first
         * comparison finds it. */
        if (cell->swept && !cell->stopping)
            act(cell, &effect->effect);
        ccb_free(effect);
    }
    if (cell->closed)
        free_cell(cell);
}

static struct ccb_slice put_text(char **at, struct ccb_slice text)
{
    struct ccb_slice copy = ccb_slice_make(*at, text.len);

    if (text.len > 0)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

/* Without memory it is lost, and convergence finds it again. */
static struct ccb_cell_effect *copy_effect(const struct ccb_effect *effect)
{
    size_t size =
        effect->guid.len + effect->instance_guid.len + effect->cell_id.len;
    struct ccb_cell_effect *copy = ccb_malloc(sizeof(*copy) + size);
    char *at;

    if (!copy)
        return NULL;
    at = (char *)(copy + 1);
    copy->next = NULL;
    copy->effect = *effect;
    copy->effect.guid = put_text(&at, effect->guid);
    copy->effect.instance_guid = put_text(&at, effect->instance_guid);
    copy->effect.cell_id = put_text(&at, effect->cell_id);
    return copy;
}

/* [the store's thread] */
static void on_effect(void *user, const struct ccb_effect *effect)
{
    struct ccb_cell *cell = user;
    struct ccb_cell_effect *copy = NULL;
    bool post;

    if (effect->kind != CCB_EFFECT_CALL_BACK)
        copy = copy_effect(effect);
    uv_mutex_lock(&cell->lock);
    if (effect->kind == CCB_EFFECT_CALL_BACK && cell->callbacks &&
        !cell->callbacks_closing)
        (void)ccb_callbacks_submit(cell->callbacks, effect->guid);
    if (copy) {
        *cell->last = copy;
        cell->last = &copy->next;
    }
    post = copy && !cell->effects_posted;
    cell->effects_posted = cell->effects_posted || post;
    uv_mutex_unlock(&cell->lock);
    if (post)
        ccb_loop_post(cell->loop, &cell->effects_post);
}

/* ---- opening ------------------------------------------------------------ */

static int make_path(const struct ccb_cell *cell, const char *name, char *out,
                     size_t size, struct ccb_error *err)
{
    const char *dir = cell->state_dir;
    int n = snprintf(out, size, "%s/cell%s%s", dir, name[0] ? "/" : "", name);

    return n > 0 && (size_t)n < size
               ? 0
               : ccb_error_set(err, CCB_TOO_LARGE, "-stateDir %s: too long",
                               dir);
}

static int make_directory(const struct ccb_cell *cell, const char *name,
                          char *out, size_t size, struct ccb_error *err)
{
    int code = make_path(cell, name, out, size, err);

    if (code < 0)
        return code;
    if (mkdir(out, 0700) < 0 && errno != EEXIST)
        return ccb_error_set(err, CCB_IO, "-stateDir: cannot make %s: %s", out,
                             strerror(errno));
    return 0;
}

/* A name that is relative would mean nothing to a container. */
static int find_state(struct ccb_cell *cell, struct ccb_error *err)
{
    const char *given = cell->config->state_dir;
    char path[PATH_MAX];

    if (!realpath(given, path))
        return ccb_error_set(err, CCB_IO, "-stateDir %s: %s", given,
                             strerror(errno));
    if ((size_t)snprintf(cell->state_dir, sizeof(cell->state_dir), "%s",
                         path) >= sizeof(cell->state_dir))
        return ccb_error_set(err, CCB_TOO_LARGE, "-stateDir %s: too long",
                             given);
    return 0;
}

static int open_store(struct ccb_cell *cell, struct ccb_error *err)
{
    char path[4096];
    struct ccb_store_options options = {.path = path,
                                        .times = &cell->config->times,
                                        .on_effect = on_effect,
                                        .user = cell};
    int code = make_directory(cell, "", path, sizeof(path), err);

    if (code == 0)
        code = make_path(cell, "cell.sqlite", path, sizeof(path), err);
    cell->events = ccb_events_create();
    if (!cell->events)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    options.events = cell->events;
    return code == 0 ? ccb_store_open(&cell->store, &options, err) : code;
}

static int open_logs(struct ccb_cell *cell, struct ccb_error *err)
{
    char path[4096];
    struct ccb_logs_options options = {.loop = cell->loop, .directory = path};
    int code = make_path(cell, "logs", path, sizeof(path), err);

    return code == 0 ? ccb_logs_open(&cell->steps.logs, &options, err) : code;
}

static int open_transfers(struct ccb_cell *cell, struct ccb_error *err)
{
    char path[4096];
    struct ccb_downloads_options down = {
        .loop = cell->loop,
        .client = cell->client,
        .directory = path,
        .cache_bytes = cell->config->cache_bytes,
        .skip_cert_verify = cell->config->skip_cert_verify,
        .log = cell->log,
    };
    struct ccb_uploads_options up = {
        .loop = cell->loop,
        .client = cell->client,
        .directory = path,
        .skip_cert_verify = cell->config->skip_cert_verify,
        .log = cell->log,
    };
    int code = make_path(cell, "cache", path, sizeof(path), err);

    if (code == 0)
        code = ccb_downloads_open(&cell->steps.downloads, &down, err);
    if (code == 0)
        code = ccb_uploads_open(&cell->steps.uploads, &up, err);
    return code;
}

static int open_rest(struct ccb_cell *cell, struct ccb_error *err)
{
    const struct ccb_cell_config *c = cell->config;
    struct ccb_api_options options = {
        .loop = cell->loop,
        .store = cell->store,
        .events = cell->events,
        .logs = cell->steps.logs,
        .username = c->username[0] ? c->username : NULL,
        .password = c->password,
        .cors = c->cors,
        .owner = cell,
    };

    cell->steps.times = &c->step_times;
    cell->steps.checks = ccb_step_checks_create(CCB_CHECKS_AT_ONCE);
    cell->callbacks =
        ccb_callbacks_open(cell->loop, cell->client, cell->store, &c->times);
    cell->api = ccb_api_open(&options);
    return cell->steps.checks && cell->callbacks && cell->api
               ? 0
               : ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

/* What the last process left is gone: now things may be placed. */
static void on_swept(void *ctx, const struct ccb_error *err)
{
    struct ccb_cell *cell = ctx;

    if (err)
        ccb_log_error(cell->log, "containers-not-swept", err->message);
    cell->swept = true;
    if (!cell->stopping)
        ccb_chores_start(cell);
    ccb_cell_leave_live(cell);
}

static int sweep(struct ccb_cell *cell, struct ccb_error *err)
{
    int code = make_directory(cell, "containers", cell->containers_dir,
                              sizeof(cell->containers_dir), err);

    if (code == 0)
        code = ccb_container_sweep(cell->loop, cell->containers_dir, on_swept,
                                   cell, err);
    if (code == 0)
        cell->live++;
    return code;
}

static int open_all(struct ccb_cell *cell, struct ccb_error *err)
{
    int (*const steps[])(struct ccb_cell * cell, struct ccb_error * err) = {
        ccb_cell_measure, find_state, open_store, open_logs,
        open_transfers,   open_rest,  sweep,
    };
    int code = 0;

    for (size_t i = 0; code == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
        code = steps[i](cell, err);
    return code;
}

static void on_keep(uv_timer_t *timer)
{
    (void)timer;
}

int ccb_cell_open(struct ccb_cell **out, const struct ccb_cell_config *config,
                  const struct ccb_worker *worker, struct ccb_error *err)
{
    struct ccb_cell *cell = ccb_calloc(1, sizeof(*cell));
    int code;

    if (!cell || uv_mutex_init(&cell->lock) < 0) {
        ccb_free(cell);
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    }
    cell->config = config;
    cell->log = worker->log;
    cell->loop = worker->loop;
    cell->client = worker->client;
    cell->steps.loop = worker->loop;
    cell->steps.log = worker->log;
    cell->last = &cell->first;
    cell->effects_post.run = on_effects_posted;
    cell->live = 1; /* the cell itself */
    /* The loop waits for answers of the store as long as this is there. */
    (void)uv_timer_init(&cell->loop->uv, &cell->keep);
    (void)uv_timer_start(&cell->keep, on_keep, UINT32_MAX, UINT32_MAX);
    code = open_all(cell, err);
    if (code < 0) {
        ccb_cell_close(cell);
        return code;
    }
    ccb_cell_say_isolation(cell);
    *out = cell;
    return 0;
}

/* ---- the end ------------------------------------------------------------ */

void ccb_cell_stop(struct ccb_cell *cell)
{
    cell->stopping = true;
    if (cell->events)
        ccb_events_close(cell->events);
    if (cell->steps.logs)
        ccb_logs_end_readers(cell->steps.logs);
}

static void on_part_closed(void *user)
{
    ccb_cell_leave_live(user);
}

void ccb_cell_close(struct ccb_cell *cell)
{
    struct ccb_runner *r, *next;

    ccb_cell_stop(cell);
    ccb_chores_stop(cell);
    ccb_api_close(cell->api);
    uv_mutex_lock(&cell->lock);
    cell->callbacks_closing = true;
    uv_mutex_unlock(&cell->lock);
    if (cell->callbacks) {
        cell->live++;
        ccb_callbacks_close(cell->callbacks, on_part_closed, cell);
    }
    for (r = cell->runners; r; r = next) {
        next = ccb_runner_next(r);
        ccb_runner_stop(r);
    }
    if (cell->steps.downloads) {
        cell->live++;
        ccb_downloads_close(cell->steps.downloads, on_part_closed, cell);
    }
    if (cell->steps.uploads) {
        cell->live++;
        ccb_uploads_close(cell->steps.uploads, on_part_closed, cell);
    }
    ccb_cell_leave_live(cell);
}

static void on_keep_closed(uv_handle_t *handle)
{
    struct ccb_cell *cell = handle->data;
    bool posted;

    uv_mutex_lock(&cell->lock);
    cell->closed = true;
    posted = cell->effects_posted;
    uv_mutex_unlock(&cell->lock);
    if (!posted)
        free_cell(cell);
}

/* All is quiet: the log's last lines were said. */
static void on_logs_closed(void *user)
{
    struct ccb_cell *cell = user;

    cell->steps.logs = NULL;
    ccb_store_close(cell->store);
    cell->store = NULL;
    cell->keep.data = cell;
    uv_close((uv_handle_t *)&cell->keep, on_keep_closed);
}

void ccb_cell_leave_live(struct ccb_cell *cell)
{
    if (--cell->live > 0)
        return;
    if (cell->steps.logs)
        ccb_logs_close(cell->steps.logs, on_logs_closed, cell);
    else
        on_logs_closed(cell);
}

static void free_cell(struct ccb_cell *cell)
{
    ccb_step_checks_free(cell->steps.checks);
    ccb_events_free(cell->events);
    ccb_converge_end(&cell->pass); /* one that the end broke off */
    ccb_placer_destroy(&cell->placer);
    uv_mutex_destroy(&cell->lock);
    ccb_free(cell);
}
