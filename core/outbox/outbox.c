/*
 * The outbox's thread: what waits for it is one transaction; who stores is
 * answered after the commit (outbox.h).
 *
 * Invariant: a batch that fails is run again one by one, so that an operation
 * fails for a reason of its own only.
 */
#include "outbox/outbox.h"

#include "base/mem.h"
#include "base/metrics.h"
#include "outbox/outbox_internal.h"

#define MAX_BATCH 64 /* keeps a commit, and who waits for it, short */

struct ccb_outbox {
    struct ccb_outbox_file file; /* the thread's */
    uv_thread_t thread;
    uv_mutex_t lock; /* of all that follows */
    uv_cond_t wake;
    struct ccb_outbox_op *first, **last;
    bool stop;
    struct ccb_outbox_status status;
    struct ccb_loop *listener;
    struct ccb_post *news; /* posted there */
    bool news_sent;
};

/* ---- a batch ------------------------------------------------------------ */

/* From `first` up to `end`, which is not run: 0, or all failed. */
static int run_transaction(struct ccb_outbox *outbox,
                           struct ccb_outbox_op *first,
                           const struct ccb_outbox_op *end,
                           struct ccb_error *err)
{
    struct ccb_outbox_op *op;
    struct ccb_error ignored;
    int code = ccb_outbox_run_plain(&outbox->file, CCB_OUTBOX_BEGIN, err);
    for (op = first; code == 0 && op != end; op = op->next)
        code = op->run(op, outbox, err);
    if (code == 0)
        code = ccb_outbox_run_plain(&outbox->file, CCB_OUTBOX_COMMIT, err);
    if (code < 0) /* fails where SQLite has rolled back by itself */
        (void)ccb_outbox_run_plain(&outbox->file, CCB_OUTBOX_ROLLBACK,
                                   &ignored);
    return code;
}

static void run_alone(struct ccb_outbox *outbox, struct ccb_outbox_op *first)
{
    struct ccb_outbox_op *op;
    for (op = first; op; op = op->next)
        op->code = run_transaction(outbox, op, op->next, &op->err);
}

/* What changed is counted, and told to who delivers. */
static void publish(struct ccb_outbox *outbox,
                    const struct ccb_outbox_op *first)
{
    const struct ccb_outbox_op *op;
    struct ccb_error ignored;
    int64_t added = 0, oldest_at = 0;
    bool news = false;
    for (op = first; op; op = op->next)
        if (op->code == 0 && op->added != 0) {
            added += op->added;
            news |= op->added > 0;
        }
    (void)ccb_outbox_get_number(&outbox->file, CCB_OUTBOX_OLDEST, &oldest_at,
                                &ignored);
    ccb_metric_add(outbox->file.kind->waiting, added);
    uv_mutex_lock(&outbox->lock);
    outbox->status.waiting += added;
    outbox->status.oldest_at = oldest_at;
    if (news && outbox->listener && !outbox->news_sent) {
        outbox->news_sent = true;
        ccb_loop_post(outbox->listener, outbox->news);
    }
    uv_mutex_unlock(&outbox->lock);
}

static void on_answered(struct ccb_post *post)
{
    struct ccb_outbox_op *op = (struct ccb_outbox_op *)post;
    op->on_done(op);
}

static void run_batch(struct ccb_outbox *outbox, struct ccb_outbox_op *first)
{
    struct ccb_error err;
    struct ccb_outbox_op *next;
    if (run_transaction(outbox, first, NULL, &err) < 0)
        run_alone(outbox, first);
    publish(outbox, first);
    for (; first; first = next) {
        next = first->next;
        first->post.run = on_answered;
        ccb_loop_post(first->loop, &first->post);
    }
}

/* ---- the thread --------------------------------------------------------- */

/* Waits for work; NULL: none is left and the outbox stops. */
static struct ccb_outbox_op *take_batch(struct ccb_outbox *outbox)
{
    struct ccb_outbox_op *first, **at;
    size_t count = 0;
    uv_mutex_lock(&outbox->lock);
    while (!outbox->first && !outbox->stop)
        uv_cond_wait(&outbox->wake, &outbox->lock);
    first = outbox->first;
    for (at = &first; *at && count < MAX_BATCH; at = &(*at)->next)
        count++;
    outbox->first = *at;
    if (!outbox->first)
        outbox->last = &outbox->first;
    *at = NULL;
    uv_mutex_unlock(&outbox->lock);
    return first;
}

static void run_thread(void *arg)
{
    struct ccb_outbox *outbox = arg;
    struct ccb_outbox_op *first = take_batch(outbox);
    while (first) {
        run_batch(outbox, first);
        first = take_batch(outbox);
    }
}

static void submit(struct ccb_outbox *outbox, struct ccb_outbox_op *op,
                   int (*run)(struct ccb_outbox_op *op,
                              struct ccb_outbox *outbox, struct ccb_error *err))
{
    op->run = run;
    op->next = NULL;
    op->code = 0;
    op->added = 0;
    uv_mutex_lock(&outbox->lock);
    *outbox->last = op;
    outbox->last = &op->next;
    uv_cond_signal(&outbox->wake);
    uv_mutex_unlock(&outbox->lock);
}

/* ---- the operations ----------------------------------------------------- */

static int run_put(struct ccb_outbox_op *op, struct ccb_outbox *outbox,
                   struct ccb_error *err)
{
    return ccb_outbox_run_put(&outbox->file, (struct ccb_outbox_put *)op, err);
}

void ccb_outbox_put(struct ccb_outbox *outbox, struct ccb_outbox_put *put)
{
    submit(outbox, &put->op, run_put);
}

static int run_take(struct ccb_outbox_op *op, struct ccb_outbox *outbox,
                    struct ccb_error *err)
{
    return ccb_outbox_run_take(&outbox->file, (struct ccb_outbox_take *)op,
                               err);
}

void ccb_outbox_take(struct ccb_outbox *outbox, struct ccb_outbox_take *take)
{
    submit(outbox, &take->op, run_take);
}

static int run_mark(struct ccb_outbox_op *op, struct ccb_outbox *outbox,
                    struct ccb_error *err)
{
    return ccb_outbox_run_mark(&outbox->file, (struct ccb_outbox_mark *)op,
                               err);
}

void ccb_outbox_mark(struct ccb_outbox *outbox, struct ccb_outbox_mark *mark)
{
    submit(outbox, &mark->op, run_mark);
}

static int run_write(struct ccb_outbox_op *op, struct ccb_outbox *outbox,
                     struct ccb_error *err)
{
    return ccb_outbox_run_write(&outbox->file, (struct ccb_outbox_write *)op,
                                err);
}

void ccb_outbox_write(struct ccb_outbox *outbox, struct ccb_outbox_write *write)
{
    submit(outbox, &write->op, run_write);
}

int ccb_outbox_each_note(struct ccb_outbox *outbox,
                         int (*on_note)(void *user,
                                        const struct ccb_outbox_note *note),
                         void *user, struct ccb_error *err)
{
    return ccb_outbox_read_notes(&outbox->file, on_note, user, err);
}

/* ---- who else wants to know --------------------------------------------- */

void ccb_outbox_listen(struct ccb_outbox *outbox, struct ccb_loop *loop,
                       struct ccb_post *post)
{
    uv_mutex_lock(&outbox->lock);
    outbox->listener = loop;
    outbox->news = post;
    uv_mutex_unlock(&outbox->lock);
}

void ccb_outbox_heard(struct ccb_outbox *outbox)
{
    uv_mutex_lock(&outbox->lock);
    outbox->news_sent = false;
    uv_mutex_unlock(&outbox->lock);
}

bool ccb_outbox_unlisten(struct ccb_outbox *outbox)
{
    bool sent;
    uv_mutex_lock(&outbox->lock);
    outbox->listener = NULL;
    sent = outbox->news_sent;
    uv_mutex_unlock(&outbox->lock);
    return sent;
}

void ccb_outbox_get_status(struct ccb_outbox *outbox,
                           struct ccb_outbox_status *out)
{
    uv_mutex_lock(&outbox->lock);
    *out = outbox->status;
    uv_mutex_unlock(&outbox->lock);
}

/* ---- open and close ----------------------------------------------------- */

static int start_thread(struct ccb_outbox *outbox, struct ccb_error *err)
{
    if (uv_mutex_init(&outbox->lock) < 0)
        goto out;
    if (uv_cond_init(&outbox->wake) < 0) {
        uv_mutex_destroy(&outbox->lock);
        goto out;
    }
    if (uv_thread_create(&outbox->thread, run_thread, outbox) == 0)
        return 0;
    uv_cond_destroy(&outbox->wake);
    uv_mutex_destroy(&outbox->lock);
out:
    return ccb_error_set(err, CCB_IO,
                         "the system refuses a thread for the outbox");
}

int ccb_outbox_open(struct ccb_outbox **out, const struct ccb_outbox_kind *kind,
                    const char *dir, struct ccb_error *err)
{
    struct ccb_outbox *outbox = ccb_calloc(1, sizeof(*outbox));
    struct ccb_outbox_file *file;
    int code;
    *out = NULL;
    if (!outbox)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    file = &outbox->file;
    outbox->last = &outbox->first;
    code = ccb_outbox_file_open(file, kind, dir, err);
    if (code < 0) {
        ccb_free(outbox);
        return code;
    }
    code = ccb_outbox_get_number(file, CCB_OUTBOX_COUNT,
                                 &outbox->status.waiting, err);
    if (code == 0)
        code = ccb_outbox_get_number(file, CCB_OUTBOX_OLDEST,
                                     &outbox->status.oldest_at, err);
    if (code == 0)
        code = start_thread(outbox, err);
    if (code < 0) {
        ccb_outbox_file_close(file);
        ccb_free(outbox);
        return code;
    }
    ccb_metric_add(kind->waiting, outbox->status.waiting);
    *out = outbox;
    return 0;
}

int64_t ccb_outbox_close(struct ccb_outbox *outbox)
{
    int64_t left;
    if (!outbox)
        return 0;
    uv_mutex_lock(&outbox->lock);
    outbox->stop = true;
    uv_cond_signal(&outbox->wake);
    uv_mutex_unlock(&outbox->lock);
    (void)uv_thread_join(&outbox->thread);
    uv_cond_destroy(&outbox->wake);
    uv_mutex_destroy(&outbox->lock);
    ccb_metric_add(outbox->file.kind->waiting, -outbox->status.waiting);
    left = outbox->status.waiting;
    ccb_outbox_file_close(&outbox->file);
    ccb_free(outbox);
    return left;
}
