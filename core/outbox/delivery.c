/*
 * Takes letters from the outbox into a few slots, sends each to CC, and marks
 * what became of it (delivery.h).
 *
 * Invariant: one letter is looked for at a time; the timer is set whenever
 * something waits for a moment and nothing else will wake us.
 */
#include "outbox/delivery.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/random.h"

#define FIRST_PAUSE CCB_SECOND /* after a failed attempt, then doubled */
#define LONGEST_PAUSE (60 * CCB_SECOND)
#define FILE_PAUSE CCB_SECOND /* after the outbox's file failed */
#define ENOUGH_ATTEMPTS 10    /* of what is too old; takes minutes */

enum slot_state {
    SLOT_FREE,
    SLOT_TAKING,  /* the outbox looks for a letter */
    SLOT_SENDING, /* CC has it */
    SLOT_MARKING, /* the outbox writes what became of it */
    SLOT_UNMARKED /* it could not: again when the timer fires */
};

struct slot {
    struct ccb_delivery *delivery;
    enum slot_state state;
    struct ccb_arena *arena; /* of the letter */
    struct ccb_outbox_take take;
    struct ccb_outbox_mark mark;
    struct ccb_delivery_try attempt;
};

struct ccb_delivery {
    struct ccb_delivery_options options;
    bool looking; /* for a letter */
    bool again;   /* news came meanwhile */
    bool closing;
    bool expecting; /* a post that is on its way, while closing */
    struct ccb_post news;
    uv_timer_t timer;
    struct slot slots[]; /* options.slots of them */
};

static void look(struct ccb_delivery *delivery);
static void mark(struct slot *slot);

int64_t ccb_delivery_pause(int64_t failures, uint32_t random)
{
    int64_t pause = FIRST_PAUSE;
    while (--failures > 0 && pause < LONGEST_PAUSE)
        pause *= 2;
    if (pause > LONGEST_PAUSE)
        pause = LONGEST_PAUSE;
    return pause - (int64_t)((double)(pause / 4) * random / UINT32_MAX);
}

bool ccb_delivery_is_too_old(const struct ccb_letter *letter, int64_t now,
                             int64_t max_age)
{
    int64_t enough = max_age / LONGEST_PAUSE;
    if (enough > ENOUGH_ATTEMPTS)
        enough = ENOUGH_ATTEMPTS;
    return now - letter->stored_at >= max_age && letter->attempts >= enough;
}

/* ---- slots -------------------------------------------------------------- */

static void free_slot(struct slot *slot)
{
    ccb_arena_unref(slot->arena);
    slot->arena = NULL;
    slot->state = SLOT_FREE;
}

static void on_timer_closed(uv_handle_t *timer)
{
    ccb_free(timer->data);
}

/* The end, once the outbox has given back what it was lent. The timer keeps the
 * loop running until then. */
static void close_if_idle(struct ccb_delivery *delivery)
{
    size_t i;
    for (i = 0; i < delivery->options.slots; i++)
        if (delivery->slots[i].state != SLOT_FREE)
            return;
    if (!delivery->expecting && !uv_is_closing((uv_handle_t *)&delivery->timer))
        uv_close((uv_handle_t *)&delivery->timer, on_timer_closed);
}

/* ---- the timer ---------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
    struct ccb_delivery *delivery = timer->data;
    size_t i;
    for (i = 0; i < delivery->options.slots; i++)
        if (delivery->slots[i].state == SLOT_UNMARKED)
            mark(&delivery->slots[i]);
    look(delivery);
}

/* Wakes us after `pause` at the latest. */
static void wake_in(struct ccb_delivery *delivery, int64_t pause)
{
    uint64_t ms = pause > 0 ? (uint64_t)(pause / CCB_MILLISECOND) + 1 : 0;
    if (!uv_is_active((uv_handle_t *)&delivery->timer) ||
        uv_timer_get_due_in(&delivery->timer) > ms)
        (void)uv_timer_start(&delivery->timer, on_timer, ms, 0);
}

/* ---- 3: what became of it ----------------------------------------------- */

static void on_marked(struct ccb_outbox_op *op)
{
    struct slot *slot =
        (struct slot *)(void *)((char *)op - offsetof(struct slot, mark));
    struct ccb_delivery *delivery = slot->delivery;
    if (op->code < 0 && !delivery->closing) {
        ccb_log_error(delivery->options.log, "outbox-failed", op->err.message);
        slot->state = SLOT_UNMARKED;
        wake_in(delivery, FILE_PAUSE);
        return;
    }
    free_slot(slot);
    look(delivery);
}

static void mark(struct slot *slot)
{
    slot->state = SLOT_MARKING;
    slot->mark.op.loop = slot->delivery->options.loop;
    slot->mark.op.on_done = on_marked;
    slot->mark.letter = &slot->take.letter;
    ccb_outbox_mark(slot->delivery->options.outbox, &slot->mark);
}

static int64_t next_attempt(const struct ccb_letter *letter)
{
    uint32_t random = 0;
    (void)ccb_random_bytes(&random, sizeof(random), NULL);
    return ccb_clock_wall() + ccb_delivery_pause(letter->attempts + 1, random);
}

/* What CC will never take is given up at once. */
static void judge(struct slot *slot)
{
    const struct ccb_delivery_options *options = &slot->delivery->options;
    struct ccb_delivery_try *attempt = &slot->attempt;
    const struct ccb_letter *letter = attempt->letter;
    bool passing = attempt->status == 0 || !options->is_passing ||
                   options->is_passing(attempt->status);
    attempt->too_old =
        passing &&
        ccb_delivery_is_too_old(letter, ccb_clock_wall(), options->max_age);
    attempt->fate = !attempt->words                ? CCB_LETTER_DELIVERED
                    : passing && !attempt->too_old ? CCB_LETTER_LATER
                                                   : CCB_LETTER_GIVEN_UP;
    if (attempt->fate == CCB_LETTER_LATER)
        ccb_metric_add(options->retries, 1);
    else if (attempt->fate == CCB_LETTER_GIVEN_UP)
        ccb_metric_add(options->given_up, 1);
}

static void conclude(struct slot *slot, int status, const char *words)
{
    const struct ccb_delivery_options *options = &slot->delivery->options;
    slot->attempt.call = NULL;
    slot->attempt.status = status;
    slot->attempt.words = words;
    judge(slot);
    options->on_attempt(options->user, &slot->attempt);
    slot->mark.fate = slot->attempt.fate;
    if (slot->mark.fate == CCB_LETTER_LATER)
        slot->mark.due_at = next_attempt(slot->attempt.letter);
    mark(slot);
}

/* ---- 2: to CC ----------------------------------------------------------- */

static void on_answer(void *user, const struct ccb_cc_answer *answer)
{
    struct slot *slot =
        (struct slot *)(void *)((char *)user - offsetof(struct slot, attempt));
    conclude(slot, answer->status,
             answer->status == 200 ? NULL : answer->error);
}

static void deliver(struct slot *slot)
{
    const struct ccb_delivery_options *options = &slot->delivery->options;
    struct ccb_error err;
    slot->attempt = (struct ccb_delivery_try){.letter = &slot->take.letter,
                                              .arena = slot->arena};
    slot->state = SLOT_SENDING;
    if (options->send(options->user, &slot->attempt, on_answer, &err) < 0)
        conclude(slot, 0, err.message);
}

/* ---- 1: what is due ----------------------------------------------------- */

static void on_taken(struct ccb_outbox_op *op)
{
    struct slot *slot =
        (struct slot *)(void *)((char *)op - offsetof(struct slot, take));
    struct ccb_delivery *delivery = slot->delivery;
    int64_t due_at = slot->take.due_at;
    bool again = delivery->again;
    delivery->looking = delivery->again = false;
    if (op->code == 0 && slot->take.found && !delivery->closing) {
        deliver(slot);
        look(delivery);
        return;
    }
    free_slot(slot);
    if (delivery->closing) {
        close_if_idle(delivery);
    } else if (op->code < 0) {
        ccb_log_error(delivery->options.log, "outbox-failed", op->err.message);
        wake_in(delivery, FILE_PAUSE);
    } else if (again) {
        look(delivery);
    } else if (due_at > 0) {
        wake_in(delivery, due_at - ccb_clock_wall());
    }
}

static struct slot *find_free(struct ccb_delivery *delivery)
{
    size_t i;
    for (i = 0; i < delivery->options.slots; i++)
        if (delivery->slots[i].state == SLOT_FREE)
            return &delivery->slots[i];
    return NULL;
}

/* Without a free slot the next one to get free looks. */
static void look(struct ccb_delivery *delivery)
{
    struct slot *slot = find_free(delivery);
    if (delivery->closing) {
        close_if_idle(delivery);
        return;
    }
    if (delivery->looking)
        delivery->again = true;
    if (delivery->looking || !slot)
        return;
    slot->arena = ccb_arena_create();
    if (!slot->arena) {
        wake_in(delivery, FILE_PAUSE);
        return;
    }
    delivery->looking = true;
    slot->state = SLOT_TAKING;
    slot->take.arena = slot->arena;
    slot->take.op.loop = delivery->options.loop;
    slot->take.op.on_done = on_taken;
    ccb_outbox_take(delivery->options.outbox, &slot->take);
}

static void on_news(struct ccb_post *post)
{
    struct ccb_delivery *delivery =
        (struct ccb_delivery *)(void *)((char *)post -
                                        offsetof(struct ccb_delivery, news));
    ccb_outbox_heard(delivery->options.outbox);
    delivery->expecting = false;
    look(delivery);
}

/* ---- open and close ----------------------------------------------------- */

int ccb_delivery_open(struct ccb_delivery **out,
                      const struct ccb_delivery_options *options,
                      struct ccb_error *err)
{
    struct ccb_delivery *delivery = ccb_calloc(
        1, sizeof(*delivery) + options->slots * sizeof(delivery->slots[0]));
    size_t i;
    if (!delivery)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    delivery->options = *options;
    for (i = 0; i < delivery->options.slots; i++)
        delivery->slots[i].delivery = delivery;
    (void)uv_timer_init(&options->loop->uv, &delivery->timer); /* can't fail */
    delivery->timer.data = delivery;
    delivery->news.run = on_news;
    ccb_outbox_listen(options->outbox, options->loop, &delivery->news);
    wake_in(delivery, 0);
    *out = delivery;
    return 0;
}

static void cut(struct slot *slot)
{
    const struct ccb_delivery_options *options = &slot->delivery->options;
    ccb_http_cancel(slot->attempt.call);
    slot->attempt.status = 0;
    slot->attempt.words = "stopped before CC had answered";
    if (options->on_cut)
        options->on_cut(options->user, &slot->attempt);
}

void ccb_delivery_close(struct ccb_delivery *delivery)
{
    size_t i;
    if (!delivery)
        return;
    delivery->closing = true;
    delivery->expecting = ccb_outbox_unlisten(delivery->options.outbox);
    (void)uv_timer_start(&delivery->timer, on_timer, UINT32_MAX, 0);
    for (i = 0; i < delivery->options.slots; i++) {
        struct slot *slot = &delivery->slots[i];
        if (slot->state == SLOT_SENDING)
            cut(slot);
        if (slot->state == SLOT_SENDING || slot->state == SLOT_UNMARKED)
            free_slot(slot);
    }
    close_if_idle(delivery);
}
