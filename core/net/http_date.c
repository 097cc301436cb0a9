/*
 * Dates of HTTP headers (net/http_date.h).
 *
 * Invariant: what is read is a day that exists and a time of day; nothing
 * depends on locale or time zone, and no time is guessed.
 */
#include "net/http_date.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "ccbridge/error.h"

static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* What is left to read, and what was read so far. */
struct cursor {
    const char *at, *end;
    struct tm parts;
};

static bool take_text(struct cursor *c, const char *text, size_t len)
{
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, text, len) != 0)
        return false;
    c->at += len;
    return true;
}

static bool take_digits(struct cursor *c, int count, int *value)
{
    if (c->end - c->at < count)
        return false;
    *value = 0;
    for (int i = 0; i < count; i++, c->at++) {
        if (!isdigit((unsigned char)*c->at))
            return false;
        *value = *value * 10 + (*c->at - '0');
    }
    return true;
}

/* The name of the day is not held against the date. */
static bool take_day_name(struct cursor *c, bool whole)
{
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++)
        if (take_text(c, days[i], whole ? strlen(days[i]) : 3))
            return true;
    return false;
}

static bool take_month(struct cursor *c)
{
    for (int i = 0; i < 12; i++)
        if (take_text(c, months[i], 3)) {
            c->parts.tm_mon = i;
            return true;
        }
    return false;
}

static bool take_year(struct cursor *c, int digits)
{
    int year;

    if (!take_digits(c, digits, &year))
        return false;
    if (digits == 2)
        year += year >= 69 ? 1900 : 2000;
    c->parts.tm_year = year - 1900;
    return true;
}

static bool take_day(struct cursor *c, bool padded)
{
    if (padded && take_text(c, " ", 1))
        return take_digits(c, 1, &c->parts.tm_mday);
    return take_digits(c, 2, &c->parts.tm_mday);
}

static bool take_field(struct cursor *c, char field)
{
    switch (field) {
    case 'a':
    case 'A':
        return take_day_name(c, field == 'A');
    case 'b':
        return take_month(c);
    case 'd':
    case 'e':
        return take_day(c, field == 'e');
    case 'y':
    case 'Y':
        return take_year(c, field == 'y' ? 2 : 4);
    case 'H':
        return take_digits(c, 2, &c->parts.tm_hour);
    case 'M':
        return take_digits(c, 2, &c->parts.tm_min);
    default:
        return take_digits(c, 2, &c->parts.tm_sec);
    }
}

static bool take_form(struct cursor *c, const char *form)
{
    for (; *form != '\0'; form++) {
        if (*form == '%' ? !take_field(c, *++form) : !take_text(c, form, 1))
            return false;
    }
    return c->at == c->end;
}

/* "31 Feb" becomes another day, which shows. */
static bool to_seconds(const struct tm *parts, int64_t *seconds)
{
    struct tm same = *parts;

    if (parts->tm_hour > 23 || parts->tm_min > 59 || parts->tm_sec > 59)
        return false;
    *seconds = (int64_t)timegm(&same);
    return same.tm_mday == parts->tm_mday && same.tm_mon == parts->tm_mon;
}

int ccb_http_date_parse(struct ccb_slice text, int64_t *seconds)
{
    static const char *const forms[] = {
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct cursor c = {.at = text.ptr, .end = text.ptr + text.len};

        if (text.len > 0 && take_form(&c, forms[i]))
            return to_seconds(&c.parts, seconds) ? CCB_OK : CCB_INVALID;
    }
    return CCB_INVALID;
}

void ccb_http_date_format(int64_t seconds, char out[CCB_HTTP_DATE_SIZE])
{
    time_t when = (time_t)seconds;
    struct tm parts;

    if (gmtime_r(&when, &parts) == NULL)
        memset(&parts, 0, sizeof(parts));
    (void)snprintf(
        out, CCB_HTTP_DATE_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
        days[parts.tm_wday], parts.tm_mday, months[parts.tm_mon],
        parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}
