/* One of a row of plugins, each of which wraps the next. */
#define ZOO_NAME "deep-one"
#define ZOO_WRAPS "lifecycle:deep-two"
#include "wraps.h"
