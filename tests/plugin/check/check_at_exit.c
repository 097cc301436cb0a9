/* Wants to be called at the end. */
#define MEMBER "at-exit"
#include <stdlib.h>
static void late(void)
{
}
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    return atexit(late) == 0 ? 0 : CCB_FAILED;
}
