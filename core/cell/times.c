/*
 * The cell's durations and the back-off of crashes: contract/embedded-cell.md
 * 4, receptor-api.md 7.3.
 */
#include "cell/times.h"

#include <inttypes.h>
#include <stddef.h>

#include "base/clock.h"

const struct ccb_cell_times ccb_cell_times_default = {
    .converge_period = 30 * CCB_SECOND,
    .kick = 30 * CCB_SECOND,
    .stale_unclaimed = 30 * CCB_SECOND,
    .expire_pending = 1800 * CCB_SECOND,
    .expire_completed = 120 * CCB_SECOND,
    .crash_reset = 300 * CCB_SECOND,
    .backoff_unit = 30 * CCB_SECOND,
    .backoff_max = 960 * CCB_SECOND,
    .callback_timeout = 10 * CCB_SECOND,
    .presence_ttl = 10 * CCB_SECOND,
};

#define ROW(member)                                                            \
    {                                                                          \
#member, offsetof(struct ccb_cell_times, member)                       \
    }
static const struct {
    const char *name;
    size_t offset;
} rows[] = {
    ROW(converge_period), ROW(kick),        ROW(stale_unclaimed),
    ROW(expire_pending),  ROW(crash_reset), ROW(expire_completed),
    ROW(backoff_unit),    ROW(backoff_max), ROW(callback_timeout),
    ROW(presence_ttl),
};

int ccb_cell_times_check(const struct ccb_cell_times *times,
                         struct ccb_error *err)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t value =
            *(const int64_t *)((const char *)times + rows[i].offset);

        if (value <= 0)
            return ccb_error_set(err, CCB_INVALID,
                                 "%s: %" PRId64 " ns is no duration to wait",
                                 rows[i].name, value);
    }
    if (times->backoff_max < times->backoff_unit)
        return ccb_error_set(err, CCB_INVALID,
                             "backoff_max: %" PRId64
                             " ns is less than the %" PRId64
                             " ns of backoff_unit",
                             times->backoff_max, times->backoff_unit);
    return 0;
}

/* The last power that is not above the units in backoff_max, a broken one
 * counted as whole. */
int ccb_backoff_exponent(const struct ccb_cell_times *times)
{
    uint64_t units =
        ((uint64_t)times->backoff_max + (uint64_t)times->backoff_unit - 1) /
        (uint64_t)times->backoff_unit;
    int exponent = 0;

    while (units > 1) {
        units /= 2;
        exponent++;
    }
    return exponent;
}

int64_t ccb_backoff_wait(const struct ccb_cell_times *times, int64_t count)
{
    int cap = ccb_backoff_exponent(times);
    int64_t exponent = count - CCB_CRASHES_AT_ONCE;
    int64_t wait;

    if (count < CCB_CRASHES_AT_ONCE)
        return 0;
    if (count >= CCB_CRASHES_FOR_GOOD)
        return -1;
    if (exponent > cap)
        exponent = cap;
    if (__builtin_mul_overflow(times->backoff_unit, INT64_C(1) << exponent,
                               &wait) ||
        wait > times->backoff_max)
        return times->backoff_max;
    return wait;
}
