/* Its words have a password in them. */
#define MEMBER "tells-secrets"
#include <stdio.h>
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    struct ccb_json data = ccb_json_get(c->message, "lifecycle_data");
    struct ccb_slice url = ccb_sdk_member(c, data, "app_bits_download_uri");
    char text[200];

    snprintf(text, sizeof(text), "can't use %.*s", (int)url.len, url.ptr);
    return ccb_sdk_fail(c, CCB_INVALID, text);
}
