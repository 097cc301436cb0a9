/* Prints. */
#define MEMBER "prints"
#include <stdio.h>
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    puts("here I am");
    return 0;
}
