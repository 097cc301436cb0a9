/*
 * What a Procfile and a release may look like and what comes of it
 * (contract/lifecycle-buildpack.md A7, A8): one row a case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "builder.h"
#include "yaml_doc.h"

struct row {
    const char *name, *text;
    const char *web; /* NULL: refused */
};

typedef int parse(struct ccb_slice text, struct ccb_slice *web,
                  struct ccb_failure *failure);

/* What refusals begin with is checked, too. */
static void check_rows(parse *parse_text, const char *refusal,
                       const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct ccb_failure failure = {ccb_arena_create(), NULL};
        struct ccb_slice web = {NULL, 0};
        int code = parse_text(ccb_slice_of(rows[i].text), &web, &failure);

        if ((code == 0) != (rows[i].web != NULL))
            fail_msg("%s: code %d, %s", rows[i].name, code,
                     failure.text == NULL ? web.ptr : failure.text);
        if (code == 0 && !ccb_slice_is(web, rows[i].web))
            fail_msg("%s: got \"%.*s\"", rows[i].name, (int)web.len, web.ptr);
        if (code != 0) {
            assert_int_equal(code, CCB_INVALID);
            assert_memory_equal(failure.text, refusal, strlen(refusal));
        }
        ccb_arena_unref(failure.arena);
    }
}

static void procfile_rows_come_out_as_stated(void **state)
{
    static const struct row rows[] = {
        {"a web entry", "web: run me\n", "run me"},
        {"no newline at the end", "web: run me", "run me"},
        {"other keys only", "worker: x\nspider: bogus command\n", ""},
        {"among others", "worker: x\nweb: y\nclock: z\n", "y"},
        {"empty web", "web:\n", ""},
        {"null web", "web: ~\n", ""},
        {"null in words", "web: null\n", ""},
        {"quoted null is text", "web: '~'\n", "~"},
        {"quoted empty web", "web: \"\"\n", ""},
        {"an integer", "web: 12\n", "12"},
        {"a leading zero stays", "web: 0012\n", "0012"},
        {"a boolean", "web: true\n", "true"},
        {"the last duplicate", "web: a\nweb: b\n", "b"},
        {"a comment is dropped", "web: run # note\n", "run"},
        {"a hash inside a word stays", "web: run#note\n", "run#note"},
        {"a byte order mark", "\xef\xbb\xbfweb: run\n", "run"},
        {"CRLF", "web: run me\r\nworker: x\r\n", "run me"},
        {"a case of its own", "Web: run\n", ""},
        {"folded over lines", "web: >-\n  a\n  b\n", "a b"},
        {"an alias", "a: &x run\nweb: *x\n", "run"},
        {"a tag", "web: !what run\n", "run"},
        {"an explicit null document", "--- ~\n", ""},
        {"an empty mapping", "{}", ""},
        {"the first document counts", "web: a\n---\nweb: b\n", "a"},
        {"an empty file", "", NULL},
        {"only comments", "# nothing\n# at all\n", NULL},
        {"only a document's start", "---\n", NULL},
        {"a list", "- web: run\n", NULL},
        {"a scalar", "run me\n", NULL},
        {"a nested mapping", "web:\n  command: run\n", NULL},
        {"a nested list", "web: [run, me]\n", NULL},
        {"a nested value of another key", "web: a\nworker: [x]\n", NULL},
        {"a mapping as key", "? {a: b}\n: c\n", NULL},
        {"a second colon and blank", "web: a: b\n", NULL},
        {"an at sign first", "web: @run\n", NULL},
        {"a percent sign first", "web: %run\n", NULL},
        {"an open quote", "web: \"run\n", NULL},
        {"an open bracket", "[", NULL},
        {"a tab as indentation", "web:\n\tx: y\n", NULL},
        {"an unknown alias", "web: *none\n", NULL},
        {"bytes that are no text", "web: \xff\xfe\n", NULL},
    };

    (void)state;
    check_rows(ccb_procfile_parse, "invalid YAML", rows,
               sizeof(rows) / sizeof(rows[0]));
}

#define TYPES "default_process_types"

static void release_rows_come_out_as_stated(void **state)
{
    static const struct row rows[] = {
        {"a web command", "---\n" TYPES ":\n  web: the start command\n",
         "the start command"},
        {"an empty mapping", "--- {}\n", ""},
        {"an explicit null", "--- ~\n", ""},
        {"without the key", "config_vars: {A: b}\n", ""},
        {"extra keys",
         "config_vars: {A: [1]}\naddons: [x]\n" TYPES
         ":\n  web: run\n  worker: {a: b}\n",
         "run"},
        {"web in another case", TYPES ": {Web: run}\n", "run"},
        {"the key in another case", "Default_Process_Types: {web: run}\n",
         "run"},
        {"web null", TYPES ": {web: ~}\n", ""},
        {"web a number", TYPES ": {web: 5}\n", "5"},
        {"web a boolean", TYPES ": {web: yes}\n", "yes"},
        {"tags", "--- !ruby/hash:Release\n" TYPES ": !x {web: !y run}\n",
         "run"},
        {"the first document", TYPES ": {web: a}\n---\n[\n", "a"},
        {"no web", TYPES ": {worker: x}\n", ""},
        {"empty", "", NULL},
        {"a bare start", "---\n", NULL},
        {"a scalar", "run\n", NULL},
        {"a list", "- a\n", NULL},
        {"types null", TYPES ": ~\n", NULL},
        {"types absent", TYPES ":\n", NULL},
        {"types a list", TYPES ": [web]\n", NULL},
        {"types a scalar", TYPES ": web\n", NULL},
        {"web a list", TYPES ": {web: [run]}\n", NULL},
        {"web a mapping", TYPES ": {web: {a: b}}\n", NULL},
        {"tabs", TYPES ":\n\tweb: run\n", NULL},
        {"broken", "[", NULL},
    };

    (void)state;
    check_rows(ccb_release_parse, "buildpack's release output invalid: ", rows,
               sizeof(rows) / sizeof(rows[0]));
}

static void a_refused_release_says_where(void **state)
{
    struct ccb_failure failure = {ccb_arena_create(), NULL};
    struct ccb_slice web;

    (void)state;
    assert_int_equal(
        ccb_release_parse(ccb_slice_of("a: b\nc: [\n"), &web, &failure),
        CCB_INVALID);
    assert_non_null(strstr(failure.text, "line 3"));
    ccb_arena_unref(failure.arena);
}

/* One pattern over and over, up to the size. */
static int parse_pattern(const char *pattern, size_t size, const char **words)
{
    static char text[CCB_YAML_MAX + 1];
    static char said[80];
    struct ccb_failure failure = {ccb_arena_create(), NULL};
    struct ccb_slice web;
    size_t len = strlen(pattern);
    int code;

    for (size_t i = 0; i < size; i++)
        text[i] = pattern[i % len];
    code = ccb_release_parse(ccb_slice_make(text, size), &web, &failure);
    (void)snprintf(said, sizeof(said), "%s",
                   failure.text == NULL ? "" : failure.text);
    *words = said;
    ccb_arena_unref(failure.arena);
    return code;
}

/* Each would take the parser minutes. */
static void huge_and_deep_texts_are_refused_at_once(void **state)
{
    static const struct {
        const char *pattern, *words;
        size_t size;
        int code;
    } rows[] = {
        {"#", "larger than", CCB_YAML_MAX + 1, CCB_TOO_LARGE},
        {"[", "deeper than 100", CCB_YAML_MAX, CCB_INVALID},
        {"{a: ", "deeper than 100", CCB_YAML_MAX, CCB_INVALID},
        {"- ", "deeper than 100", CCB_YAML_MAX, CCB_INVALID},
        {"? ", "deeper than 100", CCB_YAML_MAX, CCB_INVALID},
        {"- &a\n", "more than 1000 anchors", CCB_YAML_MAX, CCB_INVALID},
        {"a:\n", "it is", 300, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *words;

        assert_int_equal(parse_pattern(rows[i].pattern, rows[i].size, &words),
                         rows[i].code);
        if (rows[i].code != 0 && strstr(words, rows[i].words) == NULL)
            fail_msg("%s: %s", rows[i].pattern, words);
    }
}

static void running_out_of_memory_is_told(void **state)
{
    parse *const parsers[] = {ccb_procfile_parse, ccb_release_parse};
    struct ccb_slice text = ccb_slice_of(TYPES ": {web: run}\n");

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ccb_failure failure = {ccb_arena_create(), NULL};
        struct ccb_slice web;

        (void)ccb_mem_fail_at(1, 1);
        /* a nested value makes a Procfile fail before it needs any */
        assert_int_equal(
            parsers[i](i == 0 ? ccb_slice_of("web: x") : text, &web, &failure),
            CCB_NO_MEMORY);
        (void)ccb_mem_fail_at(0, 0);
        assert_string_equal(failure.text, "not enough memory");
        ccb_arena_unref(failure.arena);
    }
}

static void a_phrase_in_the_message_decides_the_status(void **state)
{
    static const struct {
        const char *message;
        int status;
    } rows[] = {
        {"None of the buildpacks detected a compatible application", 222},
        {"Failed to compile droplet", 223},
        {"Failed to build droplet release: exit status 1", 224},
        {"Failed to read command from Procfile: invalid YAML", 1},
        {"mkdir /Failed to compile droplet/x: not a directory", 223},
        {"", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(ccb_build_status(rows[i].message), rows[i].status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(procfile_rows_come_out_as_stated),
        cmocka_unit_test(release_rows_come_out_as_stated),
        cmocka_unit_test(a_refused_release_says_where),
        cmocka_unit_test(huge_and_deep_texts_are_refused_at_once),
        cmocka_unit_test(running_out_of_memory_is_told),
        cmocka_unit_test(a_phrase_in_the_message_decides_the_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
