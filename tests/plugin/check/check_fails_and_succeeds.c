/* Fails, and then answers. */
#define MEMBER "fails-and-succeeds"
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    ccb_sdk_fail(c, CCB_FAILED, "no");
    c->code = 0;
    return 0;
}
