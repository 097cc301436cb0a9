/*
 * Rows of flags that several roles have, for their tables: `at` is where the
 * value lies in the role's configuration. No state.
 */
#ifndef CCB_ROLE_FLAGS_H
#define CCB_ROLE_FLAGS_H

#include <stddef.h>

#include "base/flags.h"
#include "cc/cc.h"

#define CCB_DIEGO_FLAG(at)                                                     \
    {                                                                          \
        .name = "diegoAPIURL", .type = CCB_FLAG_STRING, .offset = (at),        \
        .placeholder = "URL",                                                  \
        .help = "Base URL of the Receptor, with user and password where it "   \
                "wants them"                                                   \
    }

/* What plugins make recipes with. */
#define CCB_FILE_SERVER_FLAG(at)                                               \
    {                                                                          \
        .name = "fileServerURL", .type = CCB_FLAG_STRING, .offset = (at),      \
        .placeholder = "URL",                                                  \
        .help = "Base URL of the file server that has the lifecycle bundles",  \
        .fact = "file_server_url"                                              \
    }
#define CCB_LIFECYCLE_FLAG(at)                                                 \
    {                                                                          \
        .name = "lifecycle", .type = CCB_FLAG_PAIRS, .offset = (at),           \
        .placeholder = "KEY:PATH",                                             \
        .help = "Bundle of a lifecycle, or of a lifecycle on a stack "         \
                "(buildpack/STACK:PATH); repeatable",                          \
        .fact = "lifecycles"                                                   \
    }

/* How the Cloud Controller is called. */
struct ccb_cc_config {
    const char *base_url, *username, *password;
    bool skip_cert_verify;
};
/* `as_fact`: the name as which plugins are told -skipCertVerify; NULL: not. */
#define CCB_CC_FLAGS(at, as_fact)                                              \
    {.name = "ccBaseURL",                                                      \
     .type = CCB_FLAG_STRING,                                                  \
     .offset = (at) + offsetof(struct ccb_cc_config, base_url),                \
     .placeholder = "URL",                                                     \
     .help = "Base URL of the Cloud Controller"},                              \
        {.name = "ccUsername",                                                 \
         .type = CCB_FLAG_STRING,                                              \
         .offset = (at) + offsetof(struct ccb_cc_config, username),            \
         .placeholder = "NAME",                                                \
         .help = "User for basic auth at the Cloud Controller"},               \
        {.name = "ccPassword",                                                 \
         .type = CCB_FLAG_STRING,                                              \
         .offset = (at) + offsetof(struct ccb_cc_config, password),            \
         .placeholder = "PASSWORD",                                            \
         .help = "Password for basic auth at the Cloud Controller"},           \
    {                                                                          \
        .name = "skipCertVerify", .type = CCB_FLAG_BOOL,                       \
        .offset = (at) + offsetof(struct ccb_cc_config, skip_cert_verify),     \
        .help = "Do not verify the Cloud Controller's certificate",            \
        .fact = (as_fact)                                                      \
    }
struct ccb_cc_options ccb_role_cc_options(const struct ccb_cc_config *config,
                                          struct ccb_http_client *client);

#endif
