/* Says nothing of itself. */
#define ZOO_NAME "no-manifest"
#define ZOO_NO_MANIFEST
#include "zoo_base.h"
