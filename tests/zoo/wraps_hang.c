/* Wraps a plugin that never answers. */
#define ZOO_NAME "wraps-hang"
#define ZOO_WRAPS "lifecycle:hang"
#include "wraps.h"
