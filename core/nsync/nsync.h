/*
 * nsync-listener: takes CC's wishes about running apps and makes desired LRPs
 * of them (contract/nsync.md 1 and 3).
 */
#ifndef CCB_NSYNC_NSYNC_H
#define CCB_NSYNC_NSYNC_H

#include "role/role.h"

extern const struct ccb_role ccb_nsync_listener_role;

#endif
