/* Refuses what it does not know. */
#define MEMBER "strict"
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    struct ccb_json json = ccb_json_get(c->message, "ccb_check_unknown");

    return json.type == CCB_JSON_NONE
               ? 0
               : ccb_sdk_fail(c, CCB_INVALID, "unknown member");
}
