/*
 * The controller of a single machine as a role: what the Cloud Controller is
 * on a platform.
 */
#ifndef CCB_CONTROLLER_CONTROLLER_H
#define CCB_CONTROLLER_CONTROLLER_H

#include "role/role.h"

extern const struct ccb_role ccb_controller_role;

#endif
