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

int ccb_setup_check(const void *config, const char **action,
                    struct ccb_error *err);
int ccb_setup_prepare(void **shared, const void *config,
                      struct ccb_log_session *log, struct ccb_error *err);
void ccb_setup_release(void *shared);

/* "HOST:PORT" or ":PORT"; `host` of `size` bytes. CCB_INVALID, with words. */
int ccb_setup_address(const char *address, char *host, size_t size,
                      uint16_t *port, struct ccb_error *err);

#endif
