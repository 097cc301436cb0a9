/*
 * The Range header (RFC 7233, as contract/fileserver-ccuploader.md 1.2 reads
 * it). No state; any thread.
 */
#ifndef CCB_NET_HTTP_RANGE_H
#define CCB_NET_HTTP_RANGE_H

#include <stddef.h>
#include <stdint.h>

#include "ccbridge/slice.h"

struct ccb_http_range {
    uint64_t start, length; /* within the file; length 0 for "-0" */
};

/*
 * The ranges of a header for a file of `size` bytes. *count 0 with CCB_OK: the
 * whole file is to be sent, which also holds for ranges that are more than
 * `max` or together longer than the file. CCB_INVALID: bad syntax or another
 * unit; CCB_NOT_FOUND: well said, but none of them is in the file.
 */
int ccb_http_range_parse(struct ccb_slice header, uint64_t size,
                         struct ccb_http_range *ranges, size_t max,
                         size_t *count);

#endif
