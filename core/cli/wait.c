/*
 * The wait of what starts instances (wait.h): says how it goes, gives up when
 * they crash again and again or when it takes too long, and says why.
 */
#include "cli/wait.h"

#include <string.h>

#include "base/clock.h"
#include "cli/apps.h"
#include "cli/watch.h"

#define DEFAULT_TIMEOUT (120 * CCB_SECOND)
#define PAUSE_MS 300
/* A cell starts an instance anew at once for some times, and calls it CRASHED
 * only then; seen twice it is no passing state. */
#define CRASHED_LOOKS 2

struct wait {
    struct ccb_cli *cli;
    const char *name;
    const struct ccb_cli_killed *killed; /* NULL: all instances count */
    int64_t deadline;
    int crashed_looks;
    struct ccb_cli_counts last;
    bool shown;
    char details[320];
};

/* Of a killed instance the successor alone: as long as it is the old one, there
 * is none. */
static struct ccb_cli_counts count_killed(const struct ccb_cli_killed *killed,
                                          const cJSON *app)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(app, "instances_now");
    struct ccb_cli_counts counts = {.wanted = 1, .known = cJSON_IsArray(list)};
    const cJSON *instance;

    cJSON_ArrayForEach(instance, list)
    {
        if ((int64_t)ccb_cli_number(instance, "index") != killed->index)
            continue;
        if (strcmp(ccb_cli_text(instance, "instance_guid"), killed->guid) != 0)
            ccb_cli_count_instance(&counts, instance);
        else
            counts.down++;
    }
    return counts;
}

static void note_details(struct wait *wait, const cJSON *app)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(app, "instances_now");
    const cJSON *instance;

    cJSON_ArrayForEach(instance, list)
    {
        const char *details = ccb_cli_text(instance, "details");

        if (details[0])
            (void)snprintf(wait->details, sizeof(wait->details), "%s", details);
    }
}

static void show(struct wait *wait, struct ccb_cli_counts now)
{
    char more[96] = "";
    int n = 0;

    if (wait->shown && memcmp(&now, &wait->last, sizeof(now)) == 0)
        return;
    wait->shown = true;
    wait->last = now;
    if (!now.known) {
        ccb_cli_note(wait->cli, "how many instances run is not known yet");
        return;
    }
    if (now.starting > 0)
        n = snprintf(more, sizeof(more), ", %d starting", now.starting);
    if (now.crashed > 0)
        n += snprintf(more + n, sizeof(more) - (size_t)n, ", %d crashed",
                      now.crashed);
    if (now.down > 0)
        (void)snprintf(more + n, sizeof(more) - (size_t)n, ", %d down",
                       now.down);
    ccb_cli_note(wait->cli, "%d of %d running%s", now.running, now.wanted,
                 more);
}

/* ---- giving up ---------------------------------------------------------- */

static void on_line(void *ctx, struct ccb_slice text)
{
    struct ccb_cli *cli = ctx;
    cJSON *line;

    if (cli->line.values.json)
        return;
    line = cJSON_ParseWithLength(text.ptr, text.len);
    if (line)
        ccb_cli_print_log(cli, line);
    else
        ccb_cli_warn(cli, "a line of the log could not be read");
    cJSON_Delete(line);
}

static void show_last_lines(struct wait *wait)
{
    struct ccb_buf path = {0};

    if (!wait->cli->line.values.json &&
        ccb_cli_app_path(wait->cli, &path, wait->name,
                         "/logs?tail=10&follow=false"))
        (void)ccb_cli_each_line(wait->cli, path.data, on_line, wait->cli);
    ccb_buf_destroy(&path);
}

static void on_event(void *ctx, struct ccb_slice text)
{
    struct wait *wait = ctx;
    cJSON *event = cJSON_ParseWithLength(text.ptr, text.len);

    if (strcmp(ccb_cli_text(event, "type"), "instance.crash") == 0)
        (void)snprintf(wait->details, sizeof(wait->details), "%s",
                       ccb_cli_text(event, "text"));
    cJSON_Delete(event);
}

/* An instance that crashed does not say why; the last event of its kind does.
 * Without it the failure is said all the same. */
static void find_reason(struct wait *wait)
{
    struct ccb_buf path = {0};

    ccb_buf_put(&path, "/v1/events?follow=false&app=");
    ccb_cli_put_escaped(&path, wait->name);
    ccb_buf_putc(&path, '\0');
    if (!path.failed)
        (void)ccb_cli_each_line(wait->cli, path.data, on_event, wait);
    ccb_buf_destroy(&path);
}

static int give_up(struct wait *wait, int status)
{
    const char *why = wait->details;
    bool crashed = status == CCB_EXIT_CRASHED;
    char hint[320];

    if (crashed && !why[0])
        find_reason(wait);

    (void)snprintf(hint, sizeof(hint),
                   crashed ? "ccbridge logs %s"
                           : "ccbridge app %s; it goes on starting",
                   wait->name);
    show_last_lines(wait);
    return ccb_cli_fail(
        wait->cli, status, crashed ? "AppCrashes" : "TimedOut", hint,
        "%s %s: %d of %d running%s%s", wait->name,
        crashed ? "crashes again and again" : "is not all there in time",
        wait->last.running, wait->last.wanted, why[0] ? "; " : "", why);
}

static int say_interrupted(struct wait *wait)
{
    char hint[640];

    (void)snprintf(hint, sizeof(hint),
                   "ccbridge app %.300s, or ccbridge stop "
                   "%.300s",
                   wait->name, wait->name);
    return ccb_cli_fail(wait->cli, CCB_EXIT_INTERRUPTED, "Interrupted", hint,
                        "interrupted; %s goes on starting", wait->name);
}

static int say_stopped(struct wait *wait)
{
    char hint[320];

    (void)snprintf(hint, sizeof(hint), "ccbridge events %s", wait->name);
    return ccb_cli_fail(wait->cli, CCB_EXIT_FAILED, "AppStopped", hint,
                        "%s was stopped meanwhile", wait->name);
}

/* ---- waiting ------------------------------------------------------------ */

/* -1 to go on, else the status. */
static int look_once(struct wait *wait)
{
    struct ccb_cli_reply reply;
    struct ccb_cli_counts now;
    int code = ccb_cli_get_app(wait->cli, wait->name, &reply);

    if (code == 0) {
        if (strcmp(ccb_cli_text(reply.json, "state"), "STARTED") != 0)
            code = say_stopped(wait);
    }
    if (code == 0) {
        now = wait->killed ? count_killed(wait->killed, reply.json)
                           : ccb_cli_count_instances(reply.json);
        note_details(wait, reply.json);
        show(wait, now);
        wait->crashed_looks = now.crashed > 0 ? wait->crashed_looks + 1 : 0;
        code = now.known && now.running >= now.wanted ? 0 : -1;
        if (code < 0 && wait->crashed_looks >= CRASHED_LOOKS)
            code = give_up(wait, CCB_EXIT_CRASHED);
        else if (code < 0 && ccb_clock_monotonic() > wait->deadline)
            code = give_up(wait, CCB_EXIT_TIMED_OUT);
    }
    ccb_cli_reply_destroy(&reply);
    return code;
}

static int look(struct wait *wait)
{
    int code;

    ccb_cli_hold_interrupts(true);
    code = look_once(wait);
    ccb_cli_hold_interrupts(false);
    return code;
}

int ccb_cli_wait(struct ccb_cli *cli, const char *name,
                 const struct ccb_cli_killed *killed)
{
    int64_t timeout = cli->line.values.timeout;
    struct wait wait = {.cli = cli, .name = name, .killed = killed};
    int code;

    wait.deadline =
        ccb_clock_monotonic() + (timeout < 0 ? DEFAULT_TIMEOUT : timeout);
    for (code = look(&wait); code < 0; code = look(&wait)) {
        ccb_cli_pause(PAUSE_MS);
        if (ccb_cli_interrupted())
            return say_interrupted(&wait);
    }
    return code;
}
