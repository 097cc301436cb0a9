/* In good order: what every other member differs from in one way. */
#define ZOO_NAME "good"
#include "zoo_base.h"
