/* Crashes in its first call. */
#define MEMBER "crashes"
#include <stdlib.h>
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    abort();
}
