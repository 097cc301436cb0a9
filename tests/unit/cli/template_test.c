/*
 * Templates: marks are replaced, all else stays byte for byte, nothing that is
 * there is overwritten, and no memory is no crash (core/cli/template.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/template.h"

static const struct ccb_cli_mark items[] = {{"@NAME@", "jar"},
                                            {"@ID@", "org.example.jar"}};
static const struct ccb_cli_marks marks = {items, 2};

struct folders {
    char root[64], from[80], to[80];
};

static void write_file(const char *folder, const char *name, const char *text,
                       mode_t mode)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void assert_file(const char *folder, const char *name, const char *text,
                        int runs)
{
    char path[256], found[256] = "";
    struct stat about;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "r");
    assert_non_null(file);
    found[fread(found, 1, sizeof(found) - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(found, text);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal((about.st_mode & 0100) != 0, runs);
}

static int set_up(void **state)
{
    static struct folders f;
    char inner[96];

    snprintf(f.root, sizeof(f.root), "/tmp/ccb-template-XXXXXX");
    assert_non_null(mkdtemp(f.root));
    snprintf(f.from, sizeof(f.from), "%s/from", f.root);
    snprintf(f.to, sizeof(f.to), "%s/to", f.root);
    snprintf(inner, sizeof(inner), "%s/inner", f.from);
    assert_int_equal(mkdir(f.from, 0700), 0);
    assert_int_equal(mkdir(inner, 0700), 0);
    assert_int_equal(mkdir(f.to, 0700), 0);
    write_file(f.from, "run.sh", "echo @NAME@@ID@ @NAMES $@\n", 0755);
    write_file(inner, ".hidden", "@NAME", 0644);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const made[] = {"from/run.sh",
                                       "from/inner/.hidden",
                                       "from/inner",
                                       "from",
                                       "to/run.sh",
                                       "to/inner/.hidden",
                                       "to/inner",
                                       "to",
                                       ""};
    const struct folders *f = *state;
    char path[256];
    size_t i;

    for (i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", f->root, made[i]);
        (void)remove(path);
    }
    return access(f->root, F_OK) == 0;
}

static void test_marks_are_replaced(void **state)
{
    const struct folders *f = *state;
    struct ccb_error err;

    assert_int_equal(ccb_cli_template_copy(f->from, f->to, &marks, &err), 0);
    assert_file(f->to, "run.sh", "echo jarorg.example.jar @NAMES $@\n", 1);
    assert_file(f->to, "inner/.hidden", "@NAME", 0);
}

static void test_nothing_is_overwritten(void **state)
{
    const struct folders *f = *state;
    struct ccb_error err;

    write_file(f->to, "run.sh", "mine", 0644);
    assert_int_equal(ccb_cli_template_copy(f->from, f->to, &marks, &err),
                     CCB_IO);
    assert_non_null(strstr(err.message, "/to/run.sh: File exists"));
    assert_file(f->to, "run.sh", "mine", 0);
}

static void test_a_missing_folder_is_named(void **state)
{
    const struct folders *f = *state;
    struct ccb_error err;

    assert_int_equal(ccb_cli_template_copy("/no/such", f->to, &marks, &err),
                     CCB_IO);
    assert_string_equal(err.message, "/no/such: No such file or directory");
}

static void test_no_memory_is_told(void **state)
{
    const struct folders *f = *state;
    struct ccb_error err;

    ccb_mem_fail_at(1, 1);
    assert_int_equal(ccb_cli_template_copy(f->from, f->to, &marks, &err),
                     CCB_NO_MEMORY);
    ccb_mem_fail_at(0, 0);
    assert_non_null(strstr(err.message, "out of memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_marks_are_replaced, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_overwritten, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_missing_folder_is_named, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_no_memory_is_told, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
