/*
 * The manual page and the completion, from the tables (cli/help.h).
 */
#include <string.h>

#include "base/roff.h"
#include "cli/help.h"

/* ---- roff -------------------------------------------------------------------
 */

static void put_man_flags(struct ccb_buf *out, const struct ccb_cli_flag *flags,
                          size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        ccb_buf_put(out, ".TP\n");
        if (flags[i].letter)
            ccb_buf_printf(out, "\\fB\\-%c\\fR, ", flags[i].letter);
        ccb_buf_put(out, "\\fB\\-\\-");
        ccb_roff_put(out, flags[i].name);
        ccb_buf_put(out, "\\fR");
        if (flags[i].value)
            ccb_buf_printf(out, " \\fI%s\\fR", flags[i].value);
        ccb_buf_putc(out, '\n');
        ccb_roff_put_line(out, flags[i].help);
    }
}

static void put_man_command(struct ccb_buf *out,
                            const struct ccb_cli_command *command)
{
    ccb_buf_put(out, ".SS ");
    ccb_buf_printf(out, "\"%s ", command->name);
    ccb_roff_put(out, command->arguments);
    ccb_buf_put(out, "\"\n");
    ccb_roff_put_line(out, command->summary);
    if (command->details) {
        ccb_buf_put(out, ".PP\n");
        ccb_roff_put_line(out, command->details);
    }
    put_man_flags(out, command->flags, command->flag_count);
}

void ccb_cli_put_man(struct ccb_buf *out, const char *version)
{
    size_t i;

    ccb_buf_printf(out, ".TH CCBRIDGE 1 \"\" \"ccbridge %s\"\n", version);
    ccb_buf_put(out, ".SH NAME\nccbridge \\- stage and run apps on this "
                     "machine\n.SH SYNOPSIS\n\\fBccbridge\\fR \\fICOMMAND\\fR "
                     "[\\fIFLAGS\\fR] [\\fIARGUMENTS\\fR]\n"
                     ".SH DESCRIPTION\nSpeaks to the daemon, ccbridged, over "
                     "the socket in the state directory.\n.SH COMMANDS\n");
    for (i = 0; i < ccb_cli_command_count; i++)
        put_man_command(out, &ccb_cli_commands[i]);
    ccb_buf_put(out, ".SH FLAGS OF EVERY COMMAND\n");
    put_man_flags(out, ccb_cli_global_flags, ccb_cli_global_flag_count);
    ccb_buf_put(out, ".SH EXIT STATUS\n");
    for (i = 0; i < ccb_cli_status_count; i++)
        ccb_buf_printf(out, ".TP\n\\fB%d\\fR\n%s\n", ccb_cli_statuses[i].status,
                       ccb_cli_statuses[i].meaning);
    ccb_buf_put(out, ".SH FILES\n.TP\n\\fISTATE\\fR/control.sock\n"
                     "the daemon's socket\n.TP\n\\fISTATE\\fR/ccbridged.log\n"
                     "the daemon's log\n.TP\n\\fISTATE\\fR/ccbridged.pid\n"
                     "the daemon's pid\n.TP\n.I .cfignore\n"
                     "what of an app's directory is not uploaded\n");
}

/* ---- bash -------------------------------------------------------------------
 */

static void put_bash_flags(struct ccb_buf *out,
                           const struct ccb_cli_flag *flags, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        ccb_buf_printf(out, " --%s", flags[i].name);
        if (flags[i].letter)
            ccb_buf_printf(out, " -%c", flags[i].letter);
    }
}

/* Flags whose next word is their value: the command is not that word. */
static void put_bash_valued(struct ccb_buf *out)
{
    size_t i;
    const char *bar = "";

    for (i = 0; i < ccb_cli_global_flag_count; i++) {
        if (!ccb_cli_global_flags[i].value)
            continue;
        ccb_buf_printf(out, "%s--%s", bar, ccb_cli_global_flags[i].name);
        bar = "|";
    }
}

/* The word before the space of a group's command; 0: it is in none. */
static int group_length(const struct ccb_cli_command *command)
{
    const char *space = strchr(command->name, ' ');

    return space ? (int)(space - command->name) : 0;
}

/* Whether the first command of its group, or in none. */
static bool is_first(size_t at)
{
    int len = group_length(&ccb_cli_commands[at]);
    size_t i;

    for (i = 0; len > 0 && i < at; i++)
        if (group_length(&ccb_cli_commands[i]) == len &&
            strncmp(ccb_cli_commands[i].name, ccb_cli_commands[at].name,
                    (size_t)len) == 0)
            return false;
    return true;
}

/* What may stand first: commands, and each group once. */
static void put_bash_commands(struct ccb_buf *out)
{
    size_t i;

    for (i = 0; i < ccb_cli_command_count; i++)
        if (is_first(i))
            ccb_buf_printf(out, " %.*s",
                           (int)strcspn(ccb_cli_commands[i].name, " "),
                           ccb_cli_commands[i].name);
}

/* A group alone: its commands may follow. */
static void put_bash_group(struct ccb_buf *out, size_t at)
{
    int len = group_length(&ccb_cli_commands[at]);
    size_t i;

    ccb_buf_printf(out, "    %.*s) kind=command; commands=\"", len,
                   ccb_cli_commands[at].name);
    for (i = at; i < ccb_cli_command_count; i++)
        if (group_length(&ccb_cli_commands[i]) == len &&
            strncmp(ccb_cli_commands[i].name, ccb_cli_commands[at].name,
                    (size_t)len) == 0)
            ccb_buf_printf(out, " %s", ccb_cli_commands[i].name + len + 1);
    ccb_buf_put(out, "\" ;;\n");
}

static void put_bash_cases(struct ccb_buf *out)
{
    size_t i;

    for (i = 0; i < ccb_cli_command_count; i++) {
        const struct ccb_cli_command *command = &ccb_cli_commands[i];
        bool named = strstr(command->arguments, "NAME") != NULL;

        ccb_buf_printf(out, "    \"%s\") flags=\"", command->name);
        put_bash_flags(out, command->flags, command->flag_count);
        ccb_buf_printf(out, "\"; kind=%s ;;\n",
                       strstr(command->arguments, "DIR")       ? "dir"
                       : strstr(command->arguments, "FILE")    ? "file"
                       : strstr(command->arguments, "COMMAND") ? "command"
                       : strstr(command->arguments, "SHELL")   ? "shell"
                       : named                                 ? "app"
                                                               : "none");
        if (group_length(command) > 0 && is_first(i))
            put_bash_group(out, i);
    }
}

void ccb_cli_put_bash(struct ccb_buf *out)
{
    size_t i;

    ccb_buf_put(out, "# bash completion of ccbridge: "
                     "source <(ccbridge completion bash)\n"
                     "_ccbridge() {\n"
                     "  local word=\"${COMP_WORDS[COMP_CWORD]}\" command= "
                     "flags= kind=none i global commands\n  global=\"");
    put_bash_flags(out, ccb_cli_global_flags, ccb_cli_global_flag_count);
    ccb_buf_put(out, "\"\n  commands=\"");
    put_bash_commands(out);
    ccb_buf_put(out, "\"\n  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                     "    case \"${COMP_WORDS[i]}\" in\n    ");
    put_bash_valued(out);
    ccb_buf_put(out,
                ") ((i++)) ;;\n    -*) ;;\n"
                "    *) command=\"${command:+$command }${COMP_WORDS[i]}\"\n"
                "       case \"$command\" in ");
    for (i = 0; i < ccb_cli_command_count; i++)
        if (group_length(&ccb_cli_commands[i]) > 0 && is_first(i))
            ccb_buf_printf(out, "%.*s) ;; ", group_length(&ccb_cli_commands[i]),
                           ccb_cli_commands[i].name);
    ccb_buf_put(out, "*) break ;; esac ;;\n"
                     "    esac\n  done\n  case \"$command\" in\n");
    put_bash_cases(out);
    ccb_buf_put(
        out,
        "    *) kind=command ;;\n  esac\n"
        "  case \"$word\" in\n"
        "  -*) COMPREPLY=($(compgen -W \"$flags $global\" -- \"$word\")); "
        "return ;;\n  esac\n"
        "  case \"$kind\" in\n"
        "  command) COMPREPLY=($(compgen -W \"$commands\" -- \"$word\")) ;;\n"
        "  shell) COMPREPLY=($(compgen -W bash -- \"$word\")) ;;\n"
        "  app) COMPREPLY=($(compgen -W \"$(ccbridge -q apps 2>/dev/null)\" "
        "-- \"$word\")) ;;\n"
        "  dir) COMPREPLY=($(compgen -d -- \"$word\")) ;;\n"
        "  file) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
        "  *) COMPREPLY=() ;;\n  esac\n}\n"
        "complete -F _ccbridge ccbridge\n");
}
