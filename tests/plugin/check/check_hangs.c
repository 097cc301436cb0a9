/* Does not come back. */
#define MEMBER "hangs"
#include <sched.h>
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    while (c)
        sched_yield();
    return 0;
}
