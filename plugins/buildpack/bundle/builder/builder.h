/*
 * The builder: one staging, from an unpacked app and buildpacks to a droplet
 * (contract/lifecycle-buildpack.md A2 to A9). Its state is one struct that the
 * steps, called in the order of the table in build.c, fill and read.
 *
 * Every step returns 0, or a negative code with the line for stderr in
 * build->failure. All text lives in the arena of the failure.
 */
#ifndef BUNDLE_BUILDER_H
#define BUNDLE_BUILDER_H

#include <stdbool.h>
#include <stdio.h>

#include "base/flags.h"
#include "failure.h"

struct ccb_build_config {
    const char *build_dir, *output_droplet, *output_metadata, *output_cache;
    const char *buildpacks_dir, *cache_dir, *order;
    bool skip_detect, skip_cert_verify;
};

struct ccb_build {
    struct ccb_build_config config;
    struct ccb_failure failure;
    struct ccb_slice *keys; /* the order, taken apart */
    size_t key_count;

    const char *key, *root;    /* the buildpack that was chosen */
    struct ccb_slice detected; /* its own name for itself */
    struct ccb_slice web;      /* the start command; empty: unknown */
    struct ccb_slice procfile_web;
    const char *tar, *contents; /* program; directory the droplet is made of */
};

/* ---- config.c ----------------------------------------------------------- */

/* 0, or the status to exit with; what was wrong is on `errors`. */
int ccb_build_configure(struct ccb_build_config *config, int argc,
                        char *const *argv, FILE *errors);

/* ---- build.c ------------------------------------------------------------ */

/* All steps; returns the status to exit with, the line is on stderr. */
int ccb_build_run(struct ccb_build *build);
/* The status that a final message stands for. */
int ccb_build_status(const char *message);

/* ---- buildpack.c -------------------------------------------------------- */

/* Where the buildpack of that key is looked for; NULL: no memory. */
const char *ccb_build_directory(struct ccb_build *build, struct ccb_slice key);
/* The directory that has its bin/; words for stderr when there is none. */
int ccb_build_locate(struct ccb_build *build, struct ccb_slice key,
                     const char **root);

/* ---- steps -------------------------------------------------------------- */

int ccb_build_fetch(struct ccb_build *build);    /* fetch.c, A5 */
int ccb_build_detect(struct ccb_build *build);   /* detect.c, A6 */
int ccb_build_compile(struct ccb_build *build);  /* detect.c */
int ccb_build_procfile(struct ccb_build *build); /* procfile.c, A7 */
int ccb_build_release(struct ccb_build *build);  /* release.c, A8 */
int ccb_build_results(struct ccb_build *build);  /* result.c, A9 */
int ccb_build_droplet(struct ccb_build *build);  /* droplet.c */
int ccb_build_cache(struct ccb_build *build);    /* droplet.c */

/* ---- what scripts and apps say, as text --------------------------------- */

/* The `web` entry of a Procfile, in the arena; empty: none. CCB_INVALID with
 * the words "invalid YAML". */
int ccb_procfile_parse(struct ccb_slice text, struct ccb_slice *web,
                       struct ccb_failure *failure);
/* default_process_types.web of what bin/release printed. CCB_INVALID with the
 * words "buildpack's release output invalid: ...". */
int ccb_release_parse(struct ccb_slice text, struct ccb_slice *web,
                      struct ccb_failure *failure);

#endif
