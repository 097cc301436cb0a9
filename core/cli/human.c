/*
 * Sizes, ages and times for people. Nothing here allocates or fails silently:
 * what can't be read is CCB_INVALID.
 */
#include "cli/human.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ccbridge/error.h"

#define MAX_MEGABYTES INT64_C(2147483647)

void ccb_cli_format_size(uint64_t bytes, char *out, size_t size)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
    uint64_t whole = bytes, rest = 0;
    size_t unit = 0;

    while (whole >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        rest = whole % 1024;
        whole /= 1024;
        unit++;
    }
    rest = rest * 10 / 1024;
    if (whole < 10 && rest > 0)
        (void)snprintf(out, size, "%" PRIu64 ".%" PRIu64 " %s", whole, rest,
                       units[unit]);
    else
        (void)snprintf(out, size, "%" PRIu64 " %s", whole, units[unit]);
}

int ccb_cli_parse_megabytes(const char *text, int64_t *megabytes)
{
    static const struct {
        const char *unit;
        int64_t factor;
    } units[] = {{"", 1}, {"m", 1}, {"mb", 1}, {"g", 1024}, {"gb", 1024}};
    char *end;
    long long number;
    size_t i;

    if (!isdigit((unsigned char)text[0]))
        return CCB_INVALID;
    errno = 0;
    number = strtoll(text, &end, 10);
    for (i = 0; errno == 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcasecmp(end, units[i].unit) != 0)
            continue;
        if (number < 1 || number > MAX_MEGABYTES / units[i].factor)
            return CCB_INVALID;
        *megabytes = number * units[i].factor;
        return 0;
    }
    return CCB_INVALID;
}

void ccb_cli_format_age(int64_t seconds, char *out, size_t size)
{
    static const struct {
        int64_t seconds;
        char name;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;

    if (seconds < 0)
        seconds = 0;
    while (i < 3 && seconds < units[i].seconds)
        i++;
    if (i == 3)
        (void)snprintf(out, size, "%" PRId64 "s", seconds);
    else
        (void)snprintf(out, size, "%" PRId64 "%c %" PRId64 "%c",
                       seconds / units[i].seconds, units[i].name,
                       seconds % units[i].seconds / units[i + 1].seconds,
                       units[i + 1].name);
}

/* ".123" and the like; what is past nanoseconds doesn't count. */
static const char *take_fraction(const char *at, int64_t *nanoseconds)
{
    int64_t scale = CCB_SECOND / 10;

    *nanoseconds = 0;
    if (*at != '.')
        return at;
    for (at++; isdigit((unsigned char)*at); at++) {
        *nanoseconds += (*at - '0') * scale;
        scale /= 10;
    }
    return at;
}

int ccb_cli_parse_time(const char *text, int64_t *nanoseconds)
{
    struct tm tm = {0};
    const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    int64_t fraction, offset = 0, seconds;
    int hours, minutes;

    if (!at)
        return CCB_INVALID;
    seconds = (int64_t)timegm(&tm);
    at = take_fraction(at, &fraction);
    if ((*at == '+' || *at == '-') &&
        sscanf(at + 1, "%2d:%2d", &hours, &minutes) == 2)
        offset = (hours * 60 + minutes) * 60 * (*at == '-' ? -1 : 1);
    else if (strcmp(at, "Z") != 0)
        return CCB_INVALID;
    if (__builtin_mul_overflow(seconds - offset, CCB_SECOND, nanoseconds) ||
        __builtin_add_overflow(*nanoseconds, fraction, nanoseconds))
        return CCB_INVALID;
    return 0;
}

void ccb_cli_format_time(int64_t nanoseconds, char *out, size_t size)
{
    time_t seconds = (time_t)(nanoseconds / CCB_SECOND);
    int milliseconds = (int)(nanoseconds % CCB_SECOND / CCB_MILLISECOND) % 1000;
    char day[32] = "", zone[8] = "";
    struct tm tm;

    if (milliseconds < 0)
        milliseconds = 0;
    if (localtime_r(&seconds, &tm)) {
        (void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
        (void)strftime(zone, sizeof(zone), "%z", &tm);
    }
    (void)snprintf(out, size, "%s.%03d%s", day, milliseconds, zone);
}
