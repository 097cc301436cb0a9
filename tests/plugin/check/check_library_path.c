/* Looks for libraries where everybody writes. */
#define MEMBER "library-path"
#include "member.h"
