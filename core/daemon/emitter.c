/* Figures of the process, in the historic names; what C has no such figure of
 * is 0. */
#include "daemon/emitter.h"

#include <netdb.h>
#include <stdio.h>

#include "base/dropsonde.h"
#include "daemon/proc.h"

#define PERIOD_MS 10000

/* ---- the figures -------------------------------------------------------- */

static void send_figures(const char *origin, const struct ccb_proc_usage *usage)
{
    const struct {
        const char *name;
        int64_t value;
    } figures[] = {
        {"numCPUS", usage->cpus},
        {"numGoRoutines", usage->threads},
        {"memoryStats.numBytesAllocatedHeap", usage->heap},
        {"memoryStats.numBytesAllocatedStack", usage->stack},
        {"memoryStats.numBytesAllocated", usage->heap},
        {"memoryStats.numMallocs", 0},
        {"memoryStats.numFrees", 0},
        {"memoryStats.lastGCPauseTimeNS", 0},
    };
    size_t i;
    for (i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
        ccb_dropsonde_value(origin, figures[i].name, (double)figures[i].value,
                            "count");
}

static void on_tick(uv_timer_t *timer)
{
    const struct ccb_emitter *emitter = timer->data;
    struct ccb_proc_usage usage;
    size_t i;
    ccb_proc_usage(&usage);
    for (i = 0; i < emitter->member_count; i++)
        if (emitter->members[i].role->origin)
            send_figures(emitter->members[i].role->origin, &usage);
}

/* ---- its life ----------------------------------------------------------- */

/* An agent at "localhost" listens where the historic programs sent to, which
 * preferred IPv4; the system's order does not. */
static const struct addrinfo *prefer_ipv4(const struct addrinfo *found)
{
    const struct addrinfo *at = found;
    while (at && at->ai_family != AF_INET)
        at = at->ai_next;
    return at ? at : found;
}

static int open_socket(const char *address, struct ccb_error *err)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICSERV,
                                   .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found;
    const struct addrinfo *best;
    struct ccb_http_address at;
    char port[8];
    int code;
    if (ccb_http_address_parse(&at, address, err) < 0 || at.port == 0)
        return ccb_error_set(err, CCB_INVALID, "HOST:PORT is needed");
    snprintf(port, sizeof(port), "%u", at.port);
    code =
        getaddrinfo(at.host[0] ? at.host : "127.0.0.1", port, &hints, &found);
    if (code != 0)
        return ccb_error_set(err, CCB_IO, "%s", gai_strerror(code));
    best = prefer_ipv4(found);
    code = ccb_dropsonde_open(best->ai_addr, best->ai_addrlen, err);
    freeaddrinfo(found);
    return code;
}

void ccb_emitter_open(struct ccb_emitter *emitter, const char *address,
                      const struct ccb_member *members, size_t member_count)
{
    struct ccb_error err;
    emitter->members = members;
    emitter->member_count = address[0] ? member_count : 0;
    if (!address[0] || open_socket(address, &err) == 0)
        return;
    ccb_error_prefix(&err, "-dropsondeAddr %.200s", address);
    ccb_log_error(&members[0].log, "failed-to-initialize-dropsonde",
                  err.message);
    emitter->member_count = 0;
}

void ccb_emitter_start(struct ccb_emitter *emitter, struct ccb_loop *loop)
{
    if (emitter->member_count == 0)
        return;
    uv_timer_init(&loop->uv, &emitter->timer);
    emitter->timer.data = emitter;
    uv_timer_start(&emitter->timer, on_tick, 0, PERIOD_MS);
    uv_unref((uv_handle_t *)&emitter->timer);
    emitter->ticking = true;
}

void ccb_emitter_stop(struct ccb_emitter *emitter)
{
    if (emitter->ticking)
        uv_close((uv_handle_t *)&emitter->timer, NULL);
    emitter->ticking = false;
}

void ccb_emitter_close(void)
{
    ccb_dropsonde_close();
}
