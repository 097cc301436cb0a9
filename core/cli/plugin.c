/*
 * plugin list, show, reload, enable, disable: lifecycle plugins, asked from the
 * daemon (docs/control-api.md); and plugin check, which becomes the checker.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/http.h"
#include "cli/launch.h"

/* ---- one plugin --------------------------------------------------------- */

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static bool is_state(const cJSON *plugin, const char *state)
{
    return strcmp(ccb_cli_text(plugin, "state"), state) == 0;
}

static bool is_served(const cJSON *plugin)
{
    return !is_state(plugin, "refused") && !is_state(plugin, "disabled");
}

/* "a, b" */
static void join(struct ccb_buf *out, const cJSON *list)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_IsString(item))
            ccb_buf_printf(out, "%s%s", out->len > 0 ? ", " : "",
                           item->valuestring);
    }
    ccb_buf_putc(out, '\0');
}

static void add_row(struct ccb_cli_table *table, const cJSON *plugin)
{
    const cJSON *p99 = member(plugin, "p99_us");
    struct ccb_buf claims = {0};

    join(&claims, member(plugin, "claims"));
    ccb_cli_cell(table, "%s", ccb_cli_text(plugin, "id"));
    ccb_cli_cell(table, "%s", ccb_cli_text(plugin, "version"));
    ccb_cli_cell(table, "%s", claims.failed ? "" : claims.data);
    ccb_cli_cell(table, "%s, %.0f", ccb_cli_text(plugin, "mode"),
                 ccb_cli_number(plugin, "generation"));
    ccb_cli_cell(table, "%s", ccb_cli_text(plugin, "state"));
    ccb_cli_cell(table, "%.0f", ccb_cli_number(plugin, "calls"));
    ccb_cli_cell(table, "%.0f", ccb_cli_number(plugin, "failures"));
    if (cJSON_IsNumber(p99))
        ccb_cli_cell(table, "%.0f us", p99->valuedouble);
    else
        ccb_cli_cell(table, "-");
    ccb_buf_destroy(&claims);
}

static void put_line(const char *label, const char *text)
{
    if (!text[0])
        return;
    (void)printf("  %-10s ", label);
    ccb_cli_put_text(stdout, text);
    (void)fputc('\n', stdout);
}

static void put_refused(struct ccb_cli *cli, const cJSON *plugin)
{
    (void)fputc('\n', stdout);
    ccb_cli_put_coloured(cli,
                         is_state(plugin, "disabled") ? CCB_YELLOW : CCB_RED,
                         ccb_cli_text(plugin, "state"));
    (void)fputs(": ", stdout);
    ccb_cli_put_text(stdout, ccb_cli_text(plugin, "file"));
    (void)fputc('\n', stdout);
    put_line("reason:", ccb_cli_text(plugin, "reason"));
    put_line("expected:", ccb_cli_text(plugin, "expected"));
    put_line("found:", ccb_cli_text(plugin, "found"));
    put_line("try:", ccb_cli_text(plugin, "advice"));
}

/* ---- all of them -------------------------------------------------------- */

static void print_list(struct ccb_cli *cli, const cJSON *plugins)
{
    static const char *const heads[] = {
        "ID",    "VERSION", "CLAIMS", "MODE, GENERATION",
        "STATE", "CALLS",   "FAILED", "P99"};
    struct ccb_cli_table table = {.columns = 8};
    const cJSON *plugin;
    size_t i;

    for (i = 0; i < table.columns; i++)
        ccb_cli_cell(&table, "%s", heads[i]);
    cJSON_ArrayForEach(plugin, plugins)
    {
        if (is_served(plugin))
            add_row(&table, plugin);
    }
    ccb_cli_print_table(cli, &table);
    cJSON_ArrayForEach(plugin, plugins)
    {
        if (!is_served(plugin))
            put_refused(cli, plugin);
    }
}

int ccb_cli_plugin_list(struct ccb_cli *cli)
{
    struct ccb_cli_reply reply = {0};
    const cJSON *plugins, *plugin;
    int code = ccb_cli_get(cli, "/v1/plugins", &reply);

    plugins = member(reply.json, "plugins");
    if (code == 0 && cli->line.values.json)
        ccb_cli_put_body(&reply);
    else if (code == 0 && cli->line.values.quiet)
        cJSON_ArrayForEach(plugin, plugins)
        {
            if (is_served(plugin))
                (void)printf("%s\n", ccb_cli_text(plugin, "id"));
        }
    else if (code == 0)
        print_list(cli, plugins);
    ccb_cli_reply_destroy(&reply);
    return code;
}

/* ---- everything of one -------------------------------------------------- */

static void print_member(const cJSON *item)
{
    struct ccb_buf text = {0};
    char *json;

    (void)printf("%-12s ", item->string);
    if (cJSON_IsString(item)) {
        ccb_cli_put_text(stdout, item->valuestring);
    } else if (cJSON_IsArray(item)) {
        join(&text, item);
        ccb_cli_put_text(stdout, text.failed ? "" : text.data);
    } else {
        json = cJSON_PrintUnformatted(item);
        ccb_cli_put_text(stdout, json ? json : "");
        cJSON_free(json);
    }
    (void)fputc('\n', stdout);
    ccb_buf_destroy(&text);
}

static void print_members(const cJSON *plugin)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, plugin)
    {
        print_member(item);
    }
}

static int show(struct ccb_cli *cli, const cJSON *plugins, const char *id)
{
    const cJSON *plugin;
    char *json;
    size_t found = 0;

    cJSON_ArrayForEach(plugin, plugins)
    {
        if (strcmp(ccb_cli_text(plugin, "id"), id) != 0)
            continue;
        if (cli->line.values.json) {
            json = cJSON_PrintUnformatted(plugin);
            (void)printf("%s\n", json ? json : "");
            cJSON_free(json);
        } else {
            if (found > 0)
                (void)fputc('\n', stdout);
            print_members(plugin);
        }
        found++;
    }
    if (found > 0)
        return CCB_EXIT_OK;
    return ccb_cli_fail(cli, CCB_EXIT_FAILED, "NotFound",
                        "ccbridge plugin list", "there is no plugin %s", id);
}

int ccb_cli_plugin_show(struct ccb_cli *cli)
{
    struct ccb_cli_reply reply = {0};
    int code = ccb_cli_get(cli, "/v1/plugins", &reply);

    if (code == 0)
        code = show(cli, member(reply.json, "plugins"), cli->line.words[0]);
    ccb_cli_reply_destroy(&reply);
    return code;
}

/* ---- changes ------------------------------------------------------------ */

static int change(struct ccb_cli *cli, const char *path)
{
    static const char *const keys[] = {"added", "replaced", "removed", "kept",
                                       "refused"};
    struct ccb_cli_request request = {.method = "POST", .path = path};
    struct ccb_cli_reply reply = {0};
    struct ccb_buf text = {0};
    int code = ccb_cli_ask(cli, &request, &reply);
    size_t i;

    if (code == 0 && cli->line.values.json) {
        ccb_cli_put_body(&reply);
    } else if (code == 0) {
        for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
            if (ccb_cli_number(reply.json, keys[i]) > 0)
                ccb_buf_printf(&text, ", %.0f %s",
                               ccb_cli_number(reply.json, keys[i]), keys[i]);
        ccb_buf_putc(&text, '\0');
        ccb_cli_note(cli, "generation %.0f serves%s",
                     ccb_cli_number(reply.json, "generation"),
                     text.failed ? "" : text.data);
        if (ccb_cli_number(reply.json, "refused") > 0)
            ccb_cli_note(cli, "ccbridge plugin list tells why some were "
                              "refused");
    }
    ccb_buf_destroy(&text);
    ccb_cli_reply_destroy(&reply);
    return code;
}

int ccb_cli_plugin_reload(struct ccb_cli *cli)
{
    return change(cli, "/v1/plugins/reload");
}

static int change_one(struct ccb_cli *cli, const char *what)
{
    struct ccb_buf path = {0};
    int code;

    ccb_buf_put(&path, "/v1/plugins/");
    ccb_cli_put_escaped(&path, cli->line.words[0]);
    ccb_buf_printf(&path, "/%s", what);
    ccb_buf_putc(&path, '\0');
    code = path.failed
               ? ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "out of memory")
               : change(cli, path.data);
    ccb_buf_destroy(&path);
    return code;
}

int ccb_cli_plugin_enable(struct ccb_cli *cli)
{
    return change_one(cli, "enable");
}

int ccb_cli_plugin_disable(struct ccb_cli *cli)
{
    return change_one(cli, "disable");
}

/* ---- the checker -------------------------------------------------------- */

int ccb_cli_plugin_check(struct ccb_cli *cli)
{
    static char name[] = "ccbridge-plugin-check";
    int count = cli->line.rest_count, i;
    char program[PATH_MAX];
    struct ccb_error err;
    char **words;

    if (ccb_cli_find_program(name, program, &err) < 0)
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL,
                            "install the package ccbridge-sdk", "%s",
                            err.message);
    words = ccb_calloc((size_t)count + 2, sizeof(*words));
    if (!words)
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "out of memory");
    words[0] = name;
    for (i = 0; i < count; i++)
        words[1 + i] = cli->line.rest[i];
    execv(program, words);
    ccb_free(words);
    return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "%s: %s", program,
                        strerror(errno));
}
