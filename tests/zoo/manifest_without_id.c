/* Its manifest has no id. */
#define ZOO_NAME "manifest-without-id"
#define ZOO_MANIFEST                                                           \
    "{\"manifest\":1,\"version\":\"1.2.3\",\"claims\":[\"x\"],"                \
    "\"interfaces\":[\"ccb.run/1\"]}"
#include "zoo_base.h"
