/* Changes the umask. */
#define MEMBER "changes-mask"
#include <sys/stat.h>
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    umask(0123);
    return 0;
}
