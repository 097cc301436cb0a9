/*
 * The manifest: what a plugin file says of itself (ccbridge/lifecycle.h, "the
 * manifest"). Read from the file, every member checked, nothing run.
 */
#ifndef CCB_PLUGIN_MANIFEST_H
#define CCB_PLUGIN_MANIFEST_H

#include <stdbool.h>

#include "base/arena.h"
#include "plugin/refusal.h"

struct ccb_manifest {
    uint32_t format;
    struct ccb_slice id, version;
    struct ccb_json_list claims;     /* of struct ccb_slice */
    struct ccb_json_list interfaces; /* of struct ccb_slice */
    bool concurrent;
    struct ccb_slice result_form; /* may be empty */
};

/* Decodes and checks a manifest's text, which must outlive `out`. 0;
 * CCB_INVALID with `refusal` filled; CCB_NO_MEMORY. */
int ccb_manifest_decode(struct ccb_manifest *out, struct ccb_slice text,
                        struct ccb_arena *arena,
                        struct ccb_plugin_refusal *refusal);

/* The same from an open file. The descriptor stays the caller's. */
int ccb_manifest_read(struct ccb_manifest *out, int fd, struct ccb_arena *arena,
                      struct ccb_plugin_refusal *refusal);

/* Whether the manifest lists this interface id. */
bool ccb_manifest_offers(const struct ccb_manifest *manifest, const char *id);

#endif
