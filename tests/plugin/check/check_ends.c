/* Ends the process with success. */
#define MEMBER "ends"
#include <unistd.h>
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    _exit(0);
}
