/* Says that its entry ends before get_interface. */
#define ZOO_NAME "short-struct-size"
#define ZOO_PREFIX                                                             \
    CCB_ABI_MAGIC, CCB_ABI_MAJOR, CCB_ABI_MINOR, 0, 0,                         \
        (uint32_t)offsetof(struct ccb_lifecycle_entry, get_interface)
#include "zoo_base.h"
