/* Built for the next major. */
#define ZOO_NAME "abi-major-2"
#define ZOO_ENTRY ccb_lifecycle_entry_v2
#include "zoo_base.h"
