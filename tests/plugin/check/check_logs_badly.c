/* Its log line is no object. */
#define MEMBER "logs-badly"
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    c->host->log(c->call, CCB_LOG_INFO, ccb_slice_of("half"),
                 ccb_slice_of("{\"a\":"));
    return 0;
}
