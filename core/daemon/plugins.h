/* Where the daemon finds its plugins, and whether they serve what it is told
 * to serve. */
#ifndef CCB_DAEMON_PLUGINS_H
#define CCB_DAEMON_PLUGINS_H

#include "daemon/options.h"
#include "daemon/worker.h"

int ccb_daemon_plugins_open(struct ccb_plugins **plugins,
                            const struct ccb_options *options,
                            struct ccb_member *members, size_t member_count,
                            struct ccb_error *err);

#endif
