/* The inside of the tps roles: what their files share. */
#ifndef CCB_TPS_INTERNAL_H
#define CCB_TPS_INTERNAL_H

#include <stdatomic.h>

#include "base/buf.h"
#include "consul/lock.h"
#include "diego/diego.h"
#include "role/flags.h"
#include "role/role.h"

/* ---- tps-listener ------------------------------------------------------- */

struct ccb_tps_listener_config {
    const char *listen_addr;
    const char *diego_api_url;
    const char *traffic_controller_url;
    bool skip_ssl_verification;
    int64_t max_in_flight;
};

/* Once a process. */
struct ccb_tps_shared {
    const struct ccb_tps_listener_config *config;
    struct ccb_log_session *log;
    struct ccb_log_session lrp_log; /* tps-listener.lrp-handler */
    _Atomic int64_t in_flight;      /* over all routes and workers */
};

/* Once a worker. */
struct ccb_tps {
    struct ccb_tps_shared *shared;
    struct ccb_http_client *client;
    struct ccb_diego *diego;
};

/* A request that is being handled: the first member of each handler's own
 * state. */
struct ccb_tps_request {
    struct ccb_tps *tps;
    struct ccb_http_request *request;
    struct ccb_arena *arena;
    char id[40];
    bool logged; /* its begin and end, at debug */
    struct ccb_log_session log;
    struct ccb_log_field log_fields[2];
};

/* Takes a place of -maxInFlightRequests and `size` zeroed bytes that start with
 * a struct ccb_tps_request. NULL: there was none, and it was answered. */
void *ccb_tps_begin(struct ccb_http_request *request, struct ccb_tps *tps,
                    size_t size, bool logged);
/* Answers and gives the place back. `json` is empty for a bare status; it may
 * lie in the request's arena. */
void ccb_tps_end(struct ccb_tps_request *request, int status,
                 struct ccb_slice json);
/* Ends with 200 and what `out` holds, and destroys it; 500 when it failed,
 * logged under `log`. */
void ccb_tps_end_with(struct ccb_tps_request *request,
                      const struct ccb_log_session *log, struct ccb_buf *out);

/* Handlers; `user` is the struct ccb_tps. */
void ccb_tps_status(struct ccb_http_request *request, void *user);
void ccb_tps_stats(struct ccb_http_request *request, void *user);
void ccb_tps_bulk(struct ccb_http_request *request, void *user);

/* ---- tps-watcher -------------------------------------------------------- */

struct ccb_watcher_config {
    const char *diego_api_url;
    struct ccb_lock_config lock;
    struct ccb_cc_config cc;
    const char *crash_queue; /* directory; "": in memory */
    int64_t crash_max_age;
};

#endif
