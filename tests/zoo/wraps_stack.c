/* Wraps a plugin that it names with a stack. */
#define ZOO_NAME "wraps-stack"
#define ZOO_WRAPS "lifecycle:good/any"
#include "wraps.h"
