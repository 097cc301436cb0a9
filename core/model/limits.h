/*
 * Limits that nothing on our way enforces, but what comes behind it does: an
 * app that is over one is accepted and then never starts. Both roles that make
 * recipes warn of it at request time.
 *
 * No state; any thread.
 */
#ifndef CCB_MODEL_LIMITS_H
#define CCB_MODEL_LIMITS_H

#include "ccbridge/json.h"

/* Linux takes no larger string in the environment of a program it starts:
 * MAX_ARG_STRLEN, of NAME=VALUE and the NUL behind it. */
#define CCB_MAX_ENVIRONMENT_STRING ((size_t)131072)

/* A recipe is stored by the back end as one value. The contracts name no
 * limit; the stores that Diego used (etcd, later MySQL with its packets) take
 * 1 MiB or little more by default. */
#define CCB_MAX_RECIPE ((size_t)1 << 20)

/* Calls on_offence for each pair of a decoded list (ccb_env_shape) that is too
 * large, with the size of its string; `variable` is borrowed until return, and
 * cut when it is too long to be shown. A pair that memory is too short for is
 * passed over: this is only a warning. */
void ccb_environment_check(const struct ccb_json_list *environment,
                           void (*on_offence)(void *user,
                                              struct ccb_slice variable,
                                              size_t size),
                           void *user);

#endif
