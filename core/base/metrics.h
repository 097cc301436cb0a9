/*
 * Counters and gauges of the process, declared in one table: a row is name,
 * kind and help, and for those that the historic programs had too the name and
 * the origin under which each change is sent as well (base/dropsonde.h;
 * contract/stager.md A6). Cheap to bump from any thread (relaxed atomics).
 */
#ifndef CCB_BASE_METRICS_H
#define CCB_BASE_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"

/* X(id, prometheus name, kind, help[, .origin = .., .historic = ..]) */
#define CCB_METRICS(X)                                                         \
    X(HTTP_CONNECTIONS, "ccbridge_http_connections", "gauge",                  \
      "Connections open on the HTTP servers")                                  \
    X(HTTP_REQUESTS, "ccbridge_http_requests_total", "counter",                \
      "Requests answered")                                                     \
    X(HTTP_REFUSED_CONNECTIONS, "ccbridge_http_refused_connections_total",     \
      "counter", "Connections refused at the cap of -httpMaxConnections")      \
    X(HTTP_BAD_REQUESTS, "ccbridge_http_bad_requests_total", "counter",        \
      "Requests refused as malformed")                                         \
    X(HTTP_HEADERS_TOO_LARGE, "ccbridge_http_headers_too_large_total",         \
      "counter", "Requests refused at -httpMaxHeaderBytes")                    \
    X(HTTP_BODIES_TOO_LARGE, "ccbridge_http_bodies_too_large_total",           \
      "counter", "Requests refused at -httpMaxBodyBytes")                      \
    X(HTTP_HEADER_TIMEOUTS, "ccbridge_http_header_timeouts_total", "counter",  \
      "Connections cut at -httpHeaderTimeout before a request was whole")      \
    X(HTTP_IDLE_TIMEOUTS, "ccbridge_http_idle_timeouts_total", "counter",      \
      "Connections closed at -httpIdleTimeout")                                \
    X(HTTP_STALLED, "ccbridge_http_stalled_total", "counter",                  \
      "Exchanges cut because the peer stopped reading or sending")             \
    X(HTTP_ABORTED, "ccbridge_http_aborted_total", "counter",                  \
      "Requests whose peer left before the answer")                            \
    X(CLIENT_CALLS, "ccbridge_client_calls_total", "counter",                  \
      "Outgoing HTTP calls started")                                           \
    X(CLIENT_FAILURES, "ccbridge_client_failures_total", "counter",            \
      "Outgoing HTTP calls that ended without an answer")                      \
    X(CLIENT_CONNECTS, "ccbridge_client_connects_total", "counter",            \
      "Connections opened for outgoing calls by the short lane")               \
    X(PLUGIN_CALLS, "ccbridge_plugin_calls_total", "counter",                  \
      "Calls of plugin functions")                                             \
    X(PLUGIN_FAILURES, "ccbridge_plugin_failures_total", "counter",            \
      "Plugin calls that ended with an error")                                 \
    X(PLUGIN_TIMEOUTS, "ccbridge_plugin_timeouts_total", "counter",            \
      "Plugin calls given up at their deadline")                               \
    X(PLUGIN_WORKERS_RECYCLED, "ccbridge_plugin_workers_recycled_total",       \
      "counter", "Workers of isolated plugins that were used up")              \
    X(STAGING_START_REQUESTS, "ccbridge_staging_start_requests_total",         \
      "counter", "Staging requests with a known lifecycle",                    \
      .origin = "stager", .historic = "StagingStartRequestsReceived")          \
    X(STAGING_STOP_REQUESTS, "ccbridge_staging_stop_requests_total",           \
      "counter", "Requests to stop a staging that were taken",                 \
      .origin = "stager", .historic = "StagingStopRequestsReceived")           \
    X(STAGING_SUCCEEDED, "ccbridge_staging_succeeded_total", "counter",        \
      "Stagings that succeeded and whose result CC took", .origin = "stager",  \
      .historic = "StagingRequestsSucceeded")                                  \
    X(STAGING_FAILED, "ccbridge_staging_failed_total", "counter",              \
      "Stagings that failed and whose result CC took", .origin = "stager",     \
      .historic = "StagingRequestsFailed")                                     \
    X(STAGING_SUCCEEDED_TIME, "ccbridge_staging_succeeded_last_nanoseconds",   \
      "gauge",                                                                 \
      "How long the staging took that succeeded last; since 1970 where the "   \
      "back end does not say when a task was created",                         \
      .origin = "stager", .historic = "StagingRequestSucceededDuration")       \
    X(STAGING_FAILED_TIME, "ccbridge_staging_failed_last_nanoseconds",         \
      "gauge",                                                                 \
      "How long the staging took that failed last; since 1970 where the back " \
      "end does not say when a task was created",                              \
      .origin = "stager", .historic = "StagingRequestFailedDuration")          \
    X(OUTBOX_WAITING, "ccbridge_outbox_waiting", "gauge",                      \
      "Staging results stored that CC has not taken yet")                      \
    X(OUTBOX_RETRIES, "ccbridge_outbox_retries_total", "counter",              \
      "Deliveries of stored staging results that are tried again")             \
    X(OUTBOX_GIVEN_UP, "ccbridge_outbox_given_up_total", "counter",            \
      "Stored staging results given up at -outboxMaxAge")                      \
    X(CRASHES_WAITING, "ccbridge_crashes_waiting", "gauge",                    \
      "Crashes of instances that CC has not taken yet")                        \
    X(CRASH_RETRIES, "ccbridge_crash_retries_total", "counter",                \
      "Crashes of instances that are told to CC again")                        \
    X(CRASHES_GIVEN_UP, "ccbridge_crashes_given_up_total", "counter",          \
      "Crashes that CC would not take, or not for -crashMaxAge")               \
    X(LRPS_DESIRED, "ccbridge_lrps_desired_total", "counter",                  \
      "Desire requests that were carried out", .origin = "nsync_listener",     \
      .historic = "LRPsDesired")                                               \
    X(LRP_SYNC_TIME, "ccbridge_lrp_sync_last_nanoseconds", "gauge",            \
      "How long the bulker's last pass over the apps took",                    \
      .origin = "nsync_bulker", .historic = "DesiredLRPSyncDuration")          \
    X(LRP_SYNC_MISSING, "ccbridge_lrp_sync_missing", "gauge",                  \
      "Apps of the bulker's last pass that the back end did not have")         \
    X(LRP_SYNC_STALE, "ccbridge_lrp_sync_stale", "gauge",                      \
      "Apps of the bulker's last pass that the back end had otherwise")        \
    X(LRP_SYNC_EXCESS, "ccbridge_lrp_sync_excess", "gauge",                    \
      "LRPs of the bulker's last pass that CC did not name")                   \
    X(LRP_SYNC_QUARANTINED, "ccbridge_lrp_sync_quarantined", "gauge",          \
      "Apps of the bulker's last pass that could not be built")                \
    X(LRP_SYNC_FRESH, "ccbridge_lrp_sync_fresh_timestamp_seconds", "gauge",    \
      "When the bulker last kept the domain fresh, since 1970; 0: not yet")    \
    X(CELL_TASKS_STARTED, "ccbridge_cell_tasks_started_total", "counter",      \
      "Tasks that the embedded cell began to run")                             \
    X(CELL_LRPS_STARTED, "ccbridge_cell_lrps_started_total", "counter",        \
      "Instances of LRPs that the embedded cell began to run")                 \
    X(CELL_CRASHES, "ccbridge_cell_crashes_total", "counter",                  \
      "Instances of LRPs that ended by themselves")                            \
    X(CELL_CACHE_HITS, "ccbridge_cell_cache_hits_total", "counter",            \
      "Downloads of the embedded cell that its cache had, still valid")        \
    X(CELL_CACHE_MISSES, "ccbridge_cell_cache_misses_total", "counter",        \
      "Downloads of the embedded cell that were fetched anew")                 \
    X(CELL_CONTAINERS, "ccbridge_cell_containers", "gauge",                    \
      "Containers of the embedded cell")                                       \
    X(CELL_CONTAINERS_FAILED, "ccbridge_cell_containers_failed_total",         \
      "counter", "Containers that the embedded cell could not make")

/*
 * Families of several series, told apart by labels, or of what is only looked
 * at when somebody asks: their owner prints the samples.
 * X(id, prometheus name, kind, labels, help)
 */
#define CCB_METRIC_FAMILIES(X)                                                 \
    X(BUILD_INFO, "ccbridge_build_info", "gauge", "version",                   \
      "The version that runs; always 1")                                       \
    X(HTTP_ANSWERS, "ccbridge_http_answers_total", "counter",                  \
      "role, method, route, status",                                           \
      "Requests answered, by route; the empty one is what no route takes")     \
    X(HTTP_DURATION, "ccbridge_http_duration_seconds", "histogram",            \
      "role, method, route", "From a request's head to its answer's end")      \
    X(HTTP_IN_FLIGHT, "ccbridge_http_in_flight", "gauge", "role",              \
      "Requests that are being handled")                                       \
    X(PLUGIN_OUTCOMES, "ccbridge_plugin_outcomes_total", "counter",            \
      "plugin, outcome",                                                       \
      "Calls of each plugin that serves, by outcome: ok, failed, timeout")     \
    X(PLUGIN_CRASHES, "ccbridge_plugin_crashes_total", "counter", "plugin",    \
      "Workers of an isolated plugin that died in a call")                     \
    X(PLUGIN_QUARANTINED, "ccbridge_plugin_quarantined", "gauge", "plugin",    \
      "1 while calls of the plugin are refused after crashes")                 \
    X(PROCESS_CPU, "process_cpu_seconds_total", "counter", "",                 \
      "Processor time of the process, user and system")                        \
    X(PROCESS_START, "process_start_time_seconds", "gauge", "",                \
      "When the process was started, since 1970")                              \
    X(PROCESS_MEMORY, "process_resident_memory_bytes", "gauge", "",            \
      "Memory of the process that is in use")                                  \
    X(PROCESS_PRIVATE, "ccbridge_private_memory_bytes", "gauge", "",           \
      "Of that, what is the process' own and of no file")                      \
    X(PROCESS_FDS, "process_open_fds", "gauge", "", "Open descriptors")        \
    X(PROCESS_MAX_FDS, "process_max_fds", "gauge", "",                         \
      "Open descriptors that the system allows")                               \
    X(PROCESS_THREADS, "process_threads", "gauge", "", "Threads")

enum ccb_metric_family {
#define CCB_METRIC_FAMILY_ID(id, ...) CCB_FAMILY_##id,
    CCB_METRIC_FAMILIES(CCB_METRIC_FAMILY_ID)
#undef CCB_METRIC_FAMILY_ID
        CCB_METRIC_FAMILY_COUNT
};

enum ccb_metric {
#define CCB_METRIC_ID(id, ...) CCB_METRIC_##id,
    CCB_METRICS(CCB_METRIC_ID)
#undef CCB_METRIC_ID
        CCB_METRIC_COUNT
};

extern _Atomic int64_t ccb_metric_values[CCB_METRIC_COUNT];

void ccb_metric_add(enum ccb_metric metric, int64_t delta);
void ccb_metric_set(enum ccb_metric metric, int64_t value); /* a gauge */
/* A gauge of how long the last one took, in nanoseconds. */
void ccb_metric_time(enum ccb_metric metric, int64_t nanoseconds);

/* Who prints a family: `put` writes its samples under `name`, from the thread
 * that prints. One that nobody provides is not printed. Before anybody prints;
 * NULL ends it. */
void ccb_metrics_provide(enum ccb_metric_family family,
                         void (*put)(struct ccb_buf *out, const char *name,
                                     void *user),
                         void *user);
/* A label, its value escaped: `key` comes with what stands before it, "{role"
 * or ",route". */
void ccb_metrics_label(struct ccb_buf *out, const char *key, const char *value);

/* All of them in Prometheus' text form. */
void ccb_metrics_print(struct ccb_buf *out);
/* The table itself: name, kind, labels and help, a tab between them, a line
 * each. */
void ccb_metrics_describe(struct ccb_buf *out);

#endif
