/* Ends the process when it is loaded. */
#define MEMBER "aborts-early"
#include "member.h"
#include <stdlib.h>

__attribute__((constructor)) static void early(void)
{
    abort();
}
