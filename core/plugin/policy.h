/*
 * The operator's word on a plugin: plugins.d/ID.json, read anew with each
 * generation (docs/plugins/operating.md). It lies outside of the plugin and
 * decides over it; a policy that can't be read refuses its plugin, never opens
 * it more widely. Threads: any; no state.
 */
#ifndef CCB_PLUGIN_POLICY_H
#define CCB_PLUGIN_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "ccbridge/error.h"
#include "ccbridge/json.h"

enum ccb_plugin_mode {
    CCB_PLUGIN_MODE_DEFAULT, /* in this process what ccbridge ships, else not */
    CCB_PLUGIN_MODE_IN_PROCESS,
    CCB_PLUGIN_MODE_ISOLATED
};

/* Members that are absent have the value behind them. */
struct ccb_plugin_policy {
    bool enabled;              /* true */
    enum ccb_plugin_mode mode; /* "in-process", "isolated"; DEFAULT */
    bool critical;    /* false; true: without it nothing starts or reloads */
    int64_t priority; /* 0; of two with one claim the higher one has it */
    struct ccb_slice sha256; /* empty; else the only image that is taken */
    int64_t timeout;         /* ns; "timeout_ms", 1 to 600,000; 0: the flag's */
    uint64_t memory_mb;      /* 256; of an isolated worker, 16 to 65,536 */
    unsigned workers;        /* 0: as many as the plugin may; 1 to 16 */
    struct ccb_slice config; /* JSON given to `create`; empty */
    bool has_claims;
    struct ccb_json_list
        claims; /* of struct ccb_slice; in the manifest's place */
};

/* "default", "in-process", "isolated". CCB_INVALID for others. */
int ccb_plugin_mode_parse(enum ccb_plugin_mode *mode, const char *word);

void ccb_plugin_policy_init(struct ccb_plugin_policy *policy);

/* Decodes a policy; `text` must outlive it. Unknown members are refused by
 * name, with the nearest known one. 0; CCB_INVALID; CCB_NO_MEMORY. */
int ccb_plugin_policy_decode(struct ccb_plugin_policy *policy,
                             struct ccb_slice text, struct ccb_arena *arena,
                             struct ccb_error *err);

/* Reads DIRECTORY/ID.json. No directory, no file, or `directory` NULL: as
 * init leaves it. Owner and mode are checked as those of plugin files are.
 * CCB_INVALID names the file. */
int ccb_plugin_policy_read(struct ccb_plugin_policy *policy,
                           const char *directory, struct ccb_slice id,
                           struct ccb_arena *arena, struct ccb_error *err);

/* Sets "enabled" there and leaves all other members as they are; makes
 * directory (0755) and file (0644) where they lack. Whoever reads meanwhile
 * sees the old or the new file, also after a power cut. */
int ccb_plugin_policy_enable(const char *directory, struct ccb_slice id,
                             bool enabled, struct ccb_error *err);

#endif
