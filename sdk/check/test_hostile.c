/*
 * Tests with requests that no good peer sends, and in a host that has no
 * memory, no room, or no interest any more. A plugin may refuse, with words; it
 * may not crash, hang, or take half of something for the whole.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "test.h"

enum {
    CUTS = 40,          /* places where a message is cut */
    DEEP = 100000,      /* brackets */
    LARGE = 1 << 20,    /* bytes */
    MAX_FAILURES = 200, /* of allocations, in one request */
};

/* Calls with another message; true when the answer is sound. */
static bool call_with(struct ccb_check_subject *s,
                      struct ccb_check_outcome *out,
                      const struct ccb_check_request *request,
                      struct ccb_slice message, const char *about,
                      struct ccb_check_answer *answer)
{
    struct ccb_check_request other = *request;

    other.message = message;
    ccb_check_request_call(s, &other, answer);
    return ccb_check_answer_is_sound(out, &s->host, answer, &other, about);
}

/* The first request of each function is enough for most of what follows. */
static bool is_first(const struct ccb_check_subject *s,
                     const struct ccb_check_request *request)
{
    const struct ccb_check_request *at = s->requests.items;

    while (at->function != request->function)
        at++;
    return at == request && request->function != CCB_PLUGIN_SELFTEST;
}

/* The ports of some lifecycles are always the same, whatever they are asked
 * for, so their messages need not be read. */
static bool must_read(const struct ccb_check_request *request)
{
    return request->function != CCB_PLUGIN_PORTS;
}

/* ---- broken messages ---------------------------------------------------- */

static void want_refusal(struct ccb_check_subject *s,
                         struct ccb_check_outcome *out,
                         const struct ccb_check_request *request,
                         struct ccb_slice message, const char *about)
{
    struct ccb_check_answer answer;

    if (call_with(s, out, request, message, about, &answer) &&
        answer.returned == 0 && must_read(request))
        ccb_check_fail(out, CCB_RULE_34, "a refusal with words",
                       "%s%s: answered", request->name, about);
}

static struct ccb_slice repeat(struct ccb_arena *arena, const char *before,
                               char middle, size_t count, const char *behind)
{
    size_t head = strlen(before), tail = strlen(behind);
    char *text = ccb_arena_text(arena, head + count + tail);

    if (!text)
        return ccb_slice_make(NULL, 0);
    memcpy(text, before, head);
    memset(text + head, middle, count);
    memcpy(text + head + count, behind, tail);
    return ccb_slice_make(text, head + count + tail);
}

void ccb_test_broken(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                     const struct ccb_check_options *options)
{
    struct ccb_slice deep = repeat(s->arena, "", '[', DEEP, "");
    struct ccb_slice deep_member = repeat(s->arena, "{\"a\":", '[', DEEP, "");

    (void)options;
    CCB_CHECK_EACH(s, request)
    {
        size_t len = request->message.len;

        if (!is_first(s, request))
            continue;
        for (size_t i = 0; i < CUTS && i < len; i++)
            want_refusal(s, out, request,
                         ccb_slice_make(request->message.ptr, len * i / CUTS),
                         i == 0 ? " without a message" : ", cut short");
        want_refusal(s, out, request, deep, " with 100,000 brackets");
        want_refusal(s, out, request, deep_member,
                     " with a member of 100,000 brackets");
        want_refusal(s, out, request, ccb_slice_make("\0\0\0", 3),
                     " with NUL bytes");
    }
}

/* ---- other shapes ------------------------------------------------------- */

/* The message with one member's value replaced; NULL memory: no more. */
static struct ccb_slice replace_member(struct ccb_slice message, size_t nth,
                                       const char *value,
                                       struct ccb_arena *arena)
{
    struct ccb_json json;
    struct ccb_json_iter it;
    size_t before, behind;

    if (ccb_json_parse(&json, message, CCB_JSON_WHOLE, NULL) < 0)
        return ccb_slice_make(NULL, 0);
    it = ccb_json_iter(json);
    for (size_t i = 0; i <= nth; i++)
        if (!ccb_json_next(&it))
            return ccb_slice_make(NULL, 0);
    before = (size_t)(it.value.raw.ptr - message.ptr);
    behind = before + it.value.raw.len;
    return ccb_arena_format(arena, "%.*s%s%.*s", (int)before, message.ptr,
                            value, (int)(message.len - behind),
                            message.ptr + behind);
}

void ccb_test_shapes(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                     const struct ccb_check_options *options)
{
    static const char *const values[] = {"null",
                                         "true",
                                         "-1",
                                         "1e999",
                                         "99999999999999999999",
                                         "\"\"",
                                         "\"\\u0000\\ud800\"",
                                         "[]",
                                         "[null]",
                                         "{}",
                                         "{\"\":0}"};
    enum { VALUES = sizeof(values) / sizeof(values[0]) };

    (void)options;
    CCB_CHECK_EACH(s, request)
    {
        struct ccb_check_answer answer;

        if (!is_first(s, request))
            continue;
        for (size_t i = 0; i < VALUES; i++)
            call_with(s, out, request, ccb_slice_of(values[i]),
                      ", of another shape", &answer);
        for (size_t nth = 0; nth < 64; nth++)
            for (size_t i = 0; i < VALUES; i++) {
                struct ccb_slice message =
                    replace_member(request->message, nth, values[i], s->arena);

                if (message.ptr)
                    call_with(s, out, request, message,
                              " with a member of another type", &answer);
            }
    }
}

/* ---- large ones --------------------------------------------------------- */

/* A further member of `size` bytes in front of the others. */
static struct ccb_slice add_large(struct ccb_check_subject *s,
                                  struct ccb_slice message, const char *before,
                                  char middle, const char *behind)
{
    struct ccb_slice member = repeat(s->arena, before, middle, LARGE, behind);

    if (!member.ptr || message.len < 2)
        return ccb_slice_make(NULL, 0);
    return ccb_arena_format(s->arena, "%.*s%.*s", (int)member.len, member.ptr,
                            (int)message.len - 1, message.ptr + 1);
}

void ccb_test_large(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                    const struct ccb_check_options *options)
{
    (void)options;
    CCB_CHECK_EACH(s, request)
    {
        const struct ccb_slice messages[] = {
            add_large(s, request->message, "{\"ccb_check_large\":\"", 'a',
                      "\","),
            add_large(s, request->message, "{\"ccb_check_large\":[", ' ', "],"),
            repeat(s->arena, "\"", 'a', LARGE, "\""),
            repeat(s->arena, "[1", ' ', LARGE, "]"),
        };

        if (!is_first(s, request))
            continue;
        for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
            struct ccb_check_answer answer;

            if (!messages[i].ptr)
                continue;
            call_with(s, out, request, messages[i], " of 1 MiB", &answer);
            if (answer.time > CCB_SECOND / 2)
                ccb_check_warn(out, CCB_RULE_36, "far below 1 s",
                               "%s of 1 MiB: %lld ms", request->name,
                               (long long)(answer.time / CCB_MILLISECOND));
        }
    }
}

/* ---- UTF-8 -------------------------------------------------------------- */

static bool is_utf8(struct ccb_slice text)
{
    /* Bytes that follow a first one, and the range of the first of them. */
    static const struct {
        unsigned char low, high, more, from, to;
    } rows[] = {
        {0x00, 0x7f, 0, 0, 0},       {0xc2, 0xdf, 1, 0x80, 0xbf},
        {0xe0, 0xe0, 2, 0xa0, 0xbf}, {0xe1, 0xec, 2, 0x80, 0xbf},
        {0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf},
        {0xf0, 0xf0, 3, 0x90, 0xbf}, {0xf1, 0xf3, 3, 0x80, 0xbf},
        {0xf4, 0xf4, 3, 0x80, 0x8f},
    };
    const unsigned char *at = (const unsigned char *)text.ptr;
    size_t left = text.len;

    while (left > 0) {
        size_t row = 0;

        while (row < sizeof(rows) / sizeof(rows[0]) &&
               (*at < rows[row].low || *at > rows[row].high))
            row++;
        if (row == sizeof(rows) / sizeof(rows[0]) || left <= rows[row].more)
            return false;
        for (size_t i = 1; i <= rows[row].more; i++)
            if (at[i] < (i == 1 ? rows[row].from : 0x80) ||
                at[i] > (i == 1 ? rows[row].to : 0xbf))
                return false;
        left -= 1u + rows[row].more;
        at += 1u + rows[row].more;
    }
    return true;
}

void ccb_test_utf8(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                   const struct ccb_check_options *options)
{
    static const char *const values[] = {"\"\xff\xfe\"", "\"\xc0\xaf\"",
                                         "\"\xed\xa0\x80\"", "\"a\xe2\x82\""};

    (void)options;
    CCB_CHECK_EACH(s, request)
    {
        if (!is_first(s, request))
            continue;
        for (size_t nth = 0; nth < 64; nth++)
            for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
                struct ccb_slice message =
                    replace_member(request->message, nth, values[i], s->arena);
                struct ccb_check_answer answer;

                if (message.ptr &&
                    call_with(s, out, request, message, " with invalid UTF-8",
                              &answer) &&
                    answer.returned == 0 && !is_utf8(answer.result))
                    ccb_check_fail(out, CCB_RULE_37, "a result in UTF-8",
                                   "%s: invalid bytes of the message",
                                   request->name);
            }
    }
}

/* ---- a host in need ----------------------------------------------------- */

static void fail_each(struct ccb_check_subject *s,
                      struct ccb_check_outcome *out,
                      const struct ccb_check_request *request)
{
    struct ccb_check_answer first, answer;
    size_t count;

    ccb_check_request_call(s, request, &first);
    count = s->host.test.allocations;
    for (size_t i = 1; i <= count && i <= MAX_FAILURES; i++) {
        s->host.test.fail_alloc_at = i;
        ccb_check_request_call(s, request, &answer);
        s->host.test.fail_alloc_at = 0;
        if (answer.hash != first.hash && answer.returned != CCB_NO_MEMORY)
            ccb_check_fail(out, CCB_RULE_38,
                           "CCB_NO_MEMORY (-7) or the same answer",
                           "%s: %d when allocation %zu of %zu gives NULL",
                           request->name, answer.returned, i, count);
    }
}

void ccb_test_memory(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                     const struct ccb_check_options *options)
{
    (void)options;
    CCB_CHECK_EACH(s, request)
    {
        fail_each(s, out, request);
    }
}

void ccb_test_cap(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                  const struct ccb_check_options *options)
{
    struct ccb_test_host *host = &s->host.test;
    size_t room = host->output_size;

    (void)options;
    CCB_CHECK_EACH(s, request)
    {
        struct ccb_check_answer answer;
        size_t len;

        ccb_check_request_call(s, request, &answer);
        len = answer.result.len;
        for (int i = 0; answer.returned == 0 && len > 0 && i < 3; i++) {
            static const size_t cuts[] = {1, 2, SIZE_MAX};

            host->output_size = len > cuts[i] ? len - cuts[i] : 0;
            ccb_check_request_call(s, request, &answer);
            host->output_size = room;
            if (answer.returned == 0)
                ccb_check_fail(out, CCB_RULE_39, "CCB_TOO_LARGE (-4)",
                               "%s: 0, though emit was full", request->name);
            answer.returned = 0; /* as it was with enough room */
        }
    }
}

void ccb_test_cancel(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                     const struct ccb_check_options *options)
{
    (void)options;
    CCB_CHECK_EACH(s, request)
    {
        struct ccb_check_answer answer;

        s->host.test.is_cancelled = 1;
        ccb_check_request_call(s, request, &answer);
        s->host.test.is_cancelled = 0;
        if (answer.time > 100 * CCB_MILLISECOND)
            ccb_check_fail(out, CCB_RULE_40, "at most 100 ms", "%s: %lld ms",
                           request->name,
                           (long long)(answer.time / CCB_MILLISECOND));
        ccb_check_answer_is_sound(out, &s->host, &answer, request,
                                  " when cancelled");
    }
}

/* ---- facts -------------------------------------------------------------- */

void ccb_test_facts(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                    const struct ccb_check_options *options)
{
    static const char *const garbage[] = {
        "",
        "null",
        "[]",
        "{}",
        "1",
        "{\"lifecycles\":1}",
        "{\"a\":",
        "\xff",
        "{\"lifecycles\":{\"a\":1},\"file_server_url\":[],\"ssh_keys\":7,"
        "\"docker_registries\":{}}",
        "{\"ssh_keys\":{},\"docker_registries\":[1,null]}"};

    (void)options;
    CCB_CHECK_EACH(s, request)
    {
        for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
            struct ccb_check_ask facts = {.request = request,
                                          .facts = ccb_slice_of(garbage[i])};
            struct ccb_check_ask gathered = {
                .request = request, .gathered = ccb_slice_of(garbage[i])};
            struct ccb_check_answer answer;

            ccb_check_call(s, &s->host, s->self, &facts, &answer);
            ccb_check_answer_is_sound(out, &s->host, &answer, request,
                                      " with facts of another shape");
            if (garbage[i][0] == '\0')
                continue; /* nothing was gathered yet: it may ask */
            ccb_check_call(s, &s->host, s->self, &gathered, &answer);
            if (answer.returned != CCB_NEED_FACTS)
                ccb_check_answer_is_sound(
                    out, &s->host, &answer, request,
                    " with gathered facts of another shape");
        }
    }
}
