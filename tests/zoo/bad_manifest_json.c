/* Its manifest is cut off. */
#define ZOO_NAME "bad-manifest-json"
#define ZOO_MANIFEST "{\"manifest\":1,\"id\":\"zoo.bad_manifest_json\""
#include "zoo_base.h"
