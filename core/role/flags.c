/* From a command line to the Cloud Controller's client (role/flags.h). */
#include "role/flags.h"

struct ccb_cc_options ccb_role_cc_options(const struct ccb_cc_config *config,
                                          struct ccb_http_client *client)
{
    return (struct ccb_cc_options){
        .client = client,
        .base_url = ccb_slice_of(config->base_url),
        .username = ccb_slice_of(config->username),
        .password = ccb_slice_of(config->password),
        .skip_cert_verify = config->skip_cert_verify,
    };
}
