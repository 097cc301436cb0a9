/* Opens and does not close. */
#define MEMBER "leaks-descriptor"
#include <fcntl.h>
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    (void)!open("/dev/null", O_RDONLY);
    return 0;
}
