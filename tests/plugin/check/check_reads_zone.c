/* Its recipe depends on the time zone. */
#define MEMBER "reads-zone"
#include <stdlib.h>
#include <string.h>
static int zone(void)
{
    const char *text = getenv("TZ");

    return text ? (int)strlen(text) + 1 : 1;
}
#define MEMORY_MB zone()
#include "member.h"
