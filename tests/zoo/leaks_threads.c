/* Leaves a thread behind with each call, and answers well. */
#define ZOO_NAME "leaks-threads"
#include <pthread.h>
#include <time.h>
#define ZOO_OWN_RECIPE
#include "zoo_base.h"
#include "zoo_recipe.h"

static void *stay(void *unused)
{
    const struct timespec long_time = {.tv_sec = 3600};

    while (nanosleep(&long_time, NULL) == 0)
        continue;
    return unused;
}

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    pthread_t thread;

    (void)request;
    if (pthread_create(&thread, NULL, stay, NULL) != 0)
        return self->host->fail(call, -7, zoo_slice(""),
                                zoo_slice("no thread is left"));
    return self->host->emit(call, RAW(ZOO_RECIPE("")));
}
