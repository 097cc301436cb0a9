/*
 * What goes wrong, in the words of both doors: docs/control-api.md on the unix
 * socket, the Cloud Controller's error object on the platform's side. One
 * table, by error id.
 */
#ifndef CCB_CONTROLLER_FAULT_H
#define CCB_CONTROLLER_FAULT_H

#include <stdbool.h>

#include "base/buf.h"
#include "ccbridge/error.h"

/* Sets code, id (a row's) and message; returns the code. */
int ccb_fault(struct ccb_error *err, const char *id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The HTTP status of an error; one without a known id is 500. */
int ccb_fault_status(const struct ccb_error *err);
/* The body: `platform` chooses the Cloud Controller's form. */
void ccb_fault_encode(struct ccb_buf *out, const struct ccb_error *err,
                      bool platform);

/* One plain sentence for a staging that failed with this id; `message` is what
 * came with it. Borrowed of either, or a literal. */
const char *ccb_fault_staging_words(const char *id, const char *message);

#endif
