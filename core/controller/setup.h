/*
 * Before the controller serves: its command line is checked, its state opened
 * and swept, its buildpacks packed, its URLs made.
 */
#ifndef CCB_CONTROLLER_SETUP_H
#define CCB_CONTROLLER_SETUP_H

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "ccbridge/error.h"
#include "net/http_server.h"

int ccb_setup_check(const void *config, const char **action,
                    struct ccb_error *err);
int ccb_setup_prepare(void **shared, const void *config,
                      struct ccb_log_session *log, struct ccb_error *err);
void ccb_setup_release(void *shared);

/* "HOST:PORT" or ":PORT", and no port 0: it is told to others. CCB_INVALID,
 * with words. */
int ccb_setup_address(struct ccb_http_address *out, const char *address,
                      struct ccb_error *err);

#endif
