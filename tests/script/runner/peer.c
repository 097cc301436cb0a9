/*
 * The life of a fake peer: its listener, its connections, its record
 * (peer.h).
 *
 * Invariant: one thread accepts, one thread serves each connection; stopping
 * shuts every socket down and joins every thread, so nothing outlives the
 * peer.
 */
#include "peer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection lasts at most this long without a request. */
#define IDLE_MS ((long long)600000)

struct ccb_serving {
    struct ccb_serving *next;
    struct ccb_peer *peer;
    pthread_t thread;
    int done;
    struct ccb_wire wire;
};

struct ccb_peer *ccb_peer_find(const struct ccb_run *run, const char *name)
{
    for (struct ccb_peer *p = run->peers; p != NULL; p = p->next)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

int ccb_peer_is_tls(const struct ccb_peer *peer)
{
    return peer->tls != NULL;
}

struct ccb_peer *ccb_peer_create(struct ccb_run *run, const char *name)
{
    struct ccb_peer *p = ccb_tool_alloc(sizeof(*p));
    p->run = run;
    p->name = ccb_tool_copy(name, strlen(name));
    p->port = ccb_ports_get(run, name);
    p->listener = -1;
    p->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->last_record = &p->records;
    p->next = run->peers;
    run->peers = p;
    return p;
}

/* ---- serving ------------------------------------------------------------ */

static void free_record(struct ccb_record *record)
{
    ccb_message_free(&record->message);
    free(record);
}

void ccb_peer_publish(struct ccb_peer *peer, struct ccb_record *record)
{
    ccb_event_lock();
    record->number = ++peer->received;
    *peer->last_record = record;
    peer->last_record = &record->next;
    ccb_event_happened();
    ccb_event_unlock();
}

static void send_continue(struct ccb_wire *w, const struct ccb_message *m)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const char *expect = ccb_message_header(m, "Expect");
    if (expect != NULL && strcasecmp(expect, "100-continue") == 0)
        ccb_wire_write(w, text, sizeof(text) - 1);
}

/* Reads the body, records the request, answers. 1 when the connection may go
 * on. Takes `record`. */
static int serve(struct ccb_serving *s, struct ccb_record *record,
                 const struct ccb_rule *rule)
{
    struct ccb_text why = {0};
    struct ccb_message *m = &record->message;
    uint64_t limit = rule ? rule->read : UINT64_MAX;
    send_continue(&s->wire, m);
    int code = ccb_message_read_body(&s->wire, m, 0, limit, &why);
    if (code < 0)
        ccb_trace(s->peer->name, "broken request:", why.ptr, why.len);
    ccb_text_free(&why);
    if (code < 0 || (rule != NULL && rule->unrecorded)) {
        int go_on = code == 0 && ccb_answer(s->peer, &s->wire, rule, record);
        free_record(record);
        return go_on;
    }
    ccb_peer_publish(s->peer, record);
    return ccb_answer(s->peer, &s->wire, rule, record);
}

static int serve_next(struct ccb_serving *s)
{
    struct ccb_record *record = ccb_tool_alloc(sizeof(*record));
    struct ccb_text why = {0};
    s->wire.deadline = ccb_tool_now() + IDLE_MS;
    int code = ccb_message_read_head(&s->wire, &record->message, 0, &why);
    if (code < 0) {
        if (code != CCB_WIRE_EOF)
            ccb_trace(s->peer->name, "broken request:", why.ptr, why.len);
        ccb_text_free(&why);
        free_record(record);
        return 0;
    }
    ccb_event_lock();
    struct ccb_rule *rule = ccb_rule_pick(s->peer, &record->message);
    ccb_event_unlock();
    int go_on = serve(s, record, rule);
    ccb_event_lock();
    ccb_rule_unref(rule);
    ccb_event_unlock();
    ccb_text_free(&why);
    return go_on;
}

static void *on_connection(void *arg)
{
    struct ccb_serving *s = arg;
    struct ccb_text why = {0};
    int go_on = 1;
    s->wire.deadline = ccb_tool_now() + IDLE_MS;
    if (s->peer->tls != NULL &&
        ccb_tls_start(&s->wire, s->peer->tls, NULL, &why) < 0) {
        ccb_trace(s->peer->name, "!", why.ptr, why.len);
        go_on = 0;
    }
    ccb_text_free(&why);
    while (go_on)
        go_on = serve_next(s);
    ccb_event_lock();
    ccb_wire_close(&s->wire);
    s->done = 1;
    ccb_event_unlock();
    return NULL;
}

/* ---- accepting ---------------------------------------------------------- */

/* Joins the connections that have ended; all of them when `every`. */
static void reap(struct ccb_peer *peer, int every)
{
    ccb_event_lock();
    struct ccb_serving **at = &peer->servings;
    while (*at != NULL) {
        struct ccb_serving *s = *at;
        if (!every && !s->done) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        ccb_event_unlock();
        pthread_join(s->thread, NULL);
        free(s);
        ccb_event_lock();
        if (!every)
            break;
        at = &peer->servings;
    }
    ccb_event_unlock();
}

static void accept_one(struct ccb_peer *peer)
{
    int fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    struct ccb_serving *s = ccb_tool_alloc(sizeof(*s));
    s->peer = peer;
    ccb_wire_init(&s->wire, fd, peer->name);
    ccb_event_lock();
    if (peer->stopping ||
        pthread_create(&s->thread, NULL, on_connection, s) != 0) {
        close(fd);
        free(s);
    } else {
        s->next = peer->servings;
        peer->servings = s;
    }
    ccb_event_unlock();
}

static void *on_accepting(void *arg)
{
    struct ccb_peer *peer = arg;
    struct pollfd p[2] = {{.fd = peer->listener, .events = POLLIN},
                          {.fd = peer->stop_fd, .events = POLLIN}};
    for (;;) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (p[1].revents)
            return NULL;
        if (p[0].revents)
            accept_one(peer);
        reap(peer, 0);
    }
}

static int listen_for(const struct ccb_peer *peer, struct ccb_text *why)
{
    if (peer->dropsonde)
        return ccb_dropsonde_listen(peer->port, why);
    return peer->socket ? ccb_wire_listen_unix(peer->socket, why)
                        : ccb_wire_listen(peer->port, why);
}

int ccb_peer_start(struct ccb_peer *peer, struct ccb_text *why)
{
    if (peer->running)
        return 0;
    peer->listener = listen_for(peer, why);
    if (peer->listener < 0)
        return -1;
    peer->stopping = 0;
    if (pthread_create(&peer->acceptor, NULL,
                       peer->dropsonde ? ccb_dropsonde_receive : on_accepting,
                       peer) != 0) {
        ccb_text_adds(why, "no thread for the peer");
        close(peer->listener);
        return -1;
    }
    peer->running = 1;
    return 0;
}

void ccb_peer_drop(struct ccb_peer *peer)
{
    ccb_event_lock();
    for (struct ccb_serving *s = peer->servings; s != NULL; s = s->next)
        if (s->wire.fd >= 0)
            shutdown(s->wire.fd, SHUT_RDWR);
    ccb_event_unlock();
}

void ccb_peer_stop(struct ccb_peer *peer)
{
    uint64_t one = 1;
    if (!peer->running)
        return;
    ccb_event_lock();
    peer->stopping = 1;
    ccb_event_unlock();
    if (write(peer->stop_fd, &one, sizeof(one)) < 0)
        ccb_trace(peer->name, "!", "stop", 4);
    pthread_join(peer->acceptor, NULL);
    if (read(peer->stop_fd, &one, sizeof(one)) < 0)
        ccb_trace(peer->name, "!", "stop", 4);
    close(peer->listener);
    peer->listener = -1;
    ccb_peer_drop(peer);
    reap(peer, 1);
    peer->running = 0;
}

void ccb_peer_free_all(struct ccb_run *run)
{
    while (run->peers != NULL) {
        struct ccb_peer *p = run->peers;
        run->peers = p->next;
        ccb_peer_stop(p);
        while (p->records != NULL) {
            struct ccb_record *r = p->records;
            p->records = r->next;
            free_record(r);
        }
        while (p->rules != NULL) {
            struct ccb_rule *r = p->rules;
            p->rules = r->next;
            ccb_rule_unref(r);
        }
        ccb_tls_free(p->tls);
        close(p->stop_fd);
        free(p->socket);
        free(p->name);
        free(p);
    }
}

void ccb_peer_describe(const struct ccb_peer *peer, struct ccb_text *out)
{
    ccb_text_addf(out, "---- peer %s received %u\n", peer->name,
                  peer->received);
    unsigned skip = peer->received > 20 ? peer->received - 20 : 0;
    for (const struct ccb_record *r = peer->records; r != NULL; r = r->next) {
        if (r->number <= skip)
            continue;
        ccb_text_addf(out, "  %u %s %s", r->number, r->message.method,
                      r->message.target);
        if (r->answered)
            ccb_text_addf(out, " -> %d", r->answered);
        ccb_text_adds(out, r->consumed ? "" : " (not expected by the script)");
        if (r->message.length > 0) {
            ccb_text_adds(out, "\n    ");
            ccb_text_show(out, r->message.body.ptr, r->message.body.len, 400);
        }
        ccb_text_adds(out, "\n");
    }
}
