/* In good order; its finished tasks are read as those of good are. */
#define ZOO_NAME "result-form"
#define ZOO_MORE ",\"result_form\":\"zoo.good\""
#include "zoo_base.h"
