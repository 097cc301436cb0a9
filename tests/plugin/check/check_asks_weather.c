/* Asks for a fact that nobody has. */
#define MEMBER "asks-weather"
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    return c->host->need_facts(c->call, ccb_slice_of("weather"));
}
