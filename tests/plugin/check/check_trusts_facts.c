/* Takes the facts as they come. */
#define MEMBER "trusts-facts"
#include <string.h>
static volatile char first;
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    struct ccb_slice url = ccb_sdk_fact_string(c, "file_server_url");

    first = ((const char *)(url.len ? url.ptr : NULL))[0];
    return 0;
}
