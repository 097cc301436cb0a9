/* In good order, and may be called by several threads at once. */
#define ZOO_NAME "concurrent"
#define ZOO_MORE ",\"concurrent\":true"
#include "zoo_base.h"
