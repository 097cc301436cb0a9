/* In good order, with a mark that a test changes in the file to make other
 * builds of it: '!' answers nonsense, '?' fails its self-test, others are good.
 * It counts its instances, and a message with "slow" takes until half of its
 * time is left. */
#define ZOO_NAME "builds"
#define ZOO_OWN_FIRST_CALL
#define ZOO_OWN_RECIPE
#define ZOO_OWN_CREATE
#define ZOO_OWN_ENTRY
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "zoo_base.h"

static const volatile char mark[] = "ZOO-MARK-A";

extern CCB_EXPORT atomic_int zoo_instances;
atomic_int zoo_instances;

static void take_time(struct ccb_instance *self, struct ccb_call *call)
{
    int64_t half = self->host->remaining_ms(call) / 2;

    while (self->host->remaining_ms(call) > half)
        sched_yield();
}

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    char letter = mark[sizeof(mark) - 2];

    self->host->log(call, CCB_LOG_INFO, zoo_slice("recipe-made"),
                    zoo_slice(""));
    if (letter == '!')
        return self->host->emit(call, RAW("{\"mark\":1}"));
    if (memmem(request->message.ptr, request->message.len, "slow", 4))
        take_time(self, call);
    self->host->emit(call, RAW("{\"rootfs\":\"preloaded:own\",\"log_source\":"
                               "\""));
    self->host->emit(call, &letter, 1);
    return self->host->emit(call, RAW("\",\"action\":{\"run\":{\"path\":\"/own"
                                      "\",\"user\":\"own\","
                                      "\"resource_limits\":{}}}}"));
}

static struct ccb_instance *create(const struct ccb_host *host,
                                   struct ccb_slice config)
{
    struct ccb_instance *self = calloc(1, sizeof(*self));

    (void)config;
    if (!self)
        return NULL;
    self->host = host;
    atomic_fetch_add(&zoo_instances, 1);
    return self;
}

static void destroy_counted(struct ccb_instance *self)
{
    atomic_fetch_sub(&zoo_instances, 1);
    free(self);
}

static int run_selftest(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request)
{
    (void)request;
    if (mark[sizeof(mark) - 2] != '?')
        return 0;
    return self->host->fail(call, -6, zoo_slice(""),
                            zoo_slice("the mark is a question"));
}

static const struct ccb_selftest_1 own_selftest = {
    .struct_size = sizeof(struct ccb_selftest_1),
    .run = run_selftest,
};

static const void *get_own(struct ccb_instance *self, const char *id)
{
    return strcmp(id, CCB_SELFTEST_1) == 0 ? &own_selftest
                                           : get_interface(self, id);
}

extern CCB_EXPORT const struct ccb_lifecycle_entry ZOO_ENTRY;
const struct ccb_lifecycle_entry ZOO_ENTRY = {
    ZOO_PREFIX, ZOO_ID, "1.2.3", create, destroy_counted, get_own};
