/*
 * nsync-listener as a role: flags (contract/nsync.md 1.1), the check of its
 * command line, routes (1.2), and what it keeps per process and per worker.
 */
#include "base/mem.h"
#include "nsync/internal.h"
#include "nsync/nsync.h"
#include "role/flags.h"
#include "role/own_url.h"

#define AT(member) offsetof(struct ccb_listener_config, member)

static const struct ccb_flag flags[] = {
    {.name = "nsyncURL",
     .type = CCB_FLAG_STRING,
     .offset = AT(nsync_url),
     .placeholder = "URL",
     .help = "Own base URL: its port is listened on"},
    CCB_DIEGO_FLAG(AT(diego_api_url)),
    CCB_FILE_SERVER_FLAG(AT(file_server_url)),
    {.name = "communicationTimeout",
     .type = CCB_FLAG_DURATION,
     .offset = AT(communication_timeout),
     .default_text = "30s",
     .help = "Time limit of each call to the Receptor"},
    CCB_LIFECYCLE_FLAG(AT(lifecycles)),
    CCB_SSH_KEY_TYPE_FLAG(AT(ssh_key_type)),
    {.name = "takeTurns",
     .type = CCB_FLAG_BOOL,
     .offset = AT(take_turns),
     .help = "Work on an app only while nobody else in the same process does, "
             "and never put an older version over a newer one"},
};

/* ---- the command line --------------------------------------------------- */

static int check(const void *config, const char **action, struct ccb_error *err)
{
    const struct ccb_listener_config *c = config;
    uint16_t number;
    int code = ccb_role_own_port(c->nsync_url, &number, err);
    if (code < 0) {
        *action = "Invalid nsync listener URL";
        return code;
    }
    return ccb_recipe_kit_check(c->ssh_key_type, action, err);
}

/* ---- per process, per worker -------------------------------------------- */

static void release(void *shared)
{
    struct ccb_listener_shared *s = shared;
    if (!s)
        return;
    ccb_recipe_kit_destroy(&s->kit);
    ccb_free(s);
}

static struct ccb_facts *facts(void *shared)
{
    return &((struct ccb_listener_shared *)shared)->kit.facts;
}

static int prepare(void **shared, const void *config,
                   struct ccb_log_session *log, struct ccb_error *err)
{
    struct ccb_listener_shared *s = ccb_calloc(1, sizeof(*s));
    struct ccb_ssh_keys keys = {.log = log};
    int code;
    if (!s)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    s->config = config;
    s->log = log;
    keys.type = s->config->ssh_key_type;
    code = ccb_recipe_kit_init(&s->kit, flags, sizeof(flags) / sizeof(flags[0]),
                               config, &keys, err);
    if (code < 0) {
        release(s);
        return code;
    }
    *shared = s;
    return 0;
}

static void close_instance(void *instance)
{
    struct ccb_listener *listener = instance;
    ccb_diego_close(listener->diego);
    ccb_free(listener);
}

static int open_instance(void **instance, void *shared,
                         const struct ccb_worker *worker, struct ccb_error *err)
{
    struct ccb_listener_shared *s = shared;
    struct ccb_listener *listener = ccb_calloc(1, sizeof(*listener));
    if (!listener)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    listener->shared = s;
    listener->worker = worker;
    listener->diego = ccb_diego_open_receptor(
        worker->client, ccb_slice_of(s->config->diego_api_url),
        s->config->communication_timeout);
    if (!listener->diego) {
        ccb_free(listener);
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    }
    listener->maker = ccb_recipe_kit_maker(&s->kit, worker, listener->diego);
    *instance = listener;
    return 0;
}

static const struct ccb_http_route routes[] = {
    {.method = "PUT",
     .path = "/v1/apps/:process_guid",
     .on_request = ccb_listener_desire,
     .form_body = true},
    {.method = "DELETE",
     .path = "/v1/apps/:process_guid",
     .on_request = ccb_listener_stop},
    {.method = "DELETE",
     .path = "/v1/apps/:process_guid/index/:index",
     .on_request = ccb_listener_kill},
};

static size_t doors(const void *config, struct ccb_door *out)
{
    const struct ccb_listener_config *c = config;
    *out = (struct ccb_door){
        .flag = "-nsyncURL",
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
    };
    ccb_role_own_port(c->nsync_url, &out->at.port, NULL); /* it was checked */
    return 1;
}

const struct ccb_role ccb_nsync_listener_role = {
    .name = "nsync-listener",
    .summary = "makes desired LRPs of CC's wishes about running apps",
    .origin = "nsync_listener",
    .flags = flags,
    .flag_count = sizeof(flags) / sizeof(flags[0]),
    .config_size = sizeof(struct ccb_listener_config),
    .ready = "started",
    .stopped = "exited",
    .failed = "exited-with-failure",
    .check = check,
    .doors = doors,
    .prepare = prepare,
    .release = release,
    .facts = facts,
    .open = open_instance,
    .close = close_instance,
};
