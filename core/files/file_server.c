/*
 * The file server as a role (contract/fileserver-ccuploader.md 1.1, 1.2):
 * flags, the check of its command line, its door, and what it keeps.
 */
#include "files/file_server.h"

#include "base/mem.h"
#include "files/internal.h"

#define AT(member) offsetof(struct ccb_files_config, member)

static const struct ccb_flag flags[] = {
    {.name = "address",
     .type = CCB_FLAG_STRING,
     .offset = AT(address),
     .default_text = "0.0.0.0:8080",
     .placeholder = "HOST:PORT",
     .help = "Address to listen on"},
    {.name = "staticDirectory",
     .type = CCB_FLAG_STRING,
     .offset = AT(static_directory),
     .placeholder = "DIR",
     .help = "Directory whose files are served below /v1/static/; links in it "
             "are followed wherever they lead"},
    {.name = "confineLinks",
     .type = CCB_FLAG_BOOL,
     .offset = AT(confine_links),
     .help = "Do not follow links that are absolute or lead out of "
             "-staticDirectory"},
    {.name = "digests",
     .type = CCB_FLAG_BOOL,
     .offset = AT(digests),
     .help = "Send the MD5 of files as ETag and Content-MD5"},
    {.name = "skipCertVerify",
     .type = CCB_FLAG_BOOL,
     .offset = AT(skip_cert_verify),
     .help = "Has no effect; taken because the historic program did"},
    {.name = "communicationTimeout",
     .type = CCB_FLAG_DURATION,
     .offset = AT(communication_timeout),
     .default_text = "30s",
     .help = "Has no effect; taken because the historic program did"},
};

static int check(const void *config, const char **action, struct ccb_error *err)
{
    const struct ccb_files_config *c = config;

    if (c->static_directory[0] != '\0')
        return CCB_OK;
    *action = "static-directory-missing";
    return ccb_error_set(err, CCB_INVALID,
                         "-staticDirectory is not given; name the directory "
                         "to serve");
}

/* ---- per process, per worker -------------------------------------------- */

static int prepare(void **shared, const void *config,
                   struct ccb_log_session *log, struct ccb_error *err)
{
    const struct ccb_files_config *c = config;
    struct ccb_http_address address;

    (void)log;
    *shared = (void *)(uintptr_t)config;
    return ccb_http_address_parse(&address, c->address, err);
}

static void release(void *shared)
{
    (void)shared; /* is the daemon's */
}

static int open_instance(void **instance, void *shared,
                         const struct ccb_worker *worker, struct ccb_error *err)
{
    struct ccb_files *files = ccb_malloc(sizeof(*files));

    if (files == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    files->config = shared;
    files->worker = worker;
    files->digests = NULL;
    if (files->config->digests) {
        files->digests = ccb_files_digests_create(&worker->loop->uv);
        if (files->digests == NULL) {
            ccb_free(files);
            return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
        }
    }
    *instance = files;
    return CCB_OK;
}

static void close_instance(void *instance)
{
    struct ccb_files *files = instance;

    ccb_files_digests_close(files->digests);
    ccb_free(instance);
}

static const struct ccb_http_route routes[] = {
    {.method = "GET", .path = "/v1/static", .on_request = ccb_files_to_root},
    {.method = "GET",
     .path = "/v1/static/*",
     .on_request = ccb_files_serve,
     .nul_path = true},
};

/* `prepare` has refused an address that can't be read. */
static size_t doors(const void *config, struct ccb_door *out)
{
    const struct ccb_files_config *c = config;

    *out = (struct ccb_door){
        .flag = "-address",
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
    };
    return ccb_http_address_parse(&out->at, c->address, NULL) == CCB_OK;
}

const struct ccb_role ccb_file_server_role = {
    .name = "file-server",
    .summary = "serves the files that cells download",
    .origin = "file_server",
    .flags = flags,
    .flag_count = sizeof(flags) / sizeof(flags[0]),
    .config_size = sizeof(struct ccb_files_config),
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
