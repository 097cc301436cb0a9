/*
 * Reads the command line by the tables. Invariant: a word is either a flag of
 * the command or of all, its value, or an argument; nothing is skipped.
 */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/flags.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "cli/human.h"

struct reader {
    struct ccb_cli_line *line;
    int argc, at;
    char **argv;
    struct ccb_error *err;
};

const struct ccb_cli_command *ccb_cli_find_command(const char *name)
{
    size_t i;

    for (i = 0; i < ccb_cli_command_count; i++)
        if (strcmp(ccb_cli_commands[i].name, name) == 0)
            return &ccb_cli_commands[i];
    return NULL;
}

bool ccb_cli_is_group(const struct ccb_cli_command *command, const char *word)
{
    size_t len = strlen(word);

    return strncmp(command->name, word, len) == 0 && command->name[len] == ' ';
}

/* ---- values -----------------------------------------------------------------
 */

static int set_count(int64_t *out, const char *text)
{
    char *end;
    long long number;

    if (!isdigit((unsigned char)text[0]))
        return CCB_INVALID;
    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || number > INT32_MAX)
        return CCB_INVALID;
    *out = number;
    return 0;
}

static int set_duration(int64_t *out, const char *text)
{
    int64_t seconds;

    if (set_count(&seconds, text) == 0)
        *out = seconds * CCB_SECOND;
    else if (ccb_duration_parse(ccb_slice_of(text), out) < 0)
        return CCB_INVALID;
    return *out > 0 ? 0 : CCB_INVALID;
}

static int set_choice(const char **out, const char *choices, const char *text)
{
    const char *at = choices;
    size_t len = strlen(text);

    while (at) {
        size_t width = strcspn(at, "|");

        if (width == len && memcmp(at, text, len) == 0) {
            *out = text;
            return 0;
        }
        at = at[width] ? at + width + 1 : NULL;
    }
    return CCB_INVALID;
}

static int add_env(struct ccb_cli_values *values, const char *text)
{
    if (text[0] == '=' || !strchr(text, '='))
        return CCB_INVALID;
    values->env[values->env_count++] = text;
    return 0;
}

static int set_value(struct ccb_cli_values *values,
                     const struct ccb_cli_flag *flag, const char *text)
{
    void *slot = (char *)values + flag->offset;

    switch (flag->kind) {
    case CCB_CLI_SWITCH:
        *(bool *)slot = true;
        return 0;
    case CCB_CLI_TEXT:
        *(const char **)slot = text;
        return 0;
    case CCB_CLI_COUNT:
        return set_count(slot, text);
    case CCB_CLI_MEGABYTES:
        return ccb_cli_parse_megabytes(text, slot);
    case CCB_CLI_DURATION:
        return set_duration(slot, text);
    case CCB_CLI_CHOICE:
        return set_choice(slot, flag->choices, text);
    case CCB_CLI_ENV:
        return add_env(values, text);
    }
    return CCB_INVALID;
}

static int refuse_value(const struct reader *r, const struct ccb_cli_flag *flag,
                        const char *text)
{
    static const char *const wanted[] = {
        [CCB_CLI_COUNT] = "a number such as 3",
        [CCB_CLI_MEGABYTES] = "a size such as 256M or 1G",
        [CCB_CLI_DURATION] = "a time such as 30s or 2m",
    };

    /* The text may be a secret where a name was forgotten. */
    if (flag->kind == CCB_CLI_ENV)
        return ccb_error_set(r->err, CCB_INVALID,
                             "--%s wants NAME=VALUE, and a name to begin with",
                             flag->name);
    return ccb_error_set(r->err, CCB_INVALID, "--%s %s: wanted is %s",
                         flag->name, text,
                         flag->choices ? flag->choices : wanted[flag->kind]);
}

/* ---- flags -------------------------------------------------------------- */

typedef bool flag_filter(const struct ccb_cli_flag *flag, const void *what);

static bool is_named(const struct ccb_cli_flag *flag, const void *name)
{
    return strcmp(flag->name, name) == 0;
}

static bool has_letter(const struct ccb_cli_flag *flag, const void *letter)
{
    return flag->letter && flag->letter == *(const char *)letter;
}

static bool is_near(const struct ccb_cli_flag *flag, const void *nearest)
{
    ccb_nearest_try((struct ccb_nearest *)nearest, flag->name);
    return false;
}

/* The first flag of the command, then of all, that the filter takes. */
static const struct ccb_cli_flag *find_flag(
    const struct ccb_cli_command *command, flag_filter *filter,
    const void *what)
{
    size_t i;

    for (i = 0; command && i < command->flag_count; i++)
        if (filter(&command->flags[i], what))
            return &command->flags[i];
    for (i = 0; i < ccb_cli_global_flag_count; i++)
        if (filter(&ccb_cli_global_flags[i], what))
            return &ccb_cli_global_flags[i];
    return NULL;
}

static int refuse_flag(const struct reader *r, const char *dashes,
                       const char *name)
{
    const struct ccb_cli_command *command = r->line->command;
    struct ccb_nearest nearest = {.typed = name};
    const char *of = command ? command->name : "ccbridge";

    (void)find_flag(command, is_near, &nearest);
    if (nearest.best && dashes[1])
        return ccb_error_set(r->err, CCB_INVALID,
                             "%s has no flag --%s; did you mean --%s?", of,
                             name, nearest.best);
    return ccb_error_set(r->err, CCB_INVALID, "%s has no flag %s%s", of, dashes,
                         name);
}

/* Sets the flag to `text`, or to the next word. */
static int apply(struct reader *r, const struct ccb_cli_flag *flag,
                 const char *text)
{
    if (flag->kind == CCB_CLI_SWITCH && text)
        return ccb_error_set(r->err, CCB_INVALID, "--%s takes no value",
                             flag->name);
    if (flag->kind != CCB_CLI_SWITCH && !text) {
        if (r->at + 1 >= r->argc)
            return ccb_error_set(r->err, CCB_INVALID, "--%s wants %s behind it",
                                 flag->name, flag->value);
        text = r->argv[++r->at];
    }
    if (set_value(&r->line->values, flag, text) < 0)
        return refuse_value(r, flag, text);
    return 0;
}

static int read_long(struct reader *r, const char *word)
{
    size_t len = strcspn(word, "=");
    const char *value = word[len] ? word + len + 1 : NULL;
    const struct ccb_cli_flag *flag;
    char name[64];

    (void)snprintf(name, sizeof(name), "%.*s", (int)(len < 63 ? len : 63),
                   word);
    flag = find_flag(r->line->command, is_named, name);
    return flag ? apply(r, flag, value) : refuse_flag(r, "--", name);
}

/* "-x V", "-xV", and switches together: "-fn 5". */
static int read_short(struct reader *r, const char *word)
{
    int code = 0;

    while (code == 0 && *word) {
        const struct ccb_cli_flag *flag =
            find_flag(r->line->command, has_letter, word);
        char letter[2] = {*word++, '\0'};

        if (!flag)
            return refuse_flag(r, "-", letter);
        if (flag->kind == CCB_CLI_SWITCH) {
            code = apply(r, flag, NULL);
            continue;
        }
        return apply(r, flag, *word ? word : NULL);
    }
    return code;
}

/* ---- words -------------------------------------------------------------- */

static bool is_any_group(const char *word)
{
    size_t i;

    for (i = 0; i < ccb_cli_command_count; i++)
        if (ccb_cli_is_group(&ccb_cli_commands[i], word))
            return true;
    return false;
}

/* Whatever is behind it is for another program. */
static void take_line(struct reader *r)
{
    r->line->rest = r->argv + r->at + 1;
    r->line->rest_count = r->argc - r->at - 1;
    r->at = r->argc;
}

static int refuse_command(const struct reader *r, const char *name)
{
    struct ccb_nearest nearest = {.typed = name};
    size_t i;

    for (i = 0; i < ccb_cli_command_count; i++)
        ccb_nearest_try(&nearest, ccb_cli_commands[i].name);
    if (nearest.best)
        return ccb_error_set(r->err, CCB_INVALID,
                             "there is no command %s; did you mean %s?", name,
                             nearest.best);
    return ccb_error_set(r->err, CCB_INVALID, "there is no command %s", name);
}

static int read_command(struct reader *r, const char *word)
{
    const char *group = r->line->group;
    char name[80];

    (void)snprintf(name, sizeof(name), "%s%s%s", group ? group : "",
                   group ? " " : "", word);
    r->line->command = ccb_cli_find_command(name);
    if (!r->line->command && !group && is_any_group(word)) {
        r->line->group = word;
        return 0;
    }
    if (!r->line->command)
        return refuse_command(r, name);
    r->line->group = NULL;
    if (r->line->command->rest == CCB_CLI_WHOLE_LINE)
        take_line(r);
    return 0;
}

static int read_word(struct reader *r, char *word)
{
    if (!r->line->command)
        return read_command(r, word);
    r->line->words[r->line->word_count++] = word;
    return 0;
}

/* What follows `--`. */
static int read_rest(struct reader *r)
{
    int code = 0;

    r->at++;
    if (r->line->command && r->line->command->rest == CCB_CLI_BEHIND_DASHES) {
        r->line->rest = r->argv + r->at;
        r->line->rest_count = r->argc - r->at;
        return 0;
    }
    for (; code == 0 && r->at < r->argc; r->at++)
        code = read_word(r, r->argv[r->at]);
    return code;
}

static int check_words(const struct reader *r)
{
    const struct ccb_cli_command *command = r->line->command;
    int count = r->line->word_count;

    if (r->line->values.help)
        return 0;
    if (r->line->group)
        return ccb_error_set(r->err, CCB_INVALID,
                             "%s wants a command behind it", r->line->group);
    if (!command)
        return 0;
    if (command->rest == CCB_CLI_WHOLE_LINE)
        count = r->line->rest_count > 0 ? 1 : 0;
    if (count < command->min_words)
        return ccb_error_set(r->err, CCB_INVALID, "%s wants %s", command->name,
                             command->arguments);
    if (count > command->max_words)
        return ccb_error_set(r->err, CCB_INVALID, "%s: one word too many: %s",
                             command->name, r->line->words[command->max_words]);
    return 0;
}

static int read_line(struct reader *r)
{
    int code = 0;

    for (r->at = 1; code == 0 && r->at < r->argc; r->at++) {
        char *word = r->argv[r->at];

        if (strcmp(word, "--") == 0) {
            code = read_rest(r);
            break;
        }
        if (word[0] == '-' && word[1] == '-')
            code = read_long(r, word + 2);
        else if (word[0] == '-' && word[1])
            code = read_short(r, word + 1);
        else
            code = read_word(r, word);
    }
    return code == 0 ? check_words(r) : code;
}

int ccb_cli_parse(struct ccb_cli_line *line, int argc, char **argv,
                  struct ccb_error *err)
{
    struct reader r = {.line = line, .argc = argc, .argv = argv, .err = err};

    memset(line, 0, sizeof(*line));
    line->values.lines = line->values.instances = -1;
    line->values.memory_mb = line->values.disk_mb = -1;
    line->values.timeout = -1;
    line->words = ccb_calloc((size_t)argc + 1, sizeof(*line->words));
    line->values.env = ccb_calloc((size_t)argc + 1, sizeof(char *));
    if (!line->words || !line->values.env)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return read_line(&r);
}

void ccb_cli_line_destroy(struct ccb_cli_line *line)
{
    ccb_free(line->words);
    ccb_free(line->values.env);
    line->words = NULL;
    line->values.env = NULL;
}
