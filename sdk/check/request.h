/*
 * The requests that a plugin is tried with: small ones of our own, made for
 * each lifecycle that its manifest claims, or those of a folder. Every value
 * that is a secret holds CCB_CHECK_SECRET, so that it is found again.
 */
#ifndef CCB_CHECK_REQUEST_H
#define CCB_CHECK_REQUEST_H

#include "base/arena.h"
#include "plugin/manifest.h"

#define CCB_CHECK_SECRET "ccb-check-secret"

struct ccb_check_request {
    size_t function;  /* row of ccb_plugin_functions */
    const char *name; /* for people: "build_lrp of jar/linux, droplet" */
    struct ccb_slice message;
};

struct ccb_check_requests {
    struct ccb_check_request *items;
    size_t count;
    struct ccb_slice facts;
};

/* `directory` of FUNCTION-NAME.json files and `facts` file; either may be NULL.
 * All of it lies in `arena`. CCB_NO_MEMORY, CCB_IO, CCB_INVALID. */
int ccb_check_requests_make(struct ccb_check_requests *out,
                            const struct ccb_manifest *manifest,
                            const char *directory, const char *facts,
                            struct ccb_arena *arena, struct ccb_error *err);

/* The facts given when a plugin asks for `names` ("a, b"); "{}" parts that
 * nobody knows are left out. `function` decides what "lifecycle:KEY" says.
 * *unknown is set to the first name that nobody gathers, or stays empty. */
struct ccb_slice ccb_check_gather(struct ccb_slice names, size_t function,
                                  struct ccb_arena *arena,
                                  struct ccb_slice *unknown);

/* A file's whole text, at most `max` bytes, into `arena`. */
int ccb_check_read_file(struct ccb_slice *out, const char *path, size_t max,
                        struct ccb_arena *arena, struct ccb_error *err);

#endif
