/* Its manifest lists an interface that it does not have. */
#define ZOO_NAME "missing-interface"
#define ZOO_INTERFACES                                                         \
    "[\"ccb.staging/1\",\"ccb.run/1\",\"ccb.ports/1\",\"ccb.selftest/1\","     \
    "\"org.example.more/1\"]"
#include "zoo_base.h"
