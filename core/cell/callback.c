/*
 * Completion callbacks: contract/receptor-api.md 6.3.
 *
 * A callback goes QUEUED, MARKING (the store makes the task RESOLVING),
 * CALLING, DELETING (the store removes it), and ends in `finish`. Whatever
 * fails on the way leaves the task to the converger.
 */
#include "cell/callback.h"

#include "base/buf.h"
#include "base/mem.h"
#include "cell/task.h"

#define ATTEMPTS 3

struct callback {
    struct ccb_store_op op; /* first; its post brings the submission, too */
    struct ccb_callbacks *owner;
    struct callback *next; /* waiting, or of those that call */
    char *guid;
    struct ccb_buf url, body;
    struct ccb_http_call *call; /* under way */
    int attempts;
};

struct ccb_callbacks {
    struct ccb_loop *loop;
    struct ccb_http_client *client;
    struct ccb_store *store;
    const struct ccb_cell_times *times;
    struct callback *first, **last; /* QUEUED */
    struct callback *calling;
    int busy;         /* not QUEUED any more */
    _Atomic int live; /* all of them, also those on their way here */
    bool closing;
    void (*on_closed)(void *user);
    void *user;
    struct ccb_post closed;
};

static void pump(struct ccb_callbacks *callbacks);

/* ---- the end ------------------------------------------------------------ */

static void free_all(struct ccb_callbacks *callbacks)
{
    void (*on_closed)(void *user) = callbacks->on_closed;
    void *user = callbacks->user;

    ccb_free(callbacks);
    on_closed(user);
}

static void drop(struct callback *callback)
{
    struct ccb_callbacks *owner = callback->owner;

    ccb_buf_destroy(&callback->url);
    ccb_buf_destroy(&callback->body);
    ccb_free(callback->guid);
    ccb_free(callback);
    if (--owner->live == 0 && owner->closing)
        free_all(owner);
}

static void finish(struct callback *callback)
{
    struct ccb_callbacks *owner = callback->owner;

    owner->busy--;
    pump(owner);
    drop(callback);
}

/* ---- DELETING ----------------------------------------------------------- */

static int run_resolve(struct ccb_store_op *op, struct ccb_store_tx *tx,
                       struct ccb_error *err)
{
    struct callback *callback = (struct callback *)op;

    return ccb_task_resolve(tx, ccb_slice_of(callback->guid), err);
}

static void on_deleted(struct ccb_store_op *op)
{
    finish((struct callback *)op);
}

static void delete_task(struct callback *callback)
{
    callback->op.run = run_resolve;
    callback->op.on_done = on_deleted;
    ccb_store_submit(callback->owner->store, &callback->op);
}

/* ---- CALLING ------------------------------------------------------------ */

static void call(struct callback *callback);

static void leave_calling(struct callback *callback)
{
    struct callback **at = &callback->owner->calling;

    while (*at != callback)
        at = &(*at)->next;
    *at = callback->next;
    callback->next = NULL;
    callback->call = NULL;
}

/* 503, 504 and a time-out may be a router's; anything else is an answer, or a
 * failure that another try would not mend. */
static void on_answer(void *user, const struct ccb_http_answer *answer)
{
    struct callback *callback = user;
    bool busy =
        answer->code == CCB_TIMED_OUT ||
        (answer->code == 0 && (answer->status == 503 || answer->status == 504));

    leave_calling(callback);
    if (busy && callback->attempts < ATTEMPTS)
        call(callback);
    else if (busy || answer->code < 0)
        finish(callback);
    else
        delete_task(callback);
}

static void call(struct callback *callback)
{
    static const struct ccb_http_header json[] = {
        {CCB_LIT("Content-Type"), CCB_LIT("application/json")}};
    struct ccb_callbacks *owner = callback->owner;
    struct ccb_http_call_options options = {
        .method = "POST",
        .url = ccb_buf_slice(&callback->url),
        .headers = json,
        .header_count = 1,
        .body = ccb_buf_slice(&callback->body),
        .short_lane = true,
        .no_repeat = true,
        .timeout = owner->times->callback_timeout,
        .on_done = on_answer,
        .user = callback,
    };
    struct ccb_error err;

    callback->attempts++;
    if (ccb_http_send(owner->client, &options, &callback->call, &err) < 0) {
        finish(callback);
        return;
    }
    callback->next = owner->calling;
    owner->calling = callback;
}

/* ---- MARKING ------------------------------------------------------------ */

static int run_mark(struct ccb_store_op *op, struct ccb_store_tx *tx,
                    struct ccb_error *err)
{
    struct callback *callback = (struct callback *)op;
    struct ccb_slice guid = ccb_slice_of(callback->guid);
    struct ccb_task task;
    int code = ccb_task_get(tx, guid, &task, err);

    if (code < 0)
        return code;
    if (code == 0 || task.callback_url.len == 0)
        return ccb_error_set(err, CCB_NOT_FOUND, "no task to call back for");
    (void)ccb_buf_put_slice(&callback->url, task.callback_url);
    ccb_task_callback_encode(&callback->body, &task);
    if (callback->url.failed || callback->body.failed)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return ccb_task_resolving(tx, guid, err);
}

static void on_marked(struct ccb_store_op *op)
{
    struct callback *callback = (struct callback *)op;

    if (op->code < 0 || callback->owner->closing)
        finish(callback);
    else
        call(callback);
}

/* ---- QUEUED ------------------------------------------------------------- */

static void pump(struct ccb_callbacks *callbacks)
{
    while (callbacks->first && callbacks->busy < CCB_CALLBACKS_AT_ONCE &&
           !callbacks->closing) {
        struct callback *callback = callbacks->first;

        callbacks->first = callback->next;
        if (!callbacks->first)
            callbacks->last = &callbacks->first;
        callback->next = NULL;
        callbacks->busy++;
        callback->op.run = run_mark;
        callback->op.on_done = on_marked;
        ccb_store_submit(callbacks->store, &callback->op);
    }
}

static void on_submitted(struct ccb_post *post)
{
    struct callback *callback = (struct callback *)post;
    struct ccb_callbacks *owner = callback->owner;

    if (owner->closing) {
        drop(callback);
        return;
    }
    *owner->last = callback;
    owner->last = &callback->next;
    pump(owner);
}

int ccb_callbacks_submit(struct ccb_callbacks *callbacks,
                         struct ccb_slice task_guid)
{
    struct callback *callback = ccb_calloc(1, sizeof(*callback));

    if (!callback)
        return CCB_NO_MEMORY;
    callback->guid = ccb_slice_dup(task_guid);
    if (!callback->guid) {
        ccb_free(callback);
        return CCB_NO_MEMORY;
    }
    callback->owner = callbacks;
    callback->op.loop = callbacks->loop;
    callback->op.post.run = on_submitted;
    callbacks->live++;
    ccb_loop_post(callbacks->loop, &callback->op.post);
    return 0;
}

/* ---- open and close ----------------------------------------------------- */

struct ccb_callbacks *ccb_callbacks_open(struct ccb_loop *loop,
                                         struct ccb_http_client *client,
                                         struct ccb_store *store,
                                         const struct ccb_cell_times *times)
{
    struct ccb_callbacks *callbacks = ccb_calloc(1, sizeof(*callbacks));

    if (!callbacks)
        return NULL;
    callbacks->loop = loop;
    callbacks->client = client;
    callbacks->store = store;
    callbacks->times = times;
    callbacks->last = &callbacks->first;
    callbacks->live = 1; /* the pool itself */
    return callbacks;
}

static void on_close_posted(struct ccb_post *post)
{
    struct ccb_callbacks *callbacks =
        (struct ccb_callbacks *)((char *)post -
                                 offsetof(struct ccb_callbacks, closed));

    if (--callbacks->live == 0)
        free_all(callbacks);
}

void ccb_callbacks_close(struct ccb_callbacks *callbacks,
                         void (*on_closed)(void *user), void *user)
{
    struct callback *callback;

    callbacks->closing = true;
    callbacks->on_closed = on_closed;
    callbacks->user = user;
    for (; callbacks->first;) {
        callback = callbacks->first;
        callbacks->first = callback->next;
        drop(callback);
    }
    for (; callbacks->calling;) {
        callback = callbacks->calling;
        ccb_http_cancel(callback->call);
        leave_calling(callback);
        callbacks->busy--;
        drop(callback);
    }
    callbacks->closed.run = on_close_posted;
    ccb_loop_post(callbacks->loop, &callbacks->closed);
}
