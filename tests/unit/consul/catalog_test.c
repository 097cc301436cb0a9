/* A service's addresses from Consul's catalog, as a fact (contract/stager.md
 * C5). */
#include "consul_bed.h"

#include "consul/catalog.h"

static const struct bed_answer answers[] = {
    {"/v1/catalog/service/two", 500,
     "[{\"Address\":\"10.0.0.2\"},{\"Address\":\"10.0.0.1\"}]", NULL},
    {"/v1/catalog/service/none", 200, "[]", NULL},
    {"/v1/catalog/service/bad", 404, "no such page", NULL},
    {"/v1/catalog/service/kept", 0, NULL, NULL},
    {NULL, 0, NULL, NULL},
};

struct gathering {
    struct bed bed;
    struct ccb_http_client *client;
    int reports, code;
    char value[128], error[400];
};

static void on_done(void *token, int code, struct ccb_slice value,
                    const char *error)
{
    struct gathering *g = token;
    g->reports++;
    g->code = code;
    snprintf(g->value, sizeof(g->value), "%.*s", (int)value.len,
             value.len ? value.ptr : "");
    snprintf(g->error, sizeof(g->error), "%s", error ? error : "");
    uv_stop(&g->bed.loop.uv);
}

static void setup(struct gathering *g)
{
    struct ccb_error err;
    memset(g, 0, sizeof(*g));
    bed_open(&g->bed, answers);
    assert_int_equal(ccb_http_client_open(&g->client, &g->bed.loop, &err), 0);
}

static void teardown(struct gathering *g)
{
    ccb_http_client_close(g->client, bed_on_closed, NULL);
    bed_close(&g->bed);
}

/* Whatever it comes to is reported once, later. */
static void gather(struct gathering *g, const char *url, const char *name)
{
    struct ccb_catalog_service service = {g->client, url, name};
    g->reports = 0;
    assert_int_equal(ccb_catalog_gather(&service, &g->bed.loop, on_done, g), 0);
    assert_int_equal(g->reports, 0);
    ccb_loop_run(&g->bed.loop);
    assert_int_equal(g->reports, 1);
}

static void test_addresses_come_whatever_the_status(void **state)
{
    struct gathering g;
    (void)state;
    setup(&g);
    gather(&g, g.bed.url, "two");
    assert_int_equal(g.code, 0);
    assert_string_equal(g.value, "[\"10.0.0.2\",\"10.0.0.1\"]");
    assert_true(bed_saw(&g.bed, "GET /v1/catalog/service/two \n"));
    gather(&g, g.bed.url, "none");
    assert_int_equal(g.code, 0);
    assert_string_equal(g.value, "[]");
    teardown(&g);
}

static void test_failures_have_words(void **state)
{
    struct gathering g;
    (void)state;
    setup(&g);
    gather(&g, g.bed.url, "bad");
    assert_int_equal(g.code, CCB_INVALID);
    assert_non_null(strstr(g.error, "Consul's catalog (status 404): "));
    gather(&g, "http://u:secret@127.0.0.1:1", "two");
    assert_int_equal(g.code, CCB_IO);
    assert_non_null(strstr(g.error, "connection refused"));
    assert_null(strstr(g.error, "secret"));
    gather(&g, "", "two");
    assert_int_equal(g.code, CCB_INVALID);
    assert_non_null(strstr(g.error, "consulCluster is empty"));
    teardown(&g);
}

static void test_failed_allocations_are_survived(void **state)
{
    bool all = false;
    size_t n;
    (void)state;
    for (n = 1; !all; n++) {
        struct gathering g;
        struct ccb_catalog_service service = {NULL, NULL, "two"};
        int code;
        setup(&g);
        service.client = g.client;
        service.consul_cluster = g.bed.url;
        ccb_mem_fail_at(n, 0);
        code = ccb_catalog_gather(&service, &g.bed.loop, on_done, &g);
        while (code == 0 && g.reports == 0)
            bed_run(&g.bed);
        all = ccb_mem_fail_at(0, 0) < n;
        assert_true(code == 0 || code == CCB_NO_MEMORY);
        assert_int_equal(g.reports, code == 0 ? 1 : 0);
        teardown(&g);
    }
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_come_whatever_the_status),
        cmocka_unit_test(test_failures_have_words),
        cmocka_unit_test(test_failed_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
