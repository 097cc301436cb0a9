/* Its recipe has a counter in it. */
#define MEMBER "counts"
static int calls;
#define MEMORY_MB ++calls
#include "member.h"
