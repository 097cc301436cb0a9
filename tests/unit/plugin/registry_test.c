/*
 * The registry and the zoo: each bad plugin is refused for its reason, in
 * words, while the good one beside it serves; and who serves what
 * (design.md 6; anchors 3.9).
 */
#include "zoo_testing.h"

#include <elf.h>

#include "base/buf.h"

#define NONE S("")

/* ---- the zoo ------------------------------------------------------------ */

struct member {
    const char *name;
    enum ccb_refusal reason;
    const char *expected, *found; /* parts of the refusal's texts */
};

static const struct member members[] = {
    {"not_elf", CCB_REFUSED_NOT_ELF, "an ELF file", "something else"},
    {"no_manifest", CCB_REFUSED_NO_MANIFEST, "owner CCB", "no such note"},
    {"bad_manifest_json", CCB_REFUSED_BAD_MANIFEST, "a JSON object", ""},
    {"manifest_format_2", CCB_REFUSED_BAD_MANIFEST, "\"manifest\":1",
     "\"manifest\":2"},
    {"manifest_without_id", CCB_REFUSED_BAD_MANIFEST, "\"id\"", "\"\""},
    {"manifest_bad_claim", CCB_REFUSED_BAD_MANIFEST, "\"claims\"", "\"*\""},
    {"no_entry", CCB_REFUSED_NO_ENTRY, "ccb_lifecycle_entry_v1",
     "no such symbol"},
    {"abi_major_0", CCB_REFUSED_ABI_MAJOR, "1", "0"},
    {"abi_major_2", CCB_REFUSED_ABI_MAJOR, "1", "2"},
    {"abi_major_field", CCB_REFUSED_ABI_MAJOR, "1", "3"},
    {"minor_too_high", CCB_REFUSED_ABI_MINOR, "at most 1", "7"},
    {"bad_magic", CCB_REFUSED_BAD_ENTRY, "magic 0x50424343",
     "magic 0x12345678"},
    {"short_struct_size", CCB_REFUSED_BAD_ENTRY, "at least 56 bytes",
     "struct_size 48"},
    {"entry_is_code", CCB_REFUSED_BAD_ENTRY, "at least 56 bytes",
     "0 bytes of data"},
    {"id_mismatch", CCB_REFUSED_BAD_ENTRY, "zoo.id-mismatch",
     "zoo.somebody_else"},
    {"same_id", CCB_REFUSED_DUPLICATE, "no other plugin", "good.so"},
    {"null_create_fn", CCB_REFUSED_BAD_ENTRY, "create", "NULL"},
    {"create_null", CCB_REFUSED_CREATE, "an instance", "NULL from create"},
    {"missing_interface", CCB_REFUSED_INTERFACE, "org.example.more/1",
     "NULL from get_interface"},
    {"extra_interface", CCB_REFUSED_INTERFACE, "only what the manifest lists",
     "ccb.selftest/1"},
    {"null_table_slot", CCB_REFUSED_INTERFACE, "build_response of", "NULL"},
    {"unresolved", CCB_REFUSED_LOAD, "dynamic linker",
     "function_of_no_library"},
};

/* Opens a directory of the good one and a bad one: one refusal, and the good
 * one serves. */
static void check_refusal(struct zoo *zoo, const struct member *member)
{
    const struct ccb_plugin *good;

    if (zoo_open(zoo) != 0)
        fail_msg("%s ended the opening: %s", member->name, zoo->error.message);
    if (zoo->refused != 1 || zoo->last.reason != member->reason)
        fail_msg("%s: %zu refusals, the last for %d (%s)", member->name,
                 zoo->refused, (int)zoo->last.reason, zoo->last.found);
    assert_contains(zoo->last.file, zoo->dir);
    assert_contains(zoo->last.expected, member->expected);
    assert_contains(zoo->last.found, member->found);
    assert_int_equal(1, ccb_plugins_count(zoo->plugins));
    good = ccb_plugins_find(zoo->plugins, S("good"), NONE);
    assert_non_null(good);
    assert_string_equal("zoo.good", ccb_plugin_id(good));
}

static void test_each_bad_plugin_is_refused_beside_a_good_one(void **state)
{
    int fd = zoo_log_begin();
    char *log;

    (void)state;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        struct zoo zoo;

        zoo_init(&zoo);
        zoo_add(&zoo, "good");
        zoo_add(&zoo, members[i].name);
        check_refusal(&zoo, &members[i]);
        zoo_destroy(&zoo);
    }
    log = zoo_log_end(fd);
    assert_contains(log, "zoo.plugin-refused");
    assert_contains(log, "\"reason\":\"abi_major\"");
    assert_contains(log, "\"expected\":\"1\"");
    assert_contains(log, "\"found\":\"2\"");
    assert_contains(log, "\"advice\":\"rebuild it with SDK 1.x\"");
    assert_contains(log, "/abi_major_2.so\"");
    ccb_free(log);
}

/* The good plugin's file with something changed. */
static void check_changed(const struct member *member, size_t offset,
                          uint16_t value, size_t cut)
{
    struct zoo zoo;
    size_t len;
    char *bytes = zoo_read(ZOO_DIR "/good.so", &len);

    zoo_init(&zoo);
    zoo_add(&zoo, "good");
    if (offset)
        memcpy(bytes + offset, &value, sizeof(value));
    zoo_add_bytes(&zoo, "changed.so", bytes, cut ? cut : len);
    check_refusal(&zoo, member);
    zoo_destroy(&zoo);
    ccb_free(bytes);
}

static void test_a_truncated_or_foreign_file_is_refused(void **state)
{
    static const struct member truncated = {"truncated", CCB_REFUSED_NOT_ELF,
                                            "a whole ELF file", "would end at"};
    static const struct member foreign = {"foreign", CCB_REFUSED_MACHINE,
                                          "machine ", "machine 22"};
    int fd = zoo_log_begin();

    (void)state;
    check_changed(&truncated, 0, 0, 4000);
    check_changed(&foreign, offsetof(Elf64_Ehdr, e_machine), EM_S390, 0);
    ccb_free(zoo_log_end(fd));
}

static void test_what_is_no_file_of_its_own_is_refused(void **state)
{
    static const struct member directory = {"directory", CCB_REFUSED_UNREADABLE,
                                            "a regular file", "type 04"};
    static const struct member fifo = {"fifo", CCB_REFUSED_UNREADABLE,
                                       "a regular file", "type 01"};
    static const struct member linked = {"link", CCB_REFUSED_UNSAFE, "no link",
                                         "a symbolic link"};
    int fd = zoo_log_begin();
    struct zoo zoo;
    char path[PATH_MAX];

    (void)state;
    zoo_init(&zoo);
    zoo_add(&zoo, "good");
    snprintf(path, sizeof(path), "%s/directory.so", zoo.dir);
    assert_int_equal(0, mkdir(path, 0755));
    check_refusal(&zoo, &directory);
    assert_int_equal(0, rmdir(path));
    zoo_destroy(&zoo);

    zoo_init(&zoo);
    zoo_add(&zoo, "good");
    snprintf(path, sizeof(path), "%s/fifo.so", zoo.dir);
    assert_int_equal(0, mkfifo(path, 0600));
    check_refusal(&zoo, &fifo);
    zoo_destroy(&zoo);

    zoo_init(&zoo);
    zoo_add(&zoo, "good");
    snprintf(path, sizeof(path), "%s/link.so", zoo.dir);
    assert_int_equal(0, symlink(ZOO_DIR "/runs.so", path));
    check_refusal(&zoo, &linked);
    zoo_destroy(&zoo);
    ccb_free(zoo_log_end(fd));
}

static void test_a_plugin_of_a_later_sdk_loads(void **state)
{
    int fd = zoo_log_begin();
    struct zoo zoo;

    (void)state;
    zoo_init(&zoo);
    zoo_add(&zoo, "long_struct_size");
    assert_int_equal(0, zoo_open(&zoo));
    assert_int_equal(0, zoo.refused);
    assert_int_equal(1, ccb_plugins_count(zoo.plugins));
    zoo_destroy(&zoo);
    ccb_free(zoo_log_end(fd));
}

static void test_only_visible_shared_objects_are_looked_at(void **state)
{
    int fd = zoo_log_begin();
    struct zoo zoo;

    (void)state;
    zoo_init(&zoo);
    zoo_add(&zoo, "good");
    zoo_add_bytes(&zoo, "README", "x", 1);
    zoo_add_bytes(&zoo, ".hidden.so", "x", 1);
    zoo_add_bytes(&zoo, "good.so.bak", "x", 1);
    assert_int_equal(0, zoo_open(&zoo));
    assert_int_equal(0, zoo.refused);
    assert_int_equal(1, ccb_plugins_count(zoo.plugins));
    zoo_destroy(&zoo);
    ccb_free(zoo_log_end(fd));
}

static void test_files_are_taken_in_the_order_of_their_names(void **state)
{
    static const char *const made[] = {"c.so", "a.so", "e.so", "b.so", "d.so"};
    static const char *const taken[] = {"/a.so", "/b.so", "/c.so", "/d.so",
                                        "/e.so"};
    int fd = zoo_log_begin();
    struct zoo zoo;
    char *log, *at;

    (void)state;
    zoo_init(&zoo);
    for (size_t i = 0; i < 5; i++)
        zoo_add_bytes(&zoo, made[i], "x", 1);
    assert_int_equal(0, zoo_open(&zoo));
    assert_int_equal(5, zoo.refused);
    zoo_destroy(&zoo);
    log = at = zoo_log_end(fd);
    for (size_t i = 0; i < 5; i++) {
        at = strstr(at, taken[i]);
        assert_non_null(at);
    }
    ccb_free(log);
}

static void test_a_missing_directory_is_said_and_passed_over(void **state)
{
    int fd = zoo_log_begin();
    struct zoo zoo;
    const char *directories[] = {"/nowhere/at/all", NULL};
    struct ccb_plugins_options options = {.directories = directories,
                                          .directory_count = 2,
                                          .mode = CCB_PLUGIN_MODE_IN_PROCESS,
                                          .runner = ZOO_RUNNER,
                                          .log = &zoo.log};
    char *log;

    (void)state;
    zoo_init(&zoo);
    zoo_add(&zoo, "good");
    directories[1] = zoo.dir;
    assert_int_equal(0, ccb_plugins_open(&zoo.plugins, &options, &zoo.error));
    assert_int_equal(1, ccb_plugins_count(zoo.plugins));
    ccb_plugins_close(zoo.plugins);

    options.directory_count = 1;
    options.log = NULL; /* no log is fine, no plugin is fine */
    assert_int_equal(0, ccb_plugins_open(&zoo.plugins, &options, &zoo.error));
    assert_int_equal(0, ccb_plugins_count(zoo.plugins));
    assert_null(ccb_plugins_find(zoo.plugins, S("good"), NONE));
    zoo_destroy(&zoo);
    log = zoo_log_end(fd);
    assert_contains(log, "zoo.plugin-directory-unreadable");
    assert_contains(log, "/nowhere/at/all");
    ccb_free(log);
}

/* ---- who serves what ---------------------------------------------------- */

static void test_plugins_are_found_by_claim_and_by_id(void **state)
{
    int fd = zoo_log_begin();
    struct zoo zoo;
    struct ccb_plugin *good;

    (void)state;
    zoo_init(&zoo);
    zoo_add(&zoo, "good");
    zoo_add(&zoo, "concurrent");
    assert_int_equal(0, zoo_open(&zoo));
    good = ccb_plugins_get(zoo.plugins, S("zoo.good"));
    assert_non_null(good);
    assert_string_equal("1.2.3", ccb_plugin_version(good));
    assert_ptr_equal(good, ccb_plugins_find(zoo.plugins, S("good"), NONE));
    assert_ptr_equal(good, ccb_plugins_find(zoo.plugins, S("good"), S("any")));
    assert_null(ccb_plugins_get(zoo.plugins, S("zoo.goo")));
    assert_null(ccb_plugins_find(zoo.plugins, S("goo"), NONE));
    assert_string_equal(
        "zoo.concurrent",
        ccb_plugin_id(ccb_plugins_find(zoo.plugins, S("concurrent"), NONE)));
    zoo_destroy(&zoo);
    ccb_free(zoo_log_end(fd));
}

static void test_of_two_plugins_with_one_claim_the_first_serves(void **state)
{
    int fd = zoo_log_begin();
    struct zoo zoo;

    (void)state;
    zoo_init(&zoo);
    zoo_add(&zoo, "good");
    zoo_add(&zoo, "same_claim");
    assert_int_equal(0, zoo_open(&zoo));
    assert_int_equal(CCB_REFUSED_CLAIM, zoo.last.reason);
    assert_contains(zoo.last.file, "/same_claim.so");
    assert_contains(zoo.last.found, "\"good\", which zoo.good claims, too");
    assert_string_equal("zoo.good", ccb_plugin_id(ccb_plugins_find(
                                        zoo.plugins, S("good"), NONE)));
    /* The other one is refused, and does not serve beside that. */
    assert_null(ccb_plugins_get(zoo.plugins, S("zoo.same-claim")));
    zoo_destroy(&zoo);
    ccb_free(zoo_log_end(fd));
}

static void test_two_plugins_with_one_claim_end_a_strict_opening(void **state)
{
    int fd = zoo_log_begin();
    struct zoo zoo;

    (void)state;
    zoo_init(&zoo);
    zoo_add(&zoo, "good");
    zoo_add(&zoo, "same_claim");
    zoo.strict = true;
    assert_int_equal(CCB_CONFLICT, zoo_open(&zoo));
    assert_null(zoo.plugins);
    assert_contains(zoo.error.message, "\"good\"");
    assert_contains(zoo.error.message, "zoo.good and zoo.same-claim");
    assert_contains(zoo.error.message, "-lifecyclePlugin good:zoo.good");
    assert_contains(zoo.error.message, "/good.so");
    assert_contains(zoo.error.message, "/same_claim.so");
    assert_int_equal(CCB_REFUSED_CLAIM, zoo.last.reason);
    assert_contains(zoo.last.file, "/same_claim.so");
    zoo_destroy(&zoo);
    ccb_free(zoo_log_end(fd));
}

static struct ccb_pairs pairs_of(struct ccb_pair *pair, const char *key,
                                 const char *value)
{
    pair->key = S(key);
    pair->value = S(value);
    return (struct ccb_pairs){pair, 1};
}

static void test_a_choice_by_hand_settles_it_and_goes_first(void **state)
{
    int fd = zoo_log_begin();
    struct ccb_pair pair;
    struct ccb_pairs pairs = pairs_of(&pair, "good", "zoo.same-claim");
    struct zoo zoo;
    struct ccb_plugin *chosen;

    (void)state;
    zoo_init(&zoo);
    zoo_add(&zoo, "good");
    zoo_add(&zoo, "same_claim");
    zoo.by_hand = &pairs;
    assert_int_equal(0, zoo_open(&zoo));
    chosen = ccb_plugins_get(zoo.plugins, S("zoo.same-claim"));
    assert_ptr_equal(chosen, ccb_plugins_find(zoo.plugins, S("good"), NONE));
    assert_ptr_equal(chosen, ccb_plugins_find(zoo.plugins, S("good"), S("s")));
    zoo_destroy(&zoo);
    ccb_free(zoo_log_end(fd));
}

static void on_told(void *user, struct ccb_slice claim, bool by_hand,
                    const struct ccb_plugin *plugin)
{
    struct ccb_buf *told = user;

    ccb_buf_put_slice(told, claim);
    ccb_buf_printf(told, by_hand ? "=%s " : ":%s ", ccb_plugin_id(plugin));
}

static void test_claims_are_told_with_those_by_hand_first(void **state)
{
    int fd = zoo_log_begin();
    struct ccb_pair pair;
    struct ccb_pairs pairs = pairs_of(&pair, "good", "zoo.same-claim");
    struct ccb_buf told = {0};
    struct zoo zoo;

    (void)state;
    zoo_init(&zoo);
    zoo_add(&zoo, "good");
    zoo_add(&zoo, "same_claim");
    zoo.by_hand = &pairs;
    assert_int_equal(0, zoo_open(&zoo));
    ccb_plugins_each_claim(zoo.plugins, S("good"), S("s"), on_told, &told);
    ccb_buf_putc(&told, '\0');
    assert_string_equal("good=zoo.same-claim good/*:zoo.good good:zoo.good "
                        "good:zoo.same-claim ",
                        told.data);
    assert_contains(
        ccb_plugin_file(ccb_plugins_find(zoo.plugins, S("good"), NONE)),
        "/same_claim.so");
    ccb_buf_destroy(&told);
    zoo_destroy(&zoo);
    ccb_free(zoo_log_end(fd));
}

static void test_a_choice_by_hand_is_checked(void **state)
{
    static const struct {
        const char *key, *id;
        int code;
        const char *part;
    } rows[] = {
        {"new", "zoo.good", 0, ""},
        {"good/x*", "zoo.good", 0, ""},
        {"good", "zoo.missing", CCB_NOT_FOUND,
         "good:zoo.missing names a plugin that is not loaded (loaded: "
         "zoo.good, zoo.hang)"},
        {"go*d", "zoo.good", CCB_INVALID, "go*d:zoo.good"},
    };
    int fd = zoo_log_begin();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_pair pair;
        struct ccb_pairs pairs = pairs_of(&pair, rows[i].key, rows[i].id);
        struct zoo zoo;

        zoo_init(&zoo);
        zoo_add(&zoo, "good");
        zoo_add(&zoo, "hang");
        zoo.by_hand = &pairs;
        assert_int_equal(rows[i].code, zoo_open(&zoo));
        assert_contains(zoo.error.message, rows[i].part);
        zoo_destroy(&zoo);
    }
    ccb_free(zoo_log_end(fd));
}

static void test_the_annotation_is_enough_where_the_way_back_is_plain(
    void **state)
{
    int fd = zoo_log_begin();
    struct zoo zoo;
    const struct ccb_plugin *good, *form, *other;

    (void)state;
    zoo_init(&zoo);
    zoo_add(&zoo, "good");
    zoo_add(&zoo, "result_form");
    zoo_add(&zoo, "concurrent");
    assert_int_equal(0, zoo_open(&zoo));
    good = ccb_plugins_get(zoo.plugins, S("zoo.good"));
    form = ccb_plugins_get(zoo.plugins, S("zoo.result-form"));
    other = ccb_plugins_get(zoo.plugins, S("zoo.concurrent"));
    assert_true(ccb_plugins_annotation_is_enough(zoo.plugins, good, S("good")));
    assert_true(ccb_plugins_annotation_is_enough(zoo.plugins, form, S("good")));
    assert_false(
        ccb_plugins_annotation_is_enough(zoo.plugins, other, S("good")));
    assert_false(
        ccb_plugins_annotation_is_enough(zoo.plugins, form, S("concurrent")));
    assert_false(
        ccb_plugins_annotation_is_enough(zoo.plugins, good, S("unknown")));
    zoo_destroy(&zoo);
    ccb_free(zoo_log_end(fd));
}

/* ---- memory ------------------------------------------------------------- */

static void test_opening_survives_every_failed_allocation(void **state)
{
    int fd = zoo_log_begin();
    struct ccb_pair pair;
    struct ccb_pairs pairs = pairs_of(&pair, "new", "zoo.good");
    struct zoo zoo;
    int code = CCB_NO_MEMORY;
    size_t nth = 0;

    (void)state;
    zoo_init(&zoo);
    zoo_add(&zoo, "good");
    zoo_add(&zoo, "concurrent");
    zoo.by_hand = &pairs;
    while (code == CCB_NO_MEMORY) {
        ccb_mem_fail_at(++nth, 1);
        code = zoo_open(&zoo);
        ccb_mem_fail_at(0, 0);
        assert_int_equal(0, zoo.refused);
        if (code)
            assert_null(zoo.plugins);
    }
    assert_int_equal(0, code);
    assert_true(nth > 20);
    assert_int_equal(2, ccb_plugins_count(zoo.plugins));
    zoo_destroy(&zoo);
    ccb_free(zoo_log_end(fd));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_bad_plugin_is_refused_beside_a_good_one),
        cmocka_unit_test(test_a_truncated_or_foreign_file_is_refused),
        cmocka_unit_test(test_what_is_no_file_of_its_own_is_refused),
        cmocka_unit_test(test_a_plugin_of_a_later_sdk_loads),
        cmocka_unit_test(test_only_visible_shared_objects_are_looked_at),
        cmocka_unit_test(test_files_are_taken_in_the_order_of_their_names),
        cmocka_unit_test(test_a_missing_directory_is_said_and_passed_over),
        cmocka_unit_test(test_plugins_are_found_by_claim_and_by_id),
        cmocka_unit_test(test_of_two_plugins_with_one_claim_the_first_serves),
        cmocka_unit_test(test_two_plugins_with_one_claim_end_a_strict_opening),
        cmocka_unit_test(test_a_choice_by_hand_settles_it_and_goes_first),
        cmocka_unit_test(test_claims_are_told_with_those_by_hand_first),
        cmocka_unit_test(test_a_choice_by_hand_is_checked),
        cmocka_unit_test(
            test_the_annotation_is_enough_where_the_way_back_is_plain),
        cmocka_unit_test(test_opening_survives_every_failed_allocation),
    };

    return cmocka_run_group_tests_name("plugin registry", tests, NULL, NULL);
}
