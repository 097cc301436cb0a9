/* Changes the process when it is loaded. */
#define MEMBER "changes-early"
#include "member.h"
#include <sys/stat.h>

__attribute__((constructor)) static void early(void)
{
    umask(0123);
}
