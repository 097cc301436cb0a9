/* Exports an entry under a name that nobody looks for. */
#define ZOO_NAME "no-entry"
#define ZOO_ENTRY some_other_name
#include "zoo_base.h"
