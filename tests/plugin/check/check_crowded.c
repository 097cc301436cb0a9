/* Its calls disturb each other, though it says they don't. */
#define MEMBER "crowded"
#include <sched.h>
#include <stdatomic.h>
#define MEMBER_MORE ",\"concurrent\":true"
static _Atomic int inside;
static int look(void)
{
    int most = 0;

    inside++;
    for (int i = 0; i < 200; i++) {
        if (inside > most)
            most = inside;
        sched_yield();
    }
    inside--;
    return most;
}
#define MEMORY_MB look()
#include "member.h"
