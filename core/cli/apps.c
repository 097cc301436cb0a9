/*
 * The commands that show apps: apps, app.
 */
#include "cli/apps.h"

#include <string.h>

#include "base/clock.h"
#include "cli/human.h"

#define MEGABYTE (1024 * 1024)

int ccb_cli_get_app(struct ccb_cli *cli, const char *name,
                    struct ccb_cli_reply *reply)
{
    struct ccb_buf path = {0};
    int code = CCB_EXIT_FAILED;

    memset(reply, 0, sizeof(*reply));
    if (ccb_cli_app_path(cli, &path, name, ""))
        code = ccb_cli_get(cli, path.data, reply);
    ccb_buf_destroy(&path);
    return code;
}

void ccb_cli_count_instance(struct ccb_cli_counts *counts,
                            const cJSON *instance)
{
    const struct {
        const char *state;
        int *count;
    } rows[] = {{"RUNNING", &counts->running},
                {"STARTING", &counts->starting},
                {"CRASHED", &counts->crashed},
                {"DOWN", &counts->down}};
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].state, ccb_cli_text(instance, "state")) == 0)
            ++*rows[i].count;
}

struct ccb_cli_counts ccb_cli_count_instances(const cJSON *app)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(app, "instances_now");
    struct ccb_cli_counts counts = {
        .wanted = (int)ccb_cli_number(app, "instances"),
        .known = cJSON_IsArray(list),
    };
    const cJSON *instance;

    cJSON_ArrayForEach(instance, list)
    {
        ccb_cli_count_instance(&counts, instance);
    }
    return counts;
}

void ccb_cli_format_url(const cJSON *instance, char *out, size_t size)
{
    const char *host = ccb_cli_text(instance, "host");
    int port = (int)ccb_cli_number(instance, "port");
    bool runs = strcmp(ccb_cli_text(instance, "state"), "RUNNING") == 0;

    out[0] = '\0';
    if (runs && host[0] && port > 0)
        (void)snprintf(out, size,
                       strchr(host, ':') ? "http://[%s]:%d" : "http://%s:%d",
                       host, port);
}

static void put_size(const cJSON *object, const char *key, double unit,
                     char *out, size_t size)
{
    double bytes = ccb_cli_number(object, key) * unit;

    ccb_cli_format_size(bytes > 0 && bytes < 9e18 ? (uint64_t)bytes : 0, out,
                        size);
}

/* ---- apps --------------------------------------------------------------- */

static void put_app_row(struct ccb_cli_table *table, const cJSON *app)
{
    const cJSON *staging = cJSON_GetObjectItemCaseSensitive(app, "staging");
    const char *buildpack = ccb_cli_text(app, "buildpack");
    int64_t updated;
    char memory[16], age[24] = "";

    if (!buildpack[0])
        buildpack = ccb_cli_text(staging, "detected_buildpack");
    put_size(app, "memory_mb", MEGABYTE, memory, sizeof(memory));
    if (ccb_cli_parse_time(ccb_cli_text(app, "updated_at"), &updated) == 0)
        ccb_cli_format_age((ccb_clock_wall() - updated) / CCB_SECOND, age,
                           sizeof(age));
    ccb_cli_cell(table, "%s", ccb_cli_text(app, "name"));
    ccb_cli_cell(table, "%s", ccb_cli_text(app, "state"));
    ccb_cli_cell(table, "%d", (int)ccb_cli_number(app, "instances"));
    ccb_cli_cell(table, "%s", memory);
    ccb_cli_cell(table, "%s", staging ? ccb_cli_text(staging, "state") : "");
    ccb_cli_cell(table, "%s", buildpack);
    ccb_cli_cell(table, "%s", age);
}

static void print_names(const cJSON *apps)
{
    const cJSON *app;

    cJSON_ArrayForEach(app, apps)
    {
        ccb_cli_put_text(stdout, ccb_cli_text(app, "name"));
        (void)fputc('\n', stdout);
    }
}

static void print_apps(struct ccb_cli *cli, const cJSON *apps)
{
    static const char *const headings[] = {"NAME",   "STATE",   "INSTANCES",
                                           "MEMORY", "STAGING", "BUILDPACK",
                                           "CHANGED"};
    struct ccb_cli_table table = {.columns =
                                      sizeof(headings) / sizeof(headings[0])};
    const cJSON *app;
    size_t i;

    if (cli->line.values.quiet) {
        print_names(apps);
        return;
    }
    if (cJSON_GetArraySize(apps) == 0) {
        ccb_cli_note(cli, "No apps yet. The first: ccbridge push NAME DIR");
        return;
    }
    for (i = 0; i < table.columns; i++)
        ccb_cli_cell(&table, "%s", headings[i]);
    cJSON_ArrayForEach(app, apps)
    {
        put_app_row(&table, app);
    }
    ccb_cli_print_table(cli, &table);
}

int ccb_cli_apps(struct ccb_cli *cli)
{
    struct ccb_cli_reply reply;
    int code = ccb_cli_get(cli, "/v1/apps", &reply);

    if (code == 0 && cli->line.values.json)
        ccb_cli_put_body(&reply);
    else if (code == 0)
        print_apps(cli, cJSON_GetObjectItemCaseSensitive(reply.json, "apps"));
    ccb_cli_reply_destroy(&reply);
    return code;
}

/* ---- app ---------------------------------------------------------------- */

static void print_field(struct ccb_cli *cli, const char *name,
                        const char *value)
{
    char label[32];

    if (!value[0])
        return;
    (void)snprintf(label, sizeof(label), "%s:", name);
    (void)printf("%-14s", label);
    ccb_cli_put_coloured(cli, ccb_cli_state_colour(value), value);
    (void)fputc('\n', stdout);
}

static void print_env(const cJSON *app)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(app, "env"), *name;
    const char *before = "env:          ";

    cJSON_ArrayForEach(name, list)
    {
        if (!cJSON_IsString(name))
            continue;
        (void)fputs(before, stdout);
        ccb_cli_put_text(stdout, name->valuestring);
        before = " ";
    }
    if (before[0] == ' ')
        (void)fputs(" (values are not shown)\n", stdout);
}

static void print_staging(struct ccb_cli *cli, const cJSON *app)
{
    const cJSON *staging = cJSON_GetObjectItemCaseSensitive(app, "staging");
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(staging, "error");
    const char *buildpack = ccb_cli_text(app, "buildpack");

    if (!buildpack[0])
        buildpack = ccb_cli_text(staging, "detected_buildpack");
    print_field(cli, "buildpack", buildpack);
    print_field(cli, "staging", ccb_cli_text(staging, "state"));
    print_field(cli, "why", ccb_cli_text(error, "message"));
}

static void print_size_field(struct ccb_cli *cli, const char *name,
                             const cJSON *object, const char *key, double unit)
{
    char size[16];

    if (!cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(object, key)))
        return;
    put_size(object, key, unit, size, sizeof(size));
    print_field(cli, name, size);
}

static void print_instances(struct ccb_cli *cli, const cJSON *list)
{
    static const char *const headings[] = {"INDEX", "STATE", "FOR", "URL",
                                           "DETAILS"};
    struct ccb_cli_table table = {.columns = 5};
    const cJSON *instance;
    char age[24], url[300];
    size_t i;

    if (cJSON_GetArraySize(list) == 0)
        return;
    (void)fputc('\n', stdout);
    for (i = 0; i < table.columns; i++)
        ccb_cli_cell(&table, "%s", headings[i]);
    cJSON_ArrayForEach(instance, list)
    {
        double uptime = ccb_cli_number(instance, "uptime");

        ccb_cli_format_age((int64_t)(uptime < 1e15 ? uptime : 0), age,
                           sizeof(age));
        ccb_cli_format_url(instance, url, sizeof(url));
        ccb_cli_cell(&table, "%d", (int)ccb_cli_number(instance, "index"));
        ccb_cli_cell(&table, "%s", ccb_cli_text(instance, "state"));
        ccb_cli_cell(&table, "%s", age);
        ccb_cli_cell(&table, "%s", url);
        ccb_cli_cell(&table, "%s", ccb_cli_text(instance, "details"));
    }
    ccb_cli_print_table(cli, &table);
}

void ccb_cli_print_app(struct ccb_cli *cli, const cJSON *app)
{
    const cJSON *droplet = cJSON_GetObjectItemCaseSensitive(app, "droplet");
    const char *command = ccb_cli_text(app, "command");
    struct ccb_cli_counts counts = ccb_cli_count_instances(app);
    bool started = strcmp(ccb_cli_text(app, "state"), "STARTED") == 0;
    char instances[64];

    print_field(cli, "name", ccb_cli_text(app, "name"));
    print_field(cli, "state", ccb_cli_text(app, "state"));
    if (!started)
        (void)snprintf(instances, sizeof(instances), "%d wanted",
                       counts.wanted);
    else if (counts.known)
        (void)snprintf(instances, sizeof(instances), "%d of %d running",
                       counts.running, counts.wanted);
    else
        (void)snprintf(instances, sizeof(instances),
                       "%d wanted; how many run is not known", counts.wanted);
    print_field(cli, "instances", instances);
    print_staging(cli, app);
    print_field(cli, "command",
                command[0] ? command : ccb_cli_text(droplet, "start_command"));
    print_size_field(cli, "memory", app, "memory_mb", MEGABYTE);
    print_size_field(cli, "disk", app, "disk_mb", MEGABYTE);
    print_size_field(cli, "droplet", droplet, "bytes", 1);
    print_field(cli, "stack", ccb_cli_text(app, "stack"));
    print_field(cli, "health check", ccb_cli_text(app, "health_check_type"));
    print_env(app);
    if (started)
        print_instances(cli,
                        cJSON_GetObjectItemCaseSensitive(app, "instances_now"));
}

int ccb_cli_app(struct ccb_cli *cli)
{
    struct ccb_cli_reply reply;
    int code = ccb_cli_get_app(cli, cli->line.words[0], &reply);

    if (code == 0 && cli->line.values.json)
        ccb_cli_put_body(&reply);
    else if (code == 0)
        ccb_cli_print_app(cli, reply.json);
    ccb_cli_reply_destroy(&reply);
    return code;
}
