/*
 * The person's command: what its parts share. A command is a function that
 * asks the daemon over STATE/control.sock (docs/control-api.md), says what came
 * of it, and returns the status to exit with.
 *
 * One process, one thread, no loop: whatever waits does so in a call that
 * Ctrl-C ends (ccb_cli_interrupted).
 */
#ifndef CCB_CLI_CLI_H
#define CCB_CLI_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "cli/options.h"

/* One row each in the table of `--help` (help.c). */
enum ccb_cli_exit {
    CCB_EXIT_OK = 0,
    CCB_EXIT_FAILED = 1,
    CCB_EXIT_USAGE = 2,
    CCB_EXIT_STAGING = 3,
    CCB_EXIT_CRASHED = 4,
    CCB_EXIT_TIMED_OUT = 5,
    CCB_EXIT_NOT_UP = 6,
    CCB_EXIT_INTERRUPTED = 130
};

struct ccb_cli_http;

struct ccb_cli {
    const char *version;
    struct ccb_cli_line line;
    char state[PATH_MAX]; /* as given, or absolute once it was made */
    bool colour;          /* stdout shows colours */
    bool progress;        /* stderr shows a line that changes */
    bool progress_shown;
    int64_t progress_time;
    struct ccb_cli_http *http; /* NULL until the first request */
};

/* The whole program. Returns the status to exit with. */
int ccb_cli_main(int argc, char **argv, const char *version);

/* Whether SIGINT or SIGTERM came. */
bool ccb_cli_interrupted(void);
void ccb_cli_watch_interrupts(void);
/* While held none is told, for the short calls of a wait that has words of its
 * own for it. A second Ctrl-C ends the program in any case. */
void ccb_cli_hold_interrupts(bool hold);
/* A pause that Ctrl-C ends. */
void ccb_cli_pause(int ms);

/* ---- saying (say.c) -------------------------------------------------------
 */

/* "ccbridge: MESSAGE" and "  try: HINT" on stderr, with --json also an error
 * document on stdout. `id` and `hint` may be NULL. Returns `status`. */
int ccb_cli_fail(struct ccb_cli *cli, int status, const char *id,
                 const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* What goes on, on stdout; nothing with --json or --quiet. */
void ccb_cli_note(struct ccb_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Something to mind, on stderr. */
void ccb_cli_warn(struct ccb_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The changing line; nothing unless stderr is a terminal. */
void ccb_cli_progress(struct ccb_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void ccb_cli_progress_end(struct ccb_cli *cli);

enum ccb_cli_colour { CCB_PLAIN, CCB_BOLD, CCB_RED, CCB_GREEN, CCB_YELLOW };
/* Text of the daemon or of an app: control characters become '?'. */
void ccb_cli_put_text(FILE *out, const char *text);
/* The same in a colour where colours are shown. */
void ccb_cli_put_coloured(struct ccb_cli *cli, enum ccb_cli_colour colour,
                          const char *text);
/* The colour of an app's or instance's state. */
enum ccb_cli_colour ccb_cli_state_colour(const char *state);

/* Rows of aligned columns, the first of them a heading. {.columns = N}. */
#define CCB_CLI_MAX_COLUMNS 8
struct ccb_cli_table {
    size_t columns;
    struct ccb_buf cells; /* each with its NUL */
};
void ccb_cli_cell(struct ccb_cli_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints and destroys it. */
void ccb_cli_print_table(struct ccb_cli *cli, struct ccb_cli_table *table);

/* ---- the commands ---------------------------------------------------------
 */

int ccb_cli_up(struct ccb_cli *cli);
int ccb_cli_down(struct ccb_cli *cli);
int ccb_cli_status(struct ccb_cli *cli);
int ccb_cli_push(struct ccb_cli *cli);
int ccb_cli_apps(struct ccb_cli *cli);
int ccb_cli_app(struct ccb_cli *cli);
int ccb_cli_logs(struct ccb_cli *cli);
int ccb_cli_events(struct ccb_cli *cli);
int ccb_cli_explain(struct ccb_cli *cli);
int ccb_cli_recipe(struct ccb_cli *cli);
int ccb_cli_plugin_list(struct ccb_cli *cli);
int ccb_cli_plugin_show(struct ccb_cli *cli);
int ccb_cli_plugin_reload(struct ccb_cli *cli);
int ccb_cli_plugin_enable(struct ccb_cli *cli);
int ccb_cli_plugin_disable(struct ccb_cli *cli);
int ccb_cli_plugin_check(struct ccb_cli *cli);
int ccb_cli_plugin_new(struct ccb_cli *cli);
int ccb_cli_scale(struct ccb_cli *cli);
int ccb_cli_restart(struct ccb_cli *cli);
int ccb_cli_stop(struct ccb_cli *cli);
int ccb_cli_start(struct ccb_cli *cli);
int ccb_cli_kill(struct ccb_cli *cli);
int ccb_cli_delete(struct ccb_cli *cli);
int ccb_cli_version(struct ccb_cli *cli);
int ccb_cli_help(struct ccb_cli *cli);
int ccb_cli_completion(struct ccb_cli *cli);
int ccb_cli_man(struct ccb_cli *cli);

#endif
