/*
 * Metrics as the platform's agents of old take them: one protobuf Envelope a
 * UDP datagram (contract/stager.md A6). What is sent under which name is told
 * by the table of base/metrics.h; nothing else need call this.
 *
 * Nothing here blocks or fails: what the socket does not take at once is lost,
 * as datagrams may be. The control messages ("heartbeats") that the historic
 * programs answered on the same socket are not: no peer sees the difference.
 *
 * Threads: any, once opened. Until it is opened, nothing is sent.
 */
#ifndef CCB_BASE_DROPSONDE_H
#define CCB_BASE_DROPSONDE_H

#include <stdint.h>
#include <sys/socket.h>

#include "ccbridge/error.h"

/* From now on everything goes to that address, which is copied. Once a
 * process, before its threads. CCB_IO. */
int ccb_dropsonde_open(const struct sockaddr *to, socklen_t length,
                       struct ccb_error *err);
/* When no other thread sends any more. */
void ccb_dropsonde_close(void);

/* One datagram. Texts are constants of ours: one that does not fit into
 * CCB_DROPSONDE_MAX bytes with the rest is not sent. */
#define CCB_DROPSONDE_MAX 128
void ccb_dropsonde_count(const char *origin, const char *name, uint64_t delta);
void ccb_dropsonde_value(const char *origin, const char *name, double value,
                         const char *unit);

/* Held datagrams of this thread are sent together, at the latest when
 * CCB_DROPSONDE_HELD have come: an event loop holds them within one of its
 * turns (net/loop.c), so that ten requests cost one system call and not ten. */
#define CCB_DROPSONDE_HELD 32
void ccb_dropsonde_hold(int on);
/* Sends what this thread holds. */
void ccb_dropsonde_flush(void);

#endif
