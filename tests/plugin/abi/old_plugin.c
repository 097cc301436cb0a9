/*
 * A plugin as somebody built it with the headers of an earlier minor, which are
 * kept beside this file: it must load and answer for as long as the major
 * stands (ccbridge/lifecycle.h, rules 1 to 4). It uses all that 1.0 had.
 * Written against the ABI alone, without the SDK's library. Its answer is no
 * recipe, so it refuses the host's first call in words, as a plugin may.
 */
#include <string.h>

#include "ccbridge/lifecycle.h"

#define ID "zoo.old"

CCB_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"1\","
             "\"claims\":[\"old\"],\"interfaces\":[\"ccb.staging/1\","
             "\"ccb.run/1\",\"ccb.ports/1\",\"ccb.selftest/1\"]}");

enum { INVALID = -1, NO_MEMORY = -7 };

struct ccb_instance {
    const struct ccb_host *host;
};

static struct ccb_instance instance;

/* What it was asked, in scratch memory, and a line of the log. */
static int build_recipe(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request)
{
    const struct ccb_host *host = self->host;
    char *copy = host->alloc(call, request->message.len + 1);

    if (ccb_slice_equal(request->guid, ccb_slice_of("ccb-first-call")))
        return host->fail(call, INVALID, ccb_slice_of(""),
                          ccb_slice_of("this is no app"));
    if (!copy)
        return NO_MEMORY;
    if (request->message.len > 0)
        memcpy(copy, request->message.ptr, request->message.len);
    host->log(call, CCB_LOG_INFO, ccb_slice_of("old"), ccb_slice_of("{}"));
    if (host->cancelled(call) || host->remaining_ms(call) <= 0)
        return INVALID;
    host->emit(call, "{\"asked\":", 9);
    host->emit(call, copy, request->message.len);
    return host->emit(call, "}", 1);
}

/* Facts in two steps. */
static int build_response(struct ccb_instance *self, struct ccb_call *call,
                          const struct ccb_request *request)
{
    if (request->gathered.len == 0)
        return self->host->need_facts(call, ccb_slice_of("docker_registries"));
    return self->host->emit(call, request->gathered.ptr, request->gathered.len);
}

static int build_lrp(struct ccb_instance *self, struct ccb_call *call,
                     const struct ccb_request *request)
{
    (void)request;
    return self->host->fail(call, INVALID, ccb_slice_of("RunnerError"),
                            ccb_slice_of("an old reason"));
}

static int extract(struct ccb_instance *self, struct ccb_call *call,
                   const struct ccb_request *request)
{
    (void)request;
    return self->host->emit(call, "[8080]", 6);
}

static int run_selftest(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request)
{
    (void)call;
    (void)request;
    return self->host->get_service(self->host, "ccb.none/1") ? INVALID : 0;
}

static const struct ccb_staging_1 staging = {sizeof(staging), 0, build_recipe,
                                             build_response};
static const struct ccb_run_1 run = {sizeof(run), 0, build_lrp, NULL};
static const struct ccb_ports_1 ports = {sizeof(ports), 0, extract};
static const struct ccb_selftest_1 selftest = {sizeof(selftest), 0,
                                               run_selftest};

static struct ccb_instance *create(const struct ccb_host *host,
                                   struct ccb_slice config)
{
    (void)config;
    instance.host = host;
    return &instance;
}

static void destroy(struct ccb_instance *self)
{
    (void)self;
}

static const void *get_interface(struct ccb_instance *self, const char *id)
{
    static const struct {
        const char *id;
        const void *table;
    } tables[] = {
        {CCB_STAGING_1, &staging},
        {CCB_RUN_1, &run},
        {CCB_PORTS_1, &ports},
        {CCB_SELFTEST_1, &selftest},
    };

    (void)self;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        if (strcmp(tables[i].id, id) == 0)
            return tables[i].table;
    return NULL;
}

CCB_EXPORT const struct ccb_lifecycle_entry ccb_lifecycle_entry_v1 = {
    CCB_ENTRY_PREFIX(0), ID, "1", create, destroy, get_interface};
