/*
 * The controller of a single machine as a role: flags, doors (the control API
 * of docs/control-api.md on a unix socket, the platform's side of CC on TCP),
 * and what it keeps per process and per worker.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "controller/blobs.h"
#include "controller/controller.h"
#include "controller/internal.h"
#include "controller/setup.h"
#include "role/flags.h"

#define AT(member) offsetof(struct ccb_controller_config, member)

static const struct ccb_flag flags[] = {
    {.name = "stateDir",
     .type = CCB_FLAG_STRING,
     .offset = AT(state_dir),
     .placeholder = "DIR",
     .help = "Directory that keeps apps, droplets and their records, and has "
             "the socket control.sock"},
    {.name = "controllerAddress",
     .type = CCB_FLAG_STRING,
     .offset = AT(address),
     .default_text = "127.0.0.1:9022",
     .placeholder = "HOST:PORT",
     .help = "Address on which the other roles reach the controller"},
    {.name = "controllerURL",
     .type = CCB_FLAG_STRING,
     .offset = AT(url),
     .placeholder = "URL",
     .help = "Base URL that the other roles and the cells are told; made of "
             "-controllerAddress when it is not given"},
    {.name = "ccUsername",
     .type = CCB_FLAG_STRING,
     .offset = AT(username),
     .default_text = "internal_user",
     .placeholder = "NAME",
     .help = "User for basic auth at the controller"},
    {.name = "ccPassword",
     .type = CCB_FLAG_STRING,
     .offset = AT(password),
     .placeholder = "PASSWORD",
     .help = "Password for basic auth at the controller; without one, nobody "
             "is asked for it"},
    {.name = "stagerURL",
     .type = CCB_FLAG_STRING,
     .offset = AT(stager_url),
     .placeholder = "URL",
     .help = "Base URL of the stager"},
    {.name = "nsyncURL",
     .type = CCB_FLAG_STRING,
     .offset = AT(nsync_url),
     .placeholder = "URL",
     .help = "Base URL of the nsync-listener"},
    {.name = "tpsURL",
     .type = CCB_FLAG_STRING,
     .offset = AT(tps_url),
     .placeholder = "URL",
     .help = "Base URL of the tps-listener"},
    CCB_DIEGO_FLAG(AT(diego_url)),
    {.name = "buildpackDir",
     .type = CCB_FLAG_STRING,
     .offset = AT(buildpack_dir),
     .placeholder = "DIR",
     .help = "Directory of buildpacks, NN-NAME or NN-NAME.zip, in the order "
             "of detection"},
    {.name = "stack",
     .type = CCB_FLAG_STRING,
     .offset = AT(stack),
     .default_text = "host",
     .placeholder = "STACK",
     .help = "Stack of apps that name none"},
    {.name = "stagingTimeout",
     .type = CCB_FLAG_DURATION,
     .offset = AT(staging_timeout),
     .default_text = "15m",
     .help = "How long a staging may take"},
    {.name = "stagingMemoryMB",
     .type = CCB_FLAG_UINT,
     .offset = AT(staging_memory_mb),
     .default_text = "1024",
     .placeholder = "MB",
     .help = "Least memory of a staging"},
    {.name = "stagingDiskMB",
     .type = CCB_FLAG_UINT,
     .offset = AT(staging_disk_mb),
     .default_text = "4096",
     .placeholder = "MB",
     .help = "Least disk of a staging"},
};

/* ---- the worker --------------------------------------------------------- */

static int open_instance(void **instance, void *shared,
                         const struct ccb_worker *worker, struct ccb_error *err)
{
    struct ccb_controller *controller = ccb_calloc(1, sizeof(*controller));

    if (!controller)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    controller->shared = shared;
    controller->worker = worker;
    if (uv_async_init(&worker->loop->uv, &controller->hold, NULL) < 0) {
        ccb_free(controller);
        return ccb_error_set(err, CCB_IO, "the system refuses a descriptor");
    }
    controller->hold.data = controller;
    (void)uv_timer_init(&worker->loop->uv, &controller->deadline);
    controller->deadline.data = controller;
    controller->handles = 2;
    ccb_couriers_open(controller);
    ccb_deadline_check(controller);
    ccb_couriers_wake(controller);
    *instance = controller;
    return 0;
}

static void stop_streams(void *instance)
{
    struct ccb_controller *controller = instance;
    struct ccb_stream *stream = controller->streams, *next;

    for (; stream; stream = next) {
        next = stream->next;
        stream->on_stop(stream);
    }
}

/* What is on the ledger's thread or the pool ends by itself; the last one
 * closes the handle that keeps the loop. */
static void close_instance(void *instance)
{
    struct ccb_controller *controller = instance;
    struct ccb_errand *errand, *next;

    controller->closing = true;
    uv_close((uv_handle_t *)&controller->deadline, ccb_controller_closed);
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&controller->couriers[i].timer,
                 ccb_controller_closed);
    for (errand = controller->errands; errand; errand = next) {
        next = errand->next;
        if (!errand->call)
            continue;
        ccb_http_cancel(errand->call);
        errand->call = NULL;
        ccb_errand_end(errand);
    }
    if (!controller->errands &&
        !uv_is_closing((uv_handle_t *)&controller->hold))
        uv_close((uv_handle_t *)&controller->hold, ccb_controller_closed);
}

/* ---- doors -------------------------------------------------------------- */

static const struct ccb_http_route control_routes[] = {
    {.method = "GET",
     .path = "/v1/status",
     .on_request = ccb_controller_status},
    {.method = "GET", .path = "/v1/apps", .on_request = ccb_controller_apps},
    {.method = "GET",
     .path = "/v1/apps/:name",
     .on_request = ccb_controller_app},
    {.method = "PUT",
     .path = "/v1/apps/:name",
     .on_request = ccb_controller_put_app,
     .max_body = 1024 * 1024},
    {.method = "DELETE",
     .path = "/v1/apps/:name",
     .on_request = ccb_controller_delete},
    {.method = "PUT",
     .path = "/v1/apps/:name/bits",
     .on_request = ccb_controller_put_bits,
     .stream = true},
    {.method = "POST",
     .path = "/v1/apps/:name/stage",
     .on_request = ccb_controller_stage},
    {.method = "DELETE",
     .path = "/v1/apps/:name/stage",
     .on_request = ccb_controller_stop_staging},
    {.method = "POST",
     .path = "/v1/apps/:name/start",
     .on_request = ccb_controller_start},
    {.method = "POST",
     .path = "/v1/apps/:name/stop",
     .on_request = ccb_controller_stop},
    {.method = "POST",
     .path = "/v1/apps/:name/restart",
     .on_request = ccb_controller_restart},
    {.method = "DELETE",
     .path = "/v1/apps/:name/instances/:index",
     .on_request = ccb_controller_kill},
    {.method = "GET",
     .path = "/v1/apps/:name/logs",
     .on_request = ccb_controller_logs},
    {.method = "GET",
     .path = "/v1/events",
     .on_request = ccb_controller_events},
    {.method = "GET",
     .path = "/v1/buildpacks",
     .on_request = ccb_controller_buildpacks},
    {.method = "GET", .path = "/*", .on_request = ccb_controller_unknown},
    {.method = "PUT", .path = "/*", .on_request = ccb_controller_unknown},
    {.method = "POST", .path = "/*", .on_request = ccb_controller_unknown},
    {.method = "DELETE", .path = "/*", .on_request = ccb_controller_unknown},
};

static const struct ccb_http_route platform_routes[] = {
    {.method = "POST",
     .path = "/internal/staging/:guid/completed",
     .on_request = ccb_platform_completed},
    {.method = "POST",
     .path = "/internal/apps/:guid/crashed",
     .on_request = ccb_platform_crashed},
    {.method = "GET",
     .path = "/internal/v2/droplets/:guid/:hash/download",
     .on_request = ccb_platform_droplet},
    {.method = "GET",
     .path = "/staging/apps/:guid",
     .on_request = ccb_platform_bits},
    {.method = "GET",
     .path = "/v2/buildpacks/:guid/download",
     .on_request = ccb_platform_buildpack},
    {.method = "GET",
     .path = "/staging/buildpack_cache/:guid/download",
     .on_request = ccb_platform_cache},
    {.method = "POST",
     .path = "/staging/buildpack_cache/:guid/upload",
     .on_request = ccb_platform_put_cache,
     .stream = true},
    {.method = "POST",
     .path = "/staging/droplets/:guid/upload",
     .on_request = ccb_platform_put_droplet,
     .stream = true},
    {.method = "GET",
     .path = "/staging/jobs/:guid",
     .on_request = ccb_platform_job},
    {.method = "GET",
     .path = "/internal/bulk/apps",
     .on_request = ccb_platform_bulk},
    {.method = "POST",
     .path = "/internal/bulk/apps",
     .on_request = ccb_platform_bulk_fetch},
    {.method = "GET", .path = "/*", .on_request = ccb_platform_unknown},
    {.method = "POST", .path = "/*", .on_request = ccb_platform_unknown},
    {.method = "PUT", .path = "/*", .on_request = ccb_platform_unknown},
    {.method = "DELETE", .path = "/*", .on_request = ccb_platform_unknown},
};

static size_t doors(const void *config, struct ccb_door *out)
{
    const struct ccb_controller_config *c = config;

    *out = (struct ccb_door){
        .flag = "-controllerAddress",
        .routes = platform_routes,
        .route_count = sizeof(platform_routes) / sizeof(platform_routes[0]),
    };
    (void)ccb_setup_address(&out->at, c->address, NULL); /* was checked */
    return 1;
}

const struct ccb_role ccb_controller_role = {
    .name = "controller",
    .summary = "keeps apps on one machine, as the Cloud Controller does on a "
               "platform",
    .single = true,
    .flags = flags,
    .flag_count = sizeof(flags) / sizeof(flags[0]),
    .config_size = sizeof(struct ccb_controller_config),
    .starting = "starting",
    .ready = "started",
    .stopped = "exited",
    .failed = "exited-with-failure",
    .check = ccb_setup_check,
    .doors = doors,
    .prepare = ccb_setup_prepare,
    .release = ccb_setup_release,
    .open = open_instance,
    .stop = stop_streams,
    .control = control_routes,
    .control_count = sizeof(control_routes) / sizeof(control_routes[0]),
    .close = close_instance,
};
