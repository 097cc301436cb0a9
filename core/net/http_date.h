/*
 * Dates of HTTP headers (RFC 7231, 7.1.1.1): all three forms are read, the
 * first is written. No state; any thread.
 */
#ifndef CCB_NET_HTTP_DATE_H
#define CCB_NET_HTTP_DATE_H

#include <stdint.h>

#include "ccbridge/slice.h"

/* Seconds since 1970; CCB_INVALID for what is no date. */
int ccb_http_date_parse(struct ccb_slice text, int64_t *seconds);

/* "Tue, 02 Jan 2024 03:04:05 GMT". */
#define CCB_HTTP_DATE_SIZE 48
void ccb_http_date_format(int64_t seconds, char out[CCB_HTTP_DATE_SIZE]);

#endif
