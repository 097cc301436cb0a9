/* The table of roles: the one place where the daemon learns what there is. */
#ifndef CCB_DAEMON_ROLES_H
#define CCB_DAEMON_ROLES_H

#include "role/role.h"

extern const struct ccb_role *const ccb_roles[];
extern const size_t ccb_role_count;

/* By name; NULL: there is none. */
const struct ccb_role *ccb_role_find(const char *name);

#endif
