/* Does not look at what alloc gives. */
#define MEMBER "needs-memory"
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    char *text = c->host->alloc(c->call, 16);

    text[0] = 'a';
    return 0;
}
