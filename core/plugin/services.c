/*
 * The host's services for plugin code in this process: emit, alloc, fail,
 * need_facts, log and the clock. They run on the plugin's thread.
 * Invariant: all memory comes from the call's own arena, never from the
 * request's, which belongs to the loop's thread.
 * Follows ccbridge/lifecycle.h, "host services".
 */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/redact.h"
#include "plugin/host.h"

enum {
    FIRST_ROOM = 8192,
    MAX_ERROR_ID = 64,
    MAX_WANTED = 1024,
    MAX_ACTION = 160,
    MAX_LOG_DATA = 256 << 10,
    MAX_LOG_MEMBERS = 16,
    MAX_LOG_NAME = 48,
};

/* ---- the result --------------------------------------------------------- */

static int make_room(struct ccb_call *call, size_t len)
{
    struct ccb_plugin_answer *answer = &call->answer;
    size_t capacity = answer->capacity ? answer->capacity : FIRST_ROOM;
    char *bytes;

    if (len <= answer->capacity - answer->len)
        return 0;
    while (capacity - answer->len < len)
        capacity *= 2;
    bytes = ccb_arena_text(call->arena, capacity);
    if (!bytes)
        return CCB_NO_MEMORY;
    if (answer->len)
        memcpy(bytes, answer->bytes, answer->len);
    answer->bytes = bytes;
    answer->capacity = capacity;
    return 0;
}

static int emit(struct ccb_call *call, const char *bytes, size_t len)
{
    struct ccb_plugin_answer *answer = &call->answer;

    if (answer->emit_code == 0 && len > CCB_PLUGIN_MAX_RESULT - answer->len)
        answer->emit_code = CCB_TOO_LARGE;
    if (answer->emit_code == 0 && !bytes && len)
        answer->emit_code = CCB_FAILED;
    if (answer->emit_code == 0)
        answer->emit_code = make_room(call, len);
    if (answer->emit_code)
        return answer->emit_code;
    if (len)
        memcpy(answer->bytes + answer->len, bytes, len);
    answer->len += len;
    return 0;
}

static void *scratch(struct ccb_call *call, size_t size)
{
    void *memory;

    if (size > CCB_PLUGIN_MAX_SCRATCH - call->scratch)
        return NULL;
    memory = ccb_arena_alloc(call->arena, size);
    if (memory)
        call->scratch += size;
    return memory;
}

/* ---- failing and asking ------------------------------------------------- */

/* At most `max` bytes, cut at a character's border. */
static struct ccb_slice cut(struct ccb_slice text, size_t max)
{
    if (!text.ptr)
        text.len = 0;
    if (text.len > max) {
        text.len = max;
        while (text.len && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80)
            text.len--;
    }
    return text;
}

/* Error ids are words of the Cloud Controller; anything else is dropped. */
static struct ccb_slice check_error_id(struct ccb_slice id)
{
    struct ccb_slice none = {NULL, 0};

    if (!id.ptr || id.len > MAX_ERROR_ID)
        return none;
    for (size_t i = 0; i < id.len; i++) {
        unsigned char c = (unsigned char)id.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
            !(c >= '0' && c <= '9') && c != '_')
            return none;
    }
    return id;
}

static int fail(struct ccb_call *call, int code, struct ccb_slice cc_error_id,
                struct ccb_slice text)
{
    struct ccb_plugin_answer *answer = &call->answer;

    if (code >= 0 || code < CCB_NO_MEMORY)
        code = CCB_FAILED;
    if (answer->fail_code)
        return code;
    answer->fail_code = code;
    cc_error_id = ccb_arena_copy(call->arena, check_error_id(cc_error_id));
    text = ccb_arena_copy(call->arena, cut(text, CCB_PLUGIN_MAX_TEXT));
    if (!cc_error_id.ptr || !text.ptr) { /* never half of a refusal */
        answer->fail_code = CCB_NO_MEMORY;
        answer->error = "out of memory";
        return CCB_NO_MEMORY;
    }
    answer->cc_error_id = cc_error_id;
    answer->error = text.len ? text.ptr : NULL;
    return code;
}

static int need_facts(struct ccb_call *call, struct ccb_slice names)
{
    /* A list that had to be cut could name another fact; none is safer. */
    if (!names.ptr || names.len > MAX_WANTED)
        names.len = 0;
    call->answer.wanted = ccb_arena_copy(call->arena, names);
    return CCB_NEED_FACTS;
}

/* ---- the log ------------------------------------------------------------ */

bool ccb_plugin_may_log(struct ccb_plugin_limiter *limiter, int64_t *lost)
{
    int64_t now = ccb_clock_monotonic() / CCB_SECOND;
    int64_t second = atomic_load(&limiter->second);

    *lost = 0;
    if (second != now &&
        atomic_compare_exchange_strong(&limiter->second, &second, now)) {
        atomic_store(&limiter->lines, 0);
        *lost = atomic_exchange(&limiter->dropped, 0);
    }
    if (atomic_fetch_add(&limiter->lines, 1) < CCB_PLUGIN_LINES_A_SECOND)
        return true;
    atomic_fetch_add(&limiter->dropped, 1 + *lost);
    return false;
}

static enum ccb_log_level map_level(int level)
{
    static const enum ccb_log_level levels[] = {
        [CCB_LOG_DEBUG] = CCB_LEVEL_DEBUG,
        [CCB_LOG_INFO] = CCB_LEVEL_INFO,
        [CCB_LOG_ERROR] = CCB_LEVEL_ERROR,
    };

    return level >= CCB_LOG_DEBUG && level <= CCB_LOG_ERROR ? levels[level]
                                                            : CCB_LEVEL_ERROR;
}

/* The action is part of the line's message: printable ASCII, no more. */
static void copy_action(char out[MAX_ACTION + 1], struct ccb_slice action)
{
    size_t len = action.len < MAX_ACTION ? action.len : MAX_ACTION;

    if (!action.ptr || len == 0) {
        memcpy(out, "plugin-log", sizeof("plugin-log"));
        return;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)action.ptr[i];

        out[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
    }
    out[len] = '\0';
}

/* A plugin's data as fields of the line. Names are copied, since a field's is a
 * C string; values point into `shown`. */
struct log_data {
    struct ccb_log_field fields[MAX_LOG_MEMBERS + 2];
    size_t count;
    char names[MAX_LOG_MEMBERS][MAX_LOG_NAME + 1];
    struct ccb_buf shown;
};

static bool add_data_member(struct log_data *out, size_t at,
                            const struct ccb_json_iter *it)
{
    size_t len = it->key.raw.len - 2; /* without its quotes */

    if (at >= MAX_LOG_MEMBERS || len > MAX_LOG_NAME ||
        memchr(it->key.raw.ptr, '\\', it->key.raw.len))
        return false;
    memcpy(out->names[at], it->key.raw.ptr + 1, len);
    out->names[at][len] = '\0';
    out->fields[out->count++] = ccb_log_json(out->names[at], it->value.raw);
    return true;
}

/* False when the data is not what the header asks for. Secrets go first, while
 * every value still has its name. */
static bool add_data(struct log_data *out, struct ccb_slice data)
{
    struct ccb_json json;
    struct ccb_json_iter it;
    size_t at = 0;

    if (!data.ptr || data.len > MAX_LOG_DATA ||
        ccb_json_parse(&json, data, CCB_JSON_WHOLE, NULL) != 0 ||
        json.type != CCB_JSON_OBJECT)
        return false;
    ccb_redact_json(&out->shown, json);
    if (out->shown.failed || ccb_json_parse(&json, ccb_buf_slice(&out->shown),
                                            CCB_JSON_WHOLE, NULL) != 0)
        return false;
    it = ccb_json_iter(json);
    while (ccb_json_next(&it))
        if (!add_data_member(out, at++, &it))
            return false;
    return true;
}

void ccb_plugin_log(struct ccb_call *call, int level, struct ccb_slice action,
                    struct ccb_slice data)
{
    struct log_data line;
    char words[MAX_ACTION + 1];
    int64_t lost;

    if (!call->options.log || !ccb_log_enabled(map_level(level)) ||
        !ccb_plugin_may_log(&call->plugin->limiter, &lost))
        return;
    copy_action(words, action);
    line.count = 0;
    ccb_buf_init(&line.shown);
    if (data.len && !add_data(&line, data)) {
        line.count = 0;
        line.fields[line.count++] = ccb_log_bool("data_invalid", 1);
    }
    line.fields[line.count++] = ccb_log_cstr("plugin", call->plugin->id);
    if (lost)
        line.fields[line.count++] = ccb_log_int("lines_dropped", lost);
    ccb_log_write(call->options.log, map_level(level), words, line.fields,
                  line.count);
    ccb_buf_destroy(&line.shown);
}

static void service_log(struct ccb_call *call, int level,
                        struct ccb_slice action, struct ccb_slice data)
{
    const struct ccb_plugin_relay *relay = call->plugin->relay;

    (relay ? relay->log : ccb_plugin_log)(call, level, action, data);
}

/* ---- time --------------------------------------------------------------- */

static int64_t remaining_ms(struct ccb_call *call)
{
    int64_t left = call->deadline - ccb_clock_monotonic();

    return left > 0 ? left / CCB_MILLISECOND : 0;
}

static int cancelled(struct ccb_call *call)
{
    /* Nobody sets the flag in a worker; there the deadline speaks. */
    if (call->plugin->relay)
        return ccb_clock_monotonic() >= call->deadline;
    return atomic_load_explicit(&call->cancelled, memory_order_relaxed);
}

static const void *get_service(const struct ccb_host *host, const char *id)
{
    (void)host;
    (void)id;
    return NULL;
}

const struct ccb_host ccb_plugin_host = {
    .struct_size = sizeof(struct ccb_host),
    .abi_major = CCB_ABI_MAJOR,
    .abi_minor = CCB_ABI_MINOR,
    .emit = emit,
    .alloc = scratch,
    .fail = fail,
    .need_facts = need_facts,
    .log = service_log,
    .remaining_ms = remaining_ms,
    .cancelled = cancelled,
    .get_service = get_service,
};
