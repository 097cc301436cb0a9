/* The names of secrets, shared by the files that redact. Inside base only. */
#ifndef CCB_BASE_REDACT_NAME_H
#define CCB_BASE_REDACT_NAME_H

#include <stddef.h>

#include "ccbridge/slice.h"

/* A name in lower case without "_" and "-", as "hostKey" and "HOST_KEY" mean
 * the same. U+017F and U+212A fold to s and k, as decoders do. Returns 0 when
 * it is too long to look at. */
int ccb_redact_fold(struct ccb_slice name, char *out, size_t size);

/* Whether a folded name holds one of the words. */
int ccb_redact_names_secret(const char *folded);

#endif
