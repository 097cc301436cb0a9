/*
 * CC's bulk API, streamed (contract/nsync.md 2.4, 5.5). CC is a scripted
 * socket, so that its answers can be cut anywhere.
 */
#include "../net/client_bed.h"

#include "base/clock.h"
#include "cc/bulk.h"

static const char page_text[] =
    "{\"token\":{\"id\": 5},\"fingerprints\":["
    "{\"process_guid\":\"p-1\",\"etag\":\"1.5\"},"
    "{\"ETAG\":\"2\\u00350\",\"process_guid\":\"p-\\u0032\",\"x\":[{}]}]}";

struct exchange {
    struct bed bed;
    struct peer peer;
    struct ccb_arena *arena;
    struct ccb_cc_options cc;
    struct ccb_http_call *call;
    char url[64];
    char seen[512];
    int items, done, code, status;
    size_t count;
    char token[64], error[256];
    int refuse_with; /* what the reader returns */
    int64_t timeout;
};

static int note(struct exchange *x, struct ccb_slice a, struct ccb_slice b)
{
    size_t used = strlen(x->seen);
    snprintf(x->seen + used, sizeof(x->seen) - used, "%.*s=%.*s ", (int)a.len,
             a.ptr, (int)b.len, b.len ? b.ptr : "");
    x->items++;
    return x->refuse_with;
}

static int on_fingerprint(void *user, struct ccb_slice process_guid,
                          struct ccb_slice etag)
{
    return note(user, process_guid, etag);
}

static int on_app(void *user, struct ccb_json app)
{
    return note(user, app.raw, ccb_slice_make(NULL, 0));
}

static void on_done(void *user, const struct ccb_cc_page *page)
{
    struct exchange *x = user;
    x->done++;
    x->code = page->code;
    x->status = page->status;
    x->count = page->count;
    snprintf(x->token, sizeof(x->token), "%.*s", (int)page->token.len,
             page->token.len ? page->token.ptr : "");
    snprintf(x->error, sizeof(x->error), "%s", page->error ? page->error : "");
    assert_int_equal(page->error != NULL, page->code < 0);
}

static void open_exchange(struct exchange *x, const struct peer_step *steps)
{
    memset(x, 0, sizeof(*x));
    bed_open(&x->bed);
    assert_true(peer_start(&x->peer, steps));
    snprintf(x->url, sizeof(x->url), "http://127.0.0.1:%u", x->peer.port);
    x->cc = (struct ccb_cc_options){
        .client = x->bed.client,
        .base_url = ccb_slice_of(x->url),
        .username = CCB_LIT("the-user"),
        .password = CCB_LIT("the-password"),
    };
    x->arena = ccb_arena_create();
    assert_non_null(x->arena);
}

static void close_exchange(struct exchange *x)
{
    bed_close(&x->bed);
    ccb_arena_unref(x->arena);
    ccb_arena_drain();
    (void)peer_stop(&x->peer);
    peer_free(&x->peer);
}

static int ask_fingerprints(struct exchange *x, const char *token)
{
    struct ccb_cc_bulk_options options = {&x->cc, x->timeout, x->arena, x};
    struct ccb_error err;
    return ccb_cc_fingerprints(&options, 2, ccb_slice_of(token), on_fingerprint,
                               on_done, &x->call, &err);
}

static int ask_apps(struct exchange *x, const char *guids)
{
    struct ccb_cc_bulk_options options = {&x->cc, x->timeout, x->arena, x};
    struct ccb_error err;
    return ccb_cc_apps(&options, ccb_slice_of(guids), on_app, on_done, &x->call,
                       &err);
}

static void run(struct exchange *x)
{
    (void)ccb_loop_run(&x->bed.loop);
    assert_int_equal(x->done, 1);
}

/* One exchange with a CC that sends `size` bytes of `answer` and closes. */
static struct exchange exchange_with(const char *answer, size_t size, bool apps)
{
    const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {size > 0 ? PEER_SEND : PEER_CLOSE, answer, size},
        {size > 0 ? PEER_CLOSE : PEER_END, NULL, 0},
        {PEER_END, NULL, 0},
    };
    struct exchange x;
    open_exchange(&x, steps);
    assert_int_equal(
        apps ? ask_apps(&x, "[\"p-1\"]") : ask_fingerprints(&x, "{}"), 0);
    run(&x);
    close_exchange(&x);
    return x;
}

static struct exchange answered(const char *status, const char *body, bool apps)
{
    char answer[1024];
    snprintf(answer, sizeof(answer),
             "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status,
             strlen(body), body);
    return exchange_with(answer, strlen(answer), apps);
}

/* ---- what is sent ------------------------------------------------------- */

static void test_a_page_is_asked_for_with_the_exact_token(void **state)
{
    const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND,
         "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"fingerprints\":[]}",
         0},
        {PEER_END, NULL, 0}};
    struct exchange x;
    (void)state;
    open_exchange(&x, steps);
    assert_int_equal(ask_fingerprints(&x, "{\"id\": 5}"), 0);
    run(&x);
    assert_int_equal(x.code, 0);
    assert_int_equal(x.count, 0);
    assert_string_equal(x.token, "");
    assert_non_null(strstr(
        x.peer.log, "GET /internal/bulk/apps?batch_size=2&format=fingerprint&"
                    "token=%7B%22id%22%3A%205%7D HTTP/1.1\r\n"));
    assert_non_null(strstr(x.peer.log, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(
        x.peer.log, "Authorization: Basic dGhlLXVzZXI6dGhlLXBhc3N3b3Jk\r\n"));
    close_exchange(&x);
}

static void test_apps_are_asked_for_by_guid(void **state)
{
    const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND,
         "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n[{\"a\":1}, {}]", 0},
        {PEER_END, NULL, 0}};
    struct exchange x;
    (void)state;
    open_exchange(&x, steps);
    assert_int_equal(ask_apps(&x, "[\"p-1\",\"p-2\"]"), 0);
    run(&x);
    assert_int_equal(x.code, 0);
    assert_string_equal(x.seen, "{\"a\":1}= {}= ");
    assert_int_equal(x.count, 2);
    assert_non_null(
        strstr(x.peer.log, "POST /internal/bulk/apps HTTP/1.1\r\n"));
    assert_non_null(strstr(x.peer.log, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(x.peer.log, "Authorization: Basic "));
    assert_non_null(strstr(x.peer.log, "\r\n\r\n[\"p-1\",\"p-2\"]"));
    close_exchange(&x);
}

/* ---- what comes --------------------------------------------------------- */

static void test_a_page_is_its_fingerprints_and_its_token(void **state)
{
    struct exchange x = answered("200 OK", page_text, false);
    (void)state;
    assert_int_equal(x.code, 0);
    assert_int_equal(x.status, 200);
    assert_string_equal(x.seen, "p-1=1.5 p-2=250 ");
    assert_int_equal(x.count, 2);
    assert_string_equal(x.token, "{\"id\": 5}");
}

static void test_the_last_token_counts_and_null_is_none(void **state)
{
    struct exchange x = answered(
        "200 OK", "{\"token\":1,\"fingerprints\":[],\"Token\":\"2\"}", false);
    (void)state;
    assert_string_equal(x.token, "\"2\"");
    x = answered("200 OK", "{\"token\":1,\"fingerprints\":[],\"token\":null}",
                 false);
    assert_int_equal(x.code, 0);
    assert_string_equal(x.token, "");
}

static void cut_everywhere(const char *head, const char *body, const char *seen,
                           bool apps)
{
    char answer[1024];
    size_t size, whole;
    struct exchange x;
    snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\n%s\r\n%s", head, body);
    whole = strlen(answer);
    for (size = 0; size < whole; size++) {
        x = exchange_with(answer, size, apps);
        if (x.code == 0)
            fail_msg("cut after %zu of %zu bytes, and taken as whole", size,
                     whole);
    }
    x = exchange_with(answer, whole, apps);
    assert_int_equal(x.code, 0);
    assert_string_equal(x.seen, seen);
}

static void test_a_cut_answer_is_never_a_page(void **state)
{
    static const char apps[] = "[{\"process_guid\":\"p-1\"},{}]";
    static const char seen_apps[] = "{\"process_guid\":\"p-1\"}= {}= ";
    static const char seen[] = "p-1=1.5 p-2=250 ";
    char head[64];
    (void)state;
    snprintf(head, sizeof(head), "Content-Length: %zu\r\n", strlen(page_text));
    cut_everywhere(head, page_text, seen, false);
    cut_everywhere("", page_text, seen, false); /* ends with the connection */
    snprintf(head, sizeof(head), "Content-Length: %zu\r\n", strlen(apps));
    cut_everywhere(head, apps, seen_apps, true);
    cut_everywhere("", apps, seen_apps, true);
}

static void test_what_is_no_page_is_refused(void **state)
{
    static const char *const pages[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"token\":{}}",
        "{\"fingerprints\":{}}",
        "{\"fingerprints\":null}",
        "{\"fingerprints\":[1]}",
        "{\"fingerprints\":[null]}",
        "{\"fingerprints\":[{\"etag\":\"1\"}]}",
        "{\"fingerprints\":[{\"process_guid\":\"\"}]}",
        "{\"fingerprints\":[{\"process_guid\":7}]}",
        "{\"fingerprints\":[{\"process_guid\":\"p\",\"etag\":1.5}]}",
        "{\"fingerprints\":[],\"fingerprints\":[]}",
        "{\"fingerprints\":[]}{\"fingerprints\":[]}",
        "{\"fingerprints\":[]}<html>"};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        struct exchange x = answered("200 OK", pages[i], false);
        if (x.code != CCB_INVALID)
            fail_msg("%s: code %d", pages[i], x.code);
        assert_int_equal(x.status, 200);
        assert_true(x.error[0] != '\0');
    }
    assert_int_equal(answered("200 OK", "{\"apps\":[]}", true).code,
                     CCB_INVALID);
    assert_int_equal(answered("200 OK", "[]]", true).code, CCB_INVALID);
}

static void test_only_status_200_counts(void **state)
{
    struct exchange x = answered("403 Forbidden", page_text, false);
    (void)state;
    assert_int_equal(x.code, CCB_FAILED);
    assert_int_equal(x.status, 403);
    assert_string_equal(x.error, "invalid response code 403");
    assert_int_equal(x.items, 0);
    x = answered("201 Created", "[{}]", true);
    assert_string_equal(x.error, "invalid response code 201");
    assert_int_equal(x.items, 0);
    x = answered("204 No Content", "", true);
    assert_string_equal(x.error, "invalid response code 204");
}

static void test_no_answer_is_told_without_secrets(void **state)
{
    struct exchange x = exchange_with("", 0, false);
    (void)state;
    assert_true(x.code < 0);
    assert_int_equal(x.status, 0);
    assert_true(x.error[0] != '\0');
    assert_null(strstr(x.error, "the-password"));
}

/* ---- ends --------------------------------------------------------------- */

static const struct peer_step endless[] = {
    {PEER_ACCEPT, NULL, 0},
    {PEER_READ, NULL, 0},
    {PEER_SEND,
     "HTTP/1.1 200 OK\r\n\r\n{\"fingerprints\":[{\"process_guid\":\"p\"},", 0},
    {PEER_GONE, NULL, 0},
    {PEER_END, NULL, 0}};

static void test_the_timeout_bounds_the_whole(void **state)
{
    struct exchange x;
    (void)state;
    open_exchange(&x, endless);
    x.timeout = 50 * CCB_MILLISECOND;
    assert_int_equal(ask_fingerprints(&x, "{}"), 0);
    run(&x);
    assert_int_equal(x.code, CCB_TIMED_OUT);
    assert_int_equal(x.items, 1);
    close_exchange(&x);
}

static void test_a_reader_may_give_up(void **state)
{
    struct exchange x;
    (void)state;
    open_exchange(&x, endless);
    x.refuse_with = CCB_CONFLICT;
    assert_int_equal(ask_fingerprints(&x, "{}"), 0);
    run(&x);
    assert_int_equal(x.code, CCB_CONFLICT);
    assert_int_equal(x.items, 1);
    close_exchange(&x);
}

static void test_a_cancelled_call_says_nothing(void **state)
{
    struct exchange x;
    (void)state;
    open_exchange(&x, endless);
    assert_int_equal(ask_fingerprints(&x, "{}"), 0);
    while (x.items == 0)
        (void)uv_run(&x.bed.loop.uv, UV_RUN_ONCE);
    ccb_http_cancel(x.call);
    (void)ccb_loop_run(&x.bed.loop);
    assert_int_equal(x.done, 0);
    close_exchange(&x);
}

/* Lets a script go on that waits for somebody. */
static void knock(unsigned short port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    close(fd);
}

static void test_no_memory(void **state)
{
    const struct peer_step steps[] = {{PEER_ACCEPT, NULL, 0},
                                      {PEER_READ, NULL, 0},
                                      {PEER_SEND, "HTTP/1.1 200 OK\r\n\r\n", 0},
                                      {PEER_EACH, page_text, 0},
                                      {PEER_END, NULL, 0}};
    bool whole = false;
    size_t nth, failures = 0;
    (void)state;
    for (nth = 1; !whole; nth++) {
        struct exchange x;
        int code;
        open_exchange(&x, steps);
        ccb_mem_fail_at(nth, 0);
        code = ask_fingerprints(&x, "{}");
        if (code == 0)
            (void)ccb_loop_run(&x.bed.loop);
        ccb_mem_fail_at(0, 0);
        assert_true(code == 0 || code == CCB_NO_MEMORY);
        assert_int_equal(x.done, code == 0);
        whole = code == 0 && x.code == 0;
        failures += !whole;
        if (whole)
            assert_string_equal(x.seen, "p-1=1.5 p-2=250 ");
        if (code < 0)
            knock(x.peer.port);
        close_exchange(&x);
    }
    assert_true(failures > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_is_asked_for_with_the_exact_token),
        cmocka_unit_test(test_apps_are_asked_for_by_guid),
        cmocka_unit_test(test_a_page_is_its_fingerprints_and_its_token),
        cmocka_unit_test(test_the_last_token_counts_and_null_is_none),
        cmocka_unit_test(test_a_cut_answer_is_never_a_page),
        cmocka_unit_test(test_what_is_no_page_is_refused),
        cmocka_unit_test(test_only_status_200_counts),
        cmocka_unit_test(test_no_answer_is_told_without_secrets),
        cmocka_unit_test(test_the_timeout_bounds_the_whole),
        cmocka_unit_test(test_a_reader_may_give_up),
        cmocka_unit_test(test_a_cancelled_call_says_nothing),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
