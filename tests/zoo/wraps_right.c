/* The other one of two that wrap each other. */
#define ZOO_NAME "wraps-right"
#define ZOO_WRAPS "lifecycle:wraps-left"
#include "wraps.h"
