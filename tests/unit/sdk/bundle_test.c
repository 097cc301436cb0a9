/*
 * The bundle for staging and for running: its URL, its cache key, and the words
 * when there is none (contract/stager.md C4, contract/nsync.md 3.2 and 3.6).
 */
#include "call_fixture.h"
#include "ccbridge/bundle.h"

typedef int (*find_function)(struct ccb_sdk_call *c, struct ccb_slice key,
                             struct ccb_bundle *out);

static find_function find;
static const char *key, *url, *cache_key;

/* Fails as the look-up does; what it found is as expected. */
static int look_up(struct ccb_sdk_call *c)
{
    struct ccb_bundle bundle;
    int code = find(c, ccb_slice_of(key), &bundle);

    if (code < 0)
        return code;
    assert_slice(bundle.url, url);
    assert_slice(bundle.cache_key, cache_key);
    return 0;
}

/* The look-up of "buildpack/s" when -lifecycle gives it `entry`. */
static int look_up_entry(find_function how, const char *entry)
{
    char facts[256];

    snprintf(facts, sizeof(facts),
             "{\"lifecycles\":{\"buildpack/s\":\"%s\"},"
             "\"file_server_url\":\"http://fs/\"}",
             entry);
    find = how;
    key = "buildpack/s";
    cache_key = "buildpack-s-lifecycle";
    return in_call(facts, "", look_up);
}

static void a_path_lies_on_the_file_server(void **state)
{
    static const char *const entries[] = {"lc/b.tgz", "/lc/b.tgz"};

    (void)state;
    url = "http://fs/v1/static/lc/b.tgz";
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(look_up_entry(ccb_bundle_find_for_staging, entries[i]),
                         0);
        assert_int_equal(look_up_entry(ccb_bundle_find_for_running, entries[i]),
                         0);
    }
}

static void only_staging_takes_a_whole_url_as_it_is(void **state)
{
    static const char *const urls[] = {"http://h//b.tgz", "HTTPS://h/b.tgz"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        url = urls[i];
        assert_int_equal(look_up_entry(ccb_bundle_find_for_staging, url), 0);
    }
    url = "http://fs/v1/static/http://h/b.tgz";
    assert_int_equal(
        look_up_entry(ccb_bundle_find_for_running, "http://h/b.tgz"), 0);
}

static void the_cache_key_is_the_key_without_its_first_slash(void **state)
{
    static const char *const keys[][2] = {
        {"docker", "docker-lifecycle"},
        {"buildpack/", "buildpack--lifecycle"},
        {"/s", "-s-lifecycle"},
        {"a/b/c", "a-b/c-lifecycle"},
    };
    char facts[256];

    (void)state;
    url = "http://fs/v1/static/b";
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        key = keys[i][0];
        cache_key = keys[i][1];
        snprintf(facts, sizeof(facts),
                 "{\"lifecycles\":{\"%s\":\"b\"},"
                 "\"file_server_url\":\"http://fs\"}",
                 key);
        find = ccb_bundle_find_for_staging;
        assert_int_equal(in_call(facts, "", look_up), 0);
        find = ccb_bundle_find_for_running;
        assert_int_equal(in_call(facts, "", look_up), 0);
    }
}

static void staging_refuses_what_it_cannot_fetch(void **state)
{
    static const struct {
        const char *entry, *text;
    } rows[] = {
        {"", "no compiler defined for requested stack"},
        {"ftp://u:s3cret@h/b", "neither http nor https"},
        {"a:b.tgz", "neither http nor https"},
        {"://s3cret", "couldn't parse compiler URL: "},
        {"lc/b%zz.tgz?s3cret", "couldn't parse compiler URL: "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(
            look_up_entry(ccb_bundle_find_for_staging, rows[i].entry),
            CCB_FAILED);
        assert_non_null(strstr(fixture_host.error, rows[i].text));
        assert_null(strstr(fixture_host.error, "s3cret"));
        assert_int_equal(fixture_host.log_len, 0);
    }
}

static void staging_needs_a_file_server_that_is_a_url(void **state)
{
    (void)state;
    find = ccb_bundle_find_for_staging;
    key = "docker";
    assert_int_equal(in_call("{\"lifecycles\":{\"docker\":\"d.tgz\"},"
                             "\"file_server_url\":\"fs\"}",
                             "", look_up),
                     CCB_FAILED);
    assert_non_null(
        strstr(fixture_host.error, "failed to parse compiler download URL: "));
}

static void running_logs_the_lifecycle_that_it_does_not_know(void **state)
{
    (void)state;
    find = ccb_bundle_find_for_running;
    key = "buildpack/other";
    assert_int_equal(
        in_call("{\"lifecycles\":{\"buildpack/s\":\"b\"}}", "", look_up),
        CCB_INVALID);
    assert_string_equal(fixture_host.error,
                        "no lifecycle binary bundle defined for stack");
    assert_string_equal(
        fixture_host.log,
        "error unknown-lifecycle {\"lifecycle\":\"buildpack/other\"}\n");
}

static void lack_of_memory_is_no_missing_bundle(void **state)
{
    static const char facts[] = "{\"lifecycles\":{\"docker\":\"d\\u002etgz\"},"
                                "\"file_server_url\":\"http://fs\"}";
    (void)state;
    key = "docker";
    url = "http://fs/v1/static/d.tgz";
    cache_key = "docker-lifecycle";
    find = ccb_bundle_find_for_staging;
    assert_survives_lack_of_memory(facts, "", look_up);
    find = ccb_bundle_find_for_running;
    assert_survives_lack_of_memory(facts, "", look_up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_lies_on_the_file_server),
        cmocka_unit_test(only_staging_takes_a_whole_url_as_it_is),
        cmocka_unit_test(the_cache_key_is_the_key_without_its_first_slash),
        cmocka_unit_test(staging_refuses_what_it_cannot_fetch),
        cmocka_unit_test(staging_needs_a_file_server_that_is_a_url),
        cmocka_unit_test(running_logs_the_lifecycle_that_it_does_not_know),
        cmocka_unit_test(lack_of_memory_is_no_missing_bundle),
    };

    fixture_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
