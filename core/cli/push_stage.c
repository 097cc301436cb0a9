/*
 * The staging of a push: its log lines as they come, and its end. The stream
 * of the log is opened before the staging is asked for, so that no line is
 * missed; the app itself says how it goes.
 */
#include "cli/push.h"

#include <string.h>

#include "base/clock.h"
#include "cli/watch.h"

#define PAUSE_MS 200
#define OPEN_MS 1000  /* for the answer's head, before staging is asked for */
#define QUIET_MS 200  /* without a line: the staging's log is at its end */
#define DRAIN_MS 2000 /* for that, at most */

enum stage_state { STAGE_GOES_ON, STAGE_DONE, STAGE_FAILED };

struct staging {
    struct ccb_cli *cli;
    const char *name;
    char guid[128];
    struct ccb_cli_stream *log;
};

static void on_line(void *ctx, struct ccb_slice text)
{
    struct staging *staging = ctx;
    struct ccb_cli *cli = staging->cli;
    cJSON *line;

    if (cli->line.values.json || cli->line.values.quiet)
        return;
    line = cJSON_ParseWithLength(text.ptr, text.len);
    if (line && strcmp(ccb_cli_text(line, "source_type"), "STG") == 0) {
        ccb_cli_progress_end(cli);
        ccb_cli_print_log(cli, line);
    } else if (!line) {
        ccb_cli_warn(cli, "a line of the staging's log could not be read");
    }
    cJSON_Delete(line);
}

/* A log that can't be followed is a pity and no more. */
static void open_log(struct staging *staging)
{
    int64_t deadline = ccb_clock_monotonic() + OPEN_MS * CCB_MILLISECOND;
    struct ccb_buf path = {0};
    struct ccb_error err;

    if (ccb_cli_app_path(staging->cli, &path, staging->name,
                         "/logs?tail=0&follow=true"))
        staging->log = ccb_cli_stream_open(staging->cli, path.data, on_line,
                                           staging, &err);
    ccb_buf_destroy(&path);
    while (staging->log && !ccb_cli_interrupted() &&
           ccb_cli_stream_wait(staging->log, PAUSE_MS) &&
           ccb_cli_stream_status(staging->log) == 0 &&
           ccb_clock_monotonic() < deadline)
        ;
    if (staging->log && ccb_cli_stream_status(staging->log) / 100 > 2)
        ccb_cli_warn(staging->cli,
                     "the staging's log cannot be followed: "
                     "the daemon answers %ld",
                     ccb_cli_stream_status(staging->log));
}

static void wait_for_lines(struct staging *staging, int ms)
{
    int64_t deadline = ccb_clock_monotonic() + ms * CCB_MILLISECOND;
    int64_t left;

    for (left = ms; left > 0 && !ccb_cli_interrupted();
         left = (deadline - ccb_clock_monotonic()) / CCB_MILLISECOND) {
        if (staging->log && ccb_cli_stream_wait(staging->log, (int)left))
            continue;
        ccb_cli_stream_close(staging->log);
        staging->log = NULL;
        ccb_cli_pause((int)left);
    }
}

static void drain_log(struct staging *staging)
{
    int64_t deadline = ccb_clock_monotonic() + DRAIN_MS * CCB_MILLISECOND;
    size_t before;

    do {
        before = staging->log ? ccb_cli_stream_lines(staging->log) : 0;
        if (staging->log)
            wait_for_lines(staging, QUIET_MS);
    } while (staging->log && ccb_cli_stream_lines(staging->log) != before &&
             ccb_clock_monotonic() < deadline);
}

static int ask_to_stage(struct staging *staging)
{
    struct ccb_cli *cli = staging->cli;
    struct ccb_cli_reply reply = {0};
    struct ccb_cli_request request = {.method = "POST"};
    struct ccb_buf path = {0};
    int code = CCB_EXIT_FAILED;

    request.path = ccb_cli_app_path(cli, &path, staging->name, "/stage");
    if (request.path)
        code = ccb_cli_ask(cli, &request, &reply);
    if (code == 0) {
        (void)snprintf(staging->guid, sizeof(staging->guid), "%s",
                       ccb_cli_text(reply.json, "staging_guid"));
        ccb_cli_note(cli, "Staging");
    }
    ccb_cli_reply_destroy(&reply);
    ccb_buf_destroy(&path);
    return code;
}

/* How it goes; says why it failed. Another staging's state counts for nothing:
 * ours is not there yet. */
static int look(struct staging *staging, enum stage_state *state)
{
    struct ccb_cli_reply reply;
    const cJSON *at, *error;
    int code = ccb_cli_get_app(staging->cli, staging->name, &reply);
    char hint[320];

    (void)snprintf(hint, sizeof(hint), "ccbridge logs %s", staging->name);
    *state = STAGE_GOES_ON;
    if (code == 0) {
        const char *text;

        at = cJSON_GetObjectItemCaseSensitive(reply.json, "staging");
        error = cJSON_GetObjectItemCaseSensitive(at, "error");
        text = ccb_cli_text(at, "state");
        if (staging->guid[0] &&
            strcmp(ccb_cli_text(at, "guid"), staging->guid) != 0)
            text = "";
        if (strcmp(text, "STAGED") == 0)
            *state = STAGE_DONE;
        if (strcmp(text, "FAILED") == 0) {
            *state = STAGE_FAILED;
            drain_log(staging);
            code = ccb_cli_fail(staging->cli, CCB_EXIT_STAGING,
                                ccb_cli_text(error, "id"), hint,
                                "the staging of %s failed: %s", staging->name,
                                ccb_cli_text(error, "message"));
        }
    }
    ccb_cli_reply_destroy(&reply);
    return code;
}

/* Ctrl-C: the staging ends too. */
static int stop_staging(struct staging *staging)
{
    struct ccb_cli *cli = staging->cli;

    ccb_cli_hold_interrupts(true);
    if (ccb_cli_app_do(cli, "DELETE", staging->name, "/stage") != 0)
        return CCB_EXIT_INTERRUPTED;
    return ccb_cli_fail(cli, CCB_EXIT_INTERRUPTED, "Interrupted", NULL,
                        "interrupted; the staging of %s is stopped",
                        staging->name);
}

static int follow(struct staging *staging)
{
    enum stage_state state = STAGE_GOES_ON;
    int code = ask_to_stage(staging);

    while (code == 0) {
        wait_for_lines(staging, PAUSE_MS);
        if (ccb_cli_interrupted())
            return stop_staging(staging);
        ccb_cli_hold_interrupts(true);
        code = look(staging, &state);
        ccb_cli_hold_interrupts(false);
        if (state == STAGE_DONE)
            break;
    }
    if (code == 0)
        drain_log(staging);
    if (code == 0)
        ccb_cli_note(staging->cli, "Staged");
    return code;
}

int ccb_cli_stage(struct ccb_cli *cli, const char *name)
{
    struct staging staging = {.cli = cli, .name = name};
    int code;

    open_log(&staging);
    code = follow(&staging);
    ccb_cli_stream_close(staging.log);
    return code;
}
