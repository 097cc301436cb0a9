/*
 * The second step of a call: gathering the costly facts a plugin asked for by
 * name, all at once, and calling it again with them.
 * Invariant: a name is gathered at most once in a call, and the number of
 * rounds is bounded, so no plugin can keep the host busy by asking; plugins
 * that ask for one another's answers never do so in a ring.
 * Follows ccbridge/lifecycle.h, "need_facts"; design.md 4.
 */
#include <stdio.h>

#include "base/buf.h"
#include "plugin/host.h"

enum {
    MAX_FACTS = 16,
    MAX_CHAIN = 4, /* plugins that wrap one another */
};

#define WRAPPED "lifecycle:"

struct ccb_plugin_fact {
    struct ccb_plugin_fact *next;
    struct ccb_call *call;
    const struct ccb_fact_gatherer *gatherer; /* NULL: `plugin` is asked */
    struct ccb_plugin *plugin; /* only between add_fact and ask */
    struct ccb_slice name, value;
    bool asked, reported;
};

static const struct ccb_fact_gatherer *find_gatherer(
    const struct ccb_call *call, struct ccb_slice name)
{
    for (size_t i = 0; i < call->options.gatherer_count; i++)
        if (ccb_slice_is(name, call->options.gatherers[i].name))
            return &call->options.gatherers[i];
    return NULL;
}

static bool has_fact(const struct ccb_call *call, struct ccb_slice name)
{
    const struct ccb_plugin_fact *fact = call->facts;

    while (fact && !ccb_slice_equal(fact->name, name))
        fact = fact->next;
    return fact != NULL;
}

static int refuse(struct ccb_call *call, struct ccb_slice name, const char *why)
{
    int len = name.len < 80 ? (int)name.len : 80;

    ccb_plugin_conclude_error(call, CCB_FAILED,
                              "plugin %s asked for the fact \"%.*s\"%s",
                              call->plugin->id, len, len ? name.ptr : "", why);
    return CCB_FAILED;
}

/* ---- another lifecycle's answer ----------------------------------------- */

static bool is_wrapped(struct ccb_slice name)
{
    return name.len > sizeof(WRAPPED) - 1 && ccb_slice_starts(name, WRAPPED);
}

static struct ccb_plugin *find_wrapped(const struct ccb_call *call,
                                       struct ccb_slice name)
{
    const size_t len = sizeof(WRAPPED) - 1;
    struct ccb_slice key = ccb_slice_make(name.ptr + len, name.len - len);
    struct ccb_slice stack = {NULL, 0};
    const char *slash = memchr(key.ptr, '/', key.len);

    if (!call->plugin->owner)
        return NULL;
    if (slash) {
        size_t head = (size_t)(slash - key.ptr);

        stack = ccb_slice_make(slash + 1, key.len - head - 1);
        key.len = head;
    }
    return ccb_plugins_find(call->plugin->owner, key, stack);
}

/* Names the plugins of the chain, the outermost first, and then `last`. */
static int refuse_chain(struct ccb_call *call, struct ccb_slice name,
                        const struct ccb_plugin *last)
{
    const char *ids[MAX_CHAIN] = {NULL};
    const struct ccb_call *at = call;
    size_t count = 0, len;
    char words[400];

    for (; at && count < MAX_CHAIN; at = at->options.parent)
        ids[count++] = at->plugin->id;
    len = (size_t)snprintf(words, sizeof(words),
                           ", but lifecycles may wrap one another only %d "
                           "deep and never in a ring: ",
                           MAX_CHAIN);
    while (count && len < sizeof(words))
        len += (size_t)snprintf(words + len, sizeof(words) - len, "%s -> ",
                                ids[--count]);
    if (len < sizeof(words))
        snprintf(words + len, sizeof(words) - len, "%s", last->id);
    return refuse(call, name, words);
}

/* By id, since a reload may have put another build of a plugin in place. */
static bool chain_takes(const struct ccb_call *call,
                        const struct ccb_plugin *plugin)
{
    size_t depth = 1;

    for (; call; call = call->options.parent) {
        if (++depth > MAX_CHAIN || strcmp(call->plugin->id, plugin->id) == 0)
            return false;
    }
    return true;
}

/* ---- what is wanted ----------------------------------------------------- */

/* Puts a wanted name on the call's list, to be asked for. */
static int add_fact(struct ccb_call *call, struct ccb_slice name)
{
    const struct ccb_fact_gatherer *gatherer = find_gatherer(call, name);
    struct ccb_plugin *wrapped = NULL;
    struct ccb_plugin_fact *fact;

    if (has_fact(call, name))
        return refuse(call, name, ", which it was asking for already");
    if (!gatherer && is_wrapped(name)) {
        wrapped = find_wrapped(call, name);
        if (!wrapped)
            return refuse(call, name, ", but no plugin serves that lifecycle");
        if (!chain_takes(call, wrapped))
            return refuse_chain(call, name, wrapped);
    }
    if (!gatherer && !wrapped)
        return refuse(call, name, ", which is not known here");
    fact = ccb_arena_alloc(call->arena, sizeof(*fact));
    if (!fact) {
        ccb_plugin_conclude_error(call, CCB_NO_MEMORY, "out of memory");
        return CCB_NO_MEMORY;
    }
    fact->call = call;
    fact->gatherer = gatherer;
    fact->plugin = wrapped;
    fact->name = name;
    fact->next = call->facts;
    call->facts = fact;
    call->facts_pending++;
    return 0;
}

static struct ccb_slice trim(struct ccb_slice text)
{
    while (text.len && text.ptr[0] == ' ') {
        text.ptr++;
        text.len--;
    }
    while (text.len && text.ptr[text.len - 1] == ' ')
        text.len--;
    return text;
}

static int add_wanted(struct ccb_call *call)
{
    struct ccb_slice rest = call->answer.wanted;
    bool more = true;
    int code = 0;

    while (code == 0 && more) {
        const char *comma = memchr(rest.ptr, ',', rest.len);
        size_t len = comma ? (size_t)(comma - rest.ptr) : rest.len;
        struct ccb_slice name = trim(ccb_slice_make(rest.ptr, len));

        more = comma != NULL;
        if (more)
            rest = ccb_slice_make(comma + 1, rest.len - len - 1);
        code = call->facts_pending < MAX_FACTS
                   ? add_fact(call, name)
                   : refuse(call, name, " and more than 16 at once");
    }
    return code;
}

/* ---- the reports -------------------------------------------------------- */

static void write_gathered(struct ccb_call *call, struct ccb_buf *text)
{
    struct ccb_json_writer w;

    ccb_json_writer_init(&w, ccb_buf_sink, text);
    ccb_json_begin_object(&w);
    for (const struct ccb_plugin_fact *fact = call->facts; fact;
         fact = fact->next) {
        ccb_json_key_slice(&w, fact->name);
        ccb_json_put_raw(&w, fact->value);
    }
    ccb_json_end_object(&w);
    /* A sink of this kind keeps its own failure in text->failed. */
    (void)ccb_json_writer_end(&w);
}

static int hand_over(struct ccb_call *call)
{
    struct ccb_buf text = {0};
    struct ccb_slice copy = {NULL, 0};

    write_gathered(call, &text);
    if (!text.failed)
        copy = ccb_arena_copy(call->arena, ccb_buf_slice(&text));
    ccb_buf_destroy(&text);
    if (!copy.ptr) {
        ccb_plugin_conclude_error(call, CCB_NO_MEMORY, "out of memory");
        return CCB_NO_MEMORY;
    }
    call->request.gathered = copy;
    return 0;
}

static void settle(struct ccb_call *call)
{
    int code;

    if (call->facts_pending)
        return;
    code = call->answer.code; /* of the first fact that failed, or the ask */
    if (code == CCB_NEED_FACTS)
        code = hand_over(call);
    ccb_plugin_retry(call, code);
}

/* The first failure is the call's; the others are still waited for, since
 * their tokens lie in the call. */
static void take_failure(struct ccb_plugin_fact *fact, int code,
                         const char *error)
{
    struct ccb_call *call = fact->call;

    if (call->answer.code == CCB_NEED_FACTS)
        ccb_plugin_conclude_error(
            call, code < 0 ? code : CCB_FAILED, "fact %.*s for plugin %s: %s",
            (int)fact->name.len, fact->name.ptr, call->plugin->id,
            error ? error : "no reason given");
}

static void on_gathered(void *token, int code, struct ccb_slice value,
                        const char *error)
{
    struct ccb_plugin_fact *fact = token;
    struct ccb_call *call = fact->call;
    struct ccb_json json;

    if (fact->reported)
        return;
    fact->reported = true;
    if (code == 0 && ccb_json_parse(&json, value, CCB_JSON_WHOLE, NULL) != 0) {
        code = CCB_FAILED;
        error = "its value is not JSON";
    }
    if (code == 0) {
        fact->value = ccb_arena_copy(call->arena, value);
        if (!fact->value.ptr) {
            code = CCB_NO_MEMORY;
            error = "out of memory";
        }
    }
    if (code)
        take_failure(fact, code, error);
    call->facts_pending--;
    settle(call);
}

/* The refusal of a wrapped lifecycle is its wrapper's, word for word: the
 * Cloud Controller has to hear what it would have heard without the wrapper. */
static void pass_failure(struct ccb_call *call,
                         const struct ccb_plugin_result *result)
{
    struct ccb_plugin_answer *answer = &call->answer;
    struct ccb_slice words, id;

    if (answer->code != CCB_NEED_FACTS)
        return;
    words = ccb_arena_copy(
        call->arena,
        ccb_slice_of(result->error ? result->error : "no reason given"));
    id = ccb_arena_copy(call->arena, result->cc_error_id);
    if (!words.ptr || !id.ptr) { /* never half of a refusal */
        ccb_plugin_conclude_error(call, CCB_NO_MEMORY, "out of memory");
        return;
    }
    answer->code = result->code;
    answer->error = words.ptr;
    answer->cc_error_id = id;
}

static void on_wrapped(void *user, const struct ccb_plugin_result *result)
{
    struct ccb_plugin_fact *fact = user;
    struct ccb_slice none = {NULL, 0};

    if (result->code)
        pass_failure(fact->call, result);
    on_gathered(fact, result->code, result->code ? none : result->value.raw,
                result->error);
}

static int ask_plugin(struct ccb_plugin_fact *fact)
{
    struct ccb_plugin_call_options options = fact->call->options;

    options.parent = fact->call;
    options.on_done = on_wrapped;
    options.user = fact;
    return ccb_plugin_call(fact->plugin, fact->call->loop, &options, NULL);
}

static void ask(struct ccb_call *call)
{
    struct ccb_plugin_fact *fact = call->facts;
    struct ccb_slice none = {NULL, 0};
    int code;

    /* Held open, in case a gatherer reports at once after all. */
    call->facts_pending++;
    for (; fact; fact = fact->next) {
        if (fact->asked)
            continue;
        fact->asked = true;
        code = fact->gatherer
                   ? fact->gatherer->gather(fact->gatherer->user, call->loop,
                                            on_gathered, fact)
                   : ask_plugin(fact);
        if (code < 0)
            on_gathered(fact, code, none, "it could not be asked for");
    }
    call->facts_pending--;
    settle(call);
}

int ccb_plugin_facts_gather(struct ccb_call *call)
{
    int code;

    call->facts_pending = 0;
    if (call->rounds++ >= CCB_PLUGIN_MAX_ROUNDS) {
        ccb_plugin_conclude_error(
            call, CCB_FAILED, "plugin %s asked for facts more than %d times",
            call->plugin->id, CCB_PLUGIN_MAX_ROUNDS);
        return CCB_FAILED;
    }
    code = add_wanted(call);
    if (code == 0)
        ask(call);
    return code;
}
