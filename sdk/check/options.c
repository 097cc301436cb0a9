/* The table of options, the parser that walks it, and the help it makes. */
#include "options.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/flags.h"
#include "base/number.h"

enum kind { SWITCH, TEXT, TIME, NUMBER, TIME_OR_NONE };

struct row {
    const char *name, *value;
    enum kind kind;
    size_t offset;
    const char *help; /* NULL: not for people */
};

#define AT(member) offsetof(struct ccb_check_options, member)
static const struct row rows[] = {
    {"--json", NULL, SWITCH, AT(json), "one JSON document"},
    {"--tap", NULL, SWITCH, AT(tap), "Test Anything Protocol, version 14"},
    {"--include", "REGEX", TEXT, AT(include_text),
     "only tests whose name or rules (CCB-P-031) match"},
    {"--exclude", "REGEX", TEXT, AT(exclude_text), "all but those"},
    {"--config", "FILE", TEXT, AT(config),
     "tests switched off: a name or a rule a line, # begins a comment"},
    {"--timeout", "TIME", TIME, AT(timeout),
     "a test's deadline, 20s by default; its processes are killed then"},
    {"--facts", "FILE", TEXT, AT(facts), "the facts given with requests"},
    {"--requests", "DIR", TEXT, AT(requests),
     "requests of your own: FUNCTION-NAME.json files with messages"},
    {"--in-process", "TEST", TEXT, AT(in_process),
     "run one test in this process, for a debugger"},
    {"--fuzz", "[TIME]", TIME_OR_NONE, AT(fuzz_time),
     "instead of the tests: changed requests, for 10s by default"},
    {"--seed", "N", NUMBER, AT(seed), "what --fuzz begins with"},
    {"--reproduce", "N", NUMBER, AT(reproduce),
     "that one case of --fuzz again"},
    {"--runner", "FILE", TEXT, AT(runner),
     "ccbridge-plugin-host, by default the one beside this program"},
    {"--list", NULL, SWITCH, AT(list), "the tests and their rules"},
    {"--rules", NULL, SWITCH, AT(rules), "the rules, as a table"},
    {"--help", NULL, SWITCH, AT(help), "this"},
    {"--child", "TEST", TEXT, AT(child), NULL},
    {"--cases", "N", NUMBER, AT(cases), NULL},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* ---- values ------------------------------------------------------------- */

int ccb_check_parse_time(const char *text, int64_t *out)
{
    int64_t number;

    if (ccb_number_parse(ccb_slice_of(text), &number) == 0) {
        if (number <= 0 || number > 1000000)
            return CCB_INVALID;
        *out = number * CCB_SECOND;
        return 0;
    }
    return ccb_duration_parse(ccb_slice_of(text), out) == 0 && *out > 0
               ? 0
               : CCB_INVALID;
}

static int set_value(void *at, const struct row *row, const char *text,
                     struct ccb_error *err)
{
    int code = 0;

    switch (row->kind) {
    case SWITCH:
        *(bool *)at = true;
        break;
    case TEXT:
        *(const char **)at = text;
        break;
    case TIME:
    case TIME_OR_NONE:
        code = ccb_check_parse_time(text, at);
        break;
    case NUMBER:
        code = ccb_number_parse(ccb_slice_of(text), at);
        if (*(int64_t *)at < 0)
            code = CCB_INVALID;
        break;
    }
    return code == 0
               ? 0
               : ccb_error_set(
                     err, CCB_INVALID, "%s: \"%s\" is no %s", row->name, text,
                     row->kind == NUMBER ? "number from 0 on" : "time, as 2s");
}

/* ---- the line ----------------------------------------------------------- */

/* "--name" or "--name=value"; *value stays NULL without one. */
static const struct row *find_row(const char *word, const char **value)
{
    size_t len = strcspn(word, "=");

    for (size_t i = 0; i < ROWS; i++) {
        if (strlen(rows[i].name) != len ||
            strncmp(rows[i].name, word, len) != 0)
            continue;
        *value = word[len] == '=' ? word + len + 1 : NULL;
        return &rows[i];
    }
    return NULL;
}

/* Takes the option at argv[*at], and its value behind it. */
static int take_option(struct ccb_check_options *options, int argc, char **argv,
                       int *at, struct ccb_error *err)
{
    const char *value = NULL;
    const struct row *row = find_row(argv[*at], &value);
    int64_t ignored;

    if (!row)
        return ccb_error_set(err, CCB_INVALID,
                             "%s: no such option; --help lists them",
                             argv[*at]);
    if (row->kind == SWITCH && value)
        return ccb_error_set(err, CCB_INVALID, "%s takes no value", row->name);
    if (row->kind == TIME_OR_NONE) {
        options->fuzz = true;
        /* A word behind it may be the time, or a file. */
        if (!value && *at + 1 < argc &&
            ccb_check_parse_time(argv[*at + 1], &ignored) == 0)
            value = argv[++*at];
        if (!value)
            return 0;
    } else if (row->kind != SWITCH && !value) {
        if (*at + 1 >= argc)
            return ccb_error_set(err, CCB_INVALID, "%s lacks its %s", row->name,
                                 row->value);
        value = argv[++*at];
    }
    return set_value((char *)options + row->offset, row, value, err);
}

static int compile(regex_t *out, bool *has, const char *text, const char *name,
                   struct ccb_error *err)
{
    char why[120];
    int code = text ? regcomp(out, text, REG_EXTENDED | REG_NOSUB) : 0;

    *has = text && code == 0;
    if (code == 0)
        return 0;
    regerror(code, out, why, sizeof(why));
    return ccb_error_set(err, CCB_INVALID, "%s %s: %s", name, text, why);
}

static int check_whole(struct ccb_check_options *options, struct ccb_error *err)
{
    int code = compile(&options->include, &options->has_include,
                       options->include_text, "--include", err);

    if (code == 0)
        code = compile(&options->exclude, &options->has_exclude,
                       options->exclude_text, "--exclude", err);
    if (code < 0 || options->help || options->list || options->rules)
        return code;
    if (options->file_count == 0)
        return ccb_error_set(err, CCB_INVALID,
                             "no plugin file is named; --help says how");
    if (options->json && options->tap)
        return ccb_error_set(err, CCB_INVALID,
                             "--json and --tap exclude each other");
    return 0;
}

int ccb_check_options_parse(struct ccb_check_options *options, int argc,
                            char **argv, struct ccb_error *err)
{
    bool only_files = false;
    int code = 0;

    memset(options, 0, sizeof(*options));
    options->timeout = 20 * CCB_SECOND;
    options->fuzz_time = 10 * CCB_SECOND;
    options->seed = options->reproduce = -1;
    options->files = argv + 1; /* files move to the front of it */
    for (int i = 1; code == 0 && i < argc; i++) {
        if (!only_files && strcmp(argv[i], "--") == 0)
            only_files = true;
        else if (!only_files && argv[i][0] == '-' && argv[i][1])
            code = take_option(options, argc, argv, &i, err);
        else
            options->files[options->file_count++] = argv[i];
    }
    return code == 0 ? check_whole(options, err) : code;
}

void ccb_check_options_destroy(struct ccb_check_options *options)
{
    if (options->has_include)
        regfree(&options->include);
    if (options->has_exclude)
        regfree(&options->exclude);
    options->has_include = options->has_exclude = false;
}

void ccb_check_options_help(void)
{
    puts(
        "ccbridge-plugin-check [OPTION]... FILE...\n\n"
        "Checks lifecycle plugins by the rules CCB-P-001 and on, which are\n"
        "explained in docs/plugins/policy.md (--rules prints them). Each test\n"
        "runs in a process of its own, which may crash or hang.\n\n"
        "Exit status: 0 all passed (with warnings or without), 1 a test\n"
        "failed, 2 this command line is wrong.\n");
    for (size_t i = 0; i < ROWS; i++) {
        char name[40];

        if (!rows[i].help)
            continue;
        snprintf(name, sizeof(name), "%s %s", rows[i].name,
                 rows[i].value ? rows[i].value : "");
        printf("  %-18s  %s\n", name, rows[i].help);
    }
    puts("\nExamples:\n"
         "  ccbridge-plugin-check build/plugins/jar.so\n"
         "  ccbridge-plugin-check --requests tests/requests jar.so\n"
         "  ccbridge-plugin-check --include 'CCB-P-03[1-3]' jar.so\n"
         "  gdb --args ccbridge-plugin-check --in-process memory jar.so\n"
         "  ccbridge-plugin-check --fuzz 60s --seed 1 jar.so");
}
