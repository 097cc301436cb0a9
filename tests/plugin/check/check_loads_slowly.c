/* Takes its time to begin. */
#define MEMBER "loads-slowly"
#include "member.h"
#include <time.h>

__attribute__((constructor)) static void early(void)
{
    clock_t start = clock();

    while (clock() - start < CLOCKS_PER_SEC / 10)
        continue;
}
