/* One of a row of plugins, each of which wraps the next. */
#define ZOO_NAME "deep-four"
#define ZOO_WRAPS "lifecycle:good"
#include "wraps.h"
