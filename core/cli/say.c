/*
 * What the command says: results on stdout, errors and progress on stderr.
 * Invariant: text that came from elsewhere never moves the cursor.
 */
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "ccbridge/json.h"
#include "cli/cli.h"

#define MAX_MESSAGE 2048
#define PROGRESS_EVERY (100 * CCB_MILLISECOND)

/* ---- text ------------------------------------------------------------------
 */

void ccb_cli_put_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        (void)fputc((c < 0x20 && c != '\t') || c == 0x7f ? '?' : c, out);
    }
}

void ccb_cli_put_coloured(struct ccb_cli *cli, enum ccb_cli_colour colour,
                          const char *text)
{
    static const char *const codes[] = {"", "\033[1m", "\033[31m", "\033[32m",
                                        "\033[33m"};
    bool shown = cli->colour && colour != CCB_PLAIN;

    if (shown)
        (void)fputs(codes[colour], stdout);
    ccb_cli_put_text(stdout, text);
    if (shown)
        (void)fputs("\033[0m", stdout);
}

enum ccb_cli_colour ccb_cli_state_colour(const char *state)
{
    static const struct {
        const char *state;
        enum ccb_cli_colour colour;
    } rows[] = {
        {"RUNNING", CCB_GREEN},  {"STARTED", CCB_GREEN},
        {"STAGED", CCB_GREEN},   {"STARTING", CCB_YELLOW},
        {"STAGING", CCB_YELLOW}, {"PENDING", CCB_YELLOW},
        {"CRASHED", CCB_RED},    {"DOWN", CCB_RED},
        {"FAILED", CCB_RED},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].state, state) == 0)
            return rows[i].colour;
    return CCB_PLAIN;
}

/* ---- lines -----------------------------------------------------------------
 */

static int file_sink(void *file, const char *bytes, size_t len)
{
    return fwrite(bytes, 1, len, file) == len ? 0 : CCB_IO;
}

static void put_error_document(int status, const char *id, const char *hint,
                               const char *message)
{
    struct ccb_json_writer w;

    ccb_json_writer_init(&w, file_sink, stdout);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "error");
    ccb_json_begin_object(&w);
    ccb_json_member_cstr(&w, "id", id ? id : "Failed");
    ccb_json_member_cstr(&w, "message", message);
    if (hint)
        ccb_json_member_cstr(&w, "try", hint);
    ccb_json_member_int(&w, "exit", status);
    ccb_json_end_object(&w);
    ccb_json_end_object(&w);
    /* What stdout could not take is told at the end (ccb_cli_main). */
    (void)ccb_json_writer_end(&w);
    (void)fputc('\n', stdout);
}

int ccb_cli_fail(struct ccb_cli *cli, int status, const char *id,
                 const char *hint, const char *format, ...)
{
    char message[MAX_MESSAGE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    ccb_cli_progress_end(cli);
    (void)fflush(stdout);
    (void)fputs("ccbridge: ", stderr);
    ccb_cli_put_text(stderr, message);
    (void)fputc('\n', stderr);
    if (hint) {
        (void)fputs("  try: ", stderr);
        ccb_cli_put_text(stderr, hint);
        (void)fputc('\n', stderr);
    }
    if (cli->line.values.json)
        put_error_document(status, id, hint, message);
    return status;
}

void ccb_cli_note(struct ccb_cli *cli, const char *format, ...)
{
    char message[MAX_MESSAGE];
    va_list args;

    if (cli->line.values.json || cli->line.values.quiet)
        return;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    ccb_cli_progress_end(cli);
    ccb_cli_put_text(stdout, message);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

void ccb_cli_warn(struct ccb_cli *cli, const char *format, ...)
{
    char message[MAX_MESSAGE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    ccb_cli_progress_end(cli);
    (void)fputs("ccbridge: warning: ", stderr);
    ccb_cli_put_text(stderr, message);
    (void)fputc('\n', stderr);
}

void ccb_cli_progress(struct ccb_cli *cli, const char *format, ...)
{
    char message[MAX_MESSAGE];
    va_list args;

    if (!cli->progress || cli->line.values.json || cli->line.values.quiet)
        return;
    if (cli->progress_shown &&
        ccb_clock_monotonic() - cli->progress_time < PROGRESS_EVERY)
        return;
    cli->progress_time = ccb_clock_monotonic();
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    (void)fputs("\r\033[K", stderr);
    ccb_cli_put_text(stderr, message);
    (void)fflush(stderr);
    cli->progress_shown = true;
}

void ccb_cli_progress_end(struct ccb_cli *cli)
{
    if (cli->progress_shown)
        (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
    cli->progress_shown = false;
}

/* ---- tables ------------------------------------------------------------- */

void ccb_cli_cell(struct ccb_cli_table *table, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    ccb_buf_append(&table->cells, text, strlen(text) + 1);
}

/* Characters, not bytes. */
static size_t text_width(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_cell(struct ccb_cli *cli, const char *text, bool heading,
                       size_t padding)
{
    ccb_cli_put_coloured(cli, heading ? CCB_BOLD : ccb_cli_state_colour(text),
                         text);
    while (padding-- > 0)
        (void)fputc(' ', stdout);
}

void ccb_cli_print_table(struct ccb_cli *cli, struct ccb_cli_table *table)
{
    size_t widths[CCB_CLI_MAX_COLUMNS] = {0}, i, cell = 0;
    const char *text = table->cells.data;
    const char *end = text ? text + table->cells.len : NULL;

    for (; text < end; text += strlen(text) + 1, cell++) {
        size_t width = text_width(text), *most = &widths[cell % table->columns];

        if (width > *most)
            *most = width;
    }
    cell = 0;
    for (text = table->cells.data; text < end; text += strlen(text) + 1) {
        i = cell % table->columns;
        if (i + 1 < table->columns)
            print_cell(cli, text, cell < table->columns,
                       widths[i] + 3 - text_width(text));
        else {
            print_cell(cli, text, cell < table->columns, 0);
            (void)fputc('\n', stdout);
        }
        cell++;
    }
    if (table->cells.failed)
        ccb_cli_warn(cli, "out of memory: the table is not whole");
    ccb_buf_destroy(&table->cells);
}
