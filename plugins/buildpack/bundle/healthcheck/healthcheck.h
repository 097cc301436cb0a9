/*
 * The health check: whether somebody answers on one of the container's own
 * addresses, as of 2015-08 (contract/lifecycle-healthcheck.md A2).
 */
#ifndef BUNDLE_HEALTHCHECK_H
#define BUNDLE_HEALTHCHECK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "ccbridge/slice.h"

struct ccb_health_config {
    const char *network, *uri, *port;
    int64_t timeout; /* nanoseconds for one address; 0: none */
};

/* Calls `check` with each IPv4 address of the machine that is not 127/8, in
 * the system's order, until one returns true, and returns that. */
bool ccb_health_each_address(bool (*check)(void *ctx, struct in_addr address),
                             void *ctx);

/* A port by number or by the name of its service. CCB_NOT_FOUND. */
int ccb_health_parse_port(struct ccb_slice text, const char *services_file,
                          uint16_t *port);

/* Whether something listens there, over the network of that name. */
bool ccb_health_port(struct in_addr address,
                     const struct ccb_health_config *config);

/* Whether GET http://ADDRESS:PORT<uri> ends, after redirects, with 200. */
bool ccb_health_http(struct in_addr address,
                     const struct ccb_health_config *config);

/* ---- dial.c ------------------------------------------------------------- */

/* When to give up, by the monotonic clock; 0: never. */
int64_t ccb_health_deadline(int64_t timeout);
/* A connected socket that does not block, or -1. */
int ccb_health_dial(int type, struct in_addr address, uint16_t port,
                    int64_t deadline);
/* Waits for poll events; false at the deadline. */
bool ccb_health_wait(int fd, short events, int64_t deadline);

#endif
