/*
 * The base URL by which a role is reached (-stagerURL, -nsyncURL): only its
 * port is listened on, but its host part must be host:port (contract/stager.md
 * C1, nsync.md 1.1). No state.
 */
#ifndef CCB_ROLE_OWN_URL_H
#define CCB_ROLE_OWN_URL_H

#include <stdint.h>

#include "ccbridge/error.h"

/* CCB_INVALID with a Go program's words: "missing port in address x". */
int ccb_role_own_port(const char *url, uint16_t *port, struct ccb_error *err);

#endif
