/* Has an interface that its manifest does not list. */
#define ZOO_NAME "extra-interface"
#define ZOO_INTERFACES "[\"ccb.staging/1\",\"ccb.run/1\",\"ccb.ports/1\"]"
#include "zoo_base.h"
