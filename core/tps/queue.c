/*
 * Stores crashes and has them delivered (tps/queue.h).
 *
 * Invariant: an entry lives from the call that makes it until the outbox has
 * it; the timer runs while something is to be tried again, or while somebody
 * waits for room or for the end.
 */
#include "tps/queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "outbox/delivery.h"

#define SLOTS 500          /* posts at once, as ever */
#define MAX_ENTRIES 500    /* that the outbox's file has not taken yet */
#define MAX_LETTERS 100000 /* that CC has not taken yet */
#define AGAIN_MS 1000

const struct ccb_outbox_kind ccb_crash_outbox = {
    .file = "crashes.db",
    .flag = "-crashQueue",
    .application_id = 0x63636277, /* "ccbw" */
    .remembered = 10000,
    .notes = true,
    .waiting = CCB_METRIC_CRASHES_WAITING,
};

struct entry {
    union {
        struct ccb_outbox_op op; /* first of both */
        struct ccb_outbox_put put;
        struct ccb_outbox_write write;
    } to;
    bool is_mark;
    struct ccb_outbox_note note;
    struct ccb_crash_queue *queue;
    struct ccb_arena *arena; /* it lies in it */
    struct entry *next;      /* of those to be tried again */
};

struct ccb_crash_queue {
    struct ccb_crash_queue_options options;
    struct ccb_delivery *delivery;
    size_t entries;
    struct entry *again;
    bool full;   /* somebody waits for room */
    bool failed; /* the outbox's file; said once */
    bool closing;
    uv_timer_t timer;
};

/* ---- the letter's name -------------------------------------------------- */

/* "COUNT/TIME/INDEX/PROCESS-GUID": each crash of an instance once. */
static struct ccb_slice make_guid(struct ccb_arena *arena,
                                  struct ccb_slice process_guid,
                                  const struct ccb_cc_crash *crash)
{
    return ccb_arena_format(arena, "%" PRId64 "/%" PRId64 "/%" PRId64 "/%.*s",
                            crash->crash_count, crash->crash_timestamp,
                            crash->index, (int)process_guid.len,
                            process_guid.ptr);
}

/* The process guid may have slashes of its own. */
static struct ccb_slice parse_guid(struct ccb_slice guid, int64_t *index)
{
    int part;
    *index = 0;
    for (part = 0; part < 3; part++) {
        const char *slash = memchr(guid.ptr, '/', guid.len);
        size_t used = slash ? (size_t)(slash + 1 - guid.ptr) : guid.len;
        if (part == 2)
            *index = strtoll(guid.ptr, NULL, 10);
        guid = ccb_slice_make(guid.ptr + used, guid.len - used);
    }
    return guid;
}

/* ---- room --------------------------------------------------------------- */

static bool has_room(const struct ccb_crash_queue *queue)
{
    struct ccb_outbox_status status;
    if (queue->entries >= MAX_ENTRIES)
        return false;
    ccb_outbox_get_status(queue->options.outbox, &status);
    return status.waiting + (int64_t)queue->entries < MAX_LETTERS;
}

static void on_timer(uv_timer_t *timer);

static void wait_a_second(struct ccb_crash_queue *queue)
{
    if (!uv_is_active((uv_handle_t *)&queue->timer))
        (void)uv_timer_start(&queue->timer, on_timer, AGAIN_MS, 0);
}

bool ccb_crash_queue_full(struct ccb_crash_queue *queue)
{
    bool full = !has_room(queue);
    if (full) {
        queue->full = true;
        wait_a_second(queue);
    }
    return full;
}

static void tell_room(struct ccb_crash_queue *queue)
{
    if (!queue->full || queue->closing || !has_room(queue))
        return;
    queue->full = false;
    queue->options.on_room(queue->options.user);
}

/* ---- storing ------------------------------------------------------------ */

static void on_timer_closed(uv_handle_t *timer)
{
    ccb_free(timer->data);
}

static void end_entry(struct entry *entry)
{
    struct ccb_crash_queue *queue = entry->queue;
    queue->entries--;
    ccb_arena_unref(entry->arena);
    if (queue->closing && queue->entries == 0 &&
        !uv_is_closing((uv_handle_t *)&queue->timer))
        uv_close((uv_handle_t *)&queue->timer, on_timer_closed);
}

static void submit(struct entry *entry)
{
    struct ccb_outbox *outbox = entry->queue->options.outbox;
    if (entry->is_mark)
        ccb_outbox_write(outbox, &entry->to.write);
    else
        ccb_outbox_put(outbox, &entry->to.put);
}

static void log_lost(const struct ccb_crash_queue *queue, struct ccb_slice guid,
                     struct ccb_log_field error)
{
    int64_t index;
    struct ccb_slice process_guid = parse_guid(guid, &index);
    ccb_log_write(queue->options.log, CCB_LEVEL_INFO, "failed-app-crashed",
                  CCB_FIELDS(ccb_log_text("process-guid", process_guid),
                             ccb_log_int("index", index), error));
}

static void keep(struct entry *entry)
{
    struct ccb_crash_queue *queue = entry->queue;
    struct entry **last = &queue->again;
    if (!queue->failed)
        ccb_log_error(queue->options.log, "crash-queue-failed",
                      entry->to.op.err.message);
    queue->failed = true;
    while (*last)
        last = &(*last)->next;
    entry->next = NULL;
    *last = entry;
    wait_a_second(queue);
}

static void on_stored(struct ccb_outbox_op *op)
{
    struct entry *entry =
        (struct entry *)(void *)((char *)op - offsetof(struct entry, to));
    struct ccb_crash_queue *queue = entry->queue;
    if (op->code < 0 && !queue->closing) {
        keep(entry);
        return;
    }
    if (op->code < 0 && !entry->is_mark)
        log_lost(queue, entry->to.put.letter.guid,
                 ccb_log_cstr("error", op->err.message));
    if (op->code == 0)
        queue->failed = false;
    end_entry(entry);
    tell_room(queue);
}

static void on_timer(uv_timer_t *timer)
{
    struct ccb_crash_queue *queue = timer->data;
    struct entry *entry = queue->again, *next;
    queue->again = NULL;
    for (; entry; entry = next) {
        next = entry->next;
        submit(entry);
    }
    tell_room(queue);
    if (queue->full)
        wait_a_second(queue);
}

static struct entry *make_entry(struct ccb_crash_queue *queue,
                                const struct ccb_outbox_note *note)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct entry *entry = arena ? ccb_arena_alloc(arena, sizeof(*entry)) : NULL;
    if (!entry) {
        ccb_arena_unref(arena);
        return NULL;
    }
    entry->queue = queue;
    entry->arena = arena;
    entry->note = *note;
    entry->note.name = ccb_arena_copy(arena, note->name);
    entry->to.op.loop = queue->options.loop;
    entry->to.op.on_done = on_stored;
    if (!entry->note.name.ptr) {
        ccb_arena_unref(arena);
        return NULL;
    }
    return entry;
}

int ccb_crash_queue_add(struct ccb_crash_queue *queue, struct ccb_slice name,
                        struct ccb_slice process_guid,
                        const struct ccb_cc_crash *crash)
{
    const struct ccb_outbox_note note = {name, crash->crash_count,
                                         crash->crash_timestamp};
    struct entry *entry = make_entry(queue, &note);
    struct ccb_buf payload = {0};
    struct ccb_letter *letter;
    if (!entry)
        return CCB_NO_MEMORY;
    letter = &entry->to.put.letter;
    letter->guid = make_guid(entry->arena, process_guid, crash);
    ccb_cc_crash_encode(&payload, crash);
    if (!payload.failed)
        letter->payload = ccb_arena_copy(entry->arena, ccb_buf_slice(&payload));
    ccb_buf_destroy(&payload);
    if (!letter->guid.ptr || !letter->payload.ptr) {
        ccb_arena_unref(entry->arena);
        return CCB_NO_MEMORY;
    }
    entry->to.put.note = &entry->note;
    queue->entries++;
    submit(entry);
    return 0;
}

int ccb_crash_queue_mark(struct ccb_crash_queue *queue,
                         const struct ccb_outbox_note *mark, bool forget)
{
    struct entry *entry = make_entry(queue, mark);
    if (!entry)
        return CCB_NO_MEMORY;
    entry->is_mark = true;
    entry->to.write.note = &entry->note;
    entry->to.write.forget = forget;
    queue->entries++;
    submit(entry);
    return 0;
}

/* ---- telling CC --------------------------------------------------------- */

static int send_crash(void *user, struct ccb_delivery_try *attempt,
                      void (*on_answer)(void *attempt,
                                        const struct ccb_cc_answer *answer),
                      struct ccb_error *err)
{
    struct ccb_crash_queue *queue = user;
    const struct ccb_letter *letter = attempt->letter;
    int64_t index;
    ccb_log_begin(&attempt->log, queue->options.log, "cc-client", NULL, 0);
    ccb_log_write(&attempt->log, CCB_LEVEL_DEBUG,
                  "delivering-app-crashed-response",
                  CCB_FIELDS(ccb_log_json("payload", letter->payload)));
    return ccb_cc_app_crashed(
        &queue->options.cc, parse_guid(letter->guid, &index), letter->payload,
        attempt->arena, on_answer, attempt, &attempt->call, err);
}

/* It was away, or had too much to do. What else it answers it would answer
 * again: the app is gone, or the message is none to it. */
static bool is_passing(int status)
{
    return status >= 500 || status == 408 || status == 429;
}

/* `error` is an object, as in the historic line. */
static void log_failure(const struct ccb_crash_queue *queue,
                        const struct ccb_delivery_try *attempt)
{
    struct ccb_buf object = {0};
    struct ccb_json_writer w;
    ccb_json_writer_init(&w, ccb_buf_sink, &object);
    ccb_json_begin_object(&w);
    if (attempt->status == 0)
        ccb_json_member_cstr(&w, "Err", attempt->words);
    else
        ccb_json_member_int(&w, "StatusCode", attempt->status);
    ccb_json_end_object(&w);
    if (ccb_json_writer_end(&w) < 0) {
        ccb_buf_reset(&object);
        ccb_buf_put(&object, "null");
    }
    log_lost(queue, attempt->letter->guid,
             ccb_log_json("error", object.failed ? ccb_slice_of("null")
                                                 : ccb_buf_slice(&object)));
    ccb_buf_destroy(&object);
}

static void on_attempt(void *user, const struct ccb_delivery_try *attempt)
{
    struct ccb_crash_queue *queue = user;
    if (attempt->status == 0)
        ccb_log_error(&attempt->log, "deliver-app-crashed-response-failed",
                      attempt->words);
    else
        ccb_log_debug(&attempt->log, "delivered-app-crashed-response");
    if (attempt->words)
        log_failure(queue, attempt);
    if (attempt->too_old)
        ccb_log_error(&attempt->log, "app-crashed-response-given-up",
                      attempt->words);
}

static void on_cut(void *user, const struct ccb_delivery_try *attempt)
{
    log_failure(user, attempt);
}

/* ---- open and close ----------------------------------------------------- */

int ccb_crash_queue_open(struct ccb_crash_queue **out,
                         const struct ccb_crash_queue_options *options,
                         struct ccb_error *err)
{
    struct ccb_crash_queue *queue = ccb_calloc(1, sizeof(*queue));
    struct ccb_delivery_options delivery = {
        .loop = options->loop,
        .outbox = options->outbox,
        .log = options->log,
        .slots = SLOTS,
        .max_age = options->max_age,
        .retries = CCB_METRIC_CRASH_RETRIES,
        .given_up = CCB_METRIC_CRASHES_GIVEN_UP,
        .send = send_crash,
        .is_passing = is_passing,
        .on_attempt = on_attempt,
        .on_cut = on_cut,
        .user = queue,
    };
    int code;
    if (!queue)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    queue->options = *options;
    code = ccb_delivery_open(&queue->delivery, &delivery, err);
    if (code < 0) {
        ccb_free(queue);
        return code;
    }
    (void)uv_timer_init(&options->loop->uv, &queue->timer); /* can't fail */
    queue->timer.data = queue;
    *out = queue;
    return 0;
}

static void drop_again(struct ccb_crash_queue *queue)
{
    struct entry *entry = queue->again, *next;
    queue->again = NULL;
    for (; entry; entry = next) {
        next = entry->next;
        if (!entry->is_mark)
            log_lost(queue, entry->to.put.letter.guid,
                     ccb_log_cstr("error", "stopped before it was stored"));
        end_entry(entry);
    }
}

void ccb_crash_queue_close(struct ccb_crash_queue *queue)
{
    if (!queue)
        return;
    ccb_delivery_close(queue->delivery);
    /* One more, so that nothing below ends it. */
    queue->entries++;
    queue->closing = true;
    (void)uv_timer_start(&queue->timer, on_timer, UINT32_MAX, 0);
    drop_again(queue);
    if (--queue->entries == 0)
        uv_close((uv_handle_t *)&queue->timer, on_timer_closed);
}
