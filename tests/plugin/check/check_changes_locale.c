/* Changes the locale. */
#define MEMBER "changes-locale"
#include <locale.h>
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    setlocale(LC_ALL, "C.UTF-8");
    return 0;
}
