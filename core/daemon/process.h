/*
 * The life of the process: checks, plugins, listening, workers, signals, end.
 */
#ifndef CCB_DAEMON_PROCESS_H
#define CCB_DAEMON_PROCESS_H

#include "daemon/options.h"

/* Runs until told to stop; the status to exit with. */
int ccb_process_run(struct ccb_options *options);

#endif
