/* Goes on for ever in a constructor, before anything of it was asked. */
#define ZOO_NAME "bad-ctor-hangs"
#include "zoo_base.h"
#include <sched.h>

__attribute__((constructor)) static void go_on(void)
{
    while (sched_yield() == 0)
        continue;
}
