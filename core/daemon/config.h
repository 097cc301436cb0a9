/*
 * The configuration file of -config: a JSON object whose members are flags, by
 * their names ("portBase") or of one role ("stager.ccUsername"). It becomes
 * words of the command line that stand before those that were typed, so it
 * has the same checks and the same messages, and what was typed wins.
 *
 *   {"portBase": 19000, "skipCertVerify": true,
 *    "lifecycle": {"cnb/default": "cnb/bundle.tgz"}}
 *
 * Values are strings, numbers, true and false; of a flag that may be repeated
 * also a list, and of one that takes KEY:VALUE an object.
 */
#ifndef CCB_DAEMON_CONFIG_H
#define CCB_DAEMON_CONFIG_H

#include "base/flags.h"

struct ccb_config {
    const char *path; /* as it was typed; NULL: there is none */
    char **words;     /* "-NAME=VALUE"; heap */
    int count;
};

/* The file that `argv` names, if any. CCB_INVALID, CCB_IO, CCB_NO_MEMORY, all
 * naming file and member, never a value. */
int ccb_config_read(struct ccb_config *config, int argc, char **argv,
                    struct ccb_error *err);
/* The words of a file's text, to which `config` adds them. */
int ccb_config_decode(struct ccb_config *config, struct ccb_slice text,
                      struct ccb_error *err);
void ccb_config_destroy(struct ccb_config *config);

/* Whether every member is a flag of `sets`; CCB_INVALID names the first that
 * is not, with the nearest that is. */
int ccb_config_check(const struct ccb_config *config,
                     const struct ccb_flag_set *sets, size_t set_count,
                     struct ccb_error *err);

/* The flag that a word is of. */
struct ccb_slice ccb_config_name(const char *word);
/* Whether `word` stands in `config`, letter for letter. */
bool ccb_config_has(const struct ccb_config *config, const char *word);

#endif
