/* The messages to the stager and to nsync have the members of the fixtures of
 * a CC of 2015-08, and no others; a failed staging has words for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "controller/fault.h"
#include "controller/instances.h"
#include "controller/message.h"

static struct ccb_pack items[] = {
    {.name = (char *)"go", .position = 1, .digests = {.sha256 = "aa"}},
    {.name = (char *)"ruby", .position = 2, .digests = {.sha256 = "bb"}},
};
static const struct ccb_packs packs = {.items = items, .count = 2};

static const struct ccb_message_facts facts = {
    .base_url = CCB_LIT("http://cc:9022"),
    .auth_url = CCB_LIT("http://u:p@cc:9022"),
    .stack = CCB_LIT("host"),
    .staging_memory_mb = 1024,
    .staging_disk_mb = 4096,
    .staging_timeout = 900,
    .packs = &packs,
};

static struct ccb_app make_app(const char *settings)
{
    return (struct ccb_app){
        .guid = CCB_LIT("5c3f2d9a-7b41-4e0e-9a6d-1f0a2b7c8d01"),
        .name = CCB_LIT("shop"),
        .version = CCB_LIT("v1"),
        .instances = 2,
        .desired_at = INT64_C(1440777600000000005),
        .settings = ccb_slice_of(settings),
        .running = ccb_slice_of(settings),
        .cache = CCB_LIT("cc"),
        .run_droplet = {.id = 1,
                        .sha1 = CCB_LIT("5ha1"),
                        .start_command = CCB_LIT("npm start"),
                        .metadata = CCB_LIT("")},
    };
}

#define SETTINGS                                                               \
    "{\"memory_mb\":2048,\"disk_mb\":1024,\"health_check_type\":\"none\","     \
    "\"health_check_timeout\":60,\"env\":{\"A\":\"1\",\"B\":{\"c\":2}}"

/* The names of an object's members, joined. */
static void names_of(struct ccb_buf *out, struct ccb_json object)
{
    struct ccb_json_iter it = ccb_json_iter(object);

    while (ccb_json_next(&it))
        ccb_buf_put_slice(out, it.key.raw);
    ccb_buf_putc(out, '\0');
}

static void assert_members(struct ccb_json object, const char *names)
{
    struct ccb_buf out = {0};

    names_of(&out, object);
    assert_string_equal(out.data, names);
    ccb_buf_destroy(&out);
}

static struct ccb_json stage(struct ccb_buf *out, const char *settings,
                             struct ccb_arena *arena)
{
    struct ccb_app app = make_app(settings);
    struct ccb_error err;
    struct ccb_json document;

    assert_int_equal(ccb_message_stage(out, &facts, &app, arena, &err), 0);
    assert_int_equal(
        ccb_json_parse(&document, ccb_buf_slice(out), CCB_JSON_WHOLE, &err), 0);
    return document;
}

static void staging_has_the_members_of_the_fixture(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_buf out = {0};
    struct ccb_json document = stage(&out, SETTINGS "}", arena);

    (void)state;
    assert_members(document,
                   "\"app_id\"\"file_descriptors\"\"memory_mb\"\"disk_mb\""
                   "\"environment\"\"timeout\"\"log_guid\"\"lifecycle\""
                   "\"lifecycle_data\"\"egress_rules\"");
    assert_members(ccb_json_get(document, "lifecycle_data"),
                   "\"app_bits_download_uri\"\"build_artifacts_cache_upload_"
                   "uri\"\"droplet_upload_uri\"\"buildpacks\"\"stack\""
                   "\"build_artifacts_cache_download_uri\"");
    /* More than the least memory of a staging is kept. */
    assert_non_null(strstr(out.data, "\"memory_mb\":2048"));
    assert_non_null(strstr(out.data, "\"disk_mb\":4096"));
    assert_non_null(strstr(out.data, "{\"name\":\"B\",\"value\":\"{\\\"c"
                                     "\\\":2}\"}"));
    ccb_buf_destroy(&out);
    ccb_arena_unref(arena);
}

static void staging_names_the_buildpack_that_is_asked_for(void **state)
{
    static const struct {
        const char *buildpack, *json;
    } cases[] = {
        {"ruby", "[{\"name\":\"ruby\",\"key\":\"bb\",\"url\":\"http://u:p@cc:"
                 "9022/v2/buildpacks/bb/download\",\"skip_detect\":true}]"},
        {"https://x/y.git#v1",
         "[{\"name\":\"custom\",\"key\":\"https://x/y.git#v1\",\"url\":"
         "\"https://x/y.git#v1\",\"skip_detect\":true}]"},
    };
    struct ccb_error err;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ccb_arena *arena = ccb_arena_create();
        struct ccb_slice settings = ccb_arena_format(
            arena, SETTINGS ",\"buildpack\":\"%s\"}", cases[i].buildpack);
        struct ccb_buf out = {0};
        struct ccb_json document = stage(&out, settings.ptr, arena);
        struct ccb_json got = ccb_json_get(
            ccb_json_get(document, "lifecycle_data"), "buildpacks");
        assert_int_equal(got.raw.len, strlen(cases[i].json));
        assert_memory_equal(got.raw.ptr, cases[i].json, got.raw.len);
        ccb_buf_destroy(&out);
        ccb_arena_unref(arena);
    }
    assert_int_equal(
        ccb_message_check_buildpack(&packs, ccb_slice_of("perl"), &err),
        CCB_NOT_FOUND);
    assert_string_equal(err.id, "BuildpackNotFound");
}

static void desire_has_the_members_of_the_fixture(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_app app = make_app(SETTINGS "}");
    struct ccb_json_writer w;
    struct ccb_json document;
    struct ccb_buf out = {0};
    struct ccb_error err;

    (void)state;
    ccb_json_writer_init(&w, ccb_buf_sink, &out);
    assert_int_equal(ccb_message_desire(&w, &facts, &app, arena, &err), 0);
    assert_int_equal(ccb_json_writer_end(&w), 0);
    assert_int_equal(
        ccb_json_parse(&document, ccb_buf_slice(&out), CCB_JSON_WHOLE, &err),
        0);
    assert_members(document,
                   "\"process_guid\"\"memory_mb\"\"disk_mb\"\"file_"
                   "descriptors\"\"droplet_uri\"\"stack\"\"start_command\""
                   "\"execution_metadata\"\"environment\"\"num_instances\""
                   "\"routes\"\"log_guid\"\"health_check_type\"\"health_check_"
                   "timeout_in_seconds\"\"egress_rules\"\"etag\"\"allow_ssh\"");
    assert_true(ccb_json_string_is(ccb_json_get(document, "etag"),
                                   "1440777600.000000005"));
    assert_true(ccb_json_string_is(
        ccb_json_get(document, "droplet_uri"),
        "http://cc:9022/internal/v2/droplets/"
        "5c3f2d9a-7b41-4e0e-9a6d-1f0a2b7c8d01/5ha1/download"));
    ccb_buf_destroy(&out);
    ccb_arena_unref(arena);
}

/* Every allocation of both messages fails once: the error is told, nothing is
 * lost. */
static void survives_every_failed_allocation(void **state)
{
    int code = CCB_NO_MEMORY;

    (void)state;
    for (size_t nth = 1; code < 0; nth++) {
        struct ccb_app app = make_app(SETTINGS "}");
        struct ccb_buf out = {0};
        struct ccb_error err;
        struct ccb_arena *arena;
        assert_true(nth < 200);
        ccb_mem_fail_at(nth, 0);
        arena = ccb_arena_create();
        code = arena ? ccb_message_stage(&out, &facts, &app, arena, &err)
                     : CCB_NO_MEMORY;
        ccb_mem_fail_at(0, 0);
        assert_true(code == 0 || code == CCB_NO_MEMORY);
        ccb_buf_destroy(&out);
        ccb_arena_unref(arena);
    }
}

/* ---- words -------------------------------------------------------------- */

static void failures_have_words_of_their_own(void **state)
{
    static const char *const ids[] = {
        "NoAppDetectedError",     "BuildpackCompileFailed",
        "BuildpackReleaseFailed", "InsufficientResources",
        "NoCompatibleCell",       "StagingTimeExpired",
        "StagingStopped",         "NoDroplet",
        "MalformedResult",        "StagingError",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        const char *words = ccb_fault_staging_words(ids[i], "staging failed");
        assert_true(strlen(words) > 20);
        assert_string_not_equal(words, "staging failed");
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(
                words, ccb_fault_staging_words(ids[k], "staging failed"));
    }
    assert_string_equal(ccb_fault_staging_words("StagingError", "no such x"),
                        "no such x");
    assert_string_equal(ccb_fault_staging_words("Other", "its words"),
                        "its words");
}

/* ---- instances ---------------------------------------------------------- */

static void merge(const char *stats, const char *status, int64_t wanted,
                  const char *expected)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_buf out = {0};
    struct ccb_error err;
    int code = ccb_instances_merge(&out, ccb_slice_of(stats),
                                   ccb_slice_of(status), wanted, arena, &err);

    ccb_buf_putc(&out, '\0');
    if (expected) {
        assert_int_equal(code, 0);
        assert_string_equal(out.data, expected);
    } else {
        assert_int_equal(code, CCB_INVALID);
    }
    ccb_buf_destroy(&out);
    ccb_arena_unref(arena);
}

static void instances_are_merged(void **state)
{
    (void)state;
    merge("", "[]", 1,
          "[{\"index\":0,\"instance_guid\":\"\",\"state\":\"DOWN\",\"since\":"
          "null,\"uptime\":0,"
          "\"host\":\"\",\"port\":0,\"details\":\"\"}]");
    /* Of two with one index the running one is shown, with its details. */
    merge("[{\"instance_guid\":\"b\",\"index\":0,\"state\":\"CRASHED\"},"
          "{\"instance_guid\":\"a\",\"index\":0,\"state\":\"RUNNING\","
          "\"host\":\"h\",\"port\":61001,\"since\":1,\"uptime\":5}]",
          "[{\"instance_guid\":\"b\",\"index\":0,\"state\":\"CRASHED\","
          "\"details\":\"no\"},{\"instance_guid\":\"a\",\"index\":0,"
          "\"details\":\"yes\"}]",
          1,
          "[{\"index\":0,\"instance_guid\":\"a\",\"state\":\"RUNNING\","
          "\"since\":\"1970-01-01T00:00:01.000000000Z\",\"uptime\":5,\"host\":"
          "\"h\","
          "\"port\":61001,\"details\":\"yes\"}]");
    merge("{}", "[]", 1, NULL);
    merge("[]", "x", 1, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(staging_has_the_members_of_the_fixture),
        cmocka_unit_test(staging_names_the_buildpack_that_is_asked_for),
        cmocka_unit_test(desire_has_the_members_of_the_fixture),
        cmocka_unit_test(survives_every_failed_allocation),
        cmocka_unit_test(failures_have_words_of_their_own),
        cmocka_unit_test(instances_are_merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
