/*
 * Parsing of a command line in Go's flag syntax into one or more sets, and the
 * refusals and the usage text on stderr (contract/stager.md A1).
 *
 * Invariant: a flag's name is looked for in every set; what is found in none
 * is refused. After BAD or HELP nothing made by parsing is left.
 */
#include "base/flags.h"

#include "base/flags_value.h"

struct parser {
    const struct ccb_flag_set *sets;
    size_t set_count;
    const char *program;
    FILE *errors;
    char *const *args; /* what is not parsed yet */
    int left;
};

/* One word of the command line, taken apart. */
struct word {
    struct ccb_slice name;
    const char *value; /* behind "=", or NULL */
};

static const char no_memory[] = "not enough memory for the command line\n";

/* ---- looking up --------------------------------------------------------- */

/* The flag of `set` that `name` means: "name", or "PREFIX.name". */
static const struct ccb_flag *find_in_set(const struct ccb_flag_set *set,
                                          struct ccb_slice name)
{
    struct ccb_slice rest = {NULL, 0};
    size_t prefix = set->prefix == NULL ? 0 : strlen(set->prefix);

    if (set->prefix != NULL && ccb_slice_starts(name, set->prefix) &&
        name.len > prefix && name.ptr[prefix] == '.')
        rest = ccb_slice_make(name.ptr + prefix + 1, name.len - prefix - 1);
    for (size_t i = 0; i < set->count; i++) {
        if (ccb_slice_is(name, set->flags[i].name) ||
            (rest.len > 0 && ccb_slice_is(rest, set->flags[i].name)))
            return &set->flags[i];
    }
    return NULL;
}

/* The first flag of any set, for its type. */
static const struct ccb_flag *find_any(const struct parser *parser,
                                       struct ccb_slice name)
{
    for (size_t i = 0; i < parser->set_count; i++) {
        const struct ccb_flag *flag = find_in_set(&parser->sets[i], name);

        if (flag != NULL)
            return flag;
    }
    return NULL;
}

/* ---- refusing ----------------------------------------------------------- */

static enum ccb_flags_result finish_bad(const struct parser *parser,
                                        struct ccb_buf *message)
{
    (void)ccb_buf_putc(message, '\n');
    if (message->failed)
        (void)fputs(no_memory, parser->errors);
    else
        (void)fwrite(message->data, 1, message->len, parser->errors);
    ccb_buf_destroy(message);
    ccb_flags_usage(parser->sets, parser->set_count, parser->program,
                    parser->errors);
    return CCB_FLAGS_BAD;
}

/* WORDS, then TEXT as it stands. */
static enum ccb_flags_result refuse(const struct parser *parser,
                                    const char *words, struct ccb_slice text)
{
    struct ccb_buf message = {0};

    (void)ccb_buf_put(&message, words);
    (void)ccb_buf_put_slice(&message, text);
    return finish_bad(parser, &message);
}

static enum ccb_flags_result refuse_value(const struct parser *parser,
                                          const struct ccb_flag *flag,
                                          struct ccb_slice name,
                                          const char *value,
                                          const struct ccb_buf *why)
{
    int is_bool = flag->type == CCB_FLAG_BOOL;
    struct ccb_buf message = {0};

    (void)ccb_buf_put(&message,
                      is_bool ? "invalid boolean value " : "invalid value ");
    ccb_flag_quote(&message, ccb_slice_of(value));
    (void)ccb_buf_put(&message, is_bool ? " for -" : " for flag -");
    (void)ccb_buf_put_slice(&message, name);
    (void)ccb_buf_put(&message, ": ");
    (void)ccb_buf_put_slice(&message, ccb_buf_slice(why));
    return finish_bad(parser, &message);
}

/* ---- parsing ------------------------------------------------------------ */

/* Sets the flag in every set that `name` means. */
static enum ccb_flags_result set_all(const struct parser *parser,
                                     struct ccb_slice name, const char *value)
{
    enum ccb_flags_result result = CCB_FLAGS_OK;
    struct ccb_buf why = {0};

    for (size_t i = 0; i < parser->set_count && result == CCB_FLAGS_OK; i++) {
        const struct ccb_flag *flag = find_in_set(&parser->sets[i], name);

        if (flag != NULL &&
            ccb_flag_set(flag, parser->sets[i].values, value, &why) != 0)
            result = refuse_value(parser, flag, name, value, &why);
    }
    ccb_buf_destroy(&why);
    return result;
}

static enum ccb_flags_result parse_word(struct parser *parser, struct word word)
{
    const struct ccb_flag *flag = find_any(parser, word.name);

    if (flag == NULL) {
        if (!ccb_slice_is(word.name, "h") && !ccb_slice_is(word.name, "help"))
            return refuse(parser, "flag provided but not defined: -",
                          word.name);
        ccb_flags_usage(parser->sets, parser->set_count, parser->program,
                        parser->errors);
        return CCB_FLAGS_HELP;
    }
    if (word.value == NULL && flag->type == CCB_FLAG_BOOL)
        word.value = "true"; /* never the following word */
    if (word.value == NULL && parser->left > 0) {
        word.value = *parser->args++;
        parser->left--;
    }
    if (word.value == NULL)
        return refuse(parser, "flag needs an argument: -", word.name);
    return set_all(parser, word.name, word.value);
}

static struct word split_word(const char *text)
{
    /* An "=" can't be the first character of a name. */
    const char *equals = strchr(text + 1, '=');
    struct word word = {ccb_slice_of(text), NULL};

    if (equals != NULL) {
        word.name.len = (size_t)(equals - text);
        word.value = equals + 1;
    }
    return word;
}

static enum ccb_flags_result parse_all(struct parser *parser)
{
    while (parser->left > 0) {
        const char *text = *parser->args;
        const char *name = text + 1;
        enum ccb_flags_result result;

        if (text[0] != '-' || text[1] == '\0' || strcmp(text, "--") == 0)
            return CCB_FLAGS_OK;
        if (*name == '-')
            name++;
        if (*name == '-' || *name == '=')
            return refuse(parser, "bad flag syntax: ", ccb_slice_of(text));
        parser->args++;
        parser->left--;
        result = parse_word(parser, split_word(name));
        if (result != CCB_FLAGS_OK)
            return result;
    }
    return CCB_FLAGS_OK;
}

/* A default that its own type refuses is a mistake in the table; it is
 * reported like one on the command line. */
static enum ccb_flags_result set_defaults(const struct parser *parser)
{
    enum ccb_flags_result result = CCB_FLAGS_OK;
    struct ccb_buf why = {0};

    for (size_t i = 0; i < parser->set_count; i++) {
        const struct ccb_flag_set *set = &parser->sets[i];

        for (size_t j = 0; j < set->count; j++)
            ccb_flag_clear(&set->flags[j], set->values);
    }
    for (size_t i = 0; i < parser->set_count; i++) {
        const struct ccb_flag_set *set = &parser->sets[i];

        for (size_t j = 0; j < set->count && result == CCB_FLAGS_OK; j++) {
            const struct ccb_flag *flag = &set->flags[j];

            if (flag->default_text != NULL &&
                ccb_flag_set(flag, set->values, flag->default_text, &why) != 0)
                result = refuse_value(parser, flag, ccb_slice_of(flag->name),
                                      flag->default_text, &why);
        }
    }
    ccb_buf_destroy(&why);
    return result;
}

enum ccb_flags_result ccb_flags_parse(const struct ccb_flag_set *sets,
                                      size_t set_count, int argc,
                                      char *const *argv, const char *program,
                                      FILE *errors)
{
    struct parser parser = {sets, set_count, program, errors, argv, argc};
    enum ccb_flags_result result = set_defaults(&parser);

    if (result == CCB_FLAGS_OK)
        result = parse_all(&parser);
    if (result != CCB_FLAGS_OK)
        ccb_flags_destroy(sets, set_count);
    return result;
}

void ccb_flags_destroy(const struct ccb_flag_set *sets, size_t set_count)
{
    for (size_t i = 0; i < set_count; i++) {
        for (size_t j = 0; j < sets[i].count; j++) {
            const struct ccb_flag *flag = &sets[i].flags[j];
            void *value = (char *)sets[i].values + flag->offset;

            if (flag->type == CCB_FLAG_PAIRS)
                ccb_pairs_destroy(value);
        }
    }
}

/* ---- usage -------------------------------------------------------------- */

/* The flag whose name comes next behind `last` in byte order (the first for
 * NULL). Quadratic, but it needs no memory and runs once. */
static const struct ccb_flag *next_by_name(const struct ccb_flag_set *sets,
                                           size_t set_count, const char *last)
{
    const struct ccb_flag *next = NULL;

    for (size_t i = 0; i < set_count; i++) {
        for (size_t j = 0; j < sets[i].count; j++) {
            const struct ccb_flag *flag = &sets[i].flags[j];

            if ((last == NULL || strcmp(flag->name, last) > 0) &&
                (next == NULL || strcmp(flag->name, next->name) < 0))
                next = flag;
        }
    }
    return next;
}

static void print_default(const struct ccb_flag *flag, FILE *out)
{
    struct ccb_buf quoted = {0};

    if (ccb_flag_default_is_zero(flag))
        return;
    if (flag->type == CCB_FLAG_STRING)
        ccb_flag_quote(&quoted, ccb_slice_of(flag->default_text));
    else
        (void)ccb_buf_put(&quoted, flag->default_text);
    (void)fprintf(out, " (default %.*s)", (int)quoted.len,
                  quoted.len > 0 ? quoted.data : "");
    ccb_buf_destroy(&quoted);
}

/* Lines behind the first are set under it. */
static void print_help(const char *help, FILE *out)
{
    for (; help != NULL && *help != '\0'; help++) {
        (void)fputc(*help, out);
        if (*help == '\n')
            (void)fputs("    \t", out);
    }
}

void ccb_flags_usage(const struct ccb_flag_set *sets, size_t set_count,
                     const char *program, FILE *out)
{
    const struct ccb_flag *flag = next_by_name(sets, set_count, NULL);

    (void)fprintf(out, "Usage of %s:\n", program);
    for (; flag != NULL; flag = next_by_name(sets, set_count, flag->name)) {
        const char *placeholder = ccb_flag_placeholder(flag);

        (void)fprintf(out, "  -%s%s%s\n    \t", flag->name,
                      *placeholder == '\0' ? "" : " ", placeholder);
        print_help(flag->help, out);
        print_default(flag, out);
        (void)fputc('\n', out);
    }
}
