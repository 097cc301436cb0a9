/*
 * status: whether the daemon is up, since when, where its parts listen, what
 * its cells hold and what the apps want of it, and what its roles tell. A
 * daemon without a controller has only the last.
 */
#include "cli/status.h"

#include <string.h>

#include "base/clock.h"
#include "cli/human.h"
#include "cli/lock.h"
#include "cli/roles.h"

#define MEGABYTE (1024.0 * 1024.0)

int ccb_cli_probe(struct ccb_cli *cli, struct ccb_cli_reply *reply,
                  struct ccb_error *err)
{
    struct ccb_cli_request request = {.method = "GET", .path = "/v1/status"};
    int code = ccb_cli_call(cli, &request, reply, err);

    if (code < 0)
        return code;
    if (reply->status == 200)
        reply->json = cJSON_ParseWithLength(
            reply->body.data ? reply->body.data : "", reply->body.len);
    if (cJSON_IsObject(reply->json))
        return 0;
    return ccb_error_set(err, CCB_FAILED,
                         "the daemon answers %ld to GET /v1/status",
                         reply->status);
}

int ccb_cli_put_json(struct ccb_cli *cli, const cJSON *document)
{
    char *text = cJSON_PrintUnformatted(document);

    if (!text)
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "out of memory");
    (void)printf("%s\n", text);
    cJSON_free(text);
    return 0;
}

/* ---- for people --------------------------------------------------------- */

static void put_since(const char *started_at)
{
    int64_t started;
    char age[24], when[64];

    if (ccb_cli_parse_time(started_at, &started) < 0)
        return;
    ccb_cli_format_age((ccb_clock_wall() - started) / CCB_SECOND, age,
                       sizeof(age));
    ccb_cli_format_time(started, when, sizeof(when));
    (void)printf("since:     %s (%s)\n", when, age);
}

static void put_addresses(const cJSON *addresses)
{
    const char *label = "addresses:";
    const cJSON *item;

    cJSON_ArrayForEach(item, addresses)
    {
        if (!cJSON_IsString(item))
            continue;
        (void)printf("%-10s %-14s ", label, item->string);
        ccb_cli_put_text(stdout, item->valuestring);
        (void)fputc('\n', stdout);
        label = "";
    }
}

void ccb_cli_print_status(struct ccb_cli *cli, const cJSON *status,
                          const char *heading)
{
    const char *state = ccb_cli_text(status, "state_dir");

    ccb_cli_put_coloured(cli, CCB_BOLD, heading);
    (void)printf("\npid:       %.0f\n", ccb_cli_number(status, "pid"));
    put_since(ccb_cli_text(status, "started_at"));
    (void)fputs("version:   ", stdout);
    ccb_cli_put_text(stdout, ccb_cli_text(status, "version"));
    (void)fputs("\nstate:     ", stdout);
    ccb_cli_put_text(stdout, state[0] ? state : cli->state);
    (void)fputc('\n', stdout);
    put_addresses(cJSON_GetObjectItemCaseSensitive(status, "addresses"));
}

/* What started apps may take at most. */
struct use {
    double apps, started, instances, memory_mb, disk_mb;
};

static struct use sum_use(const cJSON *apps)
{
    struct use use = {0};
    const cJSON *app;

    cJSON_ArrayForEach(app, apps)
    {
        double instances = ccb_cli_number(app, "instances");

        use.apps++;
        if (strcmp(ccb_cli_text(app, "state"), "STARTED") != 0)
            continue;
        use.started++;
        use.instances += instances;
        use.memory_mb += instances * ccb_cli_number(app, "memory_mb");
        use.disk_mb += instances * ccb_cli_number(app, "disk_mb");
    }
    return use;
}

static void format_megabytes(double megabytes, char *out, size_t size)
{
    ccb_cli_format_size(megabytes > 0 && megabytes < 1e12
                            ? (uint64_t)(megabytes * MEGABYTE)
                            : 0,
                        out, size);
}

static void print_cell(const cJSON *cell)
{
    const cJSON *capacity = cJSON_GetObjectItemCaseSensitive(cell, "capacity");
    char memory[16], disk[16];

    format_megabytes(ccb_cli_number(capacity, "memory_mb"), memory,
                     sizeof(memory));
    format_megabytes(ccb_cli_number(capacity, "disk_mb"), disk, sizeof(disk));
    (void)fputs("cell:      ", stdout);
    ccb_cli_put_text(stdout, ccb_cli_text(cell, "cell_id"));
    (void)printf(": %s of memory, %s of disk, %.0f containers\n", memory, disk,
                 ccb_cli_number(capacity, "containers"));
}

static void print_use(const cJSON *status, const struct use *use)
{
    const cJSON *cells = cJSON_GetObjectItemCaseSensitive(status, "cells");
    const cJSON *cell;
    char memory[16], disk[16];

    if (!cJSON_IsArray(cells))
        (void)puts("cells:     not known: the back end does not answer");
    cJSON_ArrayForEach(cell, cells)
    {
        print_cell(cell);
    }
    format_megabytes(use->memory_mb, memory, sizeof(memory));
    format_megabytes(use->disk_mb, disk, sizeof(disk));
    (void)printf("apps:      %.0f, %.0f started: %.0f instances want %s of "
                 "memory, %s of disk\n",
                 use->apps, use->started, use->instances, memory, disk);
}

/* ---- the command -------------------------------------------------------- */

static int put_up_json(struct ccb_cli *cli, cJSON *status, cJSON *roles)
{
    bool added = cJSON_AddBoolToObject(status, "up", true) != NULL;

    if (roles && !cJSON_AddItemToObject(status, "roles", roles)) {
        cJSON_Delete(roles);
        added = false;
    }
    return added ? ccb_cli_put_json(cli, status)
                 : ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL,
                                "out of memory");
}

static int print_whole(struct ccb_cli *cli, const cJSON *status)
{
    struct ccb_cli_reply apps;
    struct use use;
    int code = ccb_cli_get(cli, "/v1/apps", &apps);

    if (code == 0) {
        use = sum_use(cJSON_GetObjectItemCaseSensitive(apps.json, "apps"));
        ccb_cli_print_status(cli, status, "ccbridged is up");
        print_use(status, &use);
    }
    ccb_cli_reply_destroy(&apps);
    return code;
}

/* `status` is NULL when there is no controller to tell it. */
static int print_up(struct ccb_cli *cli, cJSON *status)
{
    struct ccb_error err;
    cJSON *roles = ccb_cli_fetch_roles(cli, &err), *empty = NULL;
    int code = 0;

    if (!status && !roles)
        return ccb_cli_fail_call(cli, &err);
    if (cli->line.values.json) {
        empty = status ? NULL : cJSON_CreateObject();
        code = put_up_json(cli, status ? status : empty, roles);
        cJSON_Delete(empty);
        return code;
    }
    if (status)
        code = print_whole(cli, status);
    else
        (void)puts("ccbridged is up, without a controller");
    if (code == 0)
        ccb_cli_print_roles(cli, roles);
    cJSON_Delete(roles);
    return code;
}

static int print_down(struct ccb_cli *cli)
{
    struct ccb_error err;
    pid_t pid = 0;

    if (ccb_lock_find(cli->state, &pid, &err) < 0)
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "%s",
                            err.message);
    if (cli->line.values.json)
        (void)printf("{\"up\":false,\"pid\":%ld}\n", (long)pid);
    else if (pid != 0)
        (void)printf("ccbridged (pid %ld) is there, but does not listen: it is "
                     "starting or ending\n",
                     (long)pid);
    else
        (void)puts("ccbridged is not up; start it: ccbridge up");
    return CCB_EXIT_NOT_UP;
}

int ccb_cli_status(struct ccb_cli *cli)
{
    struct ccb_cli_reply reply;
    struct ccb_error err;
    int code = ccb_cli_probe(cli, &reply, &err);

    if (code == 0 || reply.status == 404)
        code = print_up(cli, reply.json);
    else if (code == CCB_CLOSED)
        code = print_down(cli);
    else
        code = ccb_cli_fail_call(cli, &err);
    ccb_cli_reply_destroy(&reply);
    return code;
}
