/*
 * Help, from the tables. Lines stay within 80 columns.
 */
#include "cli/help.h"

#include <string.h>

#include "cli/cli.h"

#define WIDTH 78
#define FLAG_COLUMN 28

const struct ccb_cli_status_row ccb_cli_statuses[] = {
    {CCB_EXIT_OK, "done"},
    {CCB_EXIT_FAILED, "failed"},
    {CCB_EXIT_USAGE, "the command line is wrong"},
    {CCB_EXIT_STAGING, "the app's staging failed"},
    {CCB_EXIT_CRASHED, "the app's instances crash"},
    {CCB_EXIT_TIMED_OUT, "it took longer than --timeout"},
    {CCB_EXIT_NOT_UP, "the daemon is not up"},
    {CCB_EXIT_INTERRUPTED, "interrupted"},
};
const size_t ccb_cli_status_count =
    sizeof(ccb_cli_statuses) / sizeof(ccb_cli_statuses[0]);

static void pad(struct ccb_buf *out, size_t count)
{
    while (count-- > 0)
        ccb_buf_putc(out, ' ');
}

/* Words, broken before WIDTH; further lines begin at `indent`, where the
 * first stands already. */
static void put_wrapped(struct ccb_buf *out, size_t indent, const char *text)
{
    size_t column = indent;

    while (*text) {
        size_t len = strcspn(text, " ");

        if (column > indent && column + 1 + len > WIDTH) {
            ccb_buf_putc(out, '\n');
            pad(out, indent);
            column = indent;
        } else if (column > indent) {
            ccb_buf_putc(out, ' ');
            column++;
        }
        ccb_buf_append(out, text, len);
        column += len;
        text += len + (text[len] == ' ');
    }
    ccb_buf_putc(out, '\n');
}

static void put_flags(struct ccb_buf *out, const struct ccb_cli_flag *flags,
                      size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        const struct ccb_cli_flag *flag = &flags[i];
        size_t start = out->len, used;

        if (flag->letter)
            ccb_buf_printf(out, "  -%c, ", flag->letter);
        else
            ccb_buf_put(out, "      ");
        ccb_buf_printf(out, "--%s%s%s", flag->name, flag->value ? " " : "",
                       flag->value ? flag->value : "");
        used = out->len - start;
        if (used + 2 > FLAG_COLUMN) {
            ccb_buf_putc(out, '\n');
            used = 0;
        }
        pad(out, FLAG_COLUMN - used);
        put_wrapped(out, FLAG_COLUMN, flag->help);
    }
}

static void put_global_flags(struct ccb_buf *out)
{
    ccb_buf_put(out, "\nFlags of every command:\n");
    put_flags(out, ccb_cli_global_flags, ccb_cli_global_flag_count);
}

static void put_command(struct ccb_buf *out,
                        const struct ccb_cli_command *command)
{
    size_t used = strlen(command->name) + 1 + strlen(command->arguments);

    ccb_buf_printf(out, "  %s %s", command->name, command->arguments);
    if (used + 4 > FLAG_COLUMN + 6) {
        ccb_buf_putc(out, '\n');
        pad(out, FLAG_COLUMN + 6);
    } else {
        pad(out, FLAG_COLUMN + 4 - used);
    }
    put_wrapped(out, FLAG_COLUMN + 6, command->summary);
}

void ccb_cli_put_group_help(struct ccb_buf *out, const char *group)
{
    size_t i;

    ccb_buf_printf(out, "Usage: ccbridge %s COMMAND [FLAGS] [ARGUMENTS]\n\n",
                   group);
    for (i = 0; i < ccb_cli_command_count; i++)
        if (ccb_cli_is_group(&ccb_cli_commands[i], group))
            put_command(out, &ccb_cli_commands[i]);
    put_global_flags(out);
}

void ccb_cli_put_help(struct ccb_buf *out)
{
    size_t i;

    ccb_buf_put(out, "ccbridge: stage and run apps on this machine\n\n"
                     "Usage: ccbridge COMMAND [FLAGS] [ARGUMENTS]\n\n"
                     "Commands:\n");
    for (i = 0; i < ccb_cli_command_count; i++)
        put_command(out, &ccb_cli_commands[i]);
    put_global_flags(out);
    ccb_buf_put(out, "\nExit status:\n");
    for (i = 0; i < ccb_cli_status_count; i++)
        ccb_buf_printf(out, "  %3d  %s\n", ccb_cli_statuses[i].status,
                       ccb_cli_statuses[i].meaning);
    ccb_buf_put(out, "\nA command's own flags: ccbridge COMMAND --help\n");
}

void ccb_cli_put_command_help(struct ccb_buf *out,
                              const struct ccb_cli_command *command)
{
    ccb_buf_printf(out, "ccbridge %s: ", command->name);
    ccb_buf_put(out, command->summary);
    ccb_buf_printf(out, "\n\nUsage: ccbridge %s%s%s%s\n", command->name,
                   command->flag_count > 0 ? " [FLAGS]" : "",
                   command->arguments[0] ? " " : "", command->arguments);
    if (command->details) {
        ccb_buf_putc(out, '\n');
        put_wrapped(out, 0, command->details);
    }
    if (command->flag_count > 0) {
        ccb_buf_put(out, "\nFlags:\n");
        put_flags(out, command->flags, command->flag_count);
    }
    put_global_flags(out);
}
