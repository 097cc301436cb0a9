/* Keeps every rule. */
#define MEMBER "good"
#include "member.h"
