/* Fails without a word. */
#define MEMBER "silent"
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    return CCB_NOT_FOUND;
}
