/*
 * Network addresses as Go's net package takes them apart. Plain C without
 * state, for plugins and daemon alike; any thread. Part of the helper library;
 * not ABI.
 */
#ifndef CCBRIDGE_ADDRESS_H
#define CCBRIDGE_ADDRESS_H

#include "ccbridge/error.h"
#include "ccbridge/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Go's net.SplitHostPort on "HOST:PORT" or "[HOST]:PORT"; neither part is
 * looked at. Borrowed slices of `address`. CCB_INVALID with Go's words
 * ("missing port in address X", "too many colons in address X"). */
int ccb_url_split_host_port(struct ccb_slice address, struct ccb_slice *host,
                            struct ccb_slice *port, struct ccb_error *err);

#ifdef __cplusplus
}
#endif

#endif
