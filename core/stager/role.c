/*
 * The stager as a role: its flags (contract/stager.md C1), the checks of its
 * command line, its routes (C3), and what it keeps per process and per worker.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "net/url.h"
#include "role/facts.h"
#include "role/own_url.h"
#include "stager/internal.h"
#include "stager/stager.h"

#define AT(member) offsetof(struct ccb_stager_config, member)

#define EXPLAIN_TIMEOUT (5 * CCB_SECOND) /* of the back end's answer */

static const struct ccb_flag flags[] = {
    {.name = "stagerURL",
     .type = CCB_FLAG_STRING,
     .offset = AT(stager_url),
     .placeholder = "URL",
     .help = "Own base URL: its port is listened on, and the whole is put "
             "before the path of completion callbacks"},
    {.name = "dockerStagingStack",
     .type = CCB_FLAG_STRING,
     .offset = AT(docker_staging_stack),
     .placeholder = "STACK",
     .help = "Stack whose root file system runs docker staging tasks",
     .fact = "docker_staging_stack"},
    {.name = "consulCluster",
     .type = CCB_FLAG_STRING,
     .offset = AT(consul_cluster),
     .placeholder = "URL",
     .help = "Consul agent that knows the docker registries"},
    {.name = "dockerRegistryAddress",
     .type = CCB_FLAG_STRING,
     .offset = AT(docker_registry_address),
     .placeholder = "HOST:PORT",
     .help = "Address of the docker registry that caches images",
     .fact = "docker_registry_address"},
    {.name = "insecureDockerRegistry",
     .type = CCB_FLAG_BOOL,
     .offset = AT(insecure_docker_registry),
     .help = "Let the docker builder use the registry without TLS",
     .fact = "insecure_docker_registry"},
    CCB_CC_FLAGS(AT(cc), "skip_cert_verify"),
    CCB_DIEGO_FLAG(AT(diego_api_url)),
    CCB_FILE_SERVER_FLAG(AT(file_server_url)),
    {.name = "ccUploaderURL",
     .type = CCB_FLAG_STRING,
     .offset = AT(cc_uploader_url),
     .placeholder = "URL",
     .help = "Base URL of the uploader that takes droplets",
     .fact = "cc_uploader_url"},
    CCB_LIFECYCLE_FLAG(AT(lifecycles)),
    {.name = "outbox",
     .type = CCB_FLAG_STRING,
     .offset = AT(outbox),
     .placeholder = "DIR",
     .help = "Keep results there until the Cloud Controller took them; empty: "
             "hand them over while the back end waits, as it always was"},
    {.name = "outboxMaxAge",
     .type = CCB_FLAG_DURATION,
     .offset = AT(outbox_max_age),
     .default_text = "24h",
     .help = "How old a result in the outbox gets before it is given up"},
    {.name = "keepStagings",
     .type = CCB_FLAG_UINT,
     .offset = AT(keep_stagings),
     .placeholder = "COUNT",
     .help = "How many stagings to remember for ccbridge explain; 0: none"},
};

/* ---- the command line --------------------------------------------------- */

static int check_own_url(const struct ccb_stager_config *config,
                         struct ccb_error *err)
{
    uint16_t number;
    return ccb_role_own_port(config->stager_url, &number, err);
}

static int check_stack(const struct ccb_stager_config *config,
                       struct ccb_error *err)
{
    if (config->docker_staging_stack[0])
        return 0;
    return ccb_error_set(err, CCB_INVALID,
                         "dockerStagingStack cannot be blank");
}

static int check_consul(const struct ccb_stager_config *config,
                        struct ccb_error *err)
{
    struct ccb_url url;
    return ccb_url_parse(&url, ccb_slice_of(config->consul_cluster), err);
}

/* The URL parser of 2015 took "10.0.0.1:8080" for a path and refused only a
 * scheme that is empty; operators rely on it. */
static int check_registry(const struct ccb_stager_config *config,
                          struct ccb_error *err)
{
    if (config->docker_registry_address[0] != ':')
        return 0;
    return ccb_error_set(err, CCB_INVALID, "parse %s: missing protocol scheme",
                         config->docker_registry_address);
}

static const struct {
    int (*check)(const struct ccb_stager_config *config, struct ccb_error *err);
    const char *action;
} checks[] = {
    {check_own_url, "Invalid stager URL"},
    {check_stack, "Invalid Docker staging stack"},
    {check_consul, "Error parsing consul agent URL"},
    {check_registry, "Error parsing Docker Registry address"},
};

static int check(const void *config, const char **action, struct ccb_error *err)
{
    size_t i;
    for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        int code = checks[i].check(config, err);
        if (code < 0) {
            *action = checks[i].action;
            return code;
        }
    }
    return 0;
}

/* ---- per process, per worker -------------------------------------------- */

static const char *const session_names[CCB_STAGER_SESSIONS] = {
    [CCB_STAGER_TRADITIONAL] = "traditional",
    [CCB_STAGER_DOCKER] = "docker",
    [CCB_STAGER_STAGING] = "staging-handler",
    [CCB_STAGER_COMPLETION] = "completion-handler",
    [CCB_STAGER_OTHER] = "plugin",
};

/* The names the historic stager had for its two back ends. */
static const struct {
    const char *lifecycle;
    enum ccb_stager_session session;
} lifecycle_sessions[] = {
    {"buildpack", CCB_STAGER_TRADITIONAL},
    {"docker", CCB_STAGER_DOCKER},
};

struct ccb_log_session *ccb_stager_lifecycle_session(
    struct ccb_stager_shared *shared, struct ccb_slice lifecycle)
{
    size_t i;
    for (i = 0; i < 2; i++)
        if (ccb_slice_is(lifecycle, lifecycle_sessions[i].lifecycle))
            return &shared->sessions[lifecycle_sessions[i].session];
    return &shared->sessions[CCB_STAGER_OTHER];
}

static void release(void *shared)
{
    struct ccb_stager_shared *s = shared;
    if (!s)
        return;
    (void)ccb_outbox_close(s->outbox);
    ccb_journal_free(s->journal);
    ccb_facts_destroy(&s->facts);
    ccb_free(s);
}

static const struct ccb_outbox_kind outbox_kind = {
    .file = "outbox.db",
    .flag = "-outbox",
    .application_id = 0x63636273, /* "ccbs" */
    .remembered = 1000,
    .waiting = CCB_METRIC_OUTBOX_WAITING,
};

/* What a process keeps beyond a request: results for CC, and a memory. */
static int open_memory(struct ccb_stager_shared *s, struct ccb_error *err)
{
    const struct ccb_stager_config *config = s->config;
    if (config->keep_stagings > 0) {
        s->journal = ccb_journal_create(config->keep_stagings);
        if (!s->journal)
            return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    }
    if (!config->outbox[0])
        return 0;
    return ccb_outbox_open(&s->outbox, &outbox_kind, config->outbox, err);
}

static struct ccb_facts *facts(void *shared)
{
    return &((struct ccb_stager_shared *)shared)->facts;
}

static int prepare(void **shared, const void *config,
                   struct ccb_log_session *log, struct ccb_error *err)
{
    struct ccb_stager_shared *s = ccb_calloc(1, sizeof(*s));
    size_t i;
    int code;
    if (!s)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    s->config = config;
    for (i = 0; i < CCB_STAGER_SESSIONS; i++)
        ccb_log_begin(&s->sessions[i], log, session_names[i], NULL, 0);
    code = ccb_facts_init(&s->facts, flags, sizeof(flags) / sizeof(flags[0]),
                          config, err);
    if (code == 0)
        code = open_memory(s, err);
    if (code < 0)
        release(s);
    else
        *shared = s;
    return code;
}

static void close_instance(void *instance)
{
    struct ccb_stager *stager = instance;
    ccb_delivery_close(stager->delivery);
    ccb_diego_close(stager->asked);
    ccb_diego_close(stager->diego);
    ccb_free(stager);
}

/* ---- the outbox's way to CC --------------------------------------------- */

static int send_letter(void *user, struct ccb_delivery_try *attempt,
                       void (*on_answer)(void *attempt,
                                         const struct ccb_cc_answer *answer),
                       struct ccb_error *err)
{
    struct ccb_stager *stager = user;
    const struct ccb_letter *letter = attempt->letter;
    attempt->log_fields[0] = ccb_log_text("guid", letter->guid);
    attempt->log_fields[1] = ccb_log_int("attempt", letter->attempts + 1);
    ccb_log_begin(&attempt->log,
                  &stager->shared->sessions[CCB_STAGER_COMPLETION], "outbox",
                  attempt->log_fields, 2);
    ccb_log_info(&attempt->log, "delivering-staging-response");
    return ccb_cc_staging_complete(&stager->cc, letter->guid, letter->payload,
                                   attempt->arena, on_answer, attempt,
                                   &attempt->call, err);
}

static void log_attempt(const struct ccb_delivery_try *attempt)
{
    if (!attempt->words) {
        ccb_log_info(&attempt->log, "delivered-staging-response");
        return;
    }
    ccb_log_error(&attempt->log, "deliver-staging-response-failed",
                  attempt->words);
    if (attempt->too_old)
        ccb_log_error(&attempt->log, "staging-response-given-up",
                      attempt->words);
}

static void on_attempt(void *user, const struct ccb_delivery_try *attempt)
{
    const struct ccb_stager *stager = user;
    struct ccb_stager_shared *s = stager->shared;
    struct ccb_journal_note note = {.guid = attempt->letter->guid,
                                    .phase = attempt->words ? CCB_PHASE_CC_TRIED
                                                            : CCB_PHASE_CC_TOOK,
                                    .cc_status = attempt->status};
    log_attempt(attempt);
    if (!attempt->words)
        ccb_stager_count(attempt->letter->failed, attempt->letter->created_at);
    note.texts[CCB_JOURNAL_CC_ERROR] = ccb_slice_of(attempt->words);
    ccb_journal_note(s->journal, &note);
    if (!attempt->too_old)
        return;
    note = (struct ccb_journal_note){.guid = attempt->letter->guid,
                                     .phase = CCB_PHASE_GIVEN_UP};
    ccb_journal_note(s->journal, &note);
}

/* The first worker to open does it; they open one after the other. */
static int open_delivery(struct ccb_stager *stager, struct ccb_error *err)
{
    struct ccb_stager_shared *s = stager->shared;
    const struct ccb_delivery_options options = {
        .loop = stager->worker->loop,
        .outbox = s->outbox,
        .log = &s->sessions[CCB_STAGER_COMPLETION],
        .slots = 8,
        .max_age = s->config->outbox_max_age,
        .retries = CCB_METRIC_OUTBOX_RETRIES,
        .given_up = CCB_METRIC_OUTBOX_GIVEN_UP,
        .send = send_letter,
        .on_attempt = on_attempt,
        .user = stager,
    };
    if (!s->outbox || s->delivered)
        return 0;
    s->delivered = true;
    return ccb_delivery_open(&stager->delivery, &options, err);
}

/* The costly facts a plugin may ask for that Consul knows. */
static const struct {
    const char *fact, *service;
} services[CCB_STAGER_SERVICES] = {
    {"docker_registries", "docker-registry"},
};

static void init_maker(struct ccb_stager *stager)
{
    const struct ccb_worker *worker = stager->worker;
    struct ccb_stager_shared *s = stager->shared;
    size_t i;
    for (i = 0; i < CCB_STAGER_SERVICES; i++) {
        stager->services[i] = (struct ccb_catalog_service){
            .client = worker->client,
            .consul_cluster = s->config->consul_cluster,
            .name = services[i].service,
        };
        stager->gatherers[i] = (struct ccb_fact_gatherer){
            .name = services[i].fact,
            .gather = ccb_catalog_gather,
            .user = &stager->services[i],
        };
    }
    stager->maker = (struct ccb_staging_maker){
        .loop = worker->loop,
        .plugins = worker->plugins,
        .dialect = ccb_diego_dialect(stager->diego),
        .facts = &s->facts,
        .gatherers = stager->gatherers,
        .gatherer_count = CCB_STAGER_SERVICES,
        .stager_url = s->config->stager_url,
    };
}

/* Calls for CC have no limit, as ever (contract/stager.md B1). */
static int open_back_end(struct ccb_stager *stager, struct ccb_error *err)
{
    struct ccb_http_client *client = stager->worker->client;
    struct ccb_slice url = ccb_slice_of(stager->shared->config->diego_api_url);
    stager->diego = ccb_diego_open_receptor(client, url, 0);
    stager->asked = ccb_diego_open_receptor(client, url, EXPLAIN_TIMEOUT);
    if (stager->diego && stager->asked)
        return 0;
    return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

static int open_instance(void **instance, void *shared,
                         const struct ccb_worker *worker, struct ccb_error *err)
{
    struct ccb_stager_shared *s = shared;
    struct ccb_stager *stager = ccb_calloc(1, sizeof(*stager));
    if (!stager)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    stager->shared = s;
    stager->worker = worker;
    stager->cc = ccb_role_cc_options(&s->config->cc, worker->client);
    if (open_back_end(stager, err) < 0) {
        close_instance(stager);
        return err->code;
    }
    init_maker(stager);
    if (open_delivery(stager, err) < 0) {
        close_instance(stager);
        return err->code;
    }
    *instance = stager;
    return 0;
}

static void put_status(void *instance, struct ccb_json_writer *w)
{
    const struct ccb_stager *stager = instance;
    const struct ccb_stager_shared *s = stager->shared;
    struct ccb_outbox_status status;
    char oldest[40];
    if (s->outbox) {
        ccb_outbox_get_status(s->outbox, &status);
        ccb_json_key(w, "outbox");
        ccb_json_begin_object(w);
        ccb_json_member_int(w, "waiting", status.waiting);
        if (status.waiting > 0) {
            ccb_time_format(status.oldest_at, oldest);
            ccb_json_member_cstr(w, "oldest", oldest);
        }
        ccb_json_end_object(w);
    }
    if (s->journal)
        ccb_json_member_uint(w, "stagings_kept", ccb_journal_count(s->journal));
}

static const struct ccb_http_route control[] = {
    {.method = "GET", .path = "/v1/stagings", .on_request = ccb_stager_list},
    {.method = "GET",
     .path = "/v1/stagings/:guid",
     .on_request = ccb_stager_explain},
};

static const struct ccb_http_route routes[] = {
    {.method = "PUT",
     .path = "/v1/staging/:staging_guid",
     .on_request = ccb_stager_stage,
     .form_body = true},
    {.method = "DELETE",
     .path = "/v1/staging/:staging_guid",
     .on_request = ccb_stager_stop},
    {.method = "POST",
     .path = "/v1/staging/:staging_guid/completed",
     .on_request = ccb_stager_complete,
     .form_body = true},
};

static size_t doors(const void *config, struct ccb_door *out)
{
    const struct ccb_stager_config *c = config;
    *out = (struct ccb_door){
        .flag = "-stagerURL",
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
    };
    ccb_role_own_port(c->stager_url, &out->at.port, NULL); /* it was checked */
    return 1;
}

const struct ccb_role ccb_stager_role = {
    .name = "stager",
    .summary = "makes tasks of CC's staging requests and returns their results",
    .origin = "stager",
    .flags = flags,
    .flag_count = sizeof(flags) / sizeof(flags[0]),
    .config_size = sizeof(struct ccb_stager_config),
    .starting = "starting",
    .ready = "Listening for staging requests!",
    .stopped = "stopped",
    .failed = "Stager exited with error",
    .failure_is_fatal = true,
    .check = check,
    .doors = doors,
    .prepare = prepare,
    .release = release,
    .facts = facts,
    .open = open_instance,
    .control = control,
    .control_count = sizeof(control) / sizeof(control[0]),
    .put_status = put_status,
    .close = close_instance,
};
