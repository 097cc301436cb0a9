/* Needs a host that is not released yet. */
#define ZOO_NAME "minor-too-high"
#define ZOO_PREFIX CCB_ENTRY_PREFIX(7)
#include "zoo_base.h"
