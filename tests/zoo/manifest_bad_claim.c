/* Claims every lifecycle, which no pattern can say. */
#define ZOO_NAME "manifest-bad-claim"
#define ZOO_CLAIMS "[\"*\"]"
#include "zoo_base.h"
