/*
 * The two tps programs as roles (contract/tps.md): the listener answers what
 * runs, the watcher tells the Cloud Controller what crashed.
 */
#ifndef CCB_TPS_TPS_H
#define CCB_TPS_TPS_H

#include "role/role.h"

extern const struct ccb_role ccb_tps_listener_role;
extern const struct ccb_role ccb_tps_watcher_role;

#endif
