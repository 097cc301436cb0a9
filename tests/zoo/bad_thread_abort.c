/* Aborts on a thread of its own while a recipe is made. */
#define ZOO_NAME "bad-thread-abort"
#include <pthread.h>
#include <stdlib.h>
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static void *run_aborts(void *none)
{
    (void)none;
    abort();
}

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    pthread_t thread;

    (void)self;
    (void)call;
    (void)request;
    if (pthread_create(&thread, NULL, run_aborts, NULL) == 0)
        pthread_join(thread, NULL);
    return -6;
}
