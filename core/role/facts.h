/*
 * The cheap facts of a role: the values of those of its flags whose row names
 * a fact, as one JSON object (sdk: struct ccb_request.facts). Made once at
 * start. No state.
 */
#ifndef CCB_ROLE_FACTS_H
#define CCB_ROLE_FACTS_H

#include "base/buf.h"
#include "base/flags.h"

void ccb_role_facts(struct ccb_buf *out, const struct ccb_flag *flags,
                    size_t flag_count, const void *config);

#endif
