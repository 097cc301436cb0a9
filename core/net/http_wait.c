/*
 * All timeouts of a server on one timer.
 *
 * Invariant: within a kind every wait has the same length, so a ring is in
 * order of deadlines and only its first member is looked at. The timer is
 * never put off when a deadline moves: it fires, finds nothing due, and is
 * set for what is next. A request so costs no timer call.
 */
#include "net/http_server_internal.h"

void ccb_httpd_link_init(struct ccb_httpd_link *head)
{
    head->prev = head->next = head;
}

void ccb_httpd_link_append(struct ccb_httpd_link *head,
                           struct ccb_httpd_link *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

void ccb_httpd_link_remove(struct ccb_httpd_link *link)
{
    if (link->next == NULL)
        return;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = link->next = NULL;
}

static struct ccb_httpd_conn *conn_of(struct ccb_httpd_link *link)
{
    return (struct ccb_httpd_conn *)((char *)link -
                                     offsetof(struct ccb_httpd_conn, waiting));
}

static uint64_t now_of(const struct ccb_http_server *server)
{
    return uv_now(&server->loop->uv);
}

/* The first member of a kind's ring that is due, or NULL. What it does may
 * change any ring, so the ring is looked at anew each time. */
static struct ccb_httpd_conn *first_due(struct ccb_http_server *server,
                                        enum ccb_httpd_wait kind)
{
    struct ccb_httpd_link *head = &server->waits[kind];
    struct ccb_httpd_conn *conn;

    if (head->next == head)
        return NULL;
    conn = conn_of(head->next);
    return conn->deadline <= now_of(server) ? conn : NULL;
}

static uint64_t next_due(const struct ccb_http_server *server)
{
    uint64_t due = UINT64_MAX;

    for (size_t kind = 0; kind < CCB_HTTPD_WAIT_COUNT; kind++) {
        const struct ccb_httpd_link *head = &server->waits[kind];

        if (head->next != head && conn_of(head->next)->deadline < due)
            due = conn_of(head->next)->deadline;
    }
    if (server->accept_again != 0 && server->accept_again < due)
        due = server->accept_again;
    return due;
}

/* What waits for the next turn: only what waited when the turn began, so
 * that a busy connection can't keep the loop here. */
static void run_now(struct ccb_http_server *server)
{
    struct ccb_httpd_link turn, *head = &server->waits[CCB_HTTPD_WAIT_NOW];

    ccb_httpd_link_init(&turn);
    if (head->next == head)
        return;
    turn = *head;
    turn.next->prev = turn.prev->next = &turn;
    ccb_httpd_link_init(head);
    while (turn.next != &turn) {
        struct ccb_httpd_conn *conn = conn_of(turn.next);

        ccb_httpd_link_remove(&conn->waiting);
        conn->wait = CCB_HTTPD_WAIT_NONE;
        ccb_httpd_conn_on_now(conn);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct ccb_http_server *server = timer->data;
    uint64_t due;

    server->timer_due = UINT64_MAX;
    run_now(server);
    for (size_t i = CCB_HTTPD_WAIT_NOW + 1; i < CCB_HTTPD_WAIT_COUNT; i++) {
        enum ccb_httpd_wait kind = (enum ccb_httpd_wait)i;
        struct ccb_httpd_conn *conn = first_due(server, kind);

        for (; conn != NULL; conn = first_due(server, kind)) {
            ccb_httpd_wait(conn, CCB_HTTPD_WAIT_NONE);
            ccb_httpd_conn_on_timeout(conn, kind);
        }
    }
    if (server->accept_again != 0 && server->accept_again <= now_of(server))
        ccb_httpd_accept_again(server);
    due = next_due(server);
    if (due != UINT64_MAX)
        ccb_httpd_wait_until(server, due);
}

void ccb_httpd_wait_until(struct ccb_http_server *server, uint64_t due)
{
    uint64_t now = now_of(server);

    if (due >= server->timer_due || server->timer_closing)
        return;
    server->timer_due = due;
    (void)uv_timer_start(&server->timer, on_timer, due > now ? due - now : 0,
                         0);
}

void ccb_httpd_wait(struct ccb_httpd_conn *conn, enum ccb_httpd_wait kind)
{
    struct ccb_http_server *server = conn->server;

    if (kind != CCB_HTTPD_WAIT_NONE && kind != CCB_HTTPD_WAIT_NOW &&
        server->wait_ms[kind] == 0)
        kind = CCB_HTTPD_WAIT_NONE;
    ccb_httpd_link_remove(&conn->waiting);
    conn->wait = kind;
    if (kind == CCB_HTTPD_WAIT_NONE)
        return;
    conn->deadline = now_of(server) + server->wait_ms[kind];
    ccb_httpd_link_append(&server->waits[kind], &conn->waiting);
    ccb_httpd_wait_until(server, conn->deadline);
}

/* Rounded up: a limit of a nanosecond is no "no limit". */
static uint64_t to_ms(int64_t ns)
{
    return ns <= 0 ? 0 : (uint64_t)(ns - 1) / 1000000 + 1;
}

int ccb_httpd_waits_init(struct ccb_http_server *server)
{
    for (size_t kind = 0; kind < CCB_HTTPD_WAIT_COUNT; kind++)
        ccb_httpd_link_init(&server->waits[kind]);
    server->wait_ms[CCB_HTTPD_WAIT_NOW] = 0;
    server->wait_ms[CCB_HTTPD_WAIT_HEADER] =
        to_ms(server->limits.header_timeout);
    server->wait_ms[CCB_HTTPD_WAIT_IDLE] = to_ms(server->limits.idle_timeout);
    server->wait_ms[CCB_HTTPD_WAIT_STALL] = to_ms(server->limits.stall_timeout);
    server->wait_ms[CCB_HTTPD_WAIT_LINGER] = 2000;
    server->timer_due = UINT64_MAX;
    server->timer.data = server;
    return uv_timer_init(&server->loop->uv, &server->timer);
}
