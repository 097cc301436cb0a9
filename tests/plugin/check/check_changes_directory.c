/* Goes elsewhere. */
#define MEMBER "changes-directory"
#include <unistd.h>
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    return chdir("/") < 0 ? CCB_FAILED : 0;
}
