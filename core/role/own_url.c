/* Reads the port out of a role's own URL. */
#include "role/own_url.h"

#include "net/url.h"

int ccb_role_own_port(const char *url, uint16_t *port, struct ccb_error *err)
{
    struct ccb_slice host, text;
    struct ccb_url parsed;
    int code = ccb_url_parse(&parsed, ccb_slice_of(url), err);
    if (code == 0)
        code = ccb_url_split_host_port(parsed.authority, &host, &text, err);
    *port = code == 0 ? parsed.port : 0;
    return code;
}
