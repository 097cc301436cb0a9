/* One of two that wrap each other. */
#define ZOO_NAME "wraps-left"
#define ZOO_WRAPS "lifecycle:wraps-right"
#include "wraps.h"
