/*
 * What all lifecycles of Cloud Foundry's own apps share when an app is run:
 * CC's desire request, and the members of the desired LRP that follow from it
 * alone (contract/nsync.md 3.1 to 3.3, 3.6). What differs (rootfs, setup, the
 * user, the port) is the plugin's. For staging an app see ccbridge/staging.h;
 * the bundle is in ccbridge/bundle.h. Part of the helper library; not ABI.
 */
#ifndef CCBRIDGE_APP_H
#define CCBRIDGE_APP_H

#include "ccbridge/bundle.h"
#include "ccbridge/sdk.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The desire request, decoded by ccb_app_shape. */
struct ccb_app {
    struct ccb_slice process_guid, droplet_uri, docker_image, stack;
    struct ccb_slice start_command, execution_metadata, log_guid;
    struct ccb_slice health_check_type;
    struct ccb_json_list environment, routes, egress_rules;
    int64_t memory_mb, disk_mb, num_instances;
    uint64_t file_descriptors, health_check_timeout_in_seconds;
    bool allow_ssh;
};
extern const struct ccb_json_shape ccb_app_shape;

/* That the app comes from what its lifecycle runs, and from nothing else. 0, or
 * CCB_INVALID after `fail` and a log line with the app ("desired-app-invalid").
 */
enum ccb_app_source { CCB_APP_DROPLET, CCB_APP_DOCKER_IMAGE };
int ccb_app_check_source(struct ccb_sdk_call *c, const struct ccb_app *app,
                         enum ccb_app_source source);

/* The fact "ssh_keys". */
struct ccb_ssh_keys {
    struct ccb_slice host_key, host_fingerprint, user_key, authorized_key;
};

/* Fills `out` when the app allows SSH. On the first call that asks for the
 * fact and returns CCB_NEED_FACTS: check all else before. Negative after
 * `fail` when a key is missing. */
int ccb_app_find_ssh_keys(struct ccb_sdk_call *c, const struct ccb_app *app,
                          struct ccb_ssh_keys *out);

/* How the app is run. */
struct ccb_app_run {
    const struct ccb_app *app;
    const struct ccb_ssh_keys *ssh; /* read only when the app allows SSH */
    struct ccb_slice user;
    uint16_t port;
};

/* Writes these members of the LRP: action (launcher and, with SSH, sshd),
 * monitor, instances, start_timeout, disk_mb, memory_mb, cpu_weight, ports,
 * routes, log_guid, log_source, metrics_guid, egress_rules. */
void ccb_put_app(struct ccb_json_writer *w, const struct ccb_app_run *run);

#ifdef __cplusplus
}
#endif

#endif
