/*
 * The commands that show lines: logs, events.
 */
#include "cli/watch.h"

#include <string.h>
#include <unistd.h>

#include "cli/human.h"

#define DEFAULT_LINES 100

static void pass_on(struct ccb_slice line)
{
    (void)fwrite(line.ptr, 1, line.len, stdout);
    (void)fputc('\n', stdout);
}

/* The length of a sequence at the front that only sets colours, or 0. */
static size_t colour_length(const char *text, size_t len)
{
    size_t i = 2;

    if (len < 3 || text[0] != '\033' || text[1] != '[')
        return 0;
    while (i < len && (text[i] == ';' || (text[i] >= '0' && text[i] <= '9')))
        i++;
    return i < len && text[i] == 'm' ? i + 1 : 0;
}

/* To a file as it stands; on a terminal with its colours and nothing else that
 * a terminal would obey. */
static void put_message(const char *text, size_t len)
{
    bool terminal = isatty(STDOUT_FILENO);

    while (len > 0) {
        size_t taken = terminal ? colour_length(text, len) : len;
        unsigned char c = (unsigned char)*text;

        if (taken > 0)
            (void)fwrite(text, 1, taken, stdout);
        else
            (void)fputc((c < 0x20 && c != '\t') || c == 0x7f ? '?' : c, stdout);
        taken += taken == 0;
        text += taken;
        len -= taken;
    }
}

void ccb_cli_print_log(struct ccb_cli *cli, const cJSON *line)
{
    const char *type = ccb_cli_text(line, "message_type");
    const char *message = ccb_cli_text(line, "message");
    double timestamp = ccb_cli_number(line, "timestamp");
    bool error = strcmp(type, "ERR") == 0;
    char when[64];
    size_t len = strlen(message);

    ccb_cli_format_time(timestamp < 9e18 ? (int64_t)timestamp : 0, when,
                        sizeof(when));
    while (len > 0 && (message[len - 1] == '\n' || message[len - 1] == '\r'))
        len--;
    (void)printf("%s [%s/%s] %s ", when, ccb_cli_text(line, "source_type"),
                 ccb_cli_text(line, "source_instance"), type);
    if (cli->colour && error)
        (void)fputs("\033[31m", stdout);
    put_message(message, len);
    if (cli->colour)
        (void)fputs("\033[0m", stdout);
    (void)fputc('\n', stdout);
}

static void on_log(void *ctx, struct ccb_slice text)
{
    struct ccb_cli *cli = ctx;
    cJSON *line;

    if (cli->line.values.json) {
        pass_on(text);
        return;
    }
    line = cJSON_ParseWithLength(text.ptr, text.len);
    if (line)
        ccb_cli_print_log(cli, line);
    else
        ccb_cli_warn(cli, "a line of the log could not be read");
    cJSON_Delete(line);
}

int ccb_cli_logs(struct ccb_cli *cli)
{
    int64_t lines = cli->line.values.lines;
    struct ccb_buf path = {0};
    char tail[64];
    int code = CCB_EXIT_FAILED;

    (void)snprintf(tail, sizeof(tail), "/logs?tail=%lld&follow=%s",
                   (long long)(lines < 0 ? DEFAULT_LINES : lines),
                   cli->line.values.follow ? "true" : "false");
    if (ccb_cli_app_path(cli, &path, cli->line.words[0], tail))
        code = ccb_cli_each_line(cli, path.data, on_log, cli);
    ccb_buf_destroy(&path);
    return code;
}

static void on_event(void *ctx, struct ccb_slice text)
{
    struct ccb_cli *cli = ctx;
    cJSON *line;
    int64_t time = 0;
    char when[64];

    if (cli->line.values.json) {
        pass_on(text);
        return;
    }
    line = cJSON_ParseWithLength(text.ptr, text.len);
    if (!line) {
        ccb_cli_warn(cli, "an event could not be read");
        return;
    }
    (void)ccb_cli_parse_time(ccb_cli_text(line, "time"), &time);
    ccb_cli_format_time(time, when, sizeof(when));
    (void)printf("%s  %-16s ", when, ccb_cli_text(line, "type"));
    ccb_cli_put_coloured(cli, CCB_BOLD, ccb_cli_text(line, "app"));
    (void)fputs("  ", stdout);
    ccb_cli_put_text(stdout, ccb_cli_text(line, "text"));
    (void)fputc('\n', stdout);
    cJSON_Delete(line);
}

int ccb_cli_events(struct ccb_cli *cli)
{
    struct ccb_buf path = {0};
    int code;

    ccb_buf_printf(&path, "/v1/events?follow=%s",
                   cli->line.values.follow ? "true" : "false");
    if (cli->line.word_count > 0) {
        ccb_buf_put(&path, "&app=");
        ccb_cli_put_escaped(&path, cli->line.words[0]);
    }
    ccb_buf_putc(&path, '\0');
    if (path.failed)
        code = ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "out of memory");
    else
        code = ccb_cli_each_line(cli, path.data, on_event, cli);
    ccb_buf_destroy(&path);
    return code;
}
