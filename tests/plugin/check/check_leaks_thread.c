/* Starts a thread that stays. */
#define MEMBER "leaks-thread"
#include <pthread.h>
#include <unistd.h>
static void *stay(void *user)
{
    for (;;)
        pause();
    return user;
}
#define OWN_MISBEHAVE
#include "member.h"

static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    pthread_t thread;

    if (pthread_create(&thread, NULL, stay, NULL) == 0)
        pthread_detach(thread);
    return 0;
}
