/* Changes its message. */
#define MEMBER "writes-input"
#include <stdint.h>
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    char *text = (char *)(uintptr_t)c->request->message.ptr;

    text[0] = ' ';
    return 0;
}
