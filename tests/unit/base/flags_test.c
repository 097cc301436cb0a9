/*
 * Go's command-line syntax and the exact words of its refusals, several sets
 * at once, and the usage text (contract/stager.md A1, A2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/flags.h"
#include "base/mem.h"

struct config {
    const char *url;
    bool skip;
    int64_t count;
    uint64_t size;
    int64_t ttl;
    struct ccb_pairs lifecycles, rootfs;
};

static int check_even(struct ccb_slice value, char *why, size_t why_size)
{
    if (value.len % 2 == 0)
        return 0;
    (void)snprintf(why, why_size, "an odd number of characters");
    return CCB_INVALID;
}

static const struct ccb_flag table[] = {
    {"url", CCB_FLAG_STRING, offsetof(struct config, url), "http://x", "URL",
     "Where to", NULL, NULL, 0},
    {"skip", CCB_FLAG_BOOL, offsetof(struct config, skip), NULL, NULL,
     "Skip it", NULL, NULL, 0},
    {"count", CCB_FLAG_INT, offsetof(struct config, count), "-3", NULL,
     "How many", NULL, NULL, 0},
    {"size", CCB_FLAG_UINT, offsetof(struct config, size), "0", NULL,
     "How big\nin bytes", NULL, NULL, 0},
    {"ttl", CCB_FLAG_DURATION, offsetof(struct config, ttl), "10s", NULL,
     "How long", NULL, NULL, 0},
    {"lifecycle", CCB_FLAG_PAIRS, offsetof(struct config, lifecycles), NULL,
     NULL, "Bundle of a lifecycle", NULL, NULL, 0},
    {"rootfs", CCB_FLAG_PAIRS, offsetof(struct config, rootfs), NULL,
     "NAME=DIR", "Root file system", NULL, NULL, '='},
};

struct other {
    const char *url, *even;
};
static const struct ccb_flag other_table[] = {
    {"url", CCB_FLAG_STRING, offsetof(struct other, url), NULL, NULL,
     "Another help for the same name", NULL, NULL, 0},
    {"even", CCB_FLAG_STRING, offsetof(struct other, even), "", NULL, "Checked",
     NULL, check_even, 0},
};

static struct config config;
static struct other other;
static char said[4096]; /* what the last parse wrote */

static const struct ccb_flag_set sets[] = {
    {"one", table, sizeof(table) / sizeof(table[0]), &config},
    {"two", other_table, sizeof(other_table) / sizeof(other_table[0]), &other},
};

/* Parses words up to NULL with the first `set_count` sets. */
static enum ccb_flags_result parse_sets(size_t set_count,
                                        const char *const *words)
{
    FILE *errors = fmemopen(said, sizeof(said), "w");
    enum ccb_flags_result result;
    int argc = 0;

    said[0] = '\0';
    while (words[argc] != NULL)
        argc++;
    result = ccb_flags_parse(sets, set_count, argc,
                             (char *const *)(uintptr_t)words, "prog", errors);
    (void)fclose(errors);
    return result;
}

#define PARSE(...) parse_sets(1, (const char *const[]){__VA_ARGS__, NULL})
#define PARSE_BOTH(...) parse_sets(2, (const char *const[]){__VA_ARGS__, NULL})

/* The refusal is exactly this line, then the usage. */
static void assert_said(const char *line)
{
    size_t len = strlen(line);

    if (strncmp(said, line, len) != 0 ||
        strncmp(said + len, "\nUsage of prog:\n", 16) != 0)
        fail_msg("expected: %s\nsaid: %s", line, said);
}

static void test_defaults(void **state)
{
    (void)state;
    memset(&config, 0xee, sizeof(config));
    assert_int_equal(parse_sets(2, (const char *const[]){NULL}), CCB_FLAGS_OK);
    assert_string_equal(config.url, "http://x");
    assert_false(config.skip);
    assert_int_equal(config.count, -3);
    assert_int_equal(config.size, 0);
    assert_int_equal(config.ttl, 10 * CCB_SECOND);
    assert_int_equal(config.lifecycles.count, 0);
    assert_string_equal(other.url, ""); /* Go's zero value, not NULL */
    assert_string_equal(said, "");
}

static void test_four_spellings(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-url", "a"), CCB_FLAGS_OK);
    assert_string_equal(config.url, "a");
    assert_int_equal(PARSE("-url=b"), CCB_FLAGS_OK);
    assert_string_equal(config.url, "b");
    assert_int_equal(PARSE("--url", "c"), CCB_FLAGS_OK);
    assert_string_equal(config.url, "c");
    assert_int_equal(PARSE("--url=d=e"), CCB_FLAGS_OK);
    assert_string_equal(config.url, "d=e");
    assert_int_equal(PARSE("-url="), CCB_FLAGS_OK);
    assert_string_equal(config.url, "");
    assert_int_equal(PARSE("-url", "-skip"), CCB_FLAGS_OK);
    assert_string_equal(config.url, "-skip"); /* a value may look like a flag */
    assert_false(config.skip);
    assert_int_equal(PARSE("-url", "1st", "-url", "2nd"), CCB_FLAGS_OK);
    assert_string_equal(config.url, "2nd");
}

static void test_booleans(void **state)
{
    static const char *const yes[] = {"-skip",      "-skip=1",    "-skip=t",
                                      "-skip=T",    "-skip=true", "-skip=TRUE",
                                      "-skip=True", NULL};
    static const char *const no[] = {
        "-skip=0",     "-skip=f",     "-skip=F", "-skip=false",
        "-skip=FALSE", "-skip=False", NULL};

    (void)state;
    for (size_t i = 0; yes[i] != NULL; i++) {
        assert_int_equal(PARSE(yes[i]), CCB_FLAGS_OK);
        assert_true(config.skip);
    }
    for (size_t i = 0; no[i] != NULL; i++) {
        assert_int_equal(PARSE("-skip", no[i]), CCB_FLAGS_OK);
        assert_false(config.skip);
    }
    /* The following word is a positional one and ends the parsing. */
    assert_int_equal(PARSE("-skip", "false", "-count", "9"), CCB_FLAGS_OK);
    assert_true(config.skip);
    assert_int_equal(config.count, -3);
}

static void test_parsing_ends_silently(void **state)
{
    static const char *const ends[] = {"--", "-", "word", "", NULL};

    (void)state;
    for (size_t i = 0; ends[i] != NULL; i++) {
        assert_int_equal(PARSE("-count=1", ends[i], "-nope"), CCB_FLAGS_OK);
        assert_int_equal(config.count, 1);
        assert_string_equal(said, "");
    }
}

static const struct number {
    const char *word;
    long long value;
} numbers[] = {
    {"-count=12", 12},
    {"-count=-12", -12},
    {"-count=+12", 12},
    {"-count=0x1F", 31},
    {"-count=-0X1f", -31},
    {"-count=010", 8},
    {"-count=0", 0},
    {"-count=-0", 0},
    {"-count=00", 0},
    {"-count=9223372036854775807", INT64_MAX},
    {"-count=-9223372036854775808", INT64_MIN},
    {"-size=12", 12},
    {"-size=0xff", 255},
    {"-size=017", 15},
    {"-size=18446744073709551615", -1},
};

static void test_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_int_equal(PARSE(numbers[i].word), CCB_FLAGS_OK);
        assert_int_equal(numbers[i].word[1] == 'c' ? (uint64_t)config.count
                                                   : config.size,
                         (uint64_t)numbers[i].value);
    }
    assert_int_equal(PARSE("-ttl=1m30s"), CCB_FLAGS_OK);
    assert_int_equal(config.ttl, 90 * CCB_SECOND);
}

#define INVALID(value, flag, reason)                                           \
    "invalid value " value " for flag -" flag ": " reason
static const struct refusal {
    const char *word, *line;
} refusals[] = {
    {"-nope", "flag provided but not defined: -nope"},
    {"--nope=1", "flag provided but not defined: -nope"},
    {"-URL=x", "flag provided but not defined: -URL"},
    {"-two.url=x", "flag provided but not defined: -two.url"},
    {"-one.=x", "flag provided but not defined: -one."},
    {"---url", "bad flag syntax: ---url"},
    {"-=x", "bad flag syntax: -=x"},
    {"-url", "flag needs an argument: -url"},
    {"--ttl", "flag needs an argument: -ttl"},
    {"-skip=maybe", "invalid boolean value \"maybe\" for -skip: "
                    "strconv.ParseBool: parsing \"maybe\": invalid syntax"},
    {"-skip=", "invalid boolean value \"\" for -skip: "
               "strconv.ParseBool: parsing \"\": invalid syntax"},
    {"-count=x", INVALID("\"x\"", "count",
                         "strconv.ParseInt: parsing \"x\": invalid syntax")},
    {"-count=", INVALID("\"\"", "count",
                        "strconv.ParseInt: parsing \"\": invalid syntax")},
    {"-count=-", INVALID("\"-\"", "count",
                         "strconv.ParseInt: parsing \"-\": invalid syntax")},
    {"-count=0x", INVALID("\"0x\"", "count",
                          "strconv.ParseInt: parsing \"0x\": invalid syntax")},
    {"-count=08", INVALID("\"08\"", "count",
                          "strconv.ParseInt: parsing \"08\": invalid syntax")},
    {"-count=1.0", INVALID("\"1.0\"", "count",
                           "strconv.ParseInt: parsing "
                           "\"1.0\": invalid syntax")},
    {"-count=9223372036854775808",
     INVALID("\"9223372036854775808\"", "count",
             "strconv.ParseInt: parsing \"9223372036854775808\": value out of "
             "range")},
    {"-one.count=-9223372036854775809",
     INVALID("\"-9223372036854775809\"", "one.count",
             "strconv.ParseInt: parsing \"-9223372036854775809\": value out "
             "of range")},
    {"-size=-1", INVALID("\"-1\"", "size",
                         "strconv.ParseUint: parsing "
                         "\"-1\": invalid syntax")},
    {"-size=+1", INVALID("\"+1\"", "size",
                         "strconv.ParseUint: parsing "
                         "\"+1\": invalid syntax")},
    {"-size=18446744073709551616",
     INVALID("\"18446744073709551616\"", "size",
             "strconv.ParseUint: parsing \"18446744073709551616\": value out "
             "of range")},
    {"-ttl=10", INVALID("\"10\"", "ttl", "time: missing unit in duration 10")},
    {"-ttl=x", INVALID("\"x\"", "ttl", "time: invalid duration x")},
    {"-ttl=1d",
     INVALID("\"1d\"", "ttl", "time: unknown unit d in duration 1d")},
    {"-lifecycle=blork", INVALID("\"blork\"", "lifecycle",
                                 "Invalid lifecycle value: not of the "
                                 "form 'lifecycle-name:path'")},
    {"-lifecycle=:x", INVALID("\":x\"", "lifecycle",
                              "Invalid lifecycle value: empty lifecycle name")},
    {"-lifecycle=x:",
     INVALID("\"x:\"", "lifecycle", "Invalid lifecycle value: empty path")},
    {"-count=a\"b\\c\n\t\x01\x7f\xff\xc3\xa9\xe2\x80\xa8",
     INVALID("\"a\\\"b\\\\c\\n\\t\\x01\\u007f\\xff\xc3\xa9\\u2028\"", "count",
             "strconv.ParseInt: parsing \"a\\\"b\\\\c\\n\\t\\x01\\u007f\\xff"
             "\xc3\xa9\\u2028\": invalid syntax")},
};

static void test_refusals_word_for_word(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        assert_int_equal(PARSE("-lifecycle=k:v", refusals[i].word),
                         CCB_FLAGS_BAD);
        assert_said(refusals[i].line);
        assert_null(config.lifecycles.items); /* nothing is left behind */
    }
}

static void test_a_check_refuses_with_its_own_words(void **state)
{
    (void)state;
    assert_int_equal(PARSE_BOTH("-even=ab"), CCB_FLAGS_OK);
    assert_string_equal(other.even, "ab");
    assert_int_equal(PARSE_BOTH("-even=abc"), CCB_FLAGS_BAD);
    assert_said(INVALID("\"abc\"", "even", "an odd number of characters"));
}

static void assert_pair(size_t at, const char *key, const char *value)
{
    assert_true(ccb_slice_is(config.lifecycles.items[at].key, key));
    assert_true(ccb_slice_is(config.lifecycles.items[at].value, value));
}

static void test_pairs_accumulate(void **state)
{
    const struct ccb_pair *found;

    (void)state;
    assert_int_equal(PARSE("-lifecycle", "buildpack/cflinuxfs2:dir/lc.tgz",
                           "-lifecycle=docker:http://h/x.tgz",
                           "-lifecycle=buildpack/cflinuxfs2:again"),
                     CCB_FLAGS_OK);
    assert_int_equal(config.lifecycles.count, 2);
    assert_pair(0, "buildpack/cflinuxfs2", "again");
    assert_pair(1, "docker", "http://h/x.tgz");
    found = ccb_pairs_find(&config.lifecycles, ccb_slice_of("docker"));
    assert_ptr_equal(found, &config.lifecycles.items[1]);
    assert_null(ccb_pairs_find(&config.lifecycles, ccb_slice_of("dock")));
    ccb_flags_destroy(sets, 2);
    assert_null(config.lifecycles.items);
    assert_int_equal(config.lifecycles.count, 0);
}

static void test_pairs_of_another_separator_have_words_of_their_own(
    void **state)
{
    static const char *const bad[] = {"base", "=/srv", "base=", "", NULL};
    char words[128];

    (void)state;
    assert_int_equal(PARSE("-rootfs", "base=/srv/a=b:c"), CCB_FLAGS_OK);
    assert_int_equal(config.rootfs.count, 1);
    assert_true(ccb_slice_is(config.rootfs.items[0].key, "base"));
    assert_true(ccb_slice_is(config.rootfs.items[0].value, "/srv/a=b:c"));
    ccb_flags_destroy(sets, 2);
    for (size_t i = 0; bad[i] != NULL; i++) {
        char word[64];

        (void)snprintf(word, sizeof(word), "-rootfs=%s", bad[i]);
        assert_int_equal(PARSE(word), CCB_FLAGS_BAD);
        (void)snprintf(words, sizeof(words),
                       "invalid value \"%s\" for flag -rootfs: use NAME=DIR",
                       bad[i]);
        assert_said(words);
    }
}

static void test_one_name_means_all_sets_and_a_prefix_one(void **state)
{
    (void)state;
    assert_int_equal(PARSE_BOTH("-url=both"), CCB_FLAGS_OK);
    assert_string_equal(config.url, "both");
    assert_string_equal(other.url, "both");
    assert_int_equal(PARSE_BOTH("-two.url=second", "--one.skip"), CCB_FLAGS_OK);
    assert_string_equal(config.url, "http://x");
    assert_string_equal(other.url, "second");
    assert_true(config.skip);
    assert_int_equal(PARSE_BOTH("-two.skip"), CCB_FLAGS_BAD);
    assert_said("flag provided but not defined: -two.skip");
}

static const char usage[] =
    "Usage of prog:\n"
    "  -count int\n    \tHow many (default -3)\n"
    "  -even string\n    \tChecked\n"
    "  -lifecycle KEY:VALUE\n    \tBundle of a lifecycle\n"
    "  -rootfs NAME=DIR\n    \tRoot file system\n"
    "  -size uint\n    \tHow big\n    \tin bytes\n"
    "  -skip\n    \tSkip it\n"
    "  -ttl duration\n    \tHow long (default 10s)\n"
    "  -url URL\n    \tWhere to (default \"http://x\")\n";

static void test_help(void **state)
{
    static const char *const asks[] = {"-h", "-help", "--help", "--h=1", NULL};

    (void)state;
    for (size_t i = 0; asks[i] != NULL; i++) {
        assert_int_equal(PARSE_BOTH("-lifecycle=k:v", asks[i], "-nope"),
                         CCB_FLAGS_HELP);
        assert_string_equal(said, usage);
        assert_null(config.lifecycles.items);
    }
    assert_int_equal(PARSE_BOTH("-nope"), CCB_FLAGS_BAD);
    assert_string_equal(strchr(said, '\n') + 1, usage);
}

static void test_a_bad_default_is_reported(void **state)
{
    static const struct ccb_flag broken[] = {
        {"n", CCB_FLAG_INT, 0, "many", NULL, "", NULL, NULL, 0}};
    int64_t value;
    const struct ccb_flag_set set = {NULL, broken, 1, &value};
    FILE *errors = fmemopen(said, sizeof(said), "w");

    (void)state;
    assert_int_equal(ccb_flags_parse(&set, 1, 0, NULL, "prog", errors),
                     CCB_FLAGS_BAD);
    (void)fclose(errors);
    assert_said(INVALID("\"many\"", "n",
                        "strconv.ParseInt: parsing "
                        "\"many\": invalid syntax"));
}

static void test_every_allocation_can_fail(void **state)
{
    enum ccb_flags_result result = CCB_FLAGS_BAD;

    (void)state;
    for (size_t nth = 1; result != CCB_FLAGS_OK && nth < 20; nth++) {
        (void)ccb_mem_fail_at(nth, 0);
        result = PARSE("-lifecycle=a:1", "-lifecycle=b:2", "-lifecycle=c:3");
        (void)ccb_mem_fail_at(0, 0);
        assert_int_equal(result == CCB_FLAGS_OK, nth > 3);
        assert_int_equal(config.lifecycles.count, nth > 3 ? 3 : 0);
    }
    ccb_flags_destroy(sets, 1);
    (void)ccb_mem_fail_at(1, 1);
    assert_int_equal(PARSE("-count=x"), CCB_FLAGS_BAD);
    (void)ccb_mem_fail_at(0, 0);
    assert_said("not enough memory for the command line");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_four_spellings),
        cmocka_unit_test(test_booleans),
        cmocka_unit_test(test_parsing_ends_silently),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_refusals_word_for_word),
        cmocka_unit_test(test_a_check_refuses_with_its_own_words),
        cmocka_unit_test(test_pairs_accumulate),
        cmocka_unit_test(
            test_pairs_of_another_separator_have_words_of_their_own),
        cmocka_unit_test(test_one_name_means_all_sets_and_a_prefix_one),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_a_bad_default_is_reported),
        cmocka_unit_test(test_every_allocation_can_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
