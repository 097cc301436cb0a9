/* Takes memory and forgets it. */
#define MEMBER "leaks-memory"
#include <stdlib.h>
static void *volatile last;
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    last = malloc(100);
    return 0;
}
