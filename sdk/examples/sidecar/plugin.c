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
 * it. These are the defaults, of each member for itself:
 *   {"wraps": "buildpack", "env": {"SIDECAR": "on"},
 *    "sidecar": {"path": "/home/vcap/app/sidecar", "args": []}}
 * "sidecar": null is no process at all. Whatever has another form is named by
 * the self-test, so that the host refuses the plugin with these words.
 */
#include <stdlib.h>

#include "ccbridge/sdk.h"

#define ID "org.example.sidecar"
#define DIALECT "receptor/1"
#define USER "vcap"
#define DEFAULT_ENV "{\"SIDECAR\":\"on\"}"
#define DEFAULT_PATH "/home/vcap/app/sidecar"
#define MAX_CONFIG 65536

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

CCB_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"0.1.0\","
             "\"claims\":[\"sidecar/*\"],\"interfaces\":[\"" CCB_STAGING_1
             "\",\"" CCB_RUN_1 "\",\"" CCB_PORTS_1 "\",\"" CCB_SELFTEST_1
             "\"],\"concurrent\":true}");

/* ---- the configuration -------------------------------------------------- */

struct ccb_instance {
    const struct ccb_host *host;
    size_t len;
    char config[]; /* JSON that was checked */
};

/* Nobody hears words from here, so that what is in it is judged when somebody
 * does. The text is borrowed until we return, so it is copied. */
static struct ccb_instance *create(const struct ccb_host *host,
                                   struct ccb_slice config)
{
    struct ccb_slice text = config.len > 0 ? config : ccb_slice_of("{}");
    struct ccb_instance *self;
    struct ccb_json json;

    if (text.len > MAX_CONFIG ||
        ccb_json_parse(&json, text, CCB_JSON_WHOLE, NULL) != 0)
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

/* What a member must be; `each` of its values, where that is asked. */
struct rule {
    const char *name;
    enum ccb_json_type type, each;
    bool nullable;
    const char *words;
};

static const struct rule rules[] = {
    {"wraps", CCB_JSON_STRING, CCB_JSON_NONE, false, "a string"},
    {"env", CCB_JSON_OBJECT, CCB_JSON_STRING, false, "an object of strings"},
    {"sidecar", CCB_JSON_OBJECT, CCB_JSON_NONE, true, "an object or null"},
};
static const struct rule sidecar_rules[] = {
    {"path", CCB_JSON_STRING, CCB_JSON_NONE, false, "a string"},
    {"args", CCB_JSON_ARRAY, CCB_JSON_STRING, false, "a list of strings"},
};

static bool fits(const struct rule *rule, struct ccb_json value)
{
    struct ccb_json_iter it = ccb_json_iter(value);

    if (value.type == CCB_JSON_NULL)
        return rule->nullable;
    while (rule->each != CCB_JSON_NONE && ccb_json_next(&it))
        if (it.value.type != rule->each)
            return false;
    return value.type == rule->type;
}

/* Never tells the value, which may be a secret. */
static void complain(struct ccb_sdk_text *out, const char *within,
                     struct ccb_slice name, const char *must, const char *words)
{
    const struct ccb_slice pieces[] = {
        ccb_slice_of(out->len > 0 ? ", " : "config: "), ccb_slice_of(within),
        name, ccb_slice_of(must), ccb_slice_of(words)};

    for (size_t i = 0; i < COUNT(pieces); i++)
        if (ccb_sdk_text_sink(out, pieces[i].ptr, pieces[i].len) != 0)
            out->c->code = CCB_NO_MEMORY;
}

static void check_members(struct ccb_sdk_text *out, const char *within,
                          struct ccb_json object, const struct rule *known,
                          size_t count)
{
    struct ccb_json_iter it = ccb_json_iter(object);
    size_t i;

    while (ccb_json_next(&it)) {
        for (i = 0; i < count; i++)
            if (ccb_json_string_is(it.key, known[i].name))
                break;
        if (i == count)
            complain(out, within, it.key.raw, " is no member of it", "");
        else if (!fits(&known[i], it.value))
            complain(out, within, ccb_slice_of(known[i].name), " must be ",
                     known[i].words);
    }
}

/* 0, or negative after the host was told every member that is wrong. */
static int read_config(struct ccb_sdk_call *c, struct ccb_instance *self,
                       struct ccb_json *config)
{
    struct ccb_sdk_text out = {c, NULL, 0, 0};

    (void)ccb_json_parse(config, ccb_slice_make(self->config, self->len),
                         CCB_JSON_WHOLE, NULL); /* create has seen it */
    check_members(&out, "", *config, rules, COUNT(rules));
    check_members(&out, "sidecar.", ccb_json_get(*config, "sidecar"),
                  sidecar_rules, COUNT(sidecar_rules));
    if (c->code < 0)
        return ccb_sdk_fail(c, c->code, "no memory to judge the config");
    if (out.len > 0)
        c->code = c->host->fail(c->call, CCB_FAILED, ccb_slice_make(NULL, 0),
                                ccb_slice_make(out.ptr, out.len));
    return c->code;
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
    if (code == 0)
        code = read_config(c, self, &wrap->config);
    if (code < 0)
        return code;
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
    struct ccb_json own = ccb_json_get(wrap->config, "env");
    struct ccb_json_iter it;

    if (own.type == CCB_JSON_NONE)
        (void)ccb_json_parse(&own, ccb_slice_of(DEFAULT_ENV), CCB_JSON_WHOLE,
                             NULL);
    it = ccb_json_iter(own);
    while (ccb_json_next(&it)) {
        const struct ccb_env env = {it.key.raw, it.value.raw};

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
    struct ccb_slice path = ccb_sdk_member(&wrap->c, sidecar, "path");

    ccb_action_begin_run(w, path.len > 0 ? path : ccb_slice_of(DEFAULT_PATH));
    if (args.type != CCB_JSON_NONE) {
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

    with_sidecar = with_sidecar && sidecar.type != CCB_JSON_NULL;
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

/* Nothing but the configuration can be wrong with it. */
static int test_self(struct ccb_instance *self, struct ccb_call *call,
                     const struct ccb_request *request)
{
    struct ccb_sdk_call c;
    struct ccb_json config;
    int code = ccb_sdk_begin(&c, self->host, call, request);

    return code < 0 ? code : read_config(&c, self, &config);
}

/* ---- what is offered ---------------------------------------------------- */

static const struct ccb_staging_1 staging = {sizeof(struct ccb_staging_1), 0,
                                             build_recipe, pass};
static const struct ccb_run_1 run = {sizeof(struct ccb_run_1), 0, build_lrp,
                                     NULL};
static const struct ccb_ports_1 ports = {sizeof(struct ccb_ports_1), 0, pass};

static const struct ccb_selftest_1 selftest = {sizeof(struct ccb_selftest_1), 0,
                                               test_self};

static const struct ccb_sdk_interface interfaces[] = {
    {CCB_STAGING_1, &staging},
    {CCB_RUN_1, &run},
    {CCB_PORTS_1, &ports},
    {CCB_SELFTEST_1, &selftest}};

static const void *get_interface(struct ccb_instance *self, const char *id)
{
    (void)self;
    return ccb_sdk_find_interface(interfaces, COUNT(interfaces), id);
}

/* The fact "lifecycle:KEY" came with minor 1. */
const struct ccb_lifecycle_entry ccb_lifecycle_entry_v1 = {
    CCB_ENTRY_PREFIX(1), ID, "0.1.0", create, destroy, get_interface};
