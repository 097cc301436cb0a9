/*
 * Roles, for people: a line for each thing that a role tells. Members that are
 * not there, or of another kind, are passed over, so that an older or a newer
 * daemon is shown as far as it is understood.
 */
#include "cli/roles.h"

#include "base/clock.h"
#include "cli/human.h"

#define MAX_APPS 10 /* that are set aside and shown */

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static void put_label(const char *label)
{
    (void)printf("%-10s ", label);
}

/* "2026-01-31T12:00:00.123+0100 (3m 5s)" */
static void put_time(const char *text)
{
    int64_t at;
    char age[24], when[64];

    if (ccb_cli_parse_time(text, &at) < 0) {
        ccb_cli_put_text(stdout, text);
        return;
    }
    ccb_cli_format_age((ccb_clock_wall() - at) / CCB_SECOND, age, sizeof(age));
    ccb_cli_format_time(at, when, sizeof(when));
    (void)printf("%s (%s)", when, age);
}

/* ---- one thing each ----------------------------------------------------- */

static void put_lock(struct ccb_cli *cli, const cJSON *role, const cJSON *lock)
{
    bool held = cJSON_IsTrue(member(lock, "held"));

    put_label("lock:");
    ccb_cli_put_text(stdout, ccb_cli_text(role, "name"));
    if (held)
        (void)fputs(" holds it", stdout);
    else
        ccb_cli_put_coloured(cli, CCB_YELLOW, " waits for it");
    (void)fputs(": ", stdout);
    ccb_cli_put_text(stdout, ccb_cli_text(lock, "kind"));
    (void)fputc(' ', stdout);
    ccb_cli_put_text(stdout, ccb_cli_text(lock, "at"));
    if (held) {
        (void)fputs(", since ", stdout);
        put_time(ccb_cli_text(lock, "since"));
    }
    (void)fputc('\n', stdout);
}

/* The numbers of a pass that are not zero. */
static void put_differences(const cJSON *pass)
{
    static const char *const keys[] = {"missing", "stale",      "excess",
                                       "created", "updated",    "deleted",
                                       "failed",  "quarantined"};
    bool any = false;
    size_t i;

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        double number = ccb_cli_number(pass, keys[i]);

        if (number > 0)
            (void)printf(", %.0f %s", number, keys[i]);
        any = any || number > 0;
    }
    if (!any)
        (void)fputs(", no differences", stdout);
}

static void put_pass(struct ccb_cli *cli, const cJSON *role, const cJSON *pass)
{
    (void)role;
    put_label("pass:");
    put_time(ccb_cli_text(pass, "began_at"));
    (void)printf(" took %.0f ms: %.0f apps, %.0f LRPs",
                 ccb_cli_number(pass, "duration_ms"),
                 ccb_cli_number(pass, "apps"), ccb_cli_number(pass, "lrps"));
    put_differences(pass);
    (void)fputs(", ", stdout);
    if (cJSON_IsTrue(member(pass, "fresh")))
        (void)puts("fresh");
    else {
        ccb_cli_put_coloured(cli, CCB_RED, "not fresh");
        (void)fputc('\n', stdout);
    }
}

static void put_set_aside(struct ccb_cli *cli, const cJSON *role,
                          const cJSON *apps)
{
    double more = ccb_cli_number(role, "quarantined_more");
    const char *label = "set aside:";
    const cJSON *app;
    int shown = 0;

    cJSON_ArrayForEach(app, apps)
    {
        if (shown == MAX_APPS) {
            more += cJSON_GetArraySize(apps) - MAX_APPS;
            break;
        }
        put_label(label);
        ccb_cli_put_coloured(cli, CCB_RED, ccb_cli_text(app, "process_guid"));
        (void)fputs(": ", stdout);
        ccb_cli_put_text(stdout, ccb_cli_text(app, "error"));
        (void)fputc('\n', stdout);
        label = "";
        shown++;
    }
    if (more > 0) {
        put_label(label);
        (void)printf("and %.0f more\n", more);
    }
}

static void put_outbox(struct ccb_cli *cli, const cJSON *role,
                       const cJSON *outbox)
{
    double waiting = ccb_cli_number(outbox, "waiting");
    char words[64];

    (void)role;
    put_label("outbox:");
    if (waiting < 1) {
        (void)puts("nothing waits for the Cloud Controller");
        return;
    }
    (void)snprintf(words, sizeof(words), "%.0f", waiting);
    ccb_cli_put_coloured(cli, CCB_YELLOW, words);
    (void)fputs(" waiting for the Cloud Controller, the oldest since ", stdout);
    put_time(ccb_cli_text(outbox, "oldest"));
    (void)fputc('\n', stdout);
}

/* ---- all ---------------------------------------------------------------- */

/* In the order in which they are shown. */
static const struct {
    const char *key;
    void (*put)(struct ccb_cli *cli, const cJSON *role, const cJSON *value);
} things[] = {
    {"lock", put_lock},
    {"last_pass", put_pass},
    {"quarantined", put_set_aside},
    {"outbox", put_outbox},
};

static void put_names(const cJSON *roles)
{
    const char *between = "";
    const cJSON *role;

    put_label("roles:");
    cJSON_ArrayForEach(role, roles)
    {
        (void)fputs(between, stdout);
        ccb_cli_put_text(stdout, ccb_cli_text(role, "name"));
        between = ", ";
    }
    (void)fputc('\n', stdout);
}

void ccb_cli_print_roles(struct ccb_cli *cli, const cJSON *roles)
{
    const cJSON *role;
    size_t i;

    if (!roles)
        return;
    put_names(roles);
    for (i = 0; i < sizeof(things) / sizeof(things[0]); i++)
        cJSON_ArrayForEach(role, roles)
        {
            const cJSON *value = member(role, things[i].key);

            if (cJSON_IsObject(value) || cJSON_IsArray(value))
                things[i].put(cli, role, value);
        }
}

cJSON *ccb_cli_fetch_roles(struct ccb_cli *cli, struct ccb_error *err)
{
    struct ccb_cli_request request = {.method = "GET", .path = "/v1/roles"};
    struct ccb_cli_reply reply;
    cJSON *document, *roles = NULL;

    if (ccb_cli_call(cli, &request, &reply, err) == 0) {
        document = reply.status == 200 && reply.body.len > 0
                       ? cJSON_ParseWithLength(reply.body.data, reply.body.len)
                       : NULL;
        roles = cJSON_DetachItemFromObjectCaseSensitive(document, "roles");
        cJSON_Delete(document);
        if (!cJSON_IsArray(roles)) {
            cJSON_Delete(roles);
            roles = NULL;
            ccb_error_set(err, CCB_FAILED,
                          "the daemon answers %ld to GET /v1/roles",
                          reply.status);
        }
    }
    ccb_cli_reply_destroy(&reply);
    return roles;
}
