/*
 * The debug server (-debugAddr, contract/stager.md A4): the log level switch,
 * the pages of /debug/pprof/ and, beyond the historic ones, Prometheus metrics
 * and health.
 */
#ifndef CCB_DAEMON_DEBUG_H
#define CCB_DAEMON_DEBUG_H

#include "daemon/health.h"

/* Listens on "HOST:PORT"; it is the first member to be started (A5). */
int ccb_debug_listen(const char *address, int *fd, struct ccb_error *err);
/* Serves there, on the loop of `health`; takes over `fd`, also when it fails.
 */
int ccb_debug_open(struct ccb_http_server **server, int fd,
                   const struct ccb_http_limits *limits,
                   struct ccb_health *health, struct ccb_error *err);

#endif
