/* Its entry begins with something else. */
#define ZOO_NAME "bad-magic"
#define ZOO_PREFIX                                                             \
    0x12345678, CCB_ABI_MAJOR, CCB_ABI_MINOR, 0, 0,                            \
        (uint32_t)sizeof(struct ccb_lifecycle_entry)
#include "zoo_base.h"
