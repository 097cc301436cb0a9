/* Wraps a plugin in good order. */
#define ZOO_NAME "wraps-good"
#define ZOO_WRAPS "lifecycle:good"
#include "wraps.h"
