/*
 * The Range header (net/http_range.h).
 *
 * Invariant: a range that is given out lies within the file; all of them
 * together are no longer than the file, so that a few header bytes can't ask
 * for more than it has.
 */
#include "net/http_range.h"

#include <ctype.h>
#include <stdbool.h>

#include "ccbridge/error.h"

static struct ccb_slice trim(struct ccb_slice text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 &&
           (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static int parse_number(struct ccb_slice text, uint64_t *value)
{
    *value = 0;
    if (text.len == 0)
        return CCB_INVALID;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)(text.ptr[i] - '0');

        if (!isdigit((unsigned char)text.ptr[i]) ||
            *value > (INT64_MAX - digit) / 10)
            return CCB_INVALID;
        *value = *value * 10 + digit;
    }
    return CCB_OK;
}

/* "-n": the last n bytes. */
static int parse_suffix(struct ccb_slice text, uint64_t size,
                        struct ccb_http_range *range)
{
    uint64_t length;

    if (parse_number(text, &length) != CCB_OK)
        return CCB_INVALID;
    range->length = length < size ? length : size;
    range->start = size - range->length;
    return CCB_OK;
}

/* One of them: CCB_NOT_FOUND when it begins behind the file. */
static int parse_one(struct ccb_slice text, uint64_t size,
                     struct ccb_http_range *range)
{
    const char *dash = memchr(text.ptr, '-', text.len);
    struct ccb_slice first, last;
    uint64_t end = size;

    if (dash == NULL)
        return CCB_INVALID;
    first = trim(ccb_slice_make(text.ptr, (size_t)(dash - text.ptr)));
    last = trim(
        ccb_slice_make(dash + 1, text.len - (size_t)(dash - text.ptr) - 1));
    if (first.len == 0)
        return parse_suffix(last, size, range);
    if (parse_number(first, &range->start) != CCB_OK)
        return CCB_INVALID;
    if (last.len > 0) {
        if (parse_number(last, &end) != CCB_OK || end < range->start)
            return CCB_INVALID;
        end = end < size ? end + 1 : size;
    }
    if (range->start >= size)
        return CCB_NOT_FOUND;
    range->length = end - range->start;
    return CCB_OK;
}

/* The next element of a list between commas; false: there is none. */
static bool next_element(struct ccb_slice *list, struct ccb_slice *element)
{
    const char *comma;

    if (list->ptr == NULL)
        return false;
    comma = list->len > 0 ? memchr(list->ptr, ',', list->len) : NULL;
    if (comma == NULL) {
        *element = trim(*list);
        list->ptr = NULL;
        return true;
    }
    *element = trim(ccb_slice_make(list->ptr, (size_t)(comma - list->ptr)));
    list->len -= (size_t)(comma - list->ptr) + 1;
    list->ptr = comma + 1;
    return true;
}

int ccb_http_range_parse(struct ccb_slice header, uint64_t size,
                         struct ccb_http_range *ranges, size_t max,
                         size_t *count)
{
    static const struct ccb_slice unit = CCB_LIT("bytes=");
    struct ccb_slice list, element;
    bool behind = false, whole = false;
    uint64_t sum = 0;

    *count = 0;
    if (!ccb_slice_starts(header, unit.ptr))
        return CCB_INVALID;
    list = ccb_slice_make(header.ptr + unit.len, header.len - unit.len);
    while (next_element(&list, &element)) {
        struct ccb_http_range range = {0};
        int code = element.len > 0 ? parse_one(element, size, &range) : CCB_OK;

        if (code == CCB_INVALID)
            return code;
        behind = behind || code == CCB_NOT_FOUND;
        if (element.len == 0 || code == CCB_NOT_FOUND)
            continue;
        whole = whole || *count == max || range.length > size - sum;
        if (whole)
            continue; /* for the syntax of the rest */
        sum += range.length;
        ranges[(*count)++] = range;
    }
    if (whole)
        *count = 0;
    return behind && *count == 0 && !whole ? CCB_NOT_FOUND : CCB_OK;
}
