/*
 * The base of the zoo: a small plugin in good order. A member of the zoo
 * defines ZOO_NAME and one more thing, then includes this file; good.c
 * defines only its name. What a macro does not override is as it should be.
 * Follows anchors 3.9: each member has its required outcome in
 * tests/unit/plugin.
 */
#ifndef ZOO_BASE_H
#define ZOO_BASE_H

#include "ccbridge/lifecycle.h"

#ifndef ZOO_ID
#define ZOO_ID "zoo." ZOO_NAME
#endif
#ifndef ZOO_CLAIMS
#define ZOO_CLAIMS "[\"" ZOO_NAME "\",\"" ZOO_NAME "/*\"]"
#endif
#ifndef ZOO_INTERFACES
#define ZOO_INTERFACES                                                         \
    "[\"ccb.staging/1\",\"ccb.run/1\",\"ccb.ports/1\",\"ccb.selftest/1\"]"
#endif
#ifndef ZOO_MORE /* further members of the manifest, with a comma in front */
#define ZOO_MORE
#endif
#ifndef ZOO_MANIFEST
#define ZOO_MANIFEST                                                           \
    "{\"manifest\":1,\"id\":\"" ZOO_ID "\",\"version\":\"1.2.3\","             \
    "\"claims\":" ZOO_CLAIMS ",\"interfaces\":" ZOO_INTERFACES ZOO_MORE "}"
#endif
#ifndef ZOO_NO_MANIFEST
CCB_MANIFEST(ZOO_MANIFEST);
#endif

struct ccb_instance {
    const struct ccb_host *host;
};

static struct ccb_instance instance;

#define RAW(text) (text), sizeof(text) - 1

static inline int emit_slice(struct ccb_call *call, struct ccb_slice text)
{
    return instance.host->emit(call, text.ptr, text.len);
}

static inline struct ccb_slice zoo_slice(const char *text)
{
    return ccb_slice_of(text);
}

/* build_recipe: {"guid":GUID,"message":MESSAGE,"facts":FACTS} */
static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request);
#ifndef ZOO_OWN_RECIPE
static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    self->host->emit(call, RAW("{\"guid\":\""));
    emit_slice(call, request->guid);
    self->host->emit(call, RAW("\",\"message\":"));
    emit_slice(call, request->message);
    self->host->emit(call, RAW(",\"facts\":"));
    emit_slice(call, request->facts);
    return self->host->emit(call, RAW("}"));
}
#endif

/* The first call comes when a plugin is opened: it is refused in words, so that
 * a member can go wrong later, in a call of a test. One that defines
 * ZOO_OWN_FIRST_CALL goes wrong at once. */
static int first_recipe(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request)
{
#ifndef ZOO_OWN_FIRST_CALL
    static const char guid[] = "ccb-first-call";

    if (request->guid.len == sizeof(guid) - 1 &&
        memcmp(request->guid.ptr, guid, request->guid.len) == 0)
        return self->host->fail(call, -1, zoo_slice(""),
                                zoo_slice("this is no app"));
#endif
    return recipe(self, call, request);
}

/* build_response: asks for two facts, then emits what it was given. */
static int response(struct ccb_instance *self, struct ccb_call *call,
                    const struct ccb_request *request);
#ifndef ZOO_OWN_RESPONSE
static int response(struct ccb_instance *self, struct ccb_call *call,
                    const struct ccb_request *request)
{
    if (request->gathered.len == 0)
        return self->host->need_facts(call,
                                      zoo_slice("ssh_keys, docker_registries"));
    return emit_slice(call, request->gathered);
}
#endif

/* build_lrp: fails, in its own words. */
static int lrp(struct ccb_instance *self, struct ccb_call *call,
               const struct ccb_request *request);
#ifndef ZOO_OWN_LRP
static int lrp(struct ccb_instance *self, struct ccb_call *call,
               const struct ccb_request *request)
{
    (void)request;
    self->host->fail(call, -1, zoo_slice("RunnerError"),
                     zoo_slice("no start command"));
    return self->host->fail(call, -6, zoo_slice(""),
                            zoo_slice("a second reason"));
}
#endif

/* extract: logs a line, uses scratch memory. */
static int ports(struct ccb_instance *self, struct ccb_call *call,
                 const struct ccb_request *request)
{
    char *text = (char *)self->host->alloc(call, 8);

    (void)request;
    self->host->log(call, CCB_LOG_INFO, zoo_slice("ports-found"),
                    zoo_slice("{\"count\":1}"));
    if (!text)
        return -7;
    text[0] = '[';
    text[1] = '8';
    text[2] = ']';
    return self->host->emit(call, text, 3);
}

static int selftest(struct ccb_instance *self, struct ccb_call *call,
                    const struct ccb_request *request)
{
    (void)self;
    (void)call;
    (void)request;
    return 0;
}

#ifndef ZOO_BUILD_RESPONSE
#define ZOO_BUILD_RESPONSE response
#endif
static const struct ccb_staging_1 staging = {
    .struct_size = sizeof(struct ccb_staging_1),
    .build_recipe = first_recipe,
    .build_response = ZOO_BUILD_RESPONSE,
};
/* build_task stays NULL: that is allowed, and means not offered. */
static const struct ccb_run_1 run = {
    .struct_size = sizeof(struct ccb_run_1),
    .build_lrp = lrp,
};
static const struct ccb_ports_1 port_table = {
    .struct_size = sizeof(struct ccb_ports_1),
    .extract = ports,
};
static const struct ccb_selftest_1 selftest_table = {
    .struct_size = sizeof(struct ccb_selftest_1),
    .run = selftest,
};

static struct ccb_instance *create(const struct ccb_host *host,
                                   struct ccb_slice config);
#ifndef ZOO_OWN_CREATE
static struct ccb_instance *create(const struct ccb_host *host,
                                   struct ccb_slice config)
{
    (void)config;
    instance.host = host;
    return &instance;
}
#endif

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
        {CCB_PORTS_1, &port_table},
        {CCB_SELFTEST_1, &selftest_table},
    };

    (void)self;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        if (strcmp(tables[i].id, id) == 0)
            return tables[i].table;
    return NULL;
}

#ifndef ZOO_ENTRY
#define ZOO_ENTRY ccb_lifecycle_entry_v1
#endif
#ifndef ZOO_PREFIX
#define ZOO_PREFIX CCB_ENTRY_PREFIX(0)
#endif
#ifndef ZOO_ENTRY_ID
#define ZOO_ENTRY_ID ZOO_ID
#endif
#ifndef ZOO_CREATE
#define ZOO_CREATE create
#endif
#ifndef ZOO_OWN_ENTRY
extern CCB_EXPORT const struct ccb_lifecycle_entry ZOO_ENTRY;
const struct ccb_lifecycle_entry ZOO_ENTRY = {
    ZOO_PREFIX, ZOO_ENTRY_ID, "1.2.3", ZOO_CREATE, destroy, get_interface};
#endif

#endif
