/*
 * What the servers count of their requests: by role, route and status, and how
 * long they took. A server has one, on its loop; counting takes no lock and no
 * memory, and follows the table of routes, never what is asked for. Printed
 * from any thread, with those of one role added up (base/metrics.h).
 */
#ifndef CCB_NET_HTTP_METER_H
#define CCB_NET_HTTP_METER_H

#include "base/buf.h"
#include "net/http_server.h"

struct ccb_http_meter;

/* `role` and `routes` are borrowed until it is freed. NULL: no memory. */
struct ccb_http_meter *ccb_http_meter_create(
    const char *role, const struct ccb_http_route *routes, size_t count);
void ccb_http_meter_free(struct ccb_http_meter *meter);

/* On the server's loop. `route` NULL: none was found. NULL meters are fine. */
void ccb_http_meter_begin(struct ccb_http_meter *meter);
void ccb_http_meter_end(struct ccb_http_meter *meter);
void ccb_http_meter_answered(struct ccb_http_meter *meter,
                             const struct ccb_http_route *route, int status,
                             int64_t nanoseconds);

/* Providers of the families HTTP_ANSWERS, HTTP_DURATION, HTTP_IN_FLIGHT. */
void ccb_http_meters_put_answers(struct ccb_buf *out, const char *name,
                                 void *user);
void ccb_http_meters_put_durations(struct ccb_buf *out, const char *name,
                                   void *user);
void ccb_http_meters_put_in_flight(struct ccb_buf *out, const char *name,
                                   void *user);

#endif
