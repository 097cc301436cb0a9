/*
 * The families of metrics that the daemon prints: of the process, of plugins,
 * of the servers (base/metrics.h); and `ccbridged metrics`, which shows the
 * table of all.
 */
#ifndef CCB_DAEMON_FIGURES_H
#define CCB_DAEMON_FIGURES_H

#include "plugin/plugin.h"

/* `plugins` may be NULL; borrowed until ccb_figures_end. */
void ccb_figures_provide(const struct ccb_plugins *plugins);
void ccb_figures_end(void);

/* main's arguments; the status to exit with. */
int ccb_metrics_command(int argc, char **argv);

#endif
