/* Its recipe depends on where the host lies. */
#define MEMBER "host-address"
#include <stdint.h>
#define MEMORY_MB (int64_t)((uintptr_t)c.host >> 4 & 0xffffff)
#include "member.h"
