/*
 * Tests with plain requests: is there an answer, does the host's model take it,
 * and is it the same each time, whoever asks. Follows ccbridge/lifecycle.h, "a
 * plugin is a pure function of the request".
 */
#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "child.h"
#include "process.h"

/* ---- answers ------------------------------------------------------------ */

/* Whether each function succeeded with one request at least. */
static void look_for_silence(struct ccb_check_subject *s, const bool *answered,
                             const bool *asked, struct ccb_check_outcome *out)
{
    for (size_t i = 0; i < CCB_PLUGIN_FUNCTIONS; i++) {
        if (!s->functions[i] || i == CCB_PLUGIN_SELFTEST || answered[i])
            continue;
        ccb_check_warn(out, CCB_RULE_26, "one answer of each function",
                       "%s %s: give --requests with one it takes",
                       ccb_plugin_functions[i].name,
                       asked[i] ? "refused all requests" : "was asked nothing");
    }
}

void ccb_test_answers(struct ccb_check_subject *s,
                      struct ccb_check_outcome *out,
                      const struct ccb_check_options *options)
{
    bool answered[CCB_PLUGIN_FUNCTIONS] = {false};
    bool asked[CCB_PLUGIN_FUNCTIONS] = {false};
    size_t count = 0, successes = 0;

    (void)options;
    CCB_CHECK_EACH(s, request)
    {
        struct ccb_check_answer answer;

        ccb_check_request_call(s, request, &answer);
        if (!ccb_check_answer_is_sound(out, &s->host, &answer, request, ""))
            return;
        asked[request->function] = true;
        count++;
        successes += answer.returned == 0;
        if (answer.returned == 0)
            answered[request->function] = true;
    }
    look_for_silence(s, answered, asked, out);
    ccb_check_remark(out, "%zu requests, %zu answered, %zu refused", count,
                     successes, count - successes);
}

void ccb_test_model(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                    const struct ccb_check_options *options)
{
    (void)options;
    CCB_CHECK_EACH(s, request)
    {
        struct ccb_check_answer answer;
        struct ccb_error err;

        ccb_check_request_call(s, request, &answer);
        if (answer.returned == 0 &&
            ccb_check_model(request, answer.result, &err) < 0)
            ccb_check_fail(out, CCB_RULE_28, "a document that the host takes",
                           "%s: %s", request->name, err.message);
    }
}

/* ---- the same answer ---------------------------------------------------- */

void ccb_test_again(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                    const struct ccb_check_options *options)
{
    (void)options;
    CCB_CHECK_EACH(s, request)
    {
        struct ccb_check_answer first, answer;

        ccb_check_request_call(s, request, &first);
        for (int i = 0; i < 10; i++) {
            ccb_check_request_call(s, request, &answer);
            if (answer.hash != first.hash)
                ccb_check_fail(out, CCB_RULE_31, "the same answer again",
                               "%s: another one at the %d. time", request->name,
                               i + 2);
        }
    }
}

void ccb_test_instances(struct ccb_check_subject *s,
                        struct ccb_check_outcome *out,
                        const struct ccb_check_options *options)
{
    struct ccb_slice no_config = {"", 0};
    struct ccb_check_host host;
    struct ccb_instance *second = NULL;

    (void)options;
    if (ccb_check_host_init(&host) == 0)
        second = s->entry->create(&host.test.host, no_config);
    if (!second) {
        ccb_check_skip(out, "there is no second instance");
        return;
    }
    CCB_CHECK_EACH(s, request)
    {
        struct ccb_check_ask ask = {.request = request};
        struct ccb_check_answer first, answer;

        ccb_check_request_call(s, request, &first);
        ccb_check_call(s, &host, second, &ask, &answer);
        if (answer.hash != first.hash)
            ccb_check_fail(out, CCB_RULE_32, "the same from each instance",
                           "%s: another answer", request->name);
    }
    s->entry->destroy(second);
    ccb_check_host_destroy(&host);
}

/* ---- the same answer from another process ------------------------------- */

static const char *find_locale(void)
{
    static const char *const names[] = {
        "de_DE.UTF-8", "tr_TR.UTF-8", "fr_FR.UTF-8", "en_US.UTF-8", "C.UTF-8"};
    const char *found = "C";

    for (size_t i = sizeof(names) / sizeof(names[0]); i-- > 0;)
        if (setlocale(LC_ALL, names[i]))
            found = names[i];
    setlocale(LC_ALL, "C");
    return found;
}

/* The other process may begin elsewhere: in `room` of PATH_MAX. What can't be
 * resolved stays, and is missed there in words. */
static const char *absolute(const char *path, char *room)
{
    return path && realpath(path, room) ? room : path;
}

/* The hashes of all answers, a line each, as another process has them. */
static int ask_elsewhere(struct ccb_check_subject *s,
                         const struct ccb_check_options *options, bool strange,
                         struct ccb_buf *hashes, char *why, size_t why_size)
{
    struct ccb_check_child_argv child;
    struct ccb_check_options there = *options;
    struct ccb_check_run run = {.directory = strange ? "/" : NULL,
                                .timeout = options->timeout / 3,
                                .shared_fd = -1,
                                .same_group = true};
    char file[PATH_MAX], facts[PATH_MAX], requests[PATH_MAX];
    struct ccb_error err;
    int code;

    there.facts = absolute(options->facts, facts);
    there.requests = absolute(options->requests, requests);
    setenv("LC_ALL", strange ? find_locale() : "C", 1);
    setenv("TZ", strange ? "Pacific/Kiritimati" : "UTC", 1);
    setenv("HOME", strange ? "/nowhere" : "/", 1);
    setenv("USER", strange ? "somebody-else" : "root", 1);
    ccb_check_child_argv(&child, &there, CCB_CHECK_HASHES,
                         absolute(s->file, file));
    run.argv = child.argv;
    code = ccb_check_run(&run, &err);
    if (code < 0)
        snprintf(why, why_size, "%s", err.message);
    else
        ccb_check_describe_end(&run, why, why_size);
    if (code == 0 && (run.timed_out || run.status != 0))
        code = CCB_FAILED;
    *hashes = run.result;
    ccb_buf_destroy(&run.printed);
    return code;
}

/* The request whose line differs. */
static const char *find_difference(struct ccb_check_subject *s,
                                   struct ccb_slice a, struct ccb_slice b)
{
    enum { LINE = 17 };
    size_t at = 0;

    CCB_CHECK_EACH(s, request)
    {
        if (at + LINE > a.len || at + LINE > b.len ||
            memcmp(a.ptr + at, b.ptr + at, LINE) != 0)
            return request->name;
        at += LINE;
    }
    return NULL;
}

void ccb_test_processes(struct ccb_check_subject *s,
                        struct ccb_check_outcome *out,
                        const struct ccb_check_options *options)
{
    struct ccb_buf here = {0}, there = {0};
    const char *name;
    char why[400];

    if (ask_elsewhere(s, options, false, &here, why, sizeof(why)) < 0 ||
        ask_elsewhere(s, options, true, &there, why, sizeof(why)) < 0) {
        ccb_check_fail(out, CCB_RULE_33, "answers in another process", "%s",
                       why);
    } else {
        name = find_difference(s, ccb_buf_slice(&here), ccb_buf_slice(&there));
        if (name)
            ccb_check_fail(out, CCB_RULE_33,
                           "the same from each process, locale, time zone "
                           "and directory",
                           "%s: another answer", name);
    }
    ccb_buf_destroy(&here);
    ccb_buf_destroy(&there);
}

/* ---- dialects, members -------------------------------------------------- */

void ccb_test_dialect(struct ccb_check_subject *s,
                      struct ccb_check_outcome *out,
                      const struct ccb_check_options *options)
{
    (void)options;
    CCB_CHECK_EACH(s, request)
    {
        struct ccb_check_ask ask = {.request = request,
                                    .dialect = CCB_LIT("unheard-of/7")};
        struct ccb_check_answer answer;

        if (request->function != CCB_PLUGIN_STAGING_RECIPE &&
            request->function != CCB_PLUGIN_LRP &&
            request->function != CCB_PLUGIN_TASK)
            continue; /* their results are no recipes */
        ccb_check_call(s, &s->host, s->self, &ask, &answer);
        if (answer.returned != CCB_UNSUPPORTED)
            ccb_check_fail(out, CCB_RULE_41, "CCB_UNSUPPORTED (-3)",
                           "%s in the dialect unheard-of/7: %d", request->name,
                           answer.returned);
    }
}

/* `{` of an object is followed by a member that nobody knows. */
static struct ccb_slice add_member(struct ccb_slice message,
                                   struct ccb_arena *arena)
{
    static const char member[] = "{\"ccb_check_unknown\":{\"a\":[1,null]}";

    return ccb_arena_format(arena, "%s%s%.*s", member,
                            ccb_slice_is(message, "{}") ? "" : ",",
                            (int)message.len - 1, message.ptr + 1);
}

void ccb_test_unknown_members(struct ccb_check_subject *s,
                              struct ccb_check_outcome *out,
                              const struct ccb_check_options *options)
{
    (void)options;
    CCB_CHECK_EACH(s, request)
    {
        struct ccb_check_request longer = *request;
        struct ccb_check_answer first, answer;

        if (!ccb_slice_starts(request->message, "{"))
            continue;
        longer.message = add_member(request->message, s->arena);
        if (!longer.message.ptr)
            return;
        ccb_check_request_call(s, request, &first);
        ccb_check_request_call(s, &longer, &answer);
        if (answer.hash != first.hash)
            ccb_check_fail(out, CCB_RULE_42, "the same answer",
                           "%s with a further member: %s", request->name,
                           answer.returned == 0 ? "another answer"
                                                : answer.words);
    }
}

/* ---- many at a time ----------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 50 };

struct crowd {
    struct ccb_check_subject *s;
    const uint64_t *expected; /* hashes, by request */
    pthread_barrier_t start;
};

struct caller {
    struct crowd *crowd;
    struct ccb_check_host host;
    const char *differs; /* the request; NULL: none */
    pthread_t thread;
};

static void *call_all(void *user)
{
    struct caller *c = user;
    struct ccb_check_subject *s = c->crowd->s;

    pthread_barrier_wait(&c->crowd->start);
    for (int i = 0; i < ROUNDS; i++)
        CCB_CHECK_EACH(s, request)
        {
            struct ccb_check_ask ask = {.request = request};
            struct ccb_check_answer answer;

            ccb_check_call(s, &c->host, s->self, &ask, &answer);
            if (answer.hash != c->crowd->expected[request - s->requests.items])
                c->differs = request->name;
        }
    return NULL;
}

static void call_from_threads(struct crowd *crowd,
                              struct ccb_check_outcome *out)
{
    static struct caller callers[THREADS]; /* a child runs one test */
    size_t hosts = 0, started = 0;

    while (hosts < THREADS && ccb_check_host_init(&callers[hosts].host) == 0)
        callers[hosts++].crowd = crowd;
    if (hosts < THREADS ||
        pthread_barrier_init(&crowd->start, NULL, THREADS) != 0) {
        ccb_check_skip(out, "no memory for several callers");
        return;
    }
    while (started < THREADS &&
           pthread_create(&callers[started].thread, NULL, call_all,
                          &callers[started]) == 0)
        started++;
    if (started < THREADS) {
        /* Those that were started wait for ever; the child ends with them. */
        ccb_check_skip(out, "no threads to call from");
        return;
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(callers[i].thread, NULL);
        if (callers[i].differs)
            ccb_check_fail(out, CCB_RULE_45, "the answers of single calls",
                           "%s: another one beside other calls",
                           callers[i].differs);
    }
}

void ccb_test_concurrent(struct ccb_check_subject *s,
                         struct ccb_check_outcome *out,
                         const struct ccb_check_options *options)
{
    struct crowd crowd = {.s = s};
    uint64_t *expected;

    (void)options;
    if (!s->manifest.concurrent) {
        ccb_check_skip(out, "the manifest does not say \"concurrent\"");
        return;
    }
    expected =
        ccb_arena_alloc(s->arena, (s->requests.count + 1) * sizeof(*expected));
    if (!expected)
        return;
    CCB_CHECK_EACH(s, request)
    {
        struct ccb_check_answer answer;

        ccb_check_request_call(s, request, &answer);
        expected[request - s->requests.items] = answer.hash;
    }
    crowd.expected = expected;
    call_from_threads(&crowd, out);
}
