/*
 * Counts requests (net/http_meter.h).
 *
 * Invariant: the counts of a meter have one writer, its loop; who prints reads
 * them as they are just now. The list of meters has a lock, taken when servers
 * open and close and when somebody prints.
 */
#include "net/http_meter.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"

#define STATUSES 16 /* of a route; further ones are counted as "other" */

/* Upper ends of the spans, in us; the last span has none. */
static const int64_t ends_us[] = {500,     1000,    2500,    5000,    10000,
                                  25000,   50000,   100000,  250000,  500000,
                                  1000000, 2500000, 5000000, 10000000};
#define SPANS (sizeof(ends_us) / sizeof(ends_us[0]) + 1)

struct row {
    struct {
        _Atomic int status; /* 0: not used yet; in the last one "other" */
        _Atomic uint64_t count;
    } answers[STATUSES];
    _Atomic uint64_t spans[SPANS], nanoseconds;
};

struct ccb_http_meter {
    struct ccb_http_meter *next;
    const char *role;
    const struct ccb_http_route *routes;
    size_t count;
    _Atomic int64_t in_flight;
    struct row rows[]; /* one a route, and one for what no route takes */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ccb_http_meter *meters; /* under the lock */

/* ---- counting ----------------------------------------------------------- */

static uint64_t get(_Atomic uint64_t *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

static void add(_Atomic uint64_t *c, uint64_t more)
{
    atomic_store_explicit(c, get(c) + more, memory_order_relaxed);
}

void ccb_http_meter_begin(struct ccb_http_meter *meter)
{
    if (meter)
        atomic_fetch_add_explicit(&meter->in_flight, 1, memory_order_relaxed);
}

void ccb_http_meter_end(struct ccb_http_meter *meter)
{
    if (meter)
        atomic_fetch_sub_explicit(&meter->in_flight, 1, memory_order_relaxed);
}

static void count_status(struct row *row, int status)
{
    size_t i = 0;
    while (i < STATUSES - 1) {
        int there =
            atomic_load_explicit(&row->answers[i].status, memory_order_relaxed);
        if (there == status)
            break;
        if (there == 0) {
            atomic_store_explicit(&row->answers[i].status, status,
                                  memory_order_relaxed);
            break;
        }
        i++;
    }
    add(&row->answers[i].count, 1);
}

void ccb_http_meter_answered(struct ccb_http_meter *meter,
                             const struct ccb_http_route *route, int status,
                             int64_t nanoseconds)
{
    struct row *row;
    size_t span = 0;
    if (!meter)
        return;
    row = &meter->rows[route ? (size_t)(route - meter->routes) : meter->count];
    count_status(row, status);
    while (span < SPANS - 1 && nanoseconds > ends_us[span] * 1000)
        span++;
    add(&row->spans[span], 1);
    add(&row->nanoseconds, nanoseconds > 0 ? (uint64_t)nanoseconds : 0);
}

/* ---- their life --------------------------------------------------------- */

struct ccb_http_meter *ccb_http_meter_create(
    const char *role, const struct ccb_http_route *routes, size_t count)
{
    struct ccb_http_meter *meter =
        ccb_calloc(1, sizeof(*meter) + (count + 1) * sizeof(meter->rows[0]));
    if (!meter)
        return NULL;
    meter->role = role;
    meter->routes = routes;
    meter->count = count;
    pthread_mutex_lock(&lock);
    meter->next = meters;
    meters = meter;
    pthread_mutex_unlock(&lock);
    return meter;
}

void ccb_http_meter_free(struct ccb_http_meter *meter)
{
    struct ccb_http_meter **at = &meters;
    if (!meter)
        return;
    pthread_mutex_lock(&lock);
    while (*at != meter)
        at = &(*at)->next;
    *at = meter->next;
    pthread_mutex_unlock(&lock);
    ccb_free(meter);
}

/* ---- printing ----------------------------------------------------------- */

static bool is_same(const struct ccb_http_meter *a,
                    const struct ccb_http_meter *b)
{
    return a->routes == b->routes && strcmp(a->role, b->role) == 0;
}

/* The next meter of that role and table, `from` on. */
static struct ccb_http_meter *find_same(struct ccb_http_meter *from,
                                        const struct ccb_http_meter *like)
{
    while (from && !is_same(from, like))
        from = from->next;
    return from;
}

static void put_labels(struct ccb_buf *out, const struct ccb_http_meter *meter,
                       size_t row)
{
    static const struct ccb_http_route none = {.method = "", .path = ""};
    const struct ccb_http_route *route =
        row < meter->count ? &meter->routes[row] : &none;
    ccb_metrics_label(out, "{role", meter->role);
    ccb_metrics_label(out, ",method", route->method);
    ccb_metrics_label(out, ",route", route->path);
}

/* Calls for each row of each table, with the first of the meters that have
 * it. */
static void each_row(struct ccb_buf *out, const char *name,
                     void (*put)(struct ccb_buf *out, const char *name,
                                 struct ccb_http_meter *first, size_t row))
{
    struct ccb_http_meter *meter;
    size_t row;
    pthread_mutex_lock(&lock);
    for (meter = meters; meter; meter = meter->next)
        if (find_same(meters, meter) == meter)
            for (row = 0; row <= meter->count; row++)
                put(out, name, meter, row);
    pthread_mutex_unlock(&lock);
}

/* One status of a row, over all its meters. */
static uint64_t sum_status(struct ccb_http_meter *meter, size_t row, int status)
{
    uint64_t sum = 0;
    size_t i;
    for (; meter; meter = find_same(meter->next, meter))
        for (i = 0; i < STATUSES; i++)
            if (meter->rows[row].answers[i].status == status)
                sum += get(&meter->rows[row].answers[i].count);
    return sum;
}

/* Whether `status` was printed already, of an earlier meter. */
static bool is_earlier(struct ccb_http_meter *first,
                       const struct ccb_http_meter *until, size_t row,
                       int status)
{
    size_t i;
    for (; first != until; first = find_same(first->next, first))
        for (i = 0; i < STATUSES; i++)
            if (first->rows[row].answers[i].status == status)
                return true;
    return false;
}

static void put_status(struct ccb_buf *out, const char *name,
                       struct ccb_http_meter *first, size_t row, int status)
{
    uint64_t sum = sum_status(first, row, status);
    char text[16];
    if (sum == 0)
        return;
    snprintf(text, sizeof(text), "%d", status);
    ccb_buf_put(out, name);
    put_labels(out, first, row);
    ccb_metrics_label(out, ",status", status ? text : "other");
    ccb_buf_printf(out, "} %" PRIu64 "\n", sum);
}

static void put_answers(struct ccb_buf *out, const char *name,
                        struct ccb_http_meter *first, size_t row)
{
    struct ccb_http_meter *meter;
    size_t i;
    for (meter = first; meter; meter = find_same(meter->next, meter))
        for (i = 0; i < STATUSES - 1; i++) {
            int status = meter->rows[row].answers[i].status;
            if (status && !is_earlier(first, meter, row, status))
                put_status(out, name, first, row, status);
        }
    put_status(out, name, first, row, 0);
}

void ccb_http_meters_put_answers(struct ccb_buf *out, const char *name,
                                 void *user)
{
    (void)user;
    each_row(out, name, put_answers);
}

static void put_durations(struct ccb_buf *out, const char *name,
                          struct ccb_http_meter *first, size_t row)
{
    uint64_t sums[SPANS] = {0}, nanoseconds = 0, total = 0;
    struct ccb_http_meter *meter;
    size_t i;
    for (meter = first; meter; meter = find_same(meter->next, meter)) {
        for (i = 0; i < SPANS; i++)
            sums[i] += get(&meter->rows[row].spans[i]);
        nanoseconds += get(&meter->rows[row].nanoseconds);
    }
    for (i = 0; i < SPANS; i++)
        total += sums[i];
    for (i = 0; total > 0 && i < SPANS; i++) {
        char end[32] = "+Inf";
        if (i > 0)
            sums[i] += sums[i - 1];
        if (i < SPANS - 1)
            snprintf(end, sizeof(end), "%g", (double)ends_us[i] / 1e6);
        ccb_buf_printf(out, "%s_bucket", name);
        put_labels(out, first, row);
        ccb_metrics_label(out, ",le", end);
        ccb_buf_printf(out, "} %" PRIu64 "\n", sums[i]);
    }
    if (total == 0)
        return;
    ccb_buf_printf(out, "%s_sum", name);
    put_labels(out, first, row);
    ccb_buf_printf(out, "} %.9f\n%s_count", (double)nanoseconds / 1e9, name);
    put_labels(out, first, row);
    ccb_buf_printf(out, "} %" PRIu64 "\n", total);
}

void ccb_http_meters_put_durations(struct ccb_buf *out, const char *name,
                                   void *user)
{
    (void)user;
    each_row(out, name, put_durations);
}

static struct ccb_http_meter *find_role(struct ccb_http_meter *from,
                                        const char *role)
{
    while (from && strcmp(from->role, role) != 0)
        from = from->next;
    return from;
}

void ccb_http_meters_put_in_flight(struct ccb_buf *out, const char *name,
                                   void *user)
{
    struct ccb_http_meter *first, *meter;
    (void)user;
    pthread_mutex_lock(&lock);
    for (first = meters; first; first = first->next) {
        int64_t sum = 0;
        if (find_role(meters, first->role) != first)
            continue;
        for (meter = first; meter; meter = find_role(meter->next, first->role))
            sum +=
                atomic_load_explicit(&meter->in_flight, memory_order_relaxed);
        ccb_buf_put(out, name);
        ccb_metrics_label(out, "{role", first->role);
        ccb_buf_printf(out, "} %" PRId64 "\n", sum);
    }
    pthread_mutex_unlock(&lock);
}
