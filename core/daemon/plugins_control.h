/*
 * Plugins on the control socket: the list, a reload, and the operator's word
 * (docs/control-api.md, "GET /v1/plugins").
 */
#ifndef CCB_DAEMON_PLUGINS_CONTROL_H
#define CCB_DAEMON_PLUGINS_CONTROL_H

#include "daemon/reload.h"

/* Routes whose `user` is a struct ccb_reload that has plugins. */
extern const struct ccb_http_route ccb_plugins_routes[];
extern const size_t ccb_plugins_route_count;

#endif
