/* Has the id of good. */
#define ZOO_NAME "same-id"
#define ZOO_ID "zoo.good"
#include "zoo_base.h"
