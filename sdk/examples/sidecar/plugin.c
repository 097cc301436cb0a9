/*
 * A lifecycle that wraps another one: the app is staged and run as by that,
 * with one more process beside it and more environment for all of its
 * processes.
 *
 * "sidecar/STACK" wraps "buildpack/STACK". What the other lifecycle answers to
 * the very same message is a fact that the host gathers ("lifecycle:KEY"), so
 * that this stays a pure function of its request; a refusal of the other
 * lifecycle reaches the Cloud Controller as it is, without our doing.
 *
 * The operator's configuration (plugins.d/ID.json, "config") may change all of
 * it; these are the defaults:
 *   {"wraps": "buildpack", "env": {"SIDECAR": "on"},
 *    "sidecar": {"path": "/home/vcap/app/sidecar", "args": []}}
 */
#include <stdlib.h>

#include "ccbridge/sdk.h"

#define ID "org.example.sidecar"
#define DIALECT "receptor/1"
#define USER "vcap"
#define DEFAULT_CONFIG                                                         \
    "{\"wraps\":\"buildpack\",\"env\":{\"SIDECAR\":\"on\"},"                   \
    "\"sidecar\":{\"path\":\"/home/vcap/app/sidecar\"}}"
#define MAX_CONFIG 65536

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

CCB_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"0.1.0\","
             "\"claims\":[\"sidecar/*\"],\"interfaces\":[\"" CCB_STAGING_1
             "\",\"" CCB_RUN_1 "\",\"" CCB_PORTS_1 "\"],\"concurrent\":true}");

/* ---- the configuration -------------------------------------------------- */

struct ccb_instance {
    const struct ccb_host *host;
    size_t len;
    char config[]; /* JSON that was checked */
};

/* NULL where it must be an object, or a member has another type. */
static int check_config(struct ccb_json config)
{
    struct ccb_json wraps = ccb_json_get(config, "wraps");
    struct ccb_json env = ccb_json_get(config, "env");
    struct ccb_json sidecar = ccb_json_get(config, "sidecar");

    return config.type == CCB_JSON_OBJECT &&
           (wraps.type == CCB_JSON_STRING || wraps.type == CCB_JSON_NONE) &&
           (env.type == CCB_JSON_OBJECT || env.type == CCB_JSON_NONE) &&
           (sidecar.type == CCB_JSON_NONE ||
            ccb_json_get(sidecar, "path").type == CCB_JSON_STRING);
}

/* The text is borrowed until we return, so it is copied. */
static struct ccb_instance *create(const struct ccb_host *host,
                                   struct ccb_slice config)
{
    struct ccb_slice text =
        config.len > 0 ? config : ccb_slice_of(DEFAULT_CONFIG);
    struct ccb_instance *self;
    struct ccb_json json;

    if (text.len > MAX_CONFIG ||
        ccb_json_parse(&json, text, CCB_JSON_WHOLE, NULL) != 0 ||
        !check_config(json))
        return NULL;
    self = malloc(sizeof(*self) + text.len);
    if (!self)
        return NULL;
    self->host = host;
    self->len = text.len;
    memcpy(self->config, text.ptr, text.len);
    return self;
}

static void destroy(struct ccb_instance *self)
{
    free(self);
}

/* ---- one call ----------------------------------------------------------- */

struct wrap {
    struct ccb_sdk_call c;
    struct ccb_json config;
    struct ccb_json document; /* what the other lifecycle answers */
};

/* "LIFECYCLE/STACK", or "LIFECYCLE" for a message without a stack. A staging
 * request has it in its lifecycle_data. */
static struct ccb_slice find_key(struct wrap *wrap)
{
    struct ccb_sdk_call *c = &wrap->c;
    struct ccb_json data = ccb_json_get(c->message, "lifecycle_data");
    struct ccb_slice stack = ccb_sdk_member(c, c->message, "stack");
    struct ccb_slice pieces[] = {ccb_sdk_member(c, wrap->config, "wraps"),
                                 CCB_LIT("/"), CCB_LIT("")};

    pieces[2] = stack.len > 0 ? stack : ccb_sdk_member(c, data, "stack");
    if (pieces[0].len == 0)
        pieces[0] = ccb_slice_of("buildpack");
    return ccb_sdk_concat(c, pieces, pieces[2].len > 0 ? 3 : 1);
}

/* Fills `wrap`. On the first call it asks for the other lifecycle's answer and
 * returns CCB_NEED_FACTS. */
static int begin(struct wrap *wrap, struct ccb_instance *self,
                 struct ccb_call *call, const struct ccb_request *request)
{
    struct ccb_sdk_call *c = &wrap->c;
    struct ccb_slice names[] = {CCB_LIT("lifecycle:"), CCB_LIT("")};
    struct ccb_json_iter it;
    int code = ccb_sdk_begin(c, self->host, call, request);

    if (code == 0)
        code = ccb_sdk_speaks(c, DIALECT);
    if (code == 0 && ccb_json_parse(&c->message, request->message,
                                    CCB_JSON_FIRST, NULL) != 0)
        code = ccb_sdk_fail(c, CCB_INVALID, "the message is not JSON");
    if (code < 0)
        return code;
    (void)ccb_json_parse(&wrap->config, ccb_slice_make(self->config, self->len),
                         CCB_JSON_WHOLE, NULL);
    names[1] = find_key(wrap);
    it = ccb_json_iter(c->gathered); /* the only fact that is asked for */
    if (ccb_json_next(&it)) {
        wrap->document = it.value;
        return c->code;
    }
    names[0] = ccb_sdk_concat(c, names, COUNT(names));
    return c->code < 0 ? c->code : self->host->need_facts(call, names[0]);
}

/* ---- the other lifecycle's document, with more in it -------------------- */

static void put_own_env(struct wrap *wrap, struct ccb_json_writer *w)
{
    struct ccb_json_iter it = ccb_json_iter(ccb_json_get(wrap->config, "env"));

    while (ccb_json_next(&it)) {
        const struct ccb_env env = {it.key.raw, it.value.raw};

        if (it.value.type == CCB_JSON_STRING)
            ccb_put_env(w, &env);
    }
}

/* The elements of an array as they are. */
static void put_elements(struct ccb_json_writer *w, struct ccb_json array)
{
    struct ccb_json_iter it = ccb_json_iter(array);

    while (ccb_json_next(&it))
        ccb_json_put_raw(w, it.value.raw);
}

static void put_env(struct wrap *wrap, struct ccb_json_writer *w)
{
    ccb_json_key(w, "env");
    ccb_json_begin_array(w);
    put_elements(w, ccb_json_get(wrap->document, "env"));
    put_own_env(wrap, w);
    ccb_json_end_array(w);
}

static void put_sidecar(struct wrap *wrap, struct ccb_json_writer *w)
{
    struct ccb_json sidecar = ccb_json_get(wrap->config, "sidecar");
    struct ccb_json args = ccb_json_get(sidecar, "args");

    ccb_action_begin_run(w, ccb_sdk_member(&wrap->c, sidecar, "path"));
    if (args.type == CCB_JSON_ARRAY) {
        ccb_json_key(w, "args");
        ccb_json_put_raw(w, args.raw);
    }
    ccb_action_end_run(w, 1024, ccb_slice_of(USER), ccb_slice_of("SIDECAR"));
}

/* Beside the app's own processes, so that when one ends all end, and Diego
 * starts the instance anew. */
static void put_action(struct wrap *wrap, struct ccb_json_writer *w)
{
    struct ccb_json action = ccb_json_get(wrap->document, "action");
    struct ccb_json group = ccb_json_get(action, "codependent");

    ccb_json_key(w, "action");
    ccb_action_begin_list(w, "codependent");
    if (group.type == CCB_JSON_OBJECT)
        put_elements(w, ccb_json_get(group, "actions"));
    else
        ccb_json_put_raw(w, action.raw);
    put_sidecar(wrap, w);
    ccb_action_end_list(w);
}

/* Everything but these two members stays as it is. */
static void put_others(struct wrap *wrap, struct ccb_json_writer *w,
                       int with_action)
{
    struct ccb_json_iter it = ccb_json_iter(wrap->document);

    while (ccb_json_next(&it)) {
        if (ccb_json_string_is(it.key, "env") ||
            (!with_action && ccb_json_string_is(it.key, "action")))
            continue;
        ccb_json_key_raw(w, it.key.raw);
        ccb_json_put_raw(w, it.value.raw);
    }
}

static int put_document(struct wrap *wrap, int with_sidecar)
{
    struct ccb_json sidecar = ccb_json_get(wrap->config, "sidecar");
    struct ccb_json_writer w;

    with_sidecar = with_sidecar && sidecar.type == CCB_JSON_OBJECT;
    ccb_sdk_writer(&wrap->c, &w);
    ccb_json_begin_object(&w);
    put_others(wrap, &w, !with_sidecar);
    put_env(wrap, &w);
    if (with_sidecar)
        put_action(wrap, &w);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&wrap->c, &w);
}

/* ---- the functions ------------------------------------------------------ */

static int build_recipe(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request)
{
    struct wrap wrap = {.document = {CCB_JSON_NONE, {NULL, 0}}};
    int code = begin(&wrap, self, call, request);

    return code < 0 ? code : put_document(&wrap, 0);
}

static int build_lrp(struct ccb_instance *self, struct ccb_call *call,
                     const struct ccb_request *request)
{
    struct wrap wrap = {.document = {CCB_JSON_NONE, {NULL, 0}}};
    int code = begin(&wrap, self, call, request);

    return code < 0 ? code : put_document(&wrap, 1);
}

/* The staging response and the ports, as the other lifecycle says them. */
static int pass(struct ccb_instance *self, struct ccb_call *call,
                const struct ccb_request *request)
{
    struct wrap wrap = {.document = {CCB_JSON_NONE, {NULL, 0}}};
    int code = begin(&wrap, self, call, request);

    return code < 0 ? code
                    : self->host->emit(call, wrap.document.raw.ptr,
                                       wrap.document.raw.len);
}

/* ---- what is offered ---------------------------------------------------- */

static const struct ccb_staging_1 staging = {sizeof(struct ccb_staging_1), 0,
                                             build_recipe, pass};
static const struct ccb_run_1 run = {sizeof(struct ccb_run_1), 0, build_lrp,
                                     NULL};
static const struct ccb_ports_1 ports = {sizeof(struct ccb_ports_1), 0, pass};

static const struct ccb_sdk_interface interfaces[] = {
    {CCB_STAGING_1, &staging}, {CCB_RUN_1, &run}, {CCB_PORTS_1, &ports}};

static const void *get_interface(struct ccb_instance *self, const char *id)
{
    (void)self;
    return ccb_sdk_find_interface(interfaces, COUNT(interfaces), id);
}

/* The fact "lifecycle:KEY" came with minor 1. */
const struct ccb_lifecycle_entry ccb_lifecycle_entry_v1 = {
    CCB_ENTRY_PREFIX(1), ID, "0.1.0", create, destroy, get_interface};
