/*
 * What may be shown of a message: the same JSON with every secret value
 * replaced by "[redacted]". Secret are, whatever their place: values of
 * environment entries ({"name":..,"value":..}, and objects named "environment"
 * or "env"), members whose name holds password, passwd, secret, token (but not
 * a page "token"), private_key, host_key, credential, authorization, signature
 * or docker_email in any case, PEM blocks, and the user info of URLs inside
 * strings.
 *
 * Threads: any, no state.
 */
#ifndef CCB_BASE_REDACT_H
#define CCB_BASE_REDACT_H

#include "base/buf.h"
#include "ccbridge/json.h"
#include "ccbridge/slice.h"

/* Appends the redacted value, without white space. When memory runs out
 * nothing is appended and the buffer has failed. */
void ccb_redact_json(struct ccb_buf *out, struct ccb_json value);

/* Appends text without the user info of any URL in it, without PEM, and with
 * the secret parameters of queries masked ("?signature=", "&md5=", "%26md5=").
 */
void ccb_redact_text(struct ccb_buf *out, struct ccb_slice text);

/* A cheap look for whether ccb_redact_text could change the text at all. */
int ccb_redact_text_needed(struct ccb_slice text);

#endif
