/* Changes the environment. */
#define MEMBER "sets-environment"
#include <stdlib.h>
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    setenv("CHECK_MEMBER", "1", 1);
    return 0;
}
