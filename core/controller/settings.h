/*
 * What a person may set of an app (docs/control-api.md, PUT /v1/apps/NAME).
 * Kept as one JSON document: the next start takes a copy of it.
 */
#ifndef CCB_CONTROLLER_SETTINGS_H
#define CCB_CONTROLLER_SETTINGS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "ccbridge/error.h"
#include "ccbridge/json.h"

struct ccb_settings {
    int64_t memory_mb, disk_mb, timeout;
    struct ccb_slice buildpack, command, stack; /* empty: none */
    struct ccb_slice health_check;              /* "port", "none" */
    struct ccb_slice env;                       /* a JSON object */
};

void ccb_settings_default(struct ccb_settings *settings);
/* Of the ledger's document. */
int ccb_settings_decode(struct ccb_settings *settings, struct ccb_slice text,
                        struct ccb_arena *arena, struct ccb_error *err);
void ccb_settings_encode(struct ccb_buf *out,
                         const struct ccb_settings *settings);
/* Takes over what a request's body changes: InvalidRequest, naming the member.
 * *instances is changed when it is given. */
int ccb_settings_change(struct ccb_settings *settings, int64_t *instances,
                        struct ccb_slice body, struct ccb_arena *arena,
                        struct ccb_error *err);

/* A name that an app may have. */
bool ccb_settings_name_ok(struct ccb_slice name);

#endif
