/* Its manifest is of a format to come. */
#define ZOO_NAME "manifest-format-2"
#define ZOO_MANIFEST                                                           \
    "{\"manifest\":2,\"id\":\"zoo.x\",\"version\":\"1\",\"claims\":[\"x\"],"   \
    "\"interfaces\":[\"ccb.run/1\"]}"
#include "zoo_base.h"
