/*
 * The source of an app that is to be run: exactly one, and the one that its
 * lifecycle runs (contract/nsync.md 3.6). The members of the LRP are pinned by
 * tests/fixtures/recipes.
 */
#include "call_fixture.h"
#include "ccbridge/app.h"

#define DROPLET "\"droplet_uri\":\"d\""
#define IMAGE "\"docker_image\":\"i\""

static enum ccb_app_source source;

static int check_source(struct ccb_sdk_call *c)
{
    struct ccb_app app;

    if (ccb_sdk_decode(c, CCB_JSON_FIRST, &ccb_app_shape, &app) < 0)
        return c->code;
    return ccb_app_check_source(c, &app, source);
}

static void the_one_source_is_taken(void **state)
{
    (void)state;
    source = CCB_APP_DROPLET;
    assert_int_equal(in_call("", "{" DROPLET "}", check_source), 0);
    source = CCB_APP_DOCKER_IMAGE;
    assert_int_equal(in_call("", "{" IMAGE "}", check_source), 0);
    assert_int_equal(fixture_host.log_len, 0);
}

static void a_missing_and_a_second_source_are_refused(void **state)
{
    static const char both[] = "desired app contains both droplet_uri and "
                               "docker_image; exactly one is required.";
    static const struct {
        enum ccb_app_source source;
        const char *message, *text;
    } rows[] = {
        {CCB_APP_DROPLET, "{}", "desired app missing droplet_uri"},
        {CCB_APP_DROPLET, "{" IMAGE "}", "desired app missing droplet_uri"},
        {CCB_APP_DROPLET, "{" DROPLET "," IMAGE "}", both},
        {CCB_APP_DOCKER_IMAGE, "{}", "desired app missing docker_image"},
        {CCB_APP_DOCKER_IMAGE, "{" DROPLET "}",
         "desired app missing docker_image"},
        {CCB_APP_DOCKER_IMAGE, "{" DROPLET "," IMAGE "}", both},
    };
    char line[256];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        source = rows[i].source;
        assert_int_equal(in_call("", rows[i].message, check_source),
                         CCB_INVALID);
        assert_string_equal(fixture_host.error, rows[i].text);
        snprintf(line, sizeof(line),
                 "error desired-app-invalid {\"desired-app\":%s}\n",
                 rows[i].message);
        assert_string_equal(fixture_host.log, line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_source_is_taken),
        cmocka_unit_test(a_missing_and_a_second_source_are_refused),
    };

    fixture_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
