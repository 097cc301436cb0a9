/* Built for the major before the first. */
#define ZOO_NAME "abi-major-0"
#define ZOO_ENTRY ccb_lifecycle_entry_v0
#include "zoo_base.h"
