/*
 * What CC and the stager say to each other: contract/stager.md C3, C6.
 *
 * Decoded strings are borrowed from the text or lie in the arena. No state;
 * any thread.
 */
#ifndef CCB_MODEL_STAGING_H
#define CCB_MODEL_STAGING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "ccbridge/error.h"
#include "ccbridge/json.h"

/* PUT /v1/staging/:staging_guid. Environment and egress rules are only
 * checked here; the plugin reads them from the message. */
struct ccb_staging_request {
    struct ccb_slice app_id, log_guid, lifecycle;
    struct ccb_json lifecycle_data;
    int64_t file_descriptors, memory_mb, disk_mb, timeout;
    struct ccb_json_list environment, egress_rules;
    struct ccb_slice stack;   /* lifecycle_data.stack when that is a string */
    struct ccb_json document; /* the whole */
};
int ccb_staging_request_decode(struct ccb_staging_request *out,
                               struct ccb_slice text, struct ccb_arena *arena,
                               struct ccb_error *err);

/* The body of POST /v1/staging/:staging_guid/completed. */
struct ccb_finished_task {
    struct ccb_slice task_guid, failure_reason, result, annotation;
    bool failed;
    int64_t created_at;       /* ns since 1970; 0 when it was not sent */
    struct ccb_json document; /* the whole */
};
int ccb_finished_task_decode(struct ccb_finished_task *out,
                             struct ccb_slice text, struct ccb_arena *arena,
                             struct ccb_error *err);

/* A staging task's annotation: {"lifecycle":"buildpack"}, and "plugin" where
 * the lifecycle alone would not lead back to the plugin that made it. */
struct ccb_staging_annotation {
    struct ccb_slice lifecycle, plugin;
};
int ccb_staging_annotation_decode(struct ccb_staging_annotation *out,
                                  struct ccb_slice text,
                                  struct ccb_arena *arena,
                                  struct ccb_error *err);
void ccb_staging_annotation_encode(struct ccb_buf *out,
                                   const struct ccb_staging_annotation *from);

/* The staging result that carries only an error. */
void ccb_staging_error_encode(struct ccb_buf *out, const char *id,
                              struct ccb_slice message);

#endif
