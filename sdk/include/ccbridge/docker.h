/*
 * Docker images: a reference as CC gives it becomes the URL of a root file
 * system, and the metadata that the docker builder wrote of an image tells the
 * port and the user of the app (contract/nsync.md 3.4, 3.5).
 *
 * Plain C without state; any thread. What has to be made comes from the
 * caller's `alloc`. Part of the helper library; not ABI.
 */
#ifndef CCBRIDGE_DOCKER_H
#define CCBRIDGE_DOCKER_H

#include <stdint.h>

#include "ccbridge/json.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * [HOST/]NAME[:TAG] as "docker://HOST/NAME#TAG":
 *   "busybox"                   -> "docker:///library/busybox"
 *   "reg.example.com:5000/a:v1" -> "docker://reg.example.com:5000/a#v1"
 * `out` lies in the caller's memory. CCB_INVALID for a reference with a scheme
 * (the message shows it without user info), for one without a name, and for
 * the empty one; CCB_NO_MEMORY.
 */
int ccb_docker_format_rootfs(struct ccb_slice image,
                             const struct ccb_json_alloc *alloc,
                             struct ccb_slice *out, struct ccb_error *err);

/* What running an image needs of its metadata. */
struct ccb_docker_metadata {
    struct ccb_slice user; /* "root" when the image names none */
    uint16_t port;         /* the first tcp port; 8080 when it names none */
};

/* `text` is CC's execution_metadata, one JSON document; `user` may point into
 * it. CCB_INVALID when it is none or of other types, CCB_NOT_FOUND when all of
 * its ports are of other protocols, CCB_NO_MEMORY. */
int ccb_docker_parse_metadata(struct ccb_slice text,
                              const struct ccb_json_alloc *alloc,
                              struct ccb_docker_metadata *out,
                              struct ccb_error *err);

#ifdef __cplusplus
}
#endif

#endif
