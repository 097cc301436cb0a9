/*
 * The uploader when memory runs out: each allocation of an upload fails once,
 * on its way in, out, and in the polls; every request ends, and the next one
 * is served.
 */
#include "../net/http_bed.h"

#include <fcntl.h>
#include <signal.h>

#include "uploader/internal.h"

static struct ccb_uploader_config config = {
    .polling_interval = 1000000,
    .communication_timeout = 10 * INT64_C(1000000000),
};
static struct ccb_log_session component;
static struct ccb_uploader_shared shared = {.config = &config};
static struct ccb_worker worker = {.log = &component};
static struct ccb_uploader uploader = {.shared = &shared, .worker = &worker};

/* ---- the Cloud Controller, on the same server --------------------------- */

static void on_cc_upload(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_respond(request, 201, "application/json",
                     ccb_slice_of("{\"metadata\":{\"url\":\"\\/cc\"},"
                                  "\"entity\":{\"status\":\"queued\"}}"));
}

static void on_cc_job(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_respond(request, 200, "application/json",
                     ccb_slice_of("{\"entity\":{\"status\":\"finished\"}}"));
}

static void on_droplet(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_uploader_droplet(request, &uploader);
}

static const struct ccb_http_route routes[] = {
    {.method = "POST",
     .path = "/v1/droplet/:guid",
     .on_request = on_droplet,
     .stream = true},
    {.method = "POST", .path = "/cc", .on_request = on_cc_upload},
    {.method = "GET", .path = "/cc", .on_request = on_cc_job},
};

/* ---- the test ----------------------------------------------------------- */

static void open_client(void *unused)
{
    struct ccb_error err;

    (void)unused;
    assert_int_equal(ccb_http_client_open(&worker.client, &bed.loop, &err), 0);
}

static void close_client(void *unused)
{
    (void)unused;
    ccb_http_client_close(worker.client, NULL, NULL);
}

static void fail_at(void *nth)
{
    (void)ccb_mem_fail_at(*(size_t *)nth, 0);
}

static void upload(void)
{
    char text[512];

    snprintf(text, sizeof(text),
             "POST /v1/droplet/g?cc-droplet-upload-uri="
             "http://u:p@127.0.0.1:%u/cc?b%%3D1 HTTP/1.1\r\nHost: x\r\n"
             "Content-Length: 4\r\nConnection: close\r\n\r\nfile",
             bed.port);
    ask(text);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    upload();
    assert_heard("HTTP/1.1 201 ");
    for (size_t nth = 1; nth < 80; nth++) {
        size_t none = 0;

        bed_call(fail_at, &nth);
        upload();
        bed_call(fail_at, &none);
    }
    upload();
    assert_heard("HTTP/1.1 201 ");
}

static int open_all(void **state)
{
    (void)state;
    ccb_log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    ccb_log_open(&component, "cc-uploader");
    ccb_log_begin(&shared.uploader, &component, "uploader", NULL, 0);
    ccb_log_begin(&shared.poller, &component, "poller", NULL, 0);
    worker.loop = &bed.loop;
    bed_open(routes, sizeof(routes) / sizeof(routes[0]), &usual_limits);
    bed_call(open_client, NULL);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    bed_call(close_client, NULL);
    bed_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_allocation_fails_once,
                                        open_all, close_all),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
