/*
 * The command line: which roles run, their flags, and the flags that every
 * process has (contract/stager.md A1 and our own).
 */
#ifndef CCB_DAEMON_OPTIONS_H
#define CCB_DAEMON_OPTIONS_H

#include "base/flags.h"
#include "daemon/config.h"
#include "daemon/standalone.h"
#include "net/http_server.h"
#include "role/role.h"

#define CCB_MAX_ROLES 16
#define CCB_MAX_WORKERS 64

struct ccb_options {
    /* flags of the process */
    const char *debug_addr;
    const char *dropsonde_addr; /* "": no dropsonde metrics */
    const char *log_level;
    uint64_t workers;
    const char *state_dir;   /* of the control socket; "": none */
    const char *listen_host; /* for doors whose flag gives only a port */
    uint64_t port_base;
    const char *plugin_dirs; /* separated by ':' */
    struct ccb_pairs lifecycle_plugins;
    int64_t plugin_timeout;
    const char *plugin_policy_dir; /* "": the usual place */
    const char *plugin_mode;       /* a word of ccb_plugin_mode_parse */
    const char *config_path;       /* of `config`; "": none */
    struct ccb_http_limits limits;

    const struct ccb_role *roles[CCB_MAX_ROLES];
    void *configs[CCB_MAX_ROLES]; /* heap */
    size_t role_count;
    const char *file; /* of `recipe`; NULL: roles are run */
    bool historic;    /* called by a historic program's name, or as one role */
    bool dry;         /* set by the caller: nothing will run, nothing is made */
    struct ccb_config config;         /* what -config FILE says */
    struct ccb_standalone standalone; /* of `all` */
    char **words; /* heap: the file's and then the typed ones, when there is a
                     file */
    int argc;     /* main's arguments, to read all of it again */
    char **argv;
};

/* Those that every role has. */
extern const struct ccb_flag ccb_process_flags[];
extern const size_t ccb_process_flag_count;

/* Fills `options`, all zero but for `dry`, from main's arguments, which it
 * keeps. -1: go on; otherwise
 * the status to exit with, everything having been said to `errors`. */
int ccb_options_parse(struct ccb_options *options, int argc, char **argv,
                      FILE *errors);
void ccb_options_destroy(struct ccb_options *options);

#endif
