/* Where the daemon finds its plugins, and whether they serve what it is told
 * to serve. */
#ifndef CCB_DAEMON_PLUGINS_H
#define CCB_DAEMON_PLUGINS_H

#include "daemon/options.h"
#include "daemon/worker.h"

/* Where the operator's word on each plugin lies; of at least PATH_MAX. */
void ccb_daemon_policy_dir(const struct ccb_options *options, char *out,
                           size_t size);

/* Whether the lifecycles of `options` are served, by what serves now (`next`
 * NULL) or by what is to: who is not is an error in `all`, and a line of the
 * log under a historic name. */
int ccb_daemon_plugins_check(const struct ccb_plugins *plugins,
                             const struct ccb_plugins_next *next,
                             const struct ccb_options *options,
                             struct ccb_error *err);

/* NULL and 0 when no role here calls plugins. */
int ccb_daemon_plugins_open(struct ccb_plugins **plugins,
                            const struct ccb_options *options,
                            struct ccb_member *members, size_t member_count,
                            struct ccb_error *err);

#endif
