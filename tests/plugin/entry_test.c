/*
 * What a plugin's file says of itself: the entry, the interfaces, the manifest,
 * and that the three agree (ccbridge/lifecycle.h).
 *
 *   plugin_entry_test PLUGIN.so ID CLAIMS [RESULT_FORM]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <dlfcn.h>

#include "ccbridge/error.h"
#include "ccbridge/json.h"
#include "ccbridge/testing.h"

static const char *path, *id, *claims, *result_form;
static const struct ccb_lifecycle_entry *entry;
static struct ccb_instance *self;
static struct ccb_test_host host;
static char memory[1 << 16], output[1 << 16], image[1 << 22];

static int open_plugin(void **state)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    (void)state;
    if (!handle)
        fprintf(stderr, "%s\n", dlerror());
    assert_non_null(handle);
    entry = dlsym(handle, CCB_ENTRY_SYMBOL);
    assert_non_null(entry);
    ccb_test_host_init(&host, memory, sizeof(memory), output, sizeof(output));
    self = entry->create(&host.host, ccb_slice_of(""));
    assert_non_null(self);
    return 0;
}

static int close_plugin(void **state)
{
    (void)state;
    entry->destroy(self);
    return 0;
}

static void entry_has_the_frozen_prefix(void **state)
{
    (void)state;
    assert_int_equal(entry->magic, CCB_ABI_MAGIC);
    assert_int_equal(entry->abi_major, CCB_ABI_MAJOR);
    assert_int_equal(entry->abi_minor_built, CCB_ABI_MINOR);
    assert_int_equal(entry->abi_minor_required, 0);
    assert_int_equal(entry->struct_size, sizeof(*entry));
    assert_string_equal(entry->id, id);
}

static void interfaces_are_found_to_the_letter(void **state)
{
    static const char *const unknown[] = {
        "",          "ccb.staging", "ccb.staging/1 ", "ccb.staging/10",
        "CCB.RUN/1", "ccb.run/2"};
    const struct ccb_staging_1 *staging =
        entry->get_interface(self, CCB_STAGING_1);
    const struct ccb_run_1 *run = entry->get_interface(self, CCB_RUN_1);
    const struct ccb_ports_1 *ports = entry->get_interface(self, CCB_PORTS_1);

    (void)state;
    assert_int_equal(staging->struct_size, sizeof(*staging));
    assert_non_null(staging->build_recipe);
    assert_non_null(staging->build_response);
    assert_int_equal(run->struct_size, sizeof(*run));
    assert_non_null(run->build_lrp);
    assert_null(run->build_task);
    assert_int_equal(ports->struct_size, sizeof(*ports));
    assert_non_null(ports->extract);
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_null(entry->get_interface(self, unknown[i]));
}

/* The text behind the note's owner, found as bytes of the file. */
static struct ccb_slice find_manifest(void)
{
    FILE *file = fopen(path, "rb");
    size_t len, i;
    uint32_t head[3];

    assert_non_null(file);
    len = fread(image, 1, sizeof(image), file);
    fclose(file);
    for (i = sizeof(head); i + 5 < len; i++) {
        memcpy(head, image + i - sizeof(head), sizeof(head));
        if (memcmp(image + i, CCB_NOTE_OWNER "\0{", 5) == 0 && head[0] == 4 &&
            head[2] == CCB_NOTE_TYPE && head[1] <= len - i - 4)
            return ccb_slice_make(image + i + 4, head[1]);
    }
    fail_msg("no manifest in %s", path);
    return ccb_slice_of("");
}

/* Whether the manifest's list of interfaces holds `name`. */
static int is_listed(struct ccb_json manifest, const char *name)
{
    struct ccb_json_iter it =
        ccb_json_iter(ccb_json_get(manifest, "interfaces"));

    while (ccb_json_next(&it))
        if (ccb_json_string_is(it.value, name))
            return 1;
    return 0;
}

static void manifest_agrees_with_the_entry(void **state)
{
    static const char *const known[] = {CCB_STAGING_1, CCB_RUN_1, CCB_PORTS_1,
                                        CCB_DOCKER_IMAGE_1, CCB_SELFTEST_1};
    struct ccb_json manifest;
    struct ccb_error err = {0, "", ""};

    (void)state;
    assert_int_equal(
        ccb_json_parse(&manifest, find_manifest(), CCB_JSON_WHOLE, &err), 0);
    assert_true(ccb_json_string_is(ccb_json_get(manifest, "id"), entry->id));
    assert_true(
        ccb_json_string_is(ccb_json_get(manifest, "version"), entry->version));
    assert_true(ccb_slice_is(ccb_json_get(manifest, "manifest").raw, "1"));
    assert_true(ccb_slice_is(ccb_json_get(manifest, "concurrent").raw, "true"));
    assert_true(ccb_slice_is(ccb_json_get(manifest, "claims").raw, claims));
    if (result_form)
        assert_true(ccb_json_string_is(ccb_json_get(manifest, "result_form"),
                                       result_form));
    else
        assert_int_equal(ccb_json_get(manifest, "result_form").type,
                         CCB_JSON_NONE);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_int_equal(entry->get_interface(self, known[i]) != NULL,
                         is_listed(manifest, known[i]));
}

static int call_with(struct ccb_request *request)
{
    const struct ccb_staging_1 *staging =
        entry->get_interface(self, CCB_STAGING_1);
    return ccb_test_host_call(&host, staging->build_recipe, self, request);
}

static void another_dialect_is_refused_by_name(void **state)
{
    struct ccb_request request;

    (void)state;
    ccb_test_request_init(&request);
    request.dialect = ccb_slice_of("bbs/3");
    request.message = ccb_slice_of("{}");
    assert_int_equal(call_with(&request), CCB_UNSUPPORTED);
    assert_int_equal(host.code, CCB_UNSUPPORTED);
    assert_non_null(strstr(host.error, "\"bbs/3\""));
    assert_non_null(strstr(host.error, "\"receptor/1\""));
}

static void broken_facts_are_refused(void **state)
{
    static const char *const broken[] = {"[]", "{", "null", "{} {}"};
    struct ccb_request request;

    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        ccb_test_request_init(&request);
        request.message = ccb_slice_of("{}");
        request.facts = ccb_slice_of(broken[i]);
        assert_int_equal(call_with(&request), CCB_FAILED);
        assert_non_null(strstr(host.error, "facts"));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entry_has_the_frozen_prefix),
        cmocka_unit_test(interfaces_are_found_to_the_letter),
        cmocka_unit_test(manifest_agrees_with_the_entry),
        cmocka_unit_test(another_dialect_is_refused_by_name),
        cmocka_unit_test(broken_facts_are_refused),
    };

    if (argc < 4) {
        fprintf(stderr, "usage: plugin_entry_test PLUGIN.so ID CLAIMS "
                        "[RESULT_FORM]\n");
        return 2;
    }
    path = argv[1];
    id = argv[2];
    claims = argv[3];
    result_form = argv[4]; /* NULL behind the last one */
    return cmocka_run_group_tests(tests, open_plugin, close_plugin);
}
