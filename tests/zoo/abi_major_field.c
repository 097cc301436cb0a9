/* Its entry has our name and another major inside. */
#define ZOO_NAME "abi-major-field"
#define ZOO_PREFIX                                                             \
    CCB_ABI_MAGIC, 3, 0, 0, 0, (uint32_t)sizeof(struct ccb_lifecycle_entry)
#include "zoo_base.h"
