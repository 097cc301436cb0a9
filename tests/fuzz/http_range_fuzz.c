/*
 * The Range header and dates: ranges that are given out lie within the file
 * and are no longer than it; a date that was read is written and read again
 * as the same one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ccbridge/error.h"
#include "net/http_date.h"
#include "net/http_range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX 8

static void check_ranges(struct ccb_slice text, uint64_t size)
{
    struct ccb_http_range ranges[MAX];
    uint64_t sum = 0;
    size_t count;
    int code = ccb_http_range_parse(text, size, ranges, MAX, &count);

    if (code != CCB_OK && (code != CCB_INVALID && code != CCB_NOT_FOUND))
        abort();
    for (size_t i = 0; code == CCB_OK && i < count; i++) {
        if (ranges[i].start > size || ranges[i].length > size - ranges[i].start)
            abort();
        sum += ranges[i].length;
    }
    if (count > MAX || sum > size)
        abort();
}

static void check_date(struct ccb_slice text)
{
    char again[CCB_HTTP_DATE_SIZE];
    int64_t seconds, same;

    if (ccb_http_date_parse(text, &seconds) != CCB_OK)
        return;
    ccb_http_date_format(seconds, again);
    if (ccb_http_date_parse(ccb_slice_of(again), &same) != CCB_OK ||
        same != seconds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t sizes[] = {0, 1, 10, 4096, INT64_MAX};
    struct ccb_slice text = {(const char *)data, size};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        check_ranges(text, sizes[i]);
    check_date(text);
    return 0;
}
