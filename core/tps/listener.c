/*
 * tps-listener as a role: flags (contract/tps.md 1.1), the check of its command
 * line, its door and routes, and what it keeps per process and per worker.
 */
#include <stdio.h>

#include "base/mem.h"
#include "net/url.h"
#include "tps/internal.h"
#include "tps/tps.h"

#define AT(member) offsetof(struct ccb_tps_listener_config, member)

static const struct ccb_flag flags[] = {
    {.name = "listenAddr",
     .type = CCB_FLAG_STRING,
     .offset = AT(listen_addr),
     .default_text = "0.0.0.0:1518",
     .placeholder = "HOST:PORT",
     .help = "Address to listen on"},
    CCB_DIEGO_FLAG(AT(diego_api_url)),
    {.name = "trafficControllerURL",
     .type = CCB_FLAG_STRING,
     .offset = AT(traffic_controller_url),
     .placeholder = "URL",
     .help = "Loggregator's traffic controller, e.g. ws://tc.local:8081, which "
             "has the metrics of containers; empty: none are shown"},
    {.name = "skipSSLVerification",
     .type = CCB_FLAG_BOOL,
     .offset = AT(skip_ssl_verification),
     .default_text = "true",
     .help = "Do not verify the traffic controller's certificate"},
    {.name = "maxInFlightRequests",
     .type = CCB_FLAG_INT,
     .offset = AT(max_in_flight),
     .default_text = "200",
     .placeholder = "N",
     .help = "Requests handled at once; one more is answered with 503"},
};

/* ---- the command line --------------------------------------------------- */

static int check(const void *config, const char **action, struct ccb_error *err)
{
    const struct ccb_tps_listener_config *c = config;
    if (c->max_in_flight >= 0)
        return 0;
    *action = "invalid-max-in-flight-requests";
    return ccb_error_set(err, CCB_INVALID,
                         "maxInFlightRequests %lld: use 0 or more",
                         (long long)c->max_in_flight);
}

static int parse_port(struct ccb_slice text, uint16_t *out)
{
    uint32_t value = 0;
    size_t i;
    for (i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return CCB_INVALID;
        value = value * 10 + (uint32_t)(text.ptr[i] - '0');
        if (value > UINT16_MAX)
            return CCB_INVALID;
    }
    *out = (uint16_t)value;
    return text.len > 0 ? 0 : CCB_INVALID;
}

static int split_address(const char *address, struct ccb_http_address *out,
                         struct ccb_error *err)
{
    struct ccb_slice host, text;
    int code =
        ccb_url_split_host_port(ccb_slice_of(address), &host, &text, err);
    if (code < 0)
        return code;
    if (parse_port(text, &out->port) < 0)
        return ccb_error_set(err, CCB_INVALID, "unknown port tcp/%.*s",
                             (int)text.len, text.ptr);
    if (host.len >= sizeof(out->host))
        return ccb_error_set(err, CCB_INVALID, "the host name is too long");
    snprintf(out->host, sizeof(out->host), "%.*s", (int)host.len, host.ptr);
    return 0;
}

/* ---- per process, per worker -------------------------------------------- */

static void release(void *shared)
{
    ccb_free(shared);
}

/* An address that can't be is a failure to listen, not of the command line:
 * exit 1, and here is the first place to say so. */
static int prepare(void **shared, const void *config,
                   struct ccb_log_session *log, struct ccb_error *err)
{
    const struct ccb_tps_listener_config *c = config;
    struct ccb_tps_shared *s;
    struct ccb_http_address address;
    int code = split_address(c->listen_addr, &address, err);
    if (code < 0) {
        ccb_error_prefix(err, "listen tcp: -listenAddr %s", c->listen_addr);
        return code;
    }
    s = ccb_calloc(1, sizeof(*s));
    if (!s)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    s->config = c;
    s->log = log;
    ccb_log_begin(&s->lrp_log, log, "lrp-handler", NULL, 0);
    *shared = s;
    return 0;
}

static void close_instance(void *instance)
{
    struct ccb_tps *tps = instance;
    ccb_diego_close(tps->diego);
    ccb_free(tps);
}

static int open_instance(void **instance, void *shared,
                         const struct ccb_worker *worker, struct ccb_error *err)
{
    struct ccb_tps_shared *s = shared;
    struct ccb_tps *tps = ccb_calloc(1, sizeof(*tps));
    if (!tps)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    tps->shared = s;
    tps->client = worker->client;
    tps->diego = ccb_diego_open_receptor(
        worker->client, ccb_slice_of(s->config->diego_api_url), 0);
    if (!tps->diego) {
        ccb_free(tps);
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    }
    *instance = tps;
    return 0;
}

/* ---- where it is reached ------------------------------------------------ */

static const struct ccb_http_route routes[] = {
    {.method = "GET",
     .path = "/v1/actual_lrps/:guid",
     .on_request = ccb_tps_status},
    {.method = "GET",
     .path = "/v1/actual_lrps/:guid/stats",
     .on_request = ccb_tps_stats},
    {.method = "GET",
     .path = "/v1/bulk_actual_lrp_status",
     .on_request = ccb_tps_bulk},
};

static size_t doors(const void *config, struct ccb_door *out)
{
    const struct ccb_tps_listener_config *c = config;
    *out = (struct ccb_door){
        .flag = "-listenAddr",
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
    };
    return split_address(c->listen_addr, &out->at, NULL) == 0;
}

const struct ccb_role ccb_tps_listener_role = {
    .name = "tps-listener",
    .summary = "tells CC what runs of an app, and where",
    .origin = "tps_listener",
    .flags = flags,
    .flag_count = sizeof(flags) / sizeof(flags[0]),
    .config_size = sizeof(struct ccb_tps_listener_config),
    .ready = "started",
    .stopped = "exited",
    .failed = "exited-with-failure",
    .check = check,
    .doors = doors,
    .prepare = prepare,
    .release = release,
    .open = open_instance,
    .close = close_instance,
};
