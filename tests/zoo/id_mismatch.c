/* Its entry has another id than its manifest. */
#define ZOO_NAME "id-mismatch"
#define ZOO_ENTRY_ID "zoo.somebody_else"
#include "zoo_base.h"
