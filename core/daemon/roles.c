/* The table of roles. Taking a row and its folder away takes the role away.
 * In this order they are opened: who is called before who calls. */
#include "daemon/roles.h"

#include <string.h>

#include "cell/cell.h"
#include "controller/controller.h"
#include "files/file_server.h"
#include "nsync/nsync.h"
#include "stager/stager.h"
#include "tps/tps.h"
#include "uploader/uploader.h"

const struct ccb_role *const ccb_roles[] = {
    &ccb_receptor_role,     &ccb_file_server_role,    &ccb_cc_uploader_role,
    &ccb_stager_role,       &ccb_nsync_listener_role, &ccb_nsync_bulker_role,
    &ccb_tps_listener_role, &ccb_tps_watcher_role,    &ccb_controller_role,
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
