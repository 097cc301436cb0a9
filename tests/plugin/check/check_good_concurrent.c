/* Keeps every rule, and says that calls may be parallel. */
#define MEMBER "good-concurrent"
#define MEMBER_MORE ",\"concurrent\":true"
#include "member.h"
