/*
 * The uploader as a role (contract/fileserver-ccuploader.md 2.1, 2.2): flags,
 * the check of its command line, its door, and what it keeps.
 */
#include "uploader/uploader.h"

#include "base/clock.h"
#include "base/mem.h"
#include "uploader/internal.h"

#define AT(member) offsetof(struct ccb_uploader_config, member)

static const struct ccb_flag flags[] = {
    {.name = "address",
     .type = CCB_FLAG_STRING,
     .offset = AT(address),
     .default_text = "0.0.0.0:9090",
     .placeholder = "HOST:PORT",
     .help = "Address to listen on"},
    {.name = "skipCertVerify",
     .type = CCB_FLAG_BOOL,
     .offset = AT(skip_cert_verify),
     .help = "Do not verify the Cloud Controller's certificate"},
    {.name = "ccJobPollingInterval",
     .type = CCB_FLAG_DURATION,
     .offset = AT(polling_interval),
     .default_text = "1s",
     .help = "Time between two questions about an upload's job"},
    {.name = "communicationTimeout",
     .type = CCB_FLAG_DURATION,
     .offset = AT(communication_timeout),
     .default_text = "30s",
     .help = "Time limit of each question about an upload's job"},
};

static int check(const void *config, const char **action, struct ccb_error *err)
{
    const struct ccb_uploader_config *c = config;
    char text[40];

    if (c->polling_interval > 0)
        return CCB_OK;
    ccb_duration_format(c->polling_interval, text, sizeof(text));
    *action = "invalid-polling-interval";
    return ccb_error_set(err, CCB_INVALID,
                         "-ccJobPollingInterval is %s; it must be positive, "
                         "such as 1s",
                         text);
}

/* ---- per process, per worker -------------------------------------------- */

static int prepare(void **out, const void *config, struct ccb_log_session *log,
                   struct ccb_error *err)
{
    const struct ccb_uploader_config *c = config;
    struct ccb_uploader_shared *shared;
    struct ccb_http_address address;
    int code = ccb_http_address_parse(&address, c->address, err);

    if (code != CCB_OK)
        return code;
    shared = ccb_calloc(1, sizeof(*shared));
    if (shared == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    shared->config = c;
    ccb_log_begin(&shared->uploader, log, "uploader", NULL, 0);
    ccb_log_begin(&shared->poller, log, "poller", NULL, 0);
    *out = shared;
    return CCB_OK;
}

static void release(void *shared)
{
    ccb_free(shared);
}

static int open_instance(void **instance, void *shared,
                         const struct ccb_worker *worker, struct ccb_error *err)
{
    struct ccb_uploader *uploader = ccb_malloc(sizeof(*uploader));

    if (uploader == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    uploader->shared = shared;
    uploader->worker = worker;
    *instance = uploader;
    return CCB_OK;
}

/* No request is in flight, so no upload is. */
static void close_instance(void *instance)
{
    ccb_free(instance);
}

static const struct ccb_http_route routes[] = {
    {.method = "POST",
     .path = "/v1/droplet/:guid",
     .on_request = ccb_uploader_droplet,
     .stream = true},
    {.method = "POST",
     .path = "/v1/build_artifacts/:app_guid",
     .on_request = ccb_uploader_build_artifacts,
     .stream = true},
};

/* `prepare` has refused an address that can't be read. */
static size_t doors(const void *config, struct ccb_door *out)
{
    const struct ccb_uploader_config *c = config;

    *out = (struct ccb_door){
        .flag = "-address",
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
    };
    return ccb_http_address_parse(&out->at, c->address, NULL) == CCB_OK;
}

const struct ccb_role ccb_cc_uploader_role = {
    .name = "cc-uploader",
    .summary = "passes droplets and caches on to the Cloud Controller",
    .origin = "cc_uploader",
    .flags = flags,
    .flag_count = sizeof(flags) / sizeof(flags[0]),
    .config_size = sizeof(struct ccb_uploader_config),
    .ready = "ready",
    .stopped = "exited",
    .failed = "exited-with-failure",
    .check = check,
    .doors = doors,
    .prepare = prepare,
    .release = release,
    .open = open_instance,
    .close = close_instance,
};
