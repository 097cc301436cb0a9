/* Waits in a recipe for a lock that nobody gives back. */
#define ZOO_NAME "bad-waits"
#include <pthread.h>
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)self;
    (void)call;
    (void)request;
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&lock);
    return -6;
}
