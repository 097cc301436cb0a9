/* One of a row of plugins, each of which wraps the next. */
#define ZOO_NAME "deep-three"
#define ZOO_WRAPS "lifecycle:deep-four"
#include "wraps.h"
