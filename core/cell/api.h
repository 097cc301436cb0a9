/*
 * The Receptor API over HTTP: contract/receptor-api.md 1 to 5, 11.
 *
 * One API is one loop's; several may share a store and a hub of events. It
 * routes by itself, since authorization and CORS come before the routes: the
 * server is given ccb_api_routes, which take every path.
 */
#ifndef CCB_CELL_API_H
#define CCB_CELL_API_H

#include "cell/events.h"
#include "cell/logs.h"
#include "cell/store.h"
#include "net/http_server.h"

struct ccb_api;

struct ccb_api_options {
    struct ccb_loop *loop;
    struct ccb_store *store;
    struct ccb_events *events;
    struct ccb_logs *logs;           /* NULL: there is no route to them */
    const char *username, *password; /* no authorization without username */
    bool cors;
    void *owner; /* ccb_api_owner */
};

/* Options' texts are copied, the rest is borrowed. NULL: no memory. */
struct ccb_api *ccb_api_open(const struct ccb_api_options *options);
/* When no request is in flight any more. Streams of events end when their hub
 * is closed (ccb_events_close), those of logs with ccb_logs_end_readers: do
 * that first. */
void ccb_api_close(struct ccb_api *api); /* NULL is fine */
void *ccb_api_owner(const struct ccb_api *api);

/* Every path, for the methods that there are; `user` is the API. */
extern const struct ccb_http_route ccb_api_routes[];
extern const size_t ccb_api_route_count;

#endif
