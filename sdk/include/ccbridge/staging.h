/*
 * What all lifecycles of Cloud Foundry's own apps share when an app is staged:
 * CC's request, the members of the task that follow from it alone, and the
 * result on its way back (contract/stager.md C3 to C6). What differs (steps,
 * rootfs, the lifecycle's own data) is the plugin's.
 *
 * For running an app see ccbridge/app.h; the bundle, which both need, is in
 * ccbridge/bundle.h. Part of the helper library; not ABI.
 */
#ifndef CCBRIDGE_STAGING_H
#define CCBRIDGE_STAGING_H

#include "ccbridge/bundle.h"
#include "ccbridge/sdk.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the way out: build_recipe ------------------------------------------ */

/* The staging request. Slices live as long as the call. */
struct ccb_staging_request {
    struct ccb_slice app_id, lifecycle;
    struct ccb_json_list environment;  /* of struct ccb_env */
    struct ccb_json_list egress_rules; /* of struct ccb_egress_rule */
    int64_t file_descriptors, memory_mb, disk_mb;
    int64_t timeout; /* as asked for: see ccb_staging_find_timeout */
    struct ccb_json lifecycle_data; /* as it stands */
};

/* Reads the request's message, and its lifecycle_data into `data` by the
 * lifecycle's own shape. Checks rows 1 to 3 of the table of errors, which are
 * the same for all: lifecycle_data, types, app_id. 0, or negative after
 * `fail`. */
int ccb_staging_decode(struct ccb_sdk_call *c, struct ccb_staging_request *out,
                       const struct ccb_json_shape *data_shape, void *data);

/* The seconds that a staging may take: those asked for, or 900, which is
 * logged. At most what fits into nanoseconds. */
int64_t ccb_staging_find_timeout(struct ccb_sdk_call *c,
                                 const struct ccb_staging_request *request);

/* Writes the member "env" of the builder's run action: the request's
 * environment; nothing when that is empty. */
void ccb_staging_put_env(struct ccb_json_writer *w,
                         const struct ccb_staging_request *request);

/* Writes these members of the task: result_file, memory_mb, disk_mb,
 * cpu_weight (0: not set, and sent), log_source, metrics_guid. */
void ccb_staging_put_task(struct ccb_json_writer *w,
                          const struct ccb_staging_request *request,
                          const char *result_file, int cpu_weight);

/* ---- the way back: build_response --------------------------------------- */

/* What every builder of ours writes. */
struct ccb_staging_result {
    struct ccb_slice execution_metadata;
    struct ccb_json detected_start_command; /* object of strings (or nulls),
                                               null, or NONE */
};

/* Reads the result of the finished task in the request's message, and the
 * lifecycle's own members of it into `own` by its shape. A result of null or
 * {} leaves everything empty. 0, or negative after `fail`: CCB_INVALID when it
 * is not what a builder writes. */
int ccb_staging_read_result(struct ccb_sdk_call *c,
                            struct ccb_staging_result *out,
                            const struct ccb_json_shape *own_shape, void *own);

/* Writes these members of CC's staging result: execution_metadata and
 * detected_start_command. A failure sticks to the call, so that ccb_sdk_end
 * returns it. */
void ccb_staging_put_result(struct ccb_sdk_call *c, struct ccb_json_writer *w,
                            const struct ccb_staging_result *result);

/* build_response, whole, for a lifecycle whose lifecycle_data in CC's staging
 * result are strings that its builder wrote under the same names, at most
 * CCB_STAGING_DATA_MAX. */
#define CCB_STAGING_DATA_MAX 8
int ccb_staging_build_response(struct ccb_instance *self, struct ccb_call *call,
                               const struct ccb_request *request,
                               const char *const *names, size_t count);

#ifdef __cplusplus
}
#endif

#endif
