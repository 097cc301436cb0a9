/* Has a symbol as C++ templates make them. */
#define MEMBER "unique"
__attribute__((visibility("default"))) extern int only_one;
int only_one = 1;
__asm__(".type only_one, @gnu_unique_object");
#include "member.h"
