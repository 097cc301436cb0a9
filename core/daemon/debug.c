/* The debug server's pages. */
#include "daemon/debug.h"

#include "base/log.h"
#include "base/metrics.h"
#include "daemon/pprof.h"

/* The words are matched to the letter; others are ignored, as they always
 * were: the answer is 200 all the same. */
static const struct {
    const char *words[4];
    enum ccb_log_level level;
} levels[] = {
    {{"debug", "DEBUG", "d", "0"}, CCB_LEVEL_DEBUG},
    {{"info", "INFO", "i", "1"}, CCB_LEVEL_INFO},
    {{"error", "ERROR", "e", "2"}, CCB_LEVEL_ERROR},
    {{"fatal", "FATAL", "f", "3"}, CCB_LEVEL_FATAL},
};

static void on_log_level(struct ccb_http_request *request, void *user)
{
    struct ccb_slice body = ccb_http_request_info(request)->body;
    size_t i, k;
    (void)user;
    for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        for (k = 0; k < 4; k++)
            if (ccb_slice_is(body, levels[i].words[k]))
                ccb_log_set_level(levels[i].level);
    ccb_http_respond(request, 200, NULL, ccb_slice_make(NULL, 0));
}

static void on_metrics(struct ccb_http_request *request, void *user)
{
    struct ccb_buf text = {0};
    (void)user;
    ccb_metrics_print(&text);
    ccb_http_respond(request, text.failed ? 500 : 200,
                     "text/plain; version=0.0.4; charset=utf-8",
                     ccb_buf_slice(&text));
    ccb_buf_destroy(&text);
}

static void on_pprof(struct ccb_http_request *request, void *user)
{
    struct ccb_health *health = user;
    ccb_pprof_show(request, health->main);
}

static const struct ccb_http_route routes[] = {
    {.method = "*", .path = "/debug/pprof/*", .on_request = on_pprof},
    {.method = "*", .path = "/log-level", .on_request = on_log_level},
    {.method = "GET", .path = "/metrics", .on_request = on_metrics},
    {.method = "GET", .path = "/healthz", .on_request = ccb_health_live},
    {.method = "GET", .path = "/readyz", .on_request = ccb_health_ready},
};

int ccb_debug_listen(const char *address, int *fd, struct ccb_error *err)
{
    struct ccb_http_address at;
    int code = ccb_http_address_parse(&at, address, err);
    if (code == 0)
        code = ccb_http_listen(at.host, at.port, -1, fd, err);
    return code;
}

int ccb_debug_open(struct ccb_http_server **server, int fd,
                   const struct ccb_http_limits *limits,
                   struct ccb_health *health, struct ccb_error *err)
{
    const struct ccb_http_server_options options = {
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .user = health,
        .limits = limits,
    };
    return ccb_http_server_open(server, health->main, fd, &options, err);
}
