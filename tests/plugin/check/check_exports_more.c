/* Exports a function. */
#define MEMBER "exports-more"
extern int helper(void);
__attribute__((visibility("default"))) int helper(void)
{
    return 1;
}
#include "member.h"
