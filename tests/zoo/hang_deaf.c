/* Goes on, cancelled or not, until the test lets it go. */
#define ZOO_NAME "hang-deaf"
#include <sched.h>
#include <stdatomic.h>

__attribute__((visibility("default"))) extern _Atomic int zoo_release;
_Atomic int zoo_release;
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    while (!atomic_load(&zoo_release))
        sched_yield();
    return self->host->emit(call, "1", 1);
}
