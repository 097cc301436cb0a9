/*
 * explain: what became of a staging, told from the stager's journal
 * (docs/control-api.md): when which step was done, by which plugin, why it
 * failed, what the Cloud Controller answered.
 */
#include <string.h>

#include "base/clock.h"
#include "cli/human.h"
#include "cli/status.h"

/* ---- one staging -------------------------------------------------------- */

static void put_line(const char *label, const char *text)
{
    if (!text[0])
        return;
    (void)printf("%-12s ", label);
    ccb_cli_put_text(stdout, text);
    (void)fputc('\n', stdout);
}

static void put_plugin(const cJSON *staging)
{
    const char *id = ccb_cli_text(staging, "plugin");
    const char *stack = ccb_cli_text(staging, "stack");
    const char *because = ccb_cli_text(staging, "because");
    (void)fputs("lifecycle:   ", stdout);
    ccb_cli_put_text(stdout, ccb_cli_text(staging, "lifecycle"));
    (void)fputs(stack[0] ? " on " : "", stdout);
    ccb_cli_put_text(stdout, stack);
    (void)fputs("\nplugin:      ", stdout);
    ccb_cli_put_text(stdout, id[0] ? id : "none");
    (void)fputc(' ', stdout);
    ccb_cli_put_text(stdout, ccb_cli_text(staging, "plugin_version"));
    (void)fputs(because[0] ? ", since " : "", stdout);
    ccb_cli_put_text(stdout, because);
    (void)fputc('\n', stdout);
}

/* What a phase means, in the order of docs/control-api.md. */
static const struct {
    const char *name, *words;
} phases[] = {
    {"requested", "requested by the Cloud Controller"},
    {"recipe_built", "recipe built"},
    {"task_created", "task taken by the back end"},
    {"failed", "failed in the stager"},
    {"stop_asked", "stop asked for"},
    {"called_back", "the task ended"},
    {"result_built", "result made for the Cloud Controller"},
    {"result_stored", "result stored in the outbox"},
    {"cc_tried", "result not taken by the Cloud Controller"},
    {"cc_took", "result taken by the Cloud Controller"},
    {"given_up", "result given up"},
};

/* Phases of a newer daemon are shown by their names. */
static const char *words_of(const char *name)
{
    size_t i;
    for (i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
        if (strcmp(phases[i].name, name) == 0)
            return phases[i].words;
    return name;
}

/* The first with its time of day, the others with how much later they came. */
static void put_phases(const cJSON *staging)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(staging, "phases");
    int64_t start = 0, at;
    const cJSON *phase;
    char when[64];
    cJSON_ArrayForEach(phase, list)
    {
        if (ccb_cli_parse_time(ccb_cli_text(phase, "at"), &at) < 0)
            continue;
        if (start == 0) {
            start = at;
            ccb_cli_format_time(at, when, sizeof(when));
        } else {
            (void)snprintf(when, sizeof(when), "%+.3f s",
                           (double)(at - start) / (double)CCB_SECOND);
        }
        (void)printf("  %-28s ", when);
        ccb_cli_put_text(stdout, words_of(ccb_cli_text(phase, "name")));
        (void)fputc('\n', stdout);
    }
}

static void put_task(const cJSON *staging)
{
    const cJSON *task = cJSON_GetObjectItemCaseSensitive(staging, "task");
    const char *cell = ccb_cli_text(task, "cell_id");
    put_line("task:", ccb_cli_text(staging, "task_error"));
    if (!cJSON_IsObject(task))
        return;
    (void)fputs("task:        ", stdout);
    ccb_cli_put_text(stdout, ccb_cli_text(task, "state"));
    (void)fputs(cell[0] ? " on cell " : "", stdout);
    ccb_cli_put_text(stdout, cell);
    (void)fputc('\n', stdout);
}

static void put_failure(struct ccb_cli *cli, const cJSON *staging)
{
    const char *failure = ccb_cli_text(staging, "failure");
    if (!failure[0])
        return;
    (void)fputs("failure:     ", stdout);
    ccb_cli_put_coloured(cli, CCB_RED, failure);
    (void)fputc('\n', stdout);
    if (cJSON_IsNumber(
            cJSON_GetObjectItemCaseSensitive(staging, "exit_status")))
        (void)printf("exit status: %.0f\n",
                     ccb_cli_number(staging, "exit_status"));
}

static void put_cc(const cJSON *staging)
{
    double attempts = ccb_cli_number(staging, "cc_attempts");
    const char *error = ccb_cli_text(staging, "cc_error");
    double status = ccb_cli_number(staging, "cc_status");
    if (attempts < 1)
        return;
    (void)fputs("CC answered: ", stdout);
    if (status > 0)
        (void)printf("%.0f", status);
    else
        (void)fputs("not at all", stdout);
    if (attempts > 1)
        (void)printf(" (attempt %.0f)", attempts);
    (void)fputs(error[0] ? ": " : "", stdout);
    ccb_cli_put_text(stdout, error);
    (void)fputc('\n', stdout);
}

/* The document as JSON for people; it has no secrets in it any more. */
static int put_document(struct ccb_cli *cli, const cJSON *staging,
                        const char *key)
{
    const cJSON *document = cJSON_GetObjectItemCaseSensitive(staging, key);
    char *text;
    if (!document || cJSON_IsNull(document))
        return 0;
    text = cJSON_Print(document);
    if (!text)
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "out of memory");
    (void)printf("\n%s:\n%s\n", key, text);
    cJSON_free(text);
    return 0;
}

static int print_staging(struct ccb_cli *cli, const cJSON *staging)
{
    const cJSON *warning;
    int code = 0;
    put_line("staging:", ccb_cli_text(staging, "guid"));
    put_line("app:", ccb_cli_text(staging, "app_guid"));
    put_plugin(staging);
    put_phases(staging);
    put_task(staging);
    put_failure(cli, staging);
    cJSON_ArrayForEach(warning,
                       cJSON_GetObjectItemCaseSensitive(staging, "warnings"))
    {
        if (cJSON_IsString(warning))
            put_line("warning:", warning->valuestring);
    }
    put_cc(staging);
    if (!cli->line.values.full)
        return 0;
    code = put_document(cli, staging, "request");
    return code ? code : put_document(cli, staging, "recipe");
}

/* ---- finding it --------------------------------------------------------- */

static const char *staging_path(struct ccb_cli *cli, struct ccb_buf *out,
                                const char *guid)
{
    ccb_buf_reset(out);
    ccb_buf_put(out, "/v1/stagings/");
    ccb_cli_put_escaped(out, guid);
    ccb_buf_putc(out, '\0');
    if (!out->failed)
        return out->data;
    (void)ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "out of memory");
    return NULL;
}

/* The guid of the last staging of the app with this name, where there is a
 * controller that knows it. */
static void find_by_name(struct ccb_cli *cli, const char *name,
                         struct ccb_buf *guid)
{
    struct ccb_cli_request request = {.method = "GET"};
    struct ccb_cli_reply reply = {0};
    struct ccb_buf path = {0};
    struct ccb_error ignored;
    const cJSON *staging;
    request.path = ccb_cli_app_path(cli, &path, name, "");
    if (request.path && ccb_cli_call(cli, &request, &reply, &ignored) == 0 &&
        reply.status == 200) {
        reply.json = cJSON_ParseWithLength(
            reply.body.data ? reply.body.data : "", reply.body.len);
        staging = cJSON_GetObjectItemCaseSensitive(reply.json, "staging");
        ccb_buf_put(guid, ccb_cli_text(staging, "guid"));
    }
    ccb_cli_reply_destroy(&reply);
    ccb_buf_destroy(&path);
}

/* What the word names: the staging itself, its app, or the app by its name. */
static int find(struct ccb_cli *cli, const char *word, struct ccb_buf *path)
{
    struct ccb_cli_request request = {.method = "GET"};
    struct ccb_cli_reply reply = {0};
    struct ccb_buf guid = {0};
    struct ccb_error err;
    int code = 0;
    request.path = staging_path(cli, path, word);
    if (!request.path)
        return CCB_EXIT_FAILED;
    if (ccb_cli_call(cli, &request, &reply, &err) < 0)
        code = ccb_cli_fail_call(cli, &err);
    else if (reply.status == 404)
        find_by_name(cli, word, &guid);
    ccb_buf_putc(&guid, '\0');
    if (code == 0 && !guid.failed && guid.data[0] &&
        !staging_path(cli, path, guid.data))
        code = CCB_EXIT_FAILED;
    ccb_buf_destroy(&guid);
    ccb_cli_reply_destroy(&reply);
    return code;
}

static int explain_one(struct ccb_cli *cli, const char *word)
{
    struct ccb_cli_reply reply = {0};
    struct ccb_buf path = {0};
    int code = find(cli, word, &path);
    if (code == 0)
        code = ccb_cli_get(cli, path.data, &reply);
    if (code == 0 && cli->line.values.json)
        ccb_cli_put_body(&reply);
    else if (code == 0)
        code = print_staging(cli, reply.json);
    ccb_cli_reply_destroy(&reply);
    ccb_buf_destroy(&path);
    return code;
}

/* ---- the list ----------------------------------------------------------- */

static void print_row(struct ccb_cli_table *table, const cJSON *staging)
{
    int64_t started;
    char when[64] = "";
    if (ccb_cli_parse_time(ccb_cli_text(staging, "started_at"), &started) == 0)
        ccb_cli_format_time(started, when, sizeof(when));
    ccb_cli_cell(table, "%s", when);
    ccb_cli_cell(table, "%s", ccb_cli_text(staging, "guid"));
    ccb_cli_cell(table, "%s", ccb_cli_text(staging, "app_guid"));
    ccb_cli_cell(table, "%s", ccb_cli_text(staging, "lifecycle"));
    ccb_cli_cell(table, "%s", ccb_cli_text(staging, "phase"));
    ccb_cli_cell(table, "%s", ccb_cli_text(staging, "failure"));
}

static void print_list(struct ccb_cli *cli, const cJSON *answer)
{
    static const char *const heads[] = {"STARTED",   "STAGING", "APP",
                                        "LIFECYCLE", "PHASE",   "FAILURE"};
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(answer, "stagings");
    struct ccb_cli_table table = {.columns = sizeof(heads) / sizeof(heads[0])};
    const cJSON *staging;
    size_t i;
    if (cJSON_GetArraySize(list) == 0) {
        (void)puts(ccb_cli_number(answer, "keep") > 0
                       ? "no staging is known yet"
                       : "the stager remembers none; start it with "
                         "-keepStagings 200");
        return;
    }
    for (i = 0; i < table.columns; i++)
        ccb_cli_cell(&table, "%s", heads[i]);
    cJSON_ArrayForEach(staging, list)
    {
        print_row(&table, staging);
    }
    ccb_cli_print_table(cli, &table);
}

static void print_guids(const cJSON *answer)
{
    const cJSON *staging;
    cJSON_ArrayForEach(staging,
                       cJSON_GetObjectItemCaseSensitive(answer, "stagings"))
    {
        ccb_cli_put_text(stdout, ccb_cli_text(staging, "guid"));
        (void)fputc('\n', stdout);
    }
}

int ccb_cli_explain(struct ccb_cli *cli)
{
    struct ccb_cli_reply reply = {0};
    int code;
    if (cli->line.word_count > 0)
        return explain_one(cli, cli->line.words[0]);
    code = ccb_cli_get(cli, "/v1/stagings", &reply);
    if (code == 0 && cli->line.values.json)
        ccb_cli_put_body(&reply);
    else if (code == 0 && cli->line.values.quiet)
        print_guids(reply.json);
    else if (code == 0)
        print_list(cli, reply.json);
    ccb_cli_reply_destroy(&reply);
    return code;
}
