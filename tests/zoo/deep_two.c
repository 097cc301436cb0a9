/* One of a row of plugins, each of which wraps the next. */
#define ZOO_NAME "deep-two"
#define ZOO_WRAPS "lifecycle:deep-three"
#include "wraps.h"
