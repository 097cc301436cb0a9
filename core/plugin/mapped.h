/*
 * The images that this process has mapped: code that ran here is never
 * unmapped (anchors 3.7), so each build of a plugin that is loaded in this
 * process stays for its life. A build that was mapped before is used again
 * with a new instance; of one id there are at most CCB_PLUGIN_MAX_BUILDS.
 *
 * Threads: any; the table is the process's, as the mappings are.
 */
#ifndef CCB_PLUGIN_MAPPED_H
#define CCB_PLUGIN_MAPPED_H

#include "plugin/host.h"

enum { CCB_PLUGIN_MAX_BUILDS = 8 };

/* Gives the plugin's image to the table, or the table's of the same digest to
 * the plugin. 0; CCB_INVALID with `refusal` filled; CCB_NO_MEMORY. */
int ccb_plugin_mapped_take(struct ccb_plugin *plugin,
                           struct ccb_plugin_refusal *refusal);

#endif
