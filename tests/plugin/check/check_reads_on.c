/* Looks for a NUL behind its message. */
#define MEMBER "reads-on"
#include <string.h>
static volatile size_t found;
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    found = strlen(c->request->message.ptr);
    return 0;
}
