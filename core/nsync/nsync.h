/*
 * nsync-listener takes CC's wishes about running apps and makes desired LRPs of
 * them (contract/nsync.md 1 and 3); nsync-bulker compares, every now and then,
 * what CC wants with what the back end has (2).
 */
#ifndef CCB_NSYNC_NSYNC_H
#define CCB_NSYNC_NSYNC_H

#include "role/role.h"

extern const struct ccb_role ccb_nsync_listener_role, ccb_nsync_bulker_role;

#endif
