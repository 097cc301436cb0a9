/* Goes on when it is cancelled. */
#define MEMBER "deaf"
#include <time.h>
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    clock_t start = clock();

    if (c->host->cancelled(c->call))
        while (clock() - start < CLOCKS_PER_SEC / 5)
            continue;
    return 0;
}
