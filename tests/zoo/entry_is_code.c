/* Its entry is a function. */
#define ZOO_NAME "entry-is-code"
#define ZOO_OWN_ENTRY
#include "zoo_base.h"

extern CCB_EXPORT int entry(struct ccb_instance *self) __asm__(
    "ccb_lifecycle_entry_v1");
int entry(struct ccb_instance *self)
{
    struct ccb_slice none = {NULL, 0};

    destroy(create(self->host, none));
    return get_interface(self, "") != NULL;
}
