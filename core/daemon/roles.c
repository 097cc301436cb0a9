/* The table of roles. Taking a row and its folder away takes the role away. */
#include "daemon/roles.h"

#include "nsync/nsync.h"
#include "stager/stager.h"

const struct ccb_role *const ccb_roles[] = {
    &ccb_stager_role,
    &ccb_nsync_listener_role,
};
const size_t ccb_role_count = sizeof(ccb_roles) / sizeof(ccb_roles[0]);

const struct ccb_role *ccb_role_find(const char *name)
{
    size_t i;
    for (i = 0; i < ccb_role_count; i++)
        if (strcmp(ccb_roles[i]->name, name) == 0)
            return ccb_roles[i];
    return NULL;
}
