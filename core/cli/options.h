/*
 * The command line of `ccbridge`: tables of flags and commands, and the parser
 * that reads a line by them. Help, the manual page and the completion are made
 * from the same rows (help.h).
 */
#ifndef CCB_CLI_OPTIONS_H
#define CCB_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ccbridge/error.h"

struct ccb_cli;

/* What the flags set. Numbers are -1 and texts NULL until they are given. */
struct ccb_cli_values {
    bool json, quiet, no_color, help;
    const char *state;
    bool explain, follow, force, foreground, full, no_start, no_wait,
        show_secrets;
    int64_t lines, instances, memory_mb, disk_mb;
    int64_t timeout; /* ns */
    const char *buildpack, *command, *health_check, *stack;
    const char *guid, *language, *message_kind, *registry;
    const char **env; /* KEY=VALUE, env_count of them */
    size_t env_count;
};

enum ccb_cli_kind {
    CCB_CLI_SWITCH,    /* bool, takes no value */
    CCB_CLI_TEXT,      /* const char * */
    CCB_CLI_COUNT,     /* int64_t, 0 to 2^31 - 1 */
    CCB_CLI_MEGABYTES, /* int64_t */
    CCB_CLI_DURATION,  /* int64_t nanoseconds, above 0; a bare number: s */
    CCB_CLI_CHOICE,    /* const char *, one of `choices` */
    CCB_CLI_ENV        /* KEY=VALUE, any number of times */
};

struct ccb_cli_flag {
    const char *name;
    char letter;       /* 0: none */
    const char *value; /* its name in the help; NULL for switches */
    enum ccb_cli_kind kind;
    size_t offset;       /* in struct ccb_cli_values; none for ENV */
    const char *choices; /* "a|b" */
    const char *help;
};

enum ccb_cli_rest {
    CCB_CLI_NO_REST,
    CCB_CLI_BEHIND_DASHES, /* what follows `--` */
    CCB_CLI_WHOLE_LINE     /* all behind the command, flags too */
};

struct ccb_cli_command {
    const char *name;      /* "push"; of a group "plugin list" */
    const char *arguments; /* "NAME [DIR]", "" */
    const char *summary;   /* one line */
    const char *details;   /* further text, or NULL */
    int min_words, max_words;
    enum ccb_cli_rest rest; /* what of the line is for another program */
    const struct ccb_cli_flag *flags;
    size_t flag_count;
    int (*run)(struct ccb_cli *cli);
};

extern const struct ccb_cli_flag ccb_cli_global_flags[];
extern const size_t ccb_cli_global_flag_count;
extern const struct ccb_cli_command ccb_cli_commands[];
extern const size_t ccb_cli_command_count;

/* NULL when there is none. */
const struct ccb_cli_command *ccb_cli_find_command(const char *name);
/* Whether `word` begins the names of several: "plugin". */
bool ccb_cli_is_group(const struct ccb_cli_command *command, const char *word);

/* A line that was read. Texts are borrowed from argv. */
struct ccb_cli_line {
    const struct ccb_cli_command *command; /* NULL: none was named */
    const char *group; /* the word of a group, whose command lacks, or NULL */
    struct ccb_cli_values values;
    char **words; /* what is no flag, behind the command */
    int word_count;
    char **rest; /* of a command that takes it */
    int rest_count;
};

/* Reads argv[1..]. CCB_INVALID with the plain words in err->message, and the
 * nearest known word when something is mistyped. What was read up to an error
 * stays in `line`. destroy it in any case. */
int ccb_cli_parse(struct ccb_cli_line *line, int argc, char **argv,
                  struct ccb_error *err);
void ccb_cli_line_destroy(struct ccb_cli_line *line);

#endif
