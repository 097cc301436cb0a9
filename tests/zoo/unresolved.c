/* Needs a function that no library has. */
#define ZOO_NAME "unresolved"
#define ZOO_OWN_CREATE
#include "zoo_base.h"

extern int function_of_no_library(void);

static struct ccb_instance *create(const struct ccb_host *host,
                                   struct ccb_slice config)
{
    (void)config;
    instance.host = host;
    return function_of_no_library() ? &instance : NULL;
}
