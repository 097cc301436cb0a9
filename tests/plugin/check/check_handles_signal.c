/* Has its own idea of a signal. */
#define MEMBER "handles-signal"
#include <signal.h>
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    signal(SIGUSR1, SIG_IGN);
    return 0;
}
