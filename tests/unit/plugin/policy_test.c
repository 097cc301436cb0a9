/*
 * The operator's policies: each member, what is refused and in which words, and
 * that to enable and to disable keep all the rest.
 */
#include "zoo_testing.h"

#include "plugin/policy.h"

static struct zoo zoo;
static struct ccb_arena *arena;
static struct ccb_plugin_policy policy;
static struct ccb_error err;

static int setup(void **state)
{
    (void)state;
    zoo_init(&zoo);
    arena = ccb_arena_create();
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    ccb_arena_unref(arena);
    zoo_destroy(&zoo);
    return 0;
}

static int decode(const char *text)
{
    return ccb_plugin_policy_decode(&policy, S(text), arena, &err);
}

static int read_policy(const char *id)
{
    return ccb_plugin_policy_read(&policy, zoo.dir, S(id), arena, &err);
}

static void assert_slice(const char *want, struct ccb_slice got)
{
    if (!ccb_slice_is(got, want))
        fail_msg("%.*s is not %s", (int)got.len, got.ptr, want);
}

static void assert_says(const char *words)
{
    if (!strstr(err.message, words))
        fail_msg("%s is not in: %s", words, err.message);
}

/* ---- reading ------------------------------------------------------------ */

static void test_an_empty_policy_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(0, decode("{}"));
    assert_true(policy.enabled);
    assert_int_equal(CCB_PLUGIN_MODE_DEFAULT, policy.mode);
    assert_false(policy.critical);
    assert_int_equal(256, policy.memory_mb);
    assert_int_equal(0, policy.timeout);
    assert_int_equal(0, policy.sha256.len);
    assert_false(policy.has_claims);
}

static void test_each_member_is_understood(void **state)
{
    const struct ccb_slice *claims;

    (void)state;
    assert_int_equal(
        0, decode("{\"enabled\":false,\"mode\":\"in-process\","
                  "\"critical\":true,\"priority\":-7,\"sha256\":"
                  "\"ba7816bf8f01cfea414140de5dae2223"
                  "b00361a396177a9cb410ff61f20015ad\",\"timeout_ms\":250,"
                  "\"memory_mb\":64,\"workers\":3,\"config\":{\"a\": 1},"
                  "\"claims\":[\"jar\",\"jar/linux*\"]}"));
    assert_false(policy.enabled);
    assert_int_equal(CCB_PLUGIN_MODE_IN_PROCESS, policy.mode);
    assert_true(policy.critical);
    assert_int_equal(-7, policy.priority);
    assert_int_equal(64, policy.sha256.len);
    assert_int_equal(250000000, policy.timeout);
    assert_int_equal(64, policy.memory_mb);
    assert_int_equal(3, policy.workers);
    assert_slice("{\"a\": 1}", policy.config);
    assert_int_equal(2, policy.claims.count);
    claims = policy.claims.items;
    assert_slice("jar/linux*", claims[1]);
    assert_int_equal(0, decode("{\"mode\":\"isolated\"}"));
    assert_int_equal(CCB_PLUGIN_MODE_ISOLATED, policy.mode);
}

static void test_what_is_not_understood_is_refused_in_words(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"", "no text"},
        {"[]", "a policy is a JSON object"},
        {"{\"enabeld\":true}", "did you mean \"enabled\""},
        {"{\"Enabled\":true}", "\"Enabled\" is no member"},
        {"{\"xyz\":1}", "docs/plugins/operating.md"},
        {"{\"enabled\":true,\"enabled\":true}", "\"enabled\" is there twice"},
        {"{\"enabled\":1}", "\"enabled\" must be true or false, not 1"},
        {"{\"enabled\":null}", "true or false"},
        {"{\"mode\":\"Isolated\"}", "not \"Isolated\""},
        {"{\"critical\":\"yes\"}", "true or false"},
        {"{\"priority\":1.5}", "a whole number"},
        {"{\"priority\":99999999999}", "a whole number"},
        {"{\"sha256\":\"abc\"}", "64 digits"},
        {"{\"sha256\":\"BA7816bf8f01cfea414140de5dae2223"
         "b00361a396177a9cb410ff61f20015ad\"}",
         "64 digits"},
        {"{\"timeout_ms\":0}", "from 1 to 600000"},
        {"{\"timeout_ms\":600001}", "from 1 to 600000"},
        {"{\"memory_mb\":15}", "from 16 to 65536"},
        {"{\"workers\":17}", "from 1 to 16"},
        {"{\"config\":\"pass-word\"}", "\"config\" must be an object"},
        {"{\"claims\":[]}", "1 to 64"},
        {"{\"claims\":\"jar\"}", "1 to 64"},
        {"{\"claims\":[7]}", "LIFECYCLE"},
        {"{\"claims\":[\"a*b\"]}", "LIFECYCLE"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(CCB_INVALID, decode(rows[i].text));
        assert_says(rows[i].words);
        assert_null(strstr(err.message, "pass-word"));
    }
}

static void test_no_memory_is_said(void **state)
{
    int code = CCB_NO_MEMORY;
    size_t at;

    (void)state;
    for (at = 1; code == CCB_NO_MEMORY; at++) {
        ccb_mem_fail_at(at, 0);
        code = decode("{\"sha256\":\"\\u0062a7816bf8f01cfea414140de5dae2223"
                      "b00361a396177a9cb410ff61f20015ad\",\"claims\":[\"a\"]}");
        ccb_mem_fail_at(0, 0);
    }
    assert_int_equal(0, code);
}

/* ---- files -------------------------------------------------------------- */

static void put(const char *name, const char *text)
{
    zoo_add_bytes(&zoo, name, text, strlen(text));
}

static void test_no_file_and_no_directory_are_no_policy(void **state)
{
    (void)state;
    assert_int_equal(0, read_policy("org.example.a"));
    assert_true(policy.enabled);
    assert_int_equal(
        0, ccb_plugin_policy_read(&policy, "/no/such", S("a"), arena, &err));
    assert_int_equal(
        0, ccb_plugin_policy_read(&policy, NULL, S("a"), arena, &err));
}

static void test_a_file_that_others_may_write_refuses(void **state)
{
    char path[PATH_MAX];

    (void)state;
    put("org.example.a.json", "{\"workers\":2}");
    assert_int_equal(0, read_policy("org.example.a"));
    assert_int_equal(2, policy.workers);
    snprintf(path, sizeof(path), "%s/org.example.a.json", zoo.dir);
    assert_int_equal(0, chmod(path, 0666));
    assert_int_equal(CCB_INVALID, read_policy("org.example.a"));
    assert_says("org.example.a.json: expected a file");
    assert_says("mode 0666");
}

/* Cut short by a full disk: it may have said "enabled": false. */
static void test_an_empty_file_refuses(void **state)
{
    (void)state;
    put("a.json", "");
    assert_int_equal(CCB_INVALID, read_policy("a"));
    assert_says("a.json");
    assert_int_equal(CCB_INVALID,
                     ccb_plugin_policy_enable(zoo.dir, S("a"), true, &err));
}

static void test_an_id_stays_in_its_directory(void **state)
{
    static const char *const ids[] = {"", "../a", ".a", "a/b", "A"};

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        assert_int_equal(CCB_INVALID, read_policy(ids[i]));
        assert_int_equal(CCB_INVALID, ccb_plugin_policy_enable(
                                          zoo.dir, S(ids[i]), false, &err));
        assert_says("is no plugin id");
    }
}

/* ---- to enable and to disable ------------------------------------------- */

static void test_disabling_keeps_the_rest(void **state)
{
    (void)state;
    put("a.json", "{ \"config\" : {\"x\":[1, 2]}, \"enabled\":true,"
                  "\"workers\":2}");
    assert_int_equal(0, ccb_plugin_policy_enable(zoo.dir, S("a"), false, &err));
    assert_int_equal(0, read_policy("a"));
    assert_false(policy.enabled);
    assert_int_equal(2, policy.workers);
    assert_slice("{\"x\":[1, 2]}", policy.config);
    assert_int_equal(0, ccb_plugin_policy_enable(zoo.dir, S("a"), true, &err));
    assert_int_equal(0, read_policy("a"));
    assert_true(policy.enabled);
    assert_int_equal(2, policy.workers);
}

static void test_disabling_makes_directory_and_file(void **state)
{
    char dir[PATH_MAX], path[PATH_MAX + 16];
    struct stat st;

    (void)state;
    snprintf(dir, sizeof(dir), "%s/plugins.d", zoo.dir);
    assert_int_equal(0, ccb_plugin_policy_enable(dir, S("a"), false, &err));
    snprintf(path, sizeof(path), "%s/a.json", dir);
    assert_int_equal(0, stat(path, &st));
    assert_int_equal(0644, st.st_mode & 07777);
    assert_int_equal(0,
                     ccb_plugin_policy_read(&policy, dir, S("a"), arena, &err));
    assert_false(policy.enabled);
    assert_int_equal(0, unlink(path));
    assert_int_equal(0, rmdir(dir)); /* nothing else was left there */
}

static void test_a_broken_file_is_not_overwritten(void **state)
{
    (void)state;
    put("a.json", "{\"enabled\":");
    assert_int_equal(CCB_INVALID,
                     ccb_plugin_policy_enable(zoo.dir, S("a"), true, &err));
    assert_says("a.json");
    assert_int_equal(CCB_INVALID, read_policy("a"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_empty_policy_changes_nothing),
        TEST(test_each_member_is_understood),
        TEST(test_what_is_not_understood_is_refused_in_words),
        TEST(test_no_memory_is_said),
        TEST(test_no_file_and_no_directory_are_no_policy),
        TEST(test_a_file_that_others_may_write_refuses),
        TEST(test_an_empty_file_refuses),
        TEST(test_an_id_stays_in_its_directory),
        TEST(test_disabling_keeps_the_rest),
        TEST(test_disabling_makes_directory_and_file),
        TEST(test_a_broken_file_is_not_overwritten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
