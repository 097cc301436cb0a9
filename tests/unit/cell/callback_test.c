/*
 * Completion callbacks against a real peer: contract/receptor-api.md 6.3 and
 * the callback rows of its 15.
 */
#include "api_bed.h"

#include "cell/callback.h"
#include "net/http_client.h"

/* What the peer answers, one after the other; 0: not at all. */
static struct peer {
    int answers[8];
    int count;
    char body[512], type[64];
    uv_sem_t asked;
} peer;

static struct ccb_http_client *client;
static struct ccb_callbacks *callbacks;
static struct ccb_cell_times times;

static void on_called(struct ccb_http_request *request, void *user)
{
    const struct ccb_http_request_info *info = ccb_http_request_info(request);
    int answer = peer.answers[peer.count++];
    struct ccb_slice type = ccb_http_request_header(request, "Content-Type");

    (void)user;
    (void)snprintf(peer.body, sizeof(peer.body), "%.*s", TEXT(info->body));
    (void)snprintf(peer.type, sizeof(peer.type), "%.*s", TEXT(type));
    if (answer == 0)
        on_park(request, NULL);
    else
        ccb_http_respond(request, answer, NULL, ccb_slice_of(""));
    uv_sem_post(&peer.asked);
}

static const struct ccb_http_route routes[] = {
    {.method = "POST", .path = "/done/:guid", .on_request = on_called}};

static void open_on_loop(void *arg)
{
    (void)arg;
    assert_int_equal(ccb_http_client_open(&client, &bed.loop, NULL), 0);
    callbacks = ccb_callbacks_open(&bed.loop, client, cell.store, &times);
}

static void on_client_closed(void *user)
{
    (void)user;
}

static void on_callbacks_closed(void *user)
{
    ccb_http_client_close(client, on_client_closed, NULL);
    uv_sem_post(user);
}

static void close_on_loop(void *done)
{
    ccb_callbacks_close(callbacks, on_callbacks_closed, done);
}

static void close_callbacks(void)
{
    uv_sem_t done;

    uv_sem_init(&done, 0);
    bed_call(close_on_loop, &done);
    uv_sem_wait(&done);
    uv_sem_destroy(&done);
    callbacks = NULL;
}

static int open_all(void **state)
{
    (void)cell_open(state);
    memset(&peer, 0, sizeof(peer));
    uv_sem_init(&peer.asked, 0);
    times = ccb_cell_times_default;
    times.callback_timeout = CCB_SECOND / 5;
    bed_open(routes, 1, &usual_limits);
    bed_call(open_on_loop, NULL);
    assert_non_null(callbacks);
    return 0;
}

static int close_all(void **state)
{
    if (callbacks)
        close_callbacks();
    bed_close();
    uv_sem_destroy(&peer.asked);
    return cell_close(state);
}

/* ---- tasks -------------------------------------------------------------- */

static int fail_task(const struct step *s, struct ccb_store_tx *tx,
                     struct ccb_error *err)
{
    return ccb_task_fail(tx, or_empty(s->guid), ccb_slice_of("why"), err);
}

static int resolving(const struct step *s, struct ccb_store_tx *tx,
                     struct ccb_error *err)
{
    return ccb_task_resolving(tx, or_empty(s->guid), err);
}

static void finish_task(const char *guid, const char *path)
{
    char url[128];

    (void)snprintf(url, sizeof(url), "%s%s",
                   path[0] == '/' ? "" : "http://127.0.0.1:", path);
    if (path[0] == ':')
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/done/%s",
                       bed.port, guid);
    OK(DO(desire_task, .guid = guid, .text = path[0] ? url : ""));
    OK(DO(fail_task, .guid = guid));
}

static void submit(const char *guid)
{
    assert_int_equal(ccb_callbacks_submit(callbacks, ccb_slice_of(guid)), 0);
}

/* Everything that was submitted has ended when the pool is closed after the
 * peer was asked so often. */
static void wait_asked(int count)
{
    while (count-- > 0)
        uv_sem_wait(&peer.asked);
}

/* Until the line of the task begins so: the store is asked, nothing sleeps. */
static void wait_state(const char *guid, const char *begins)
{
    while (strncmp(task_line(guid), begins, strlen(begins)) != 0)
        ;
}

/* ---- cases -------------------------------------------------------------- */

static void test_any_answer_deletes_the_task(void **state)
{
    static const int answers[] = {200, 204, 404, 500, 502, 302};

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        peer.count = 0;
        peer.answers[0] = answers[i];
        finish_task("t1", ":");
        submit("t1");
        wait_asked(1);
        wait_state("t1", "none");
        assert_int_equal(peer.count, 1);
    }
    assert_string_equal(peer.body,
                        "{\"task_guid\":\"t1\",\"failed\":true,"
                        "\"failure_reason\":\"why\",\"result\":\"\"}");
    assert_string_equal(peer.type, "application/json");
}

static void test_503_and_504_are_tried_three_times(void **state)
{
    static const int answers[] = {503, 504, 503, 200};

    (void)state;
    memcpy(peer.answers, answers, sizeof(answers));
    finish_task("t1", ":");
    submit("t1");
    wait_asked(3);
    /* A second task is through only when the first one's end was seen. */
    finish_task("t2", ":");
    submit("t2");
    wait_state("t2", "none");
    assert_int_equal(peer.count, 4);
    assert_memory_equal(task_line("t1"), "RESOLVING", 9);
}

static void test_a_time_out_is_tried_again(void **state)
{
    (void)state;
    peer.answers[0] = 0;
    peer.answers[1] = 200;
    finish_task("t1", ":");
    submit("t1");
    wait_asked(2);
    wait_state("t1", "none");
    assert_int_equal(peer.count, 2);
    bed_call(answer_parked, (void *)(uintptr_t) "late");
}

static void test_a_refused_connection_stops_at_once(void **state)
{
    (void)state;
    finish_task("t1", "1/nobody-listens");
    submit("t1");
    wait_state("t1", "RESOLVING");
    close_callbacks();
    assert_memory_equal(task_line("t1"), "RESOLVING", 9);
}

static void test_a_path_is_no_url_to_call(void **state)
{
    (void)state;
    finish_task("t1", "/only/a/path");
    submit("t1");
    wait_state("t1", "RESOLVING");
}

static void test_a_task_that_resolves_already_is_not_called_for(void **state)
{
    (void)state;
    peer.answers[0] = 200;
    finish_task("t1", ":");
    OK(DO(resolving, .guid = "t1"));
    submit("t1");
    finish_task("t2", ":");
    submit("t2");
    wait_state("t2", "none");
    assert_int_equal(peer.count, 1);
    assert_memory_equal(task_line("t1"), "RESOLVING", 9);
}

static void test_without_a_url_a_task_is_not_marked(void **state)
{
    (void)state;
    peer.answers[0] = 200;
    finish_task("t1", "");
    submit("t1");
    finish_task("t2", ":");
    submit("t2");
    wait_state("t2", "none");
    assert_memory_equal(task_line("t1"), "COMPLETED", 9);
}

static void test_closing_cancels_what_is_under_way(void **state)
{
    char guid[16];

    (void)state;
    times.callback_timeout = 60 * CCB_SECOND;
    for (int i = 0; i < 30; i++) { /* more than call at once */
        (void)snprintf(guid, sizeof(guid), "t%02d", i);
        finish_task(guid, i == 0 ? ":" : "1/x");
        submit(guid);
    }
    wait_asked(1);
    close_callbacks();
    assert_memory_equal(task_line("t00"), "RESOLVING", 9);
    bed_call(answer_parked, (void *)(uintptr_t) "late");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_any_answer_deletes_the_task),
        CASE(test_503_and_504_are_tried_three_times),
        CASE(test_a_time_out_is_tried_again),
        CASE(test_a_refused_connection_stops_at_once),
        CASE(test_a_path_is_no_url_to_call),
        CASE(test_a_task_that_resolves_already_is_not_called_for),
        CASE(test_without_a_url_a_task_is_not_marked),
        CASE(test_closing_cancels_what_is_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
