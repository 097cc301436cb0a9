/*
 * One call of a plugin by the checker, and what is noted of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/redact.h"
#include "model/recipe.h"
#include "subject.h"

enum {
    MEMORY = 32 << 20,     /* what the plugin may allocate in a call */
    MAX_MESSAGE = 3 << 20, /* larger ones are cut */
    MAX_ROUNDS = CCB_PLUGIN_MAX_ROUNDS,
};

/* ---- the host ----------------------------------------------------------- */

static struct ccb_check_host *host_of(struct ccb_call *call)
{
    return (struct ccb_check_host *)(void *)call;
}

static int note_fail(struct ccb_call *call, int code, struct ccb_slice id,
                     struct ccb_slice text)
{
    struct ccb_check_host *h = host_of(call);

    h->fails++;
    if (code >= 0 || code <= CCB_NEED_FACTS)
        h->bad_code = 1;
    return h->test_fail(call, code, id, text);
}

static const char *find_log_fault(int level, struct ccb_slice action,
                                  struct ccb_slice data)
{
    struct ccb_json json;

    if (level < CCB_LOG_DEBUG || level > CCB_LOG_ERROR)
        return "a level that is none";
    if (action.len == 0)
        return "no action";
    for (size_t i = 0; i < action.len; i++)
        if (action.ptr[i] < 0x20 || action.ptr[i] > 0x7e)
            return "an action that is not printable ASCII";
    if (data.len > 0 &&
        (ccb_json_parse(&json, data, CCB_JSON_WHOLE, NULL) < 0 ||
         json.type != CCB_JSON_OBJECT))
        return "data that is no JSON object";
    return NULL;
}

/* When the host has dropped what looks secret. */
static bool shows_secret(struct ccb_slice data)
{
    struct ccb_buf shown = {0};
    struct ccb_json json;
    bool found = false;

    if (ccb_json_parse(&json, data, CCB_JSON_WHOLE, NULL) == 0) {
        ccb_redact_json(&shown, json);
        found = shown.len > 0 && memmem(shown.data, shown.len, CCB_CHECK_SECRET,
                                        strlen(CCB_CHECK_SECRET));
    }
    ccb_buf_destroy(&shown);
    return found;
}

static void note_log(struct ccb_call *call, int level, struct ccb_slice action,
                     struct ccb_slice data)
{
    struct ccb_check_host *h = host_of(call);
    const char *fault = find_log_fault(level, action, data);

    if (fault)
        h->bad_log = fault;
    if (!fault && data.len > 0 && shows_secret(data))
        h->secret_logged = true;
    h->test_log(call, level, action, data);
}

int ccb_check_host_init(struct ccb_check_host *h)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *memory = ccb_malloc(MEMORY);
    void *output = ccb_malloc(CCB_PLUGIN_MAX_RESULT);

    memset(h, 0, sizeof(*h));
    h->pages_size = MAX_MESSAGE + page;
    h->pages = mmap(NULL, h->pages_size, PROT_READ | PROT_WRITE,
                    /* cppcheck-suppress invalidFunctionArg ; anonymous */
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ccb_test_host_init(&h->test, memory, MEMORY, output, CCB_PLUGIN_MAX_RESULT);
    h->test_fail = h->test.host.fail;
    h->test_log = h->test.host.log;
    h->test.host.fail = note_fail;
    h->test.host.log = note_log;
    if (memory && output && h->pages != MAP_FAILED &&
        mprotect(h->pages + MAX_MESSAGE, page, PROT_NONE) == 0)
        return 0;
    ccb_check_host_destroy(h);
    return CCB_NO_MEMORY;
}

void ccb_check_host_destroy(struct ccb_check_host *h)
{
    ccb_free(h->test.memory);
    ccb_free(h->test.output);
    if (h->pages && h->pages != MAP_FAILED)
        munmap(h->pages, h->pages_size);
}

/* ---- the call ----------------------------------------------------------- */

/* FNV-1a, 64 bits; a border between any two texts. */
static uint64_t hash_text(uint64_t hash, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

static uint64_t hash_answer(const struct ccb_check_host *h,
                            const struct ccb_check_answer *answer)
{
    const struct ccb_test_host *t = &h->test;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    hash = hash_text(hash, (const char *)&answer->returned,
                     sizeof(answer->returned));
    if (answer->returned == 0)
        hash = hash_text(hash, t->result.ptr, t->result.len);
    hash = hash_text(hash, t->error, strlen(t->error));
    hash = hash_text(hash, t->error_id, strlen(t->error_id));
    return hash_text(hash, t->facts, strlen(t->facts));
}

static struct ccb_slice place_message(struct ccb_check_host *h,
                                      struct ccb_slice message)
{
    size_t len = message.len < MAX_MESSAGE ? message.len : MAX_MESSAGE;
    char *at = h->pages + MAX_MESSAGE - len;

    if (len > 0)
        memcpy(at, message.ptr, len);
    return ccb_slice_make(at, len);
}

static void call_once(struct ccb_check_subject *s, struct ccb_check_host *h,
                      struct ccb_instance *self, size_t function,
                      const struct ccb_request *request,
                      struct ccb_check_answer *answer)
{
    struct ccb_request given = *request;
    int64_t start = ccb_clock_monotonic();
    int64_t taken;

    h->fails = 0;
    h->bad_code = 0;
    h->bad_log = NULL;
    h->secret_logged = false;
    answer->returned =
        ccb_test_host_call(&h->test, s->functions[function], self, &given);
    taken = ccb_clock_monotonic() - start;
    if (taken > answer->time)
        answer->time = taken;
    if (memcmp(&given, request, sizeof(given)) != 0)
        answer->wrote_input = true;
}

/* All names asked for so far. False: these were asked for before. */
static bool add_names(char *asked, size_t size, const char *names)
{
    size_t len = strlen(asked);

    if (strstr(asked, names))
        return false;
    snprintf(asked + len, size - len, "%s%s", len > 0 ? "," : "", names);
    return true;
}

void ccb_check_call(struct ccb_check_subject *s, struct ccb_check_host *h,
                    struct ccb_instance *self, const struct ccb_check_ask *ask,
                    struct ccb_check_answer *answer)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_slice message = ask->request->message;
    struct ccb_request request;
    struct ccb_slice unknown = CCB_LIT("");
    char asked[512] = "";

    memset(answer, 0, sizeof(*answer));
    ccb_test_request_init(&request);
    request.guid = ccb_slice_of("ccb-check-1");
    request.message = place_message(h, message);
    request.facts = ask->facts.ptr ? ask->facts : s->requests.facts;
    request.gathered = ask->gathered;
    if (ask->dialect.ptr)
        request.dialect = ask->dialect;
    for (;;) {
        call_once(s, h, self, ask->request->function, &request, answer);
        if (answer->returned != CCB_NEED_FACTS || !h->test.facts[0] ||
            ask->gathered.ptr || answer->rounds == MAX_ROUNDS || !arena)
            break;
        answer->rounds++;
        answer->asked_again = !add_names(asked, sizeof(asked), h->test.facts);
        if (answer->asked_again)
            break;
        request.gathered = ccb_check_gather(
            ccb_slice_of(asked), ask->request->function, arena, &unknown);
        if (unknown.len > 0 || !request.gathered.ptr)
            break;
    }
    if (memcmp(request.message.ptr, message.ptr ? message.ptr : "",
               request.message.len) != 0)
        answer->wrote_input = true;
    snprintf(answer->unknown_fact, sizeof(answer->unknown_fact), "%.*s",
             (int)unknown.len, unknown.ptr);
    answer->result = h->test.result;
    answer->words = h->test.error;
    answer->error_id = h->test.error_id;
    answer->hash = hash_answer(h, answer);
    ccb_arena_unref(arena);
}

void ccb_check_request_call(struct ccb_check_subject *s,
                            const struct ccb_check_request *request,
                            struct ccb_check_answer *answer)
{
    struct ccb_check_ask ask = {.request = request};

    ccb_check_call(s, &s->host, s->self, &ask, answer);
}

/* ---- judging ------------------------------------------------------------ */

/* These say why by themselves. */
static bool explains_itself(int code)
{
    return code == CCB_TOO_LARGE || code == CCB_CANCELLED ||
           code == CCB_NO_MEMORY;
}

static void judge_facts(struct ccb_check_outcome *out,
                        const struct ccb_check_host *h,
                        const struct ccb_check_answer *answer, const char *name,
                        const char *about)
{
    if (!h->test.facts[0])
        ccb_check_fail(out, CCB_RULE_43, "need_facts before CCB_NEED_FACTS",
                       "%s%s: no names", name, about);
    else if (answer->unknown_fact[0])
        ccb_check_fail(out, CCB_RULE_43, "facts that exist",
                       "%s%s: asked for %s", name, about, answer->unknown_fact);
    else
        ccb_check_fail(out, CCB_RULE_43, "each fact asked for once",
                       "%s%s: asked again for %s", name, about, h->test.facts);
}

static void judge_success(struct ccb_check_outcome *out,
                          const struct ccb_check_host *h,
                          const struct ccb_check_answer *answer,
                          const struct ccb_check_request *request,
                          const char *about)
{
    const struct ccb_plugin_function_row *row =
        &ccb_plugin_functions[request->function];
    struct ccb_json json;
    struct ccb_error err;

    if (h->fails > 0)
        ccb_check_fail(out, CCB_RULE_30, "0, or fail, not both",
                       "%s%s: returned 0 after fail(%d, \"%.120s\")",
                       request->name, about, h->test.code, answer->words);
    else if (h->test.capped)
        ccb_check_fail(out, CCB_RULE_39, "a failure at emit's cap",
                       "%s%s: returned 0", request->name, about);
    else if (!(row->silent && answer->result.len == 0) &&
             ccb_json_parse(&json, answer->result, CCB_JSON_WHOLE, &err) < 0)
        ccb_check_fail(out, CCB_RULE_27, "one JSON value", "%s%s: %s",
                       request->name, about, err.message);
}

static void judge_refusal(struct ccb_check_outcome *out,
                          const struct ccb_check_host *h,
                          const struct ccb_check_answer *answer,
                          const char *name, const char *about)
{
    if (answer->returned > 0 || answer->returned < CCB_NEED_FACTS)
        ccb_check_fail(out, CCB_RULE_29, "0 or a code of lifecycle.h",
                       "%s%s: returned %d", name, about, answer->returned);
    else if (h->bad_code)
        ccb_check_fail(out, CCB_RULE_30, "a negative code given to fail",
                       "%s%s: fail(%d)", name, about, h->test.code);
    else if (answer->returned == CCB_NEED_FACTS)
        judge_facts(out, h, answer, name, about);
    else if (!explains_itself(answer->returned) && !answer->words[0])
        ccb_check_fail(out, CCB_RULE_30, "fail with words",
                       "%s%s: returned %d (%s) without a word", name, about,
                       answer->returned, ccb_error_name(answer->returned));
}

bool ccb_check_answer_is_sound(struct ccb_check_outcome *out,
                               const struct ccb_check_host *h,
                               const struct ccb_check_answer *answer,
                               const struct ccb_check_request *request,
                               const char *about)
{
    const char *name = request->name;

    if (answer->wrote_input)
        ccb_check_fail(out, CCB_RULE_51, "inputs as they were",
                       "%s%s: the request was changed", name, about);
    else if (h->bad_log)
        ccb_check_fail(out, CCB_RULE_53, "an action, a level, an object",
                       "%s%s: a log line with %s", name, about, h->bad_log);
    else if (h->secret_logged || strstr(answer->words, CCB_CHECK_SECRET))
        ccb_check_fail(out, CCB_RULE_54, "no secret of the message",
                       "%s%s: one in %s", name, about,
                       h->secret_logged ? "a log line" : "a failure's words");
    else if (answer->time > CCB_SECOND)
        ccb_check_fail(out, CCB_RULE_50, "at most 1 s", "%s%s: %lld ms", name,
                       about, (long long)(answer->time / CCB_MILLISECOND));
    else if (answer->returned == 0)
        judge_success(out, h, answer, request, about);
    else
        judge_refusal(out, h, answer, name, about);
    return !ccb_check_status_is_bad(out->status);
}

/* ---- the model ---------------------------------------------------------- */

static int want_type(struct ccb_json value, enum ccb_json_type type,
                     const char *what, struct ccb_error *err)
{
    return value.type == type
               ? 0
               : ccb_error_set(err, CCB_INVALID, "expected %s", what);
}

static int check_args(struct ccb_json value, struct ccb_error *err)
{
    struct ccb_json args = ccb_json_get(value, "args");
    struct ccb_json_iter it = ccb_json_iter(args);
    int code = want_type(args, CCB_JSON_ARRAY, "an array \"args\"", err);

    if (code == 0)
        code = want_type(ccb_json_get(value, "egress_rules"), CCB_JSON_ARRAY,
                         "an array \"egress_rules\"", err);
    while (code == 0 && ccb_json_next(&it))
        code = want_type(it.value, CCB_JSON_STRING, "strings in \"args\"", err);
    return code;
}

static int check_document(const struct ccb_check_request *request,
                          struct ccb_json value, struct ccb_buf *out,
                          struct ccb_error *err)
{
    const struct ccb_task_identity task = {
        CCB_LIT("ccb-check"), CCB_LIT("cf-app-staging"), CCB_LIT("ccb-check"),
        CCB_LIT("{}"), CCB_LIT("http://stager.example.com/completed")};
    const struct ccb_lrp_identity lrp = {CCB_LIT("ccb-check-1"),
                                         CCB_LIT("cf-apps"), CCB_LIT("1.0")};
    uint16_t port;

    switch ((enum ccb_plugin_function)request->function) {
    case CCB_PLUGIN_STAGING_RECIPE:
    case CCB_PLUGIN_TASK:
        return ccb_task_recipe_encode(out, value, &task, err);
    case CCB_PLUGIN_LRP:
        return ccb_lrp_recipe_encode(out, value, &lrp, err);
    case CCB_PLUGIN_PORTS:
        return ccb_ports_first(value, &port, err);
    case CCB_PLUGIN_STAGING_RESPONSE:
        return want_type(value, CCB_JSON_OBJECT, "an object", err);
    case CCB_PLUGIN_DOCKER_URI:
        return want_type(value, CCB_JSON_STRING, "a string", err);
    case CCB_PLUGIN_DOCKER_CACHE_ARGS:
        return check_args(value, err);
    default:
        return 0;
    }
}

int ccb_check_model(const struct ccb_check_request *request,
                    struct ccb_slice result, struct ccb_error *err)
{
    struct ccb_buf out = {0};
    struct ccb_json value = {CCB_JSON_NONE, {NULL, 0}};
    int code = 0;

    if (result.len > 0 || !ccb_plugin_functions[request->function].silent)
        code = ccb_json_parse(&value, result, CCB_JSON_WHOLE, err);
    if (code == 0 && result.len > 0)
        code = check_document(request, value, &out, err);
    ccb_buf_destroy(&out);
    return code;
}
