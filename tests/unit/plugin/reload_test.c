/*
 * Reloads: what is kept, replaced, added and removed; that a failing build
 * changes nothing; that what happens to a loaded file does not matter; and
 * what a reload leaves behind (plugin.h, "generations"; design.md 6, rule 9).
 * Both ways of running a plugin go through the same tests.
 */
#include "reload_testing.h"

#include <errno.h>
#include <malloc.h>
#include <sys/wait.h>

static enum ccb_plugin_mode mode_of(void **state)
{
    const enum ccb_plugin_mode *mode = *state;

    return *mode;
}

/* A bed that serves build A, and has been told so. */
static void open_bed(struct bed *bed, void **state)
{
    bed_init(bed, mode_of(state));
    bed_put_build(bed, "builds.so", 'A');
    if (bed_open(bed) != 0 || !bed_plugin(bed))
        fail_msg("not opened: %s; refused %s: %s, %s", bed->zoo.error.message,
                 bed->zoo.last_file, bed->zoo.last.expected,
                 bed->zoo.last.found);
    assert_int_equal('A', bed_call(bed));
}

static void close_bed(struct bed *bed)
{
    ccb_free(bed_destroy(bed));
}

/* ---- what changes ------------------------------------------------------- */

static void test_what_did_not_change_is_kept(void **state)
{
    struct ccb_plugin *before;
    struct bed bed;
    char *list;

    open_bed(&bed, state);
    before = bed_plugin(&bed);
    assert_int_equal(1, ccb_plugins_generation(bed.zoo.plugins));
    assert_reload(&bed);
    assert_ptr_equal(before, bed_plugin(&bed));
    assert_int_equal(2, bed.change.generation);
    assert_int_equal(2, ccb_plugins_generation(bed.zoo.plugins));
    assert_int_equal(1, bed.change.kept);
    assert_int_equal(0, bed.change.added + bed.change.replaced +
                            bed.change.removed + bed.change.refused);
    list = bed_list(&bed);
    assert_contains(list, "\"calls\":1,"); /* its figures go on */
    assert_contains(list, "\"generation\":1,");
    ccb_free(list);
    assert_int_equal('A', bed_call(&bed));
    close_bed(&bed);
}

static void test_another_build_replaces_the_one_that_serves(void **state)
{
    struct bed bed;

    open_bed(&bed, state);
    bed_put_build(&bed, "builds.so", 'B');
    assert_int_equal('A', bed_call(&bed)); /* until somebody says so */
    assert_reload(&bed);
    assert_int_equal(1, bed.change.replaced);
    assert_int_equal('B', bed_call(&bed));
    bed_put_build(&bed, "builds.so", 'A');
    assert_reload(&bed);
    assert_int_equal('A', bed_call(&bed));
    assert_int_equal(3, ccb_plugins_generation(bed.zoo.plugins));
    close_bed(&bed);
}

static void test_a_new_file_is_added_and_a_gone_one_removed(void **state)
{
    struct bed bed;

    open_bed(&bed, state);
    bed_put_member(&bed, "runs");
    assert_reload(&bed);
    assert_int_equal(1, bed.change.added);
    assert_int_equal(1, bed.change.kept);
    assert_non_null(ccb_plugins_find(bed.zoo.plugins, S("runs"), S("")));
    bed_remove(&bed, "builds.so");
    assert_reload(&bed);
    assert_int_equal(1, bed.change.removed);
    assert_int_equal(1, bed.change.kept);
    assert_null(ccb_plugins_find(bed.zoo.plugins, S("builds"), S("")));
    assert_int_equal(1, ccb_plugins_count(bed.zoo.plugins));
    close_bed(&bed);
}

static void test_a_prepared_generation_can_be_discarded(void **state)
{
    struct ccb_plugins_next *next;
    const struct ccb_plugin *to_come;
    struct bed bed;

    open_bed(&bed, state);
    bed_put_build(&bed, "builds.so", 'B');
    assert_int_equal(
        0, ccb_plugins_prepare(bed.zoo.plugins, NULL, &next, &bed.zoo.error));
    to_come = ccb_plugins_next_find(next, S("builds"), S(""));
    assert_non_null(to_come);
    assert_ptr_not_equal(bed_plugin(&bed), to_come);
    ccb_plugins_discard(bed.zoo.plugins, next);
    assert_int_equal('A', bed_call(&bed));
    assert_int_equal(1, ccb_plugins_generation(bed.zoo.plugins));
    close_bed(&bed);
}

static void test_choices_by_hand_are_part_of_a_generation(void **state)
{
    struct ccb_pair pair = {.key = S("other"), .value = S(ID)};
    const struct ccb_pairs pairs = {&pair, 1};
    struct bed bed;

    open_bed(&bed, state);
    bed.zoo.by_hand = &pairs;
    assert_reload(&bed);
    assert_ptr_equal(bed_plugin(&bed),
                     ccb_plugins_find(bed.zoo.plugins, S("other"), S("")));
    pair.value = S("zoo.nobody");
    assert_int_equal(CCB_NOT_FOUND, bed_reload(&bed));
    assert_non_null(ccb_plugins_find(bed.zoo.plugins, S("other"), S("")));
    bed.zoo.by_hand = NULL;
    assert_reload(&bed);
    assert_null(ccb_plugins_find(bed.zoo.plugins, S("other"), S("")));
    close_bed(&bed);
}

/* ---- what is refused ---------------------------------------------------- */

static void test_a_failing_build_changes_nothing(void **state)
{
    static const struct {
        char mark;
        const char *word, *part;
    } rows[] = {
        {'!', "(first_call)", "mark"},
        {'?', "(selftest)", "the mark is a question"},
    };
    struct ccb_plugin *before;
    struct bed bed;

    open_bed(&bed, state);
    before = bed_plugin(&bed);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bed_put_build(&bed, "builds.so", rows[i].mark);
        assert_int_equal(CCB_FAILED, bed_reload(&bed));
        assert_contains(bed.zoo.error.message, "/builds.so");
        assert_contains(bed.zoo.error.message, rows[i].word);
        assert_contains(bed.zoo.error.message, rows[i].part);
        assert_ptr_equal(before, bed_plugin(&bed));
        assert_int_equal(1, ccb_plugins_generation(bed.zoo.plugins));
        assert_int_equal('A', bed_call(&bed));
    }
    close_bed(&bed);
}

static void test_a_new_file_that_is_refused_is_in_nobodys_way(void **state)
{
    struct bed bed;
    char *list;

    open_bed(&bed, state);
    bed_put(&bed, "text.so", "no plugin", 9);
    bed_put_build(&bed, "later.so", 'B');
    assert_reload(&bed);
    assert_int_equal(1, bed.change.kept);
    assert_int_equal(2, bed.change.refused);
    list = bed_list(&bed);
    assert_contains(list, "/text.so\",\"state\":\"refused\",\"reason\":"
                          "\"not_elf\"");
    assert_contains(list, "{\"id\":\"" ID "\",\"file\":");
    assert_contains(list, "/later.so\",\"state\":\"refused\",\"reason\":"
                          "\"duplicate\"");
    ccb_free(list);
    assert_int_equal('A', bed_call(&bed));
    close_bed(&bed);
}

/* The operator's order: a file that would take the place of one that serves
 * must be taken out of the way by hand. */
static void test_a_file_in_front_of_the_one_that_serves_changes_nothing(
    void **state)
{
    struct bed bed;

    open_bed(&bed, state);
    bed_put_build(&bed, "a.so", 'B');
    assert_int_equal(CCB_FAILED, bed_reload(&bed));
    assert_contains(bed.zoo.error.message, "(duplicate)");
    assert_int_equal('A', bed_call(&bed));
    bed_remove(&bed, "builds.so");
    assert_reload(&bed); /* moved, and another build */
    assert_int_equal(1, bed.change.replaced);
    assert_int_equal('B', bed_call(&bed));
    close_bed(&bed);
}

/* ---- what happens to a loaded file -------------------------------------- */

static void overwrite(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    char zeros[4096] = {0};

    assert_true(fd >= 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(sizeof(zeros), write(fd, zeros, sizeof(zeros)));
    close(fd);
}

static void truncate_file(const char *path)
{
    assert_int_equal(0, truncate(path, 100));
}

static void open_to_others(const char *path)
{
    assert_int_equal(0, chmod(path, 0666));
}

static void close_to_all(const char *path)
{
    assert_int_equal(0, chmod(path, 0));
}

static void link_away(const char *path)
{
    assert_int_equal(0, unlink(path));
    assert_int_equal(0, symlink(ZOO_DIR "/builds.so", path));
}

static void move_away(const char *path)
{
    char other[PATH_MAX];

    snprintf(other, sizeof(other), "%s.old", path);
    assert_int_equal(0, rename(path, other));
}

static void delete_file(const char *path)
{
    assert_int_equal(0, unlink(path));
}

static void test_what_happens_to_a_loaded_file_does_not_matter(void **state)
{
    static const struct {
        void (*spoil)(const char *path);
        const char *refused; /* by a reload; NULL: it goes through */
    } rows[] = {
        {overwrite, "(not_elf)"},     {truncate_file, "(not_elf)"},
        {open_to_others, "(unsafe)"}, {link_away, "(unsafe)"},
        {close_to_all, NULL},         {move_away, NULL},
        {delete_file, NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[PATH_MAX];
        struct bed bed;

        open_bed(&bed, state);
        snprintf(path, sizeof(path), "%s/builds.so", bed.zoo.dir);
        rows[i].spoil(path);
        assert_int_equal('A', bed_call(&bed));
        if (rows[i].refused) {
            assert_int_equal(CCB_FAILED, bed_reload(&bed));
            assert_contains(bed.zoo.error.message, rows[i].refused);
            assert_int_equal('A', bed_call(&bed));
        }
        close_bed(&bed);
    }
}

static void test_a_directory_that_is_gone_removes_nothing(void **state)
{
    char other[80];
    struct bed bed;

    open_bed(&bed, state);
    snprintf(other, sizeof(other), "%s.away", bed.zoo.dir);
    assert_int_equal(0, rename(bed.zoo.dir, other));
    assert_int_equal(CCB_FAILED, bed_reload(&bed));
    assert_contains(bed.zoo.error.message, "can't be read any more");
    assert_int_equal('A', bed_call(&bed));
    assert_int_equal(0, rename(other, bed.zoo.dir));
    assert_reload(&bed);
    close_bed(&bed);
}

/* ---- what fails once ---------------------------------------------------- */

static size_t count_words(const char *text, const char *words)
{
    size_t count = 0;

    for (text = strstr(text, words); text; text = strstr(text + 1, words))
        count++;
    return count;
}

/* Each worker that had a build is a line of the log. */
static void test_a_broken_build_is_tried_once(void **state)
{
    struct bed bed;
    char *log;

    open_bed(&bed, state);
    bed_put_build(&bed, "builds.so", '!');
    assert_int_equal(CCB_FAILED, bed_reload(&bed));
    assert_int_equal(CCB_FAILED, bed_reload(&bed));
    assert_contains(bed.zoo.error.message, "(first_call)");
    log = bed_destroy(&bed);
    assert_int_equal(2, count_words(log, "plugin-tried"));
    ccb_free(log);
}

static void test_a_broken_build_is_tried_again_when_asked(void **state)
{
    struct bed bed;
    char *log;

    open_bed(&bed, state);
    bed_put_build(&bed, "builds.so", '!');
    assert_int_equal(CCB_FAILED, bed_reload(&bed));
    assert_int_equal(0, ccb_plugins_release_quarantine(bed.zoo.plugins, S(ID),
                                                       &bed.zoo.error));
    assert_int_equal(CCB_FAILED, bed_reload(&bed));
    assert_int_equal(CCB_NOT_FOUND,
                     ccb_plugins_release_quarantine(
                         bed.zoo.plugins, S("zoo.nobody"), &bed.zoo.error));
    log = bed_destroy(&bed);
    assert_int_equal(3, count_words(log, "plugin-tried"));
    ccb_free(log);
}

static void test_a_quarantine_is_released(void **state)
{
    struct bed bed;
    char *list;

    open_bed(&bed, state);
    atomic_store(&bed_plugin(&bed)->quarantined, true);
    list = bed_list(&bed);
    assert_contains(list, "\"state\":\"quarantined\"");
    ccb_free(list);
    assert_int_equal(0, ccb_plugins_release_quarantine(bed.zoo.plugins, S(ID),
                                                       &bed.zoo.error));
    list = bed_list(&bed);
    assert_contains(list, "\"state\":\"serving\"");
    ccb_free(list);
    assert_int_equal('A', bed_call(&bed));
    close_bed(&bed);
}

/* ---- what is left behind ------------------------------------------------ */

static int rounds(void)
{
    const char *given = getenv("CCB_RELOADS");

    return given ? (int)strtol(given, NULL, 10) : SANITIZED ? 6 : 60;
}

/* Valgrind's own notes grow. (Its heap isn't glibc's, so this counts nothing;
 * the block is too big for what never counts.) */
static bool heap_counts(void)
{
    size_t before = mallinfo2().uordblks;
    void *memory = ccb_malloc(50000);
    bool counts = mallinfo2().uordblks >= before + 50000;

    ccb_free(memory);
    return counts;
}

static void reload_often(struct bed *bed, int count)
{
    for (int i = 0; i < count; i++) {
        bed_put_build(bed, "builds.so", i % 2 ? 'A' : 'B');
        assert_reload(bed);
        assert_int_equal(1, bed->change.replaced);
    }
}

static void test_reloads_leave_nothing_behind(void **state)
{
    struct ccb_plugin *plugin;
    int descriptors;
    long pages;
    struct bed bed;

    open_bed(&bed, state);
    reload_often(&bed, SANITIZED ? 4 : 20);
    descriptors = count_descriptors();
    pages = resident_pages();
    reload_often(&bed, rounds());
    assert_int_equal(descriptors, count_descriptors());
    if (!SANITIZED && heap_counts())
        assert_in_range(resident_pages(), 0, pages + 128);
    assert_int_equal('A', bed_call(&bed));
    plugin = bed_plugin(&bed);
    if (!plugin->isolated)
        assert_int_equal(1, count_instances(plugin));
    close_bed(&bed);
    assert_int_equal(-1, waitpid(-1, NULL, WNOHANG));
    assert_int_equal(ECHILD, errno);
}

static void test_the_ninth_build_in_one_process_is_refused(void **state)
{
    struct bed bed;

    open_bed(&bed, state);
    for (char mark = 'B'; mark <= 'H'; mark++) {
        bed_put_build(&bed, "builds.so", mark);
        assert_reload(&bed);
    }
    bed_put_build(&bed, "builds.so", 'I');
    assert_int_equal(CCB_FAILED, bed_reload(&bed));
    assert_contains(bed.zoo.error.message, "(images)");
    assert_contains(bed.zoo.error.message, "restart the daemon");
    assert_int_equal('H', bed_call(&bed));
    bed_put_build(&bed, "builds.so", 'C'); /* known, so it costs nothing */
    assert_reload(&bed);
    assert_int_equal('C', bed_call(&bed));
    bed_put_build(&bed, "builds.so", 'I');
    bed_put_policy(&bed, ID, "{\"mode\":\"isolated\"}");
    assert_reload(&bed);
    assert_int_equal('I', bed_call(&bed));
    close_bed(&bed);
}

static void test_a_reload_survives_every_failed_allocation(void **state)
{
    int code = CCB_NO_MEMORY;
    size_t nth = 0;
    struct bed bed;

    open_bed(&bed, state);
    bed_put_build(&bed, "builds.so", 'B');
    while (code == CCB_NO_MEMORY) {
        assert_int_equal('A', bed_call(&bed));
        ccb_mem_fail_at(++nth, 1);
        code = bed_reload(&bed);
        ccb_mem_fail_at(0, 0);
    }
    assert_int_equal(0, code);
    assert_int_equal('B', bed_call(&bed));
    close_bed(&bed);
}

int main(void)
{
    static enum ccb_plugin_mode here = CCB_PLUGIN_MODE_IN_PROCESS;
    static enum ccb_plugin_mode there = CCB_PLUGIN_MODE_ISOLATED;
#define BOTH(test)                                                             \
    cmocka_unit_test_prestate(test, &here),                                    \
        cmocka_unit_test_prestate(test, &there)
    const struct CMUnitTest tests[] = {
        BOTH(test_what_did_not_change_is_kept),
        BOTH(test_another_build_replaces_the_one_that_serves),
        BOTH(test_a_new_file_is_added_and_a_gone_one_removed),
        BOTH(test_a_prepared_generation_can_be_discarded),
        BOTH(test_choices_by_hand_are_part_of_a_generation),
        BOTH(test_a_failing_build_changes_nothing),
        BOTH(test_a_new_file_that_is_refused_is_in_nobodys_way),
        BOTH(test_a_file_in_front_of_the_one_that_serves_changes_nothing),
        BOTH(test_what_happens_to_a_loaded_file_does_not_matter),
        BOTH(test_a_directory_that_is_gone_removes_nothing),
        BOTH(test_a_broken_build_is_tried_once),
        BOTH(test_a_broken_build_is_tried_again_when_asked),
        BOTH(test_a_quarantine_is_released),
        BOTH(test_reloads_leave_nothing_behind),
        BOTH(test_a_reload_survives_every_failed_allocation),
        cmocka_unit_test_prestate(
            test_the_ninth_build_in_one_process_is_refused, &here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
