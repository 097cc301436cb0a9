/*
 * The file server when memory runs out: each allocation of each kind of
 * request fails once, and the server serves on.
 */
#include "../net/http_bed.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "files/internal.h"

static char root[64];
static struct ccb_files_config config = {.static_directory = root};
static struct ccb_log_session component;
static struct ccb_worker worker = {.log = &component};
static struct ccb_files files = {.config = &config, .worker = &worker};

static void on_static(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_files_serve(request, &files);
}

static const struct ccb_http_route routes[] = {
    {.method = "GET", .path = "/v1/static/*", .on_request = on_static},
};

static void put_file(const char *name, size_t size)
{
    char path[128];
    FILE *out;

    snprintf(path, sizeof(path), "%s/%s", root, name);
    out = fopen(path, "w");
    assert_non_null(out);
    for (size_t i = 0; i < size; i++)
        (void)fputc('x', out);
    assert_int_equal(fclose(out), 0);
}

static void fail_at(void *nth)
{
    (void)ccb_mem_fail_at(*(size_t *)nth, 0);
}

static void ask_for(const char *target, const char *range)
{
    char text[256];

    snprintf(text, sizeof(text),
             "GET /v1/static/%s HTTP/1.1\r\nHost: x\r\n%s"
             "Connection: close\r\n\r\n",
             target, range);
    ask(text);
}

static void test_every_allocation_fails_once(void **state)
{
    static const struct {
        const char *target, *range, *status;
    } asked[] = {
        {"small", "", "HTTP/1.1 200 "},
        {"large", "", "HTTP/1.1 200 "},
        {"large", "Range: bytes=0-1,5-9\r\n", "HTTP/1.1 206 "},
        {"", "", "HTTP/1.1 200 "},
        {"small/", "", "HTTP/1.1 301 "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        for (size_t nth = 1; nth < 25; nth++) {
            size_t none = 0;

            bed_call(fail_at, &nth);
            ask_for(asked[i].target, asked[i].range);
            bed_call(fail_at, &none);
        }
        ask_for(asked[i].target, asked[i].range);
        assert_heard(asked[i].status);
    }
}

/* The same with links confined and sums computed. */
static void test_nor_with_all_that_can_be_asked_for(void **state)
{
    config.confine_links = true;
    files.digests = ccb_files_digests_create(&bed.loop.uv);
    assert_non_null(files.digests);
    test_every_allocation_fails_once(state);
}

static int open_all(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/ccb-files-XXXXXX");
    if (mkdtemp(root) == NULL)
        return -1;
    put_file("small", 10);
    put_file("large", 200000);
    ccb_log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    ccb_log_open(&component, "file-server");
    worker.loop = &bed.loop;
    bed_open(routes, 1, &usual_limits);
    return 0;
}

static void close_digests(void *arg)
{
    (void)arg;
    ccb_files_digests_close(files.digests);
    files.digests = NULL;
}

static int close_all(void **state)
{
    char path[128];

    (void)state;
    bed_call(close_digests, NULL);
    bed_close();
    snprintf(path, sizeof(path), "%s/small", root);
    (void)unlink(path);
    snprintf(path, sizeof(path), "%s/large", root);
    (void)unlink(path);
    return rmdir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_allocation_fails_once,
                                        open_all, close_all),
        cmocka_unit_test_setup_teardown(test_nor_with_all_that_can_be_asked_for,
                                        open_all, close_all),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
