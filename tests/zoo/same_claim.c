/* Claims what good claims. */
#define ZOO_NAME "same-claim"
#define ZOO_CLAIMS "[\"good\"]"
#include "zoo_base.h"
