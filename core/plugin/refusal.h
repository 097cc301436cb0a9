/*
 * Saying why a file was not taken: file, what was expected, what was found,
 * and what to do (design.md 6, rule 10). Every reason is a row of one table.
 */
#ifndef CCB_PLUGIN_REFUSAL_H
#define CCB_PLUGIN_REFUSAL_H

#include "plugin/plugin.h"

/* Fills all but `file`; `found` is a format. Texts are cut to fit and lose
 * their control characters. Returns CCB_INVALID, so that
 * `return ccb_refuse(...)` reads well. */
int ccb_refuse(struct ccb_plugin_refusal *refusal, enum ccb_refusal reason,
               const char *expected, const char *found, ...)
    __attribute__((format(printf, 4, 5)));

/* The reason's word in messages, e.g. "abi_major"; "unknown" for others. */
const char *ccb_refusal_name(enum ccb_refusal reason);

#endif
