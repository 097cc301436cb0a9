/* What the executor reads of a stored body: core/cell/runner_spec.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "cell/cell_internal.h"

static struct ccb_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = ccb_arena_create();
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    ccb_arena_unref(arena);
    return 0;
}

static int decode(struct ccb_runner_spec *spec, const char *body,
                  enum ccb_runner_kind kind, struct ccb_error *err)
{
    memset(spec, 0, sizeof(*spec));
    memset(err, 0, sizeof(*err));
    return ccb_runner_spec_decode(spec, ccb_slice_of(body), kind, arena, err);
}

static const char whole[] =
    "{\"process_guid\":\"p\",\"unknown\":[1,{}],\"rootfs\":\"preloaded:base\","
    "\"log_guid\":\"log-1\",\"log_source\":\"APP\",\"memory_mb\":128,"
    "\"disk_mb\":256,\"start_timeout\":60,"
    "\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"A\",\"value\":\"2\"}"
    ",{\"name\":\"EMPTY\",\"value\":\"\"}],\"ports\":[8080,2222],"
    "\"setup\":{\"download\":{\"from\":\"http://a/b\",\"to\":\"/app\","
    "\"cache_key\":\"k\",\"user\":\"vcap\"}},"
    "\"action\":{\"run\":{\"path\":\"/bin/true\",\"args\":[\"x\"],"
    "\"user\":\"vcap\"}},"
    "\"monitor\":{\"run\":{\"path\":\"/bin/check\",\"user\":\"vcap\"}}}";

static void test_every_member(void **state)
{
    struct ccb_runner_spec spec;
    struct ccb_error err;
    const struct ccb_env_pair *env;
    const uint16_t *ports;

    (void)state;
    assert_int_equal(decode(&spec, whole, CCB_RUNNER_LRP, &err), 0);
    assert_true(ccb_slice_is(spec.rootfs, "preloaded:base"));
    assert_true(ccb_slice_is(spec.log_guid, "log-1"));
    assert_true(ccb_slice_is(spec.log_source, "APP"));
    assert_int_equal(spec.needs.memory_mb, 128);
    assert_int_equal(spec.needs.disk_mb, 256);
    assert_int_equal(spec.start_timeout, 60);
    assert_int_equal(spec.env.count, 3);
    env = spec.env.items;
    assert_true(ccb_slice_is(env[0].name, "A"));
    assert_true(ccb_slice_is(env[1].value, "2"));
    assert_int_equal(env[2].value.len, 0);
    assert_int_equal(spec.ports.count, 2);
    ports = spec.ports.items;
    assert_int_equal(ports[0], 8080);
    assert_int_equal(ports[1], 2222);
    assert_int_equal(spec.setup->kind, CCB_ACTION_DOWNLOAD);
    assert_true(ccb_slice_is(spec.setup->to, "/app"));
    assert_int_equal(spec.action->kind, CCB_ACTION_RUN);
    assert_int_equal(spec.action->args.count, 1);
    assert_true(ccb_slice_is(spec.monitor->path, "/bin/check"));
}

static void test_the_least_there_can_be(void **state)
{
    static const char body[] =
        "{\"rootfs\":\"preloaded:base\",\"env\":null,\"ports\":null,"
        "\"setup\":null,\"action\":{\"run\":{\"path\":\"/bin/true\","
        "\"user\":\"vcap\"}}}";
    struct ccb_runner_spec spec;
    struct ccb_error err;

    (void)state;
    for (int kind = CCB_RUNNER_TASK; kind <= CCB_RUNNER_LRP; kind++) {
        assert_int_equal(decode(&spec, body, (enum ccb_runner_kind)kind, &err),
                         0);
        assert_int_equal(spec.log_guid.len, 0);
        assert_int_equal(spec.needs.memory_mb, 0);
        assert_int_equal(spec.needs.disk_mb, 0);
        assert_int_equal(spec.start_timeout, 0);
        assert_int_equal(spec.env.count, 0);
        assert_int_equal(spec.ports.count, 0);
        assert_null(spec.setup);
        assert_null(spec.monitor);
        assert_non_null(spec.action);
    }
}

/* The result file is a column of its own, read before the body. */
static void test_what_is_no_member_is_left_alone(void **state)
{
    struct ccb_runner_spec spec = {.result_file = CCB_LIT("/tmp/out")};
    struct ccb_error err;

    (void)state;
    assert_int_equal(ccb_runner_spec_decode(&spec, ccb_slice_of(whole),
                                            CCB_RUNNER_LRP, arena, &err),
                     0);
    assert_true(ccb_slice_is(spec.result_file, "/tmp/out"));
}

static void test_bad_bodies(void **state)
{
    static const char *const bodies[] = {
        "",
        "null",
        "[]",
        "\"text\"",
        "{",
        "{} {}",
        "{\"rootfs\":1}",
        "{\"memory_mb\":\"128\"}",
        "{\"memory_mb\":1.5}",
        "{\"memory_mb\":99999999999999999999}",
        "{\"start_timeout\":-1}",
        "{\"env\":{}}",
        "{\"env\":[1]}",
        "{\"env\":[{\"name\":1}]}",
        "{\"ports\":8080}",
        "{\"ports\":[65536]}",
        "{\"ports\":[-1]}",
        "{\"action\":[]}",
        "{\"action\":{\"run\":[]}}",
        "{\"setup\":1}",
        "{\"monitor\":\"x\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct ccb_runner_spec spec;
        struct ccb_error err;
        int code = decode(&spec, bodies[i], CCB_RUNNER_TASK, &err);

        if (code >= 0 && strcmp(bodies[i], "null") != 0)
            fail_msg("%s was taken", bodies[i]);
        if (code < 0)
            assert_string_not_equal(err.message, "");
    }
}

/* Each allocation fails once: an error, and nothing else. */
static void test_memory_may_be_short(void **state)
{
    int code = CCB_NO_MEMORY;

    (void)state;
    for (size_t n = 1; code != 0; n++) {
        struct ccb_runner_spec spec;
        struct ccb_error err;

        assert_true(n < 200);
        (void)ccb_mem_fail_at(n, 0);
        code = decode(&spec, whole, CCB_RUNNER_LRP, &err);
        (void)ccb_mem_fail_at(0, 0);
        if (code != 0)
            assert_int_equal(code, CCB_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_member, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_least_there_can_be, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_member_is_left_alone,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_bodies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_may_be_short, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
