/* Its destroy wants that there was a call. */
#define MEMBER "destroy-needs-call"
#include "ccbridge/sdk.h"
#include <stdlib.h>
static int called;
static void destroy(struct ccb_instance *self)
{
    (void)self;
    if (!called)
        abort();
}
#define CREATE ccb_sdk_create
#define DESTROY destroy
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    called = 1;
    return 0;
}
