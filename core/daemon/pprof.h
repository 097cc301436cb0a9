/*
 * The pages below /debug/pprof/ (contract/stager.md A4). The historic programs
 * showed the state of Go's run time there; here they show what C and libuv
 * have of the kind, as text.
 */
#ifndef CCB_DAEMON_PPROF_H
#define CCB_DAEMON_PPROF_H

#include "net/http_server.h"

/* For a route whose last segment is "*"; `loop` (struct ccb_loop) is the one
 * that the server is on. */
void ccb_pprof_show(struct ccb_http_request *request, void *loop);

#endif
