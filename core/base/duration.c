/*
 * Go's durations, read and written as the programs of 2015 did: the grammar
 * and the refusals of time.ParseDuration, the form of Duration.String with its
 * "0" for zero (contract/stager.md A1). Invariant: overflow is refused, never
 * wrapped.
 */
#include "base/flags.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

enum fault { FAULT_NONE, FAULT_FORM, FAULT_NO_UNIT, FAULT_UNIT };

static const struct unit {
    const char *name;
    int64_t nanoseconds;
} units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000}, /* U+00B5, the micro sign */
    {"\xce\xbcs", 1000}, /* U+03BC, the Greek letter */
    {"ms", CCB_MILLISECOND},
    {"s", CCB_SECOND},
    {"m", 60 * CCB_SECOND},
    {"h", 3600 * CCB_SECOND},
};

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes digits off `text`; 0 when their number passes int64. */
static int take_whole(struct ccb_slice *text, int64_t *whole)
{
    *whole = 0;
    while (text->len > 0 && is_digit(*text->ptr)) {
        int digit = *text->ptr - '0';

        if (*whole > (INT64_MAX - digit) / 10)
            return 0;
        *whole = *whole * 10 + digit;
        text->ptr++;
        text->len--;
    }
    return 1;
}

/* Takes the digits behind a point; those past int64 can't matter. */
static void take_fraction(struct ccb_slice *text, int64_t *part, double *scale)
{
    int full = 0;

    *part = 0;
    *scale = 1;
    for (; text->len > 0 && is_digit(*text->ptr); text->ptr++, text->len--) {
        full = full || *part > (INT64_MAX - 9) / 10;
        if (full)
            continue;
        *part = *part * 10 + (*text->ptr - '0');
        *scale *= 10;
    }
}

/* Everything up to the next digit or point. */
static struct ccb_slice take_unit(struct ccb_slice *text)
{
    struct ccb_slice unit = {text->ptr, 0};

    while (text->len > 0 && !is_digit(*text->ptr) && *text->ptr != '.') {
        text->ptr++;
        text->len--;
        unit.len++;
    }
    return unit;
}

static int64_t find_unit(struct ccb_slice name)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (ccb_slice_is(name, units[i].name))
            return units[i].nanoseconds;
    }
    return 0;
}

/* Takes one number with its unit and adds it to the sum. */
static enum fault take_term(struct ccb_slice *text, struct ccb_slice *unit,
                            int64_t *sum)
{
    const char *start = text->ptr;
    int64_t whole, part = 0, size, term;
    double scale = 1;
    size_t digits;

    if (!take_whole(text, &whole))
        return FAULT_FORM;
    digits = (size_t)(text->ptr - start);
    if (text->len > 0 && *text->ptr == '.') {
        text->ptr++;
        text->len--;
        start = text->ptr;
        take_fraction(text, &part, &scale);
        digits += (size_t)(text->ptr - start);
    }
    if (digits == 0)
        return FAULT_FORM;
    *unit = take_unit(text);
    if (unit->len == 0)
        return FAULT_NO_UNIT;
    size = find_unit(*unit);
    if (size == 0)
        return FAULT_UNIT;
    /* The product of a double, as in Go, so that equal text means the same
     * nanosecond to both. It is below one unit. */
    if (__builtin_mul_overflow(whole, size, &term) ||
        __builtin_add_overflow(
            term, (int64_t)((double)part * ((double)size / scale)), &term) ||
        __builtin_add_overflow(*sum, term, sum))
        return FAULT_FORM;
    return FAULT_NONE;
}

static enum fault parse(struct ccb_slice text, struct ccb_slice *unit,
                        int64_t *nanoseconds)
{
    int negative = text.len > 0 && *text.ptr == '-';
    int64_t sum = 0;

    if (text.len > 0 && (*text.ptr == '-' || *text.ptr == '+')) {
        text.ptr++;
        text.len--;
    }
    if (text.len == 0)
        return FAULT_FORM;
    if (ccb_slice_is(text, "0"))
        text.len = 0; /* the one number that needs no unit */
    while (text.len > 0) {
        enum fault fault = take_term(&text, unit, &sum);

        if (fault != FAULT_NONE)
            return fault;
    }
    *nanoseconds = negative ? -sum : sum;
    return FAULT_NONE;
}

int ccb_duration_parse(struct ccb_slice text, int64_t *nanoseconds)
{
    struct ccb_slice unit;

    return parse(text, &unit, nanoseconds) == FAULT_NONE ? 0 : CCB_INVALID;
}

/* For "%.*s". */
static int width(struct ccb_slice text)
{
    return text.len > 1000 ? 1000 : (int)text.len;
}

int ccb_duration_check(struct ccb_slice text, char *why, size_t why_size)
{
    struct ccb_slice unit = {NULL, 0};
    int64_t nanoseconds;

    switch (parse(text, &unit, &nanoseconds)) {
    case FAULT_NONE:
        return 0;
    case FAULT_FORM:
        (void)snprintf(why, why_size, "time: invalid duration %.*s",
                       width(text), text.ptr);
        break;
    case FAULT_NO_UNIT:
        (void)snprintf(why, why_size, "time: missing unit in duration %.*s",
                       width(text), text.ptr);
        break;
    case FAULT_UNIT:
        (void)snprintf(why, why_size,
                       "time: unknown unit %.*s in duration %.*s", width(unit),
                       unit.ptr, width(text), text.ptr);
        break;
    }
    return CCB_INVALID;
}

/* "1.5" for 1500 with 3 decimals: no zeros at the end. */
static void put_decimal(char *out, size_t size, uint64_t value, int decimals,
                        const char *unit)
{
    uint64_t scale = 1;

    for (int i = 0; i < decimals; i++)
        scale *= 10;
    while (decimals > 0 && value % 10 == 0) {
        value /= 10;
        scale /= 10;
        decimals--;
    }
    if (decimals == 0)
        (void)snprintf(out, size, "%" PRIu64 "%s", value, unit);
    else
        (void)snprintf(out, size, "%" PRIu64 ".%0*" PRIu64 "%s", value / scale,
                       decimals, value % scale, unit);
}

void ccb_duration_format(int64_t nanoseconds, char *out, size_t size)
{
    uint64_t left =
        nanoseconds < 0 ? 0 - (uint64_t)nanoseconds : (uint64_t)nanoseconds;
    const uint64_t minute = 60 * (uint64_t)CCB_SECOND, hour = 60 * minute;
    const char *sign = nanoseconds < 0 ? "-" : "";
    char text[32] = "0"; /* the seconds, or the whole of a small value */

    if (left >= CCB_SECOND)
        put_decimal(text, sizeof(text), left % minute, 9, "s");
    else if (left >= CCB_MILLISECOND)
        put_decimal(text, sizeof(text), left, 6, "ms");
    else if (left >= 1000)
        put_decimal(text, sizeof(text), left, 3, "\xc2\xb5s");
    else if (left > 0)
        put_decimal(text, sizeof(text), left, 0, "ns");

    if (left >= hour)
        (void)snprintf(out, size, "%s%" PRIu64 "h%" PRIu64 "m%s", sign,
                       left / hour, left % hour / minute, text);
    else if (left >= minute)
        (void)snprintf(out, size, "%s%" PRIu64 "m%s", sign, left / minute,
                       text);
    else
        (void)snprintf(out, size, "%s%s", sign, text);
}
