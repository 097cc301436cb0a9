/* Wraps itself. */
#define ZOO_NAME "wraps-itself"
#define ZOO_WRAPS "lifecycle:wraps-itself"
#include "wraps.h"
