/* One function of an interface is NULL. */
#define ZOO_NAME "null-table-slot"
#define ZOO_BUILD_RESPONSE NULL
#define ZOO_OWN_RESPONSE
#include "zoo_base.h"
