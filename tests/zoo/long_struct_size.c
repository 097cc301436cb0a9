/* Built with a later SDK: its entry has members we don't know. */
#define ZOO_NAME "long-struct-size"
#define ZOO_OWN_ENTRY
#include "zoo_base.h"

struct later_entry {
    struct ccb_lifecycle_entry entry;
    const char *more[4];
};
_Static_assert(offsetof(struct later_entry, more) ==
                   sizeof(struct ccb_lifecycle_entry),
               "the members we know come first");

extern CCB_EXPORT const struct later_entry later __asm__(
    "ccb_lifecycle_entry_v1");
const struct later_entry later = {{CCB_ABI_MAGIC, CCB_ABI_MAJOR, 9, 0, 0,
                                   sizeof(struct later_entry), ZOO_ID, "1.2.3",
                                   create, destroy, get_interface},
                                  {"what", "comes", "later", NULL}};
