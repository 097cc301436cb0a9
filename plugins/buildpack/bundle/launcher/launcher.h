/*
 * The launcher: the environment and the command of an instance, then bash in
 * its place (contract/lifecycle-buildpack.md A10).
 */
#ifndef BUNDLE_LAUNCHER_H
#define BUNDLE_LAUNCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "failure.h"

/* What VCAP_APPLICATION is given. */
struct ccb_vcap {
    struct ccb_slice instance_id;
    bool has_port, has_index;
    int64_t port, index;
};

/* Appends the rewritten VCAP_APPLICATION. CCB_INVALID: it is no JSON object
 * (or has numbers no double can hold) and stays as it is; CCB_NO_MEMORY. */
int ccb_vcap_rewrite(struct ccb_arena *arena, struct ccb_slice text,
                     const struct ccb_vcap *vcap, struct ccb_buf *out);

/* A JSON number as Go prints a double: the fewest digits that give it back.
 * `out` of 64 bytes is enough; the text's length. */
size_t ccb_vcap_format_number(double number, char *out, size_t size);

/* A base-10 integer and nothing else: 1, +1, -1. */
bool ccb_vcap_parse_integer(const char *text, int64_t *out);

/* The command to run: `given`, else that of the metadata, else that of
 * staging_info.yml in the working directory. Empty when none is known; the
 * failure's words begin "Invalid metadata - " or "Invalid staging info - ". */
int ccb_launch_command(const char *given, const char *metadata,
                       struct ccb_slice *command, struct ccb_failure *failure);

#endif
