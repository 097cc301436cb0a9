/* Starts a process that gets away from its group. */
#define MEMBER "forks"
#include <unistd.h>
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    if (fork() == 0) {
        setsid();
        for (;;)
            pause();
    }
    return 0;
}
