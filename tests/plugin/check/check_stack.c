/* Wants a stack with code on it. */
#define MEMBER "stack"
#include "member.h"
