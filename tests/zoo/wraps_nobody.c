/* Wraps a lifecycle that nobody serves. */
#define ZOO_NAME "wraps-nobody"
#define ZOO_WRAPS "lifecycle:nobody/here"
#include "wraps.h"
