/* Aborts while it is mapped, before anything of it could be checked. */
#define ZOO_NAME "iso-ctor-abort"
#include "zoo_base.h"
#include <stdlib.h>

__attribute__((constructor)) static void end_it(void)
{
    abort();
}
