/*
 * The entry's functions of a plugin without state.
 *
 * Invariant: the instance is the host's table and nothing is owned, so there is
 * nothing to free. Follows ccbridge/sdk.h.
 */
#include "ccbridge/sdk.h"

struct ccb_instance *ccb_sdk_create(const struct ccb_host *host,
                                    struct ccb_slice config)
{
    (void)config;
    return (struct ccb_instance *)(uintptr_t)host;
}

void ccb_sdk_destroy(struct ccb_instance *self)
{
    (void)self;
}

const struct ccb_host *ccb_sdk_host(const struct ccb_instance *self)
{
    return (const struct ccb_host *)(const void *)self;
}

const void *ccb_sdk_find_interface(const struct ccb_sdk_interface *list,
                                   size_t count, const char *id)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (strcmp(list[i].id, id) == 0)
            return list[i].table;
    return NULL;
}
