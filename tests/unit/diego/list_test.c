/*
 * Desired LRPs of a domain, streamed (contract/stager.md B1, B2), and the call
 * that keeps a domain fresh. The Receptor is a scripted socket, so that its
 * answers can be cut anywhere.
 */
#include "../net/client_bed.h"

#include "base/clock.h"
#include "diego/diego.h"

static const char lrps[] = "[{\"process_guid\":\"a\",\"routes\":{\"x\":[1]}},"
                           "{\"process_guid\":\"b\\u0021\"} ,{}]\n";
static const char seen_of_lrps[] =
    "{\"process_guid\":\"a\",\"routes\":{\"x\":[1]}} "
    "{\"process_guid\":\"b\\u0021\"} {} ";

/* One listing and all that came of it. */
struct listing {
    struct bed bed;
    struct peer peer;
    struct ccb_diego *diego;
    struct ccb_arena *arena;
    struct ccb_http_call *call;
    char seen[512];
    int items, done, code;
    char name[64], message[256];
    int refuse_with;  /* what on_lrp returns for the first */
    int pause_every;  /* on_lrp asks for a pause after so many */
    bool stop_paused; /* and stops the loop */
};

static int on_lrp(void *user, struct ccb_json lrp)
{
    struct listing *l = user;
    size_t used = strlen(l->seen);
    snprintf(l->seen + used, sizeof(l->seen) - used, "%.*s ", (int)lrp.raw.len,
             lrp.raw.ptr);
    l->items++;
    if (l->refuse_with < 0)
        return l->refuse_with;
    if (l->pause_every == 0 || l->items % l->pause_every != 0)
        return 0;
    if (l->stop_paused)
        uv_stop(&l->bed.loop.uv);
    return CCB_HTTP_PAUSE;
}

static void on_done(void *user, const struct ccb_diego_answer *answer)
{
    struct listing *l = user;
    l->done++;
    l->code = answer->code;
    snprintf(l->name, sizeof(l->name), "%.*s", (int)answer->name.len,
             answer->name.len ? answer->name.ptr : "");
    snprintf(l->message, sizeof(l->message), "%.*s", (int)answer->message.len,
             answer->message.len ? answer->message.ptr : "");
}

static void open_listing(struct listing *l, const struct peer_step *steps,
                         int64_t timeout)
{
    char url[64];
    memset(l, 0, sizeof(*l));
    bed_open(&l->bed);
    assert_true(peer_start(&l->peer, steps));
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", l->peer.port);
    l->diego =
        ccb_diego_open_receptor(l->bed.client, ccb_slice_of(url), timeout);
    l->arena = ccb_arena_create();
    assert_non_null(l->diego);
    assert_non_null(l->arena);
}

static int start_listing(struct listing *l)
{
    struct ccb_diego_list_options options = {
        .domain = CCB_LIT("cf-apps"),
        .arena = l->arena,
        .on_lrp = on_lrp,
        .on_done = on_done,
        .user = l,
    };
    struct ccb_error err;
    return ccb_diego_list_lrps(l->diego, &options, &l->call, &err);
}

static void close_listing(struct listing *l)
{
    ccb_diego_close(l->diego);
    bed_close(&l->bed);
    ccb_arena_unref(l->arena);
    ccb_arena_drain();
    (void)peer_stop(&l->peer);
    peer_free(&l->peer);
}

/* Lists from a Receptor that sends `size` bytes of `answer` and closes. */
static void list_from(struct listing *l, const char *answer, size_t size)
{
    const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {size > 0 ? PEER_SEND : PEER_CLOSE, answer, size},
        {size > 0 ? PEER_CLOSE : PEER_END, NULL, 0},
        {PEER_END, NULL, 0},
    };
    open_listing(l, steps, 0);
    assert_int_equal(start_listing(l), 0);
    (void)ccb_loop_run(&l->bed.loop);
    assert_int_equal(l->done, 1);
    close_listing(l);
}

static struct listing list_whole(const char *head, const char *body)
{
    struct listing l;
    char answer[1024];
    snprintf(answer, sizeof(answer),
             "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body),
             body);
    list_from(&l, answer, strlen(answer));
    return l;
}

#define JSON_TYPE "\r\nContent-Type: application/json; charset=utf-8"

/* ---- whole lists -------------------------------------------------------- */

static void test_a_list_is_handed_on_element_by_element(void **state)
{
    struct listing l = list_whole("200 OK" JSON_TYPE, lrps);
    (void)state;
    assert_int_equal(l.code, 0);
    assert_string_equal(l.seen, seen_of_lrps);
}

static void test_the_request_names_the_domain(void **state)
{
    const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND,
         "HTTP/1.1 200 OK" JSON_TYPE "\r\nContent-Length: 2\r\n\r\n[]", 0},
        {PEER_END, NULL, 0}};
    struct listing l;
    (void)state;
    open_listing(&l, steps, 0);
    assert_int_equal(start_listing(&l), 0);
    (void)ccb_loop_run(&l.bed.loop);
    assert_int_equal(l.code, 0);
    assert_int_equal(l.items, 0);
    assert_non_null(
        strstr(l.peer.log, "GET /v1/desired_lrps?domain=cf-apps HTTP/1.1\r\n"));
    assert_non_null(strstr(l.peer.log, "Content-Type: application/json\r\n"));
    close_listing(&l);
}

static void test_null_and_other_media_types_are_empty_lists(void **state)
{
    struct listing l = list_whole("200 OK" JSON_TYPE, "null");
    (void)state;
    assert_int_equal(l.code, 0);
    l = list_whole("200 OK\r\nContent-Type: text/plain", lrps);
    assert_int_equal(l.code, 0);
    assert_int_equal(l.items, 0);
    l = list_whole("204 No Content", "");
    assert_int_equal(l.code, 0);
}

/* ---- broken lists ------------------------------------------------------- */

/* Wherever the answer ends: only the whole one counts. */
static void cut_everywhere(const char *answer)
{
    struct listing l;
    size_t whole = strlen(answer), least = whole, size;
    while (answer[least - 1] == '\n')
        least--; /* white space behind the list is not missed by the reader */
    for (size = 0; size < whole; size++) {
        list_from(&l, answer, size);
        if (l.code == 0 && size < least)
            fail_msg("cut after %zu of %zu bytes, and taken as whole", size,
                     whole);
    }
    list_from(&l, answer, whole);
    assert_int_equal(l.code, 0);
    assert_string_equal(l.seen, seen_of_lrps);
}

static void test_a_cut_answer_is_never_a_list(void **state)
{
    char answer[512], chunked[1024] = "HTTP/1.1 200 OK" JSON_TYPE
                                      "\r\nTransfer-Encoding: chunked\r\n\r\n";
    size_t i, used = strlen(chunked);
    (void)state;
    snprintf(answer, sizeof(answer),
             "HTTP/1.1 200 OK" JSON_TYPE "\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(lrps), lrps);
    cut_everywhere(answer);
    /* Its end is where the connection ends: only the list itself can tell. */
    snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK" JSON_TYPE "\r\n\r\n%s",
             lrps);
    cut_everywhere(answer);
    for (i = 0; i < strlen(lrps); i += 7)
        used += (size_t)snprintf(
            chunked + used, sizeof(chunked) - used, "%zx\r\n%.7s\r\n",
            strlen(lrps + i) < 7 ? strlen(lrps + i) : 7, lrps + i);
    snprintf(chunked + used, sizeof(chunked) - used, "0\r\n\r\n");
    cut_everywhere(chunked);
}

static void test_what_is_no_list_is_refused(void **state)
{
    static const char *const bodies[] = {
        "",        "{",       "{}",      "\"a\"",        "[1]", "[null]",
        "[{}] []", "[{}]x",   "[{},]",   "[{\"a\":01}]", "[}",  "nul",
        "[{}",     "[{\"a\"", "[{}][{}", "[{\"a\":1 2}]"};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct listing l = list_whole("200 OK" JSON_TYPE, bodies[i]);
        if (l.code != CCB_INVALID || strcmp(l.name, "InvalidJSON") != 0)
            fail_msg("%s: code %d, name %s", bodies[i], l.code, l.name);
        assert_true(l.message[0] != '\0');
    }
}

/* ---- errors of the back end --------------------------------------------- */

static void test_errors_are_known_by_name(void **state)
{
    struct listing l =
        list_whole("500 No" JSON_TYPE, "{\"name\":\"UnknownError\","
                                       "\"message\":\"out to lunch\"}");
    (void)state;
    assert_int_equal(l.code, CCB_FAILED);
    assert_string_equal(l.name, "UnknownError");
    assert_string_equal(l.message, "out to lunch");
    l = list_whole("500 No" JSON_TYPE, "[]");
    assert_string_equal(l.name, "InvalidJSON");
    l = list_whole("404 No", lrps);
    assert_int_equal(l.code, CCB_FAILED);
    assert_string_equal(l.name, "InvalidResponse");
    assert_string_equal(l.message, "Invalid Response with status code: 404");
    l = list_whole("200 OK" JSON_TYPE "\r\nX-Cf-Routererror: unknown_route",
                   lrps);
    assert_int_equal(l.code, CCB_FAILED);
    assert_string_equal(l.name, "RouterError");
    assert_string_equal(l.message, "unknown_route");
    assert_int_equal(l.items, 0);
}

static void test_the_timeout_bounds_the_whole(void **state)
{
    const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND, "HTTP/1.1 200 OK" JSON_TYPE "\r\n\r\n[{},", 0},
        {PEER_GONE, NULL, 0},
        {PEER_END, NULL, 0}};
    struct listing l;
    (void)state;
    open_listing(&l, steps, 50 * CCB_MILLISECOND);
    assert_int_equal(start_listing(&l), 0);
    (void)ccb_loop_run(&l.bed.loop);
    assert_int_equal(l.code, CCB_TIMED_OUT);
    assert_string_equal(l.name, "");
    close_listing(&l);
}

/* ---- the reader --------------------------------------------------------- */

static const struct peer_step good[] = {
    {PEER_ACCEPT, NULL, 0},
    {PEER_READ, NULL, 0},
    {PEER_SEND,
     "HTTP/1.1 200 OK" JSON_TYPE "\r\nTransfer-Encoding: chunked\r\n\r\n"
     "7\r\n[{},{},\r\nc\r\n{},{},{},{},\r\n5\r\n{},{}\r\n1\r\n]\r\n0\r\n\r\n",
     0},
    {PEER_END, NULL, 0}};

static void test_a_reader_may_give_up(void **state)
{
    struct listing l;
    (void)state;
    open_listing(&l, good, 0);
    l.refuse_with = CCB_CONFLICT;
    assert_int_equal(start_listing(&l), 0);
    (void)ccb_loop_run(&l.bed.loop);
    assert_int_equal(l.items, 1);
    assert_int_equal(l.done, 1);
    assert_int_equal(l.code, CCB_CONFLICT);
    close_listing(&l);
}

static void on_resume(uv_timer_t *timer)
{
    struct listing *l = timer->data;
    if (l->done)
        uv_timer_stop(timer);
    else
        ccb_http_call_resume(l->call);
}

static void on_timer_closed(uv_handle_t *handle)
{
    (void)handle;
}

/* Pauses at elements of every place in a piece: each comes once, in order. */
static void test_a_paused_list_goes_on_where_it_stood(void **state)
{
    int every;
    (void)state;
    for (every = 1; every <= 4; every++) {
        struct listing l;
        uv_timer_t timer;
        open_listing(&l, good, 0);
        l.pause_every = every;
        assert_int_equal(start_listing(&l), 0);
        (void)uv_timer_init(&l.bed.loop.uv, &timer);
        timer.data = &l;
        (void)uv_timer_start(&timer, on_resume, 1, 1);
        (void)ccb_loop_run(&l.bed.loop);
        uv_close((uv_handle_t *)&timer, on_timer_closed);
        assert_int_equal(l.items, 8);
        assert_int_equal(l.code, 0);
        close_listing(&l);
    }
}

static void test_a_pause_holds_until_it_is_ended(void **state)
{
    struct listing l;
    (void)state;
    open_listing(&l, good, 0);
    l.pause_every = 8; /* the last: the list must not end meanwhile */
    l.stop_paused = true;
    assert_int_equal(start_listing(&l), 0);
    (void)uv_run(&l.bed.loop.uv, UV_RUN_DEFAULT);
    while (uv_run(&l.bed.loop.uv, UV_RUN_NOWAIT) &&
           uv_backend_timeout(&l.bed.loop.uv) == 0)
        ;
    assert_int_equal(l.items, 8);
    assert_int_equal(l.done, 0);
    ccb_http_call_resume(l.call);
    (void)ccb_loop_run(&l.bed.loop);
    assert_int_equal(l.done, 1);
    assert_int_equal(l.code, 0);
    close_listing(&l);
}

static void test_a_listing_may_be_cancelled(void **state)
{
    struct listing l;
    (void)state;
    open_listing(&l, good, 0);
    l.pause_every = 1;
    l.stop_paused = true;
    assert_int_equal(start_listing(&l), 0);
    (void)uv_run(&l.bed.loop.uv, UV_RUN_DEFAULT);
    ccb_http_cancel(l.call);
    (void)ccb_loop_run(&l.bed.loop);
    assert_int_equal(l.done, 0);
    close_listing(&l);
}

/* ---- memory ------------------------------------------------------------- */

static void test_no_memory(void **state)
{
    size_t nth;
    int failures = 0;
    bool whole = false;
    (void)state;
    for (nth = 1; !whole; nth++) {
        struct listing l;
        int code;
        open_listing(&l, good, 0);
        ccb_mem_fail_at(nth, 0);
        code = start_listing(&l);
        if (code == 0)
            (void)ccb_loop_run(&l.bed.loop);
        ccb_mem_fail_at(0, 0);
        whole = code == 0 && l.code == 0;
        assert_true(code == 0 || code == CCB_NO_MEMORY);
        assert_int_equal(l.done, code == 0);
        if (whole)
            assert_int_equal(l.items, 8);
        else
            failures++;
        if (code < 0) { /* the script waits for somebody */
            int fd = socket(AF_INET, SOCK_STREAM, 0);
            struct sockaddr_in at = {.sin_family = AF_INET,
                                     .sin_port = htons(l.peer.port),
                                     .sin_addr = {htonl(INADDR_LOOPBACK)}};
            assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)),
                             0);
            close(fd);
        }
        close_listing(&l);
    }
    assert_true(failures > 3);
}

/* ---- the domain --------------------------------------------------------- */

static void keep_domain(int64_t ttl, const char *line, bool there)
{
    const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND, "HTTP/1.1 204 No Content\r\n\r\n", 0},
        {PEER_END, NULL, 0}};
    struct ccb_diego_call_options options = {
        .operation = CCB_DIEGO_KEEP_DOMAIN,
        .guid = CCB_LIT("cf-apps"),
        .ttl = ttl,
        .on_done = on_done,
    };
    struct listing l;
    struct ccb_error err;
    open_listing(&l, steps, 0);
    options.arena = l.arena;
    options.user = &l;
    assert_int_equal(ccb_diego_call(l.diego, &options, &err), 0);
    (void)ccb_loop_run(&l.bed.loop);
    assert_int_equal(l.done, 1);
    assert_int_equal(l.code, 0);
    assert_non_null(strstr(l.peer.log, "PUT /v1/domains/cf-apps HTTP/1.1\r\n"));
    assert_int_equal(strstr(l.peer.log, line) != NULL, there);
    close_listing(&l);
}

static void test_a_domain_is_kept_for_whole_seconds(void **state)
{
    (void)state;
    keep_domain(120 * CCB_SECOND, "Cache-Control: max-age=120\r\n", true);
    keep_domain(CCB_SECOND + 999 * CCB_MILLISECOND,
                "Cache-Control: max-age=1\r\n", true);
    keep_domain(0, "Cache-Control", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list_is_handed_on_element_by_element),
        cmocka_unit_test(test_the_request_names_the_domain),
        cmocka_unit_test(test_null_and_other_media_types_are_empty_lists),
        cmocka_unit_test(test_a_cut_answer_is_never_a_list),
        cmocka_unit_test(test_what_is_no_list_is_refused),
        cmocka_unit_test(test_errors_are_known_by_name),
        cmocka_unit_test(test_the_timeout_bounds_the_whole),
        cmocka_unit_test(test_a_reader_may_give_up),
        cmocka_unit_test(test_a_paused_list_goes_on_where_it_stood),
        cmocka_unit_test(test_a_pause_holds_until_it_is_ended),
        cmocka_unit_test(test_a_listing_may_be_cancelled),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_a_domain_is_kept_for_whole_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
