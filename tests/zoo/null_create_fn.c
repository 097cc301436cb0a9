/* Has no create. */
#define ZOO_NAME "null-create-fn"
#define ZOO_CREATE NULL
#define ZOO_OWN_CREATE
#include "zoo_base.h"
