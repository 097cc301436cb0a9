/*
 * The buildpack family for a member with a word of its own, and the glue of a
 * plugin without state. What all members share is pinned by
 * tests/fixtures/recipes.
 */
#include "call_fixture.h"
#include "ccbridge/buildpack.h"

static const char facts[] =
    "{\"lifecycles\":{\"jar/s\":\"jar.tgz\",\"buildpack/s\":\"b.tgz\"},"
    "\"file_server_url\":\"http://fs\",\"cc_uploader_url\":\"http://ccu\"}";

static int build_recipe(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request)
{
    return ccb_buildpack_build_recipe(self, call, request, "jar");
}

static int build_lrp(struct ccb_instance *self, struct ccb_call *call,
                     const struct ccb_request *request)
{
    return ccb_buildpack_build_lrp(self, call, request, "jar");
}

static int call(ccb_test_function function, const char *message)
{
    struct ccb_instance *self =
        ccb_sdk_create(&fixture_host.host, ccb_slice_of("{}"));
    struct ccb_request request;
    int code;

    ccb_test_request_init(&request);
    request.facts = ccb_slice_of(facts);
    request.message = ccb_slice_of(message);
    code = ccb_test_host_call(&fixture_host, function, self, &request);
    ccb_sdk_destroy(self);
    return code;
}

static int result_contains(const char *text)
{
    struct ccb_slice result = fixture_host.result;

    return memmem(result.ptr, result.len, text, strlen(text)) != NULL;
}

static void the_word_of_a_member_leads_to_its_bundle(void **state)
{
    (void)state;
    assert_int_equal(call(build_recipe,
                          "{\"app_id\":\"a\",\"lifecycle_data\":{\"stack\":"
                          "\"s\",\"app_bits_download_uri\":\"http://b\"}}"),
                     0);
    assert_true(result_contains("\"http://fs/v1/static/jar.tgz\""));
    assert_true(result_contains("\"jar-s-lifecycle\""));
    assert_int_equal(call(build_lrp, "{\"process_guid\":\"p\",\"stack\":\"s\","
                                     "\"droplet_uri\":\"http://d\"}"),
                     0);
    assert_true(result_contains("\"http://fs/v1/static/jar.tgz\""));
    assert_true(result_contains("\"jar-s-lifecycle\""));
}

static void the_lifecycle_of_a_staging_request_goes_before_it(void **state)
{
    (void)state;
    assert_int_equal(call(build_recipe,
                          "{\"app_id\":\"a\",\"lifecycle\":\"buildpack\","
                          "\"lifecycle_data\":{\"stack\":\"s\","
                          "\"app_bits_download_uri\":\"http://b\"}}"),
                     0);
    assert_true(result_contains("\"http://fs/v1/static/b.tgz\""));
    assert_true(result_contains("\"buildpack-s-lifecycle\""));
}

static void the_instance_without_state_is_the_host(void **state)
{
    struct ccb_instance *self =
        ccb_sdk_create(&fixture_host.host, ccb_slice_of(""));

    (void)state;
    assert_ptr_equal(ccb_sdk_host(self), &fixture_host.host);
    ccb_sdk_destroy(self);
}

static void interfaces_are_found_to_the_letter(void **state)
{
    static const int first, second;
    static const struct ccb_sdk_interface list[] = {{"ccb.a/1", &first},
                                                    {"ccb.b/1", &second}};

    (void)state;
    assert_ptr_equal(ccb_sdk_find_interface(list, 2, "ccb.a/1"), &first);
    assert_ptr_equal(ccb_sdk_find_interface(list, 2, "ccb.b/1"), &second);
    assert_null(ccb_sdk_find_interface(list, 2, "ccb.b/10"));
    assert_null(ccb_sdk_find_interface(list, 2, "ccb.B/1"));
    assert_null(ccb_sdk_find_interface(list, 2, ""));
    assert_null(ccb_sdk_find_interface(list, 1, "ccb.b/1"));
    assert_non_null(ccb_buildpack_get_interface(NULL, CCB_STAGING_1));
    assert_null(ccb_buildpack_get_interface(NULL, CCB_DOCKER_IMAGE_1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_word_of_a_member_leads_to_its_bundle),
        cmocka_unit_test(the_lifecycle_of_a_staging_request_goes_before_it),
        cmocka_unit_test(the_instance_without_state_is_the_host),
        cmocka_unit_test(interfaces_are_found_to_the_letter),
    };

    fixture_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
