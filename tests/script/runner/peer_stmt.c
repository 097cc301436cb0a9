/*
 * The statements about peers: `peer ...` and `expect PEER ...` (peer.h;
 * docs/testing.md).
 *
 * Invariant: an expectation takes one recorded request, in the order they
 * came, and none twice.
 */
#include "peer.h"

#include "match.h"
#include "proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- peer NAME ... ------------------------------------------------------ */

static void free_rules(struct ccb_rule *r)
{
    while (r != NULL) {
        struct ccb_rule *next = r->next;
        r->next = NULL;
        ccb_rule_unref(r);
        r = next;
    }
}

/* The block's rules as a list, in order. */
static int parse_rules(struct ccb_ctx *ctx, const struct ccb_stmt *s,
                       struct ccb_rule **out, struct ccb_rule ***last)
{
    *last = out;
    for (size_t i = 0; i < s->below_count; i++) {
        if (ccb_rule_parse(ctx, s->below[i], *last) < 0) {
            free_rules(*out);
            return -1;
        }
        *last = &(**last)->next;
    }
    return 0;
}

static int take_rules(struct ccb_ctx *ctx, const struct ccb_stmt *s,
                      struct ccb_peer *peer, int keep)
{
    struct ccb_rule *rules = NULL, **last, *old = NULL;
    if (parse_rules(ctx, s, &rules, &last) < 0)
        return -1;
    ccb_event_lock();
    if (keep)
        *last = peer->rules;
    else
        old = peer->rules;
    peer->rules = rules;
    free_rules(old);
    ccb_event_unlock();
    return 0;
}

struct tls_words {
    const char *certificate, *client_ca;
};

/* tls [certificate NAME] [client-ca PATH]: by default a certificate for
 * 127.0.0.1 and localhost that is its own CA, in ${tmp}/PEER.crt. */
static int take_tls(struct ccb_args *a, struct ccb_peer *peer)
{
    struct tls_words t = {0};
    struct ccb_text path = {0}, crt = {0}, key = {0}, why = {0};
    int code = 0;
    if (ccb_args_keyword(a, "certificate"))
        code = ccb_args_text(a, &t.certificate, "the certificate's name");
    if (code == 0 && ccb_args_keyword(a, "client-ca"))
        code = ccb_args_text(a, &t.client_ca, "the CA's file");
    if (code < 0)
        return -1;
    ccb_text_addf(&path, "%s/%s", a->ctx->run->tmp,
                  t.certificate ? t.certificate : peer->name);
    struct ccb_certificate c = {.path = path.ptr,
                                .name = peer->name,
                                .names = "IP:127.0.0.1,DNS:localhost",
                                .ca = 1,
                                .days = 2};
    if (t.certificate == NULL)
        code = ccb_tls_make(&c, &why);
    ccb_text_addf(&crt, "%s.crt", path.ptr);
    ccb_text_addf(&key, "%s.key", path.ptr);
    if (code == 0)
        peer->tls = ccb_tls_server(crt.ptr, key.ptr, t.client_ca, &why);
    if (peer->tls == NULL)
        code = ccb_fail(a->ctx, "%s", why.ptr);
    ccb_text_free(&path);
    ccb_text_free(&crt);
    ccb_text_free(&key);
    ccb_text_free(&why);
    return code;
}

static int start(struct ccb_ctx *ctx, struct ccb_peer *peer)
{
    struct ccb_text why = {0};
    int code = ccb_peer_start(peer, &why);
    if (code < 0)
        ccb_fail(ctx, "peer %s: %s", peer->name, why.ptr);
    ccb_text_free(&why);
    return code;
}

static int declare(struct ccb_args *a, const char *name)
{
    if (ccb_run_check_name(a->ctx, name) < 0)
        return -1;
    if (ccb_proc_find(a->ctx->run, name) != NULL)
        return ccb_fail(a->ctx, "a process is called %s already", name);
    struct ccb_peer *peer = ccb_peer_create(a->ctx->run, name);
    int stopped = 0;
    if (ccb_args_keyword(a, "tls") && take_tls(a, peer) < 0)
        return -1;
    if (ccb_args_keyword(a, "unix")) {
        const char *path;
        if (ccb_args_text(a, &path, "the socket's path") < 0)
            return -1;
        peer->socket = ccb_tool_copy(path, strlen(path));
    }
    peer->dropsonde = ccb_args_keyword(a, "dropsonde");
    stopped = ccb_args_keyword(a, "stopped");
    if (ccb_args_end(a) < 0 || take_rules(a->ctx, a->stmt, peer, 0) < 0)
        return -1;
    return stopped ? 0 : start(a->ctx, peer);
}

/* ---- what is done with a peer ------------------------------------------- */

static int do_replace(struct ccb_args *a, struct ccb_peer *peer)
{
    return ccb_args_end(a) < 0 ? -1 : take_rules(a->ctx, a->stmt, peer, 0);
}

static int do_add(struct ccb_args *a, struct ccb_peer *peer)
{
    return ccb_args_end(a) < 0 ? -1 : take_rules(a->ctx, a->stmt, peer, 1);
}

static int do_stop(struct ccb_args *a, struct ccb_peer *peer)
{
    if (ccb_args_end(a) < 0)
        return -1;
    ccb_peer_stop(peer);
    return 0;
}

static int do_start(struct ccb_args *a, struct ccb_peer *peer)
{
    return ccb_args_end(a) < 0 ? -1 : start(a->ctx, peer);
}

static int do_drop(struct ccb_args *a, struct ccb_peer *peer)
{
    if (ccb_args_end(a) < 0)
        return -1;
    ccb_peer_drop(peer);
    return 0;
}

static int do_forget(struct ccb_args *a, struct ccb_peer *peer)
{
    ccb_event_lock();
    for (struct ccb_record *r = peer->records; r != NULL; r = r->next)
        r->consumed = 1;
    ccb_event_unlock();
    return ccb_args_end(a);
}

/* What a step does to the open answers. */
struct step {
    const char *to;
    struct ccb_text text;
    int finish, abort;
};

static int apply(struct ccb_peer *peer, const struct step *step)
{
    uint64_t one = 1;
    int count = 0;
    for (struct ccb_stream *s = peer->streams; s != NULL; s = s->next) {
        if (s->finish || s->abort || !ccb_tool_like(step->to, s->target))
            continue;
        ccb_text_add(&s->pending, step->text.ptr, step->text.len);
        s->finish = step->finish;
        s->abort = step->abort;
        if (write(s->event_fd, &one, sizeof(one)) == sizeof(one))
            count++;
    }
    return count;
}

/* [to PATH] at the end; waits until such an answer is open. */
static int do_step(struct ccb_args *a, struct ccb_peer *peer, struct step *step)
{
    long long deadline;
    int late = 0, count, code = 0;
    step->to = "*";
    if (ccb_args_keyword(a, "to"))
        code = ccb_args_text(a, &step->to, "the path");
    if (code == 0)
        code = ccb_args_deadline(a, &deadline);
    if (code == 0)
        code = ccb_args_skip_within(a);
    if (code == 0)
        code = ccb_args_end(a);
    if (code == 0) {
        ccb_event_lock();
        while ((count = apply(peer, step)) == 0 && !late)
            late = ccb_event_wait(deadline) < 0;
        ccb_event_unlock();
        if (count == 0)
            code = ccb_fail(a->ctx, "peer %s has no open answer to %s",
                            peer->name, step->to);
    }
    ccb_text_free(&step->text);
    return code;
}

static int do_send(struct ccb_args *a, struct ccb_peer *peer)
{
    struct step step = {0};
    struct ccb_value v;
    if (ccb_args_value(a, &v, "the text") < 0)
        return -1;
    ccb_text_add(&step.text, v.ptr, v.len);
    return do_step(a, peer, &step);
}

/* event NAME DATA: one server-sent event, numbered. */
static int do_event(struct ccb_args *a, struct ccb_peer *peer)
{
    struct step step = {0};
    struct ccb_value name, data;
    if (ccb_args_value(a, &name, "the event's name") < 0 ||
        ccb_args_value(a, &data, "the event's data") < 0)
        return -1;
    ccb_text_addf(&step.text, "id: %u\nevent: %s\n", peer->events++, name.ptr);
    for (const char *p = data.ptr; p != NULL;) {
        size_t len = strcspn(p, "\n");
        ccb_text_adds(&step.text, "data: ");
        ccb_text_add(&step.text, p, len);
        ccb_text_adds(&step.text, "\n");
        p = p[len] == '\n' && p[len + 1] != '\0' ? p + len + 1 : NULL;
    }
    ccb_text_adds(&step.text, "\n");
    return do_step(a, peer, &step);
}

static int do_finish(struct ccb_args *a, struct ccb_peer *peer)
{
    struct step step = {.finish = 1};
    return do_step(a, peer, &step);
}

static int do_abort(struct ccb_args *a, struct ccb_peer *peer)
{
    struct step step = {.abort = 1};
    return do_step(a, peer, &step);
}

static const struct {
    const char *name;
    int (*act)(struct ccb_args *, struct ccb_peer *);
} acts[] = {{"replace", do_replace}, {"add", do_add},       {"stop", do_stop},
            {"start", do_start},     {"drop", do_drop},     {"send", do_send},
            {"event", do_event},     {"finish", do_finish}, {"abort", do_abort},
            {"forget", do_forget}};

static int act(struct ccb_args *a, const char *name)
{
    struct ccb_peer *peer = ccb_peer_find(a->ctx->run, name);
    for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
        if (!ccb_args_keyword(a, acts[i].name))
            continue;
        if (peer == NULL)
            return ccb_fail(a->ctx, "no peer is called %s", name);
        return acts[i].act(a, peer);
    }
    if (peer != NULL)
        return ccb_fail(a->ctx,
                        "peer %s is there already; `replace` or `add` "
                        "its rules",
                        name);
    return declare(a, name);
}

int ccb_peer_statement(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_pool pool = {0};
    struct ccb_args a = ccb_args_begin(ctx, s, &pool);
    const char *name;
    a.next = 1;
    int code = ccb_args_text(&a, &name, "the peer's name");
    if (code == 0)
        code = act(&a, name);
    ccb_pool_free(&pool);
    return code;
}

/* ---- expect PEER ... ---------------------------------------------------- */

struct names {
    const char *method, *path;
};

static int take_names(struct ccb_args *a, struct names *n)
{
    if (ccb_args_text(a, &n->method, "the method") < 0)
        return -1;
    return ccb_args_text(a, &n->path, "the path");
}

/* The clauses, against one recorded request. */
static int check(struct ccb_args *a, const struct ccb_peer *peer,
                 const struct ccb_record *r)
{
    struct ccb_text what = {0};
    struct ccb_args at = *a;
    ccb_text_addf(&what, "request %u to %s (%s %s)", r->number, peer->name,
                  r->message.method, r->message.target);
    struct ccb_subject s = ccb_match_message(what.ptr, &r->message);
    int code = ccb_match_clauses(&at, &s);
    ccb_text_free(&what);
    return code;
}

/* The next request that is expected; with `matching` the clauses choose too,
 * and the failure of the last one that they refuse is kept. */
static struct ccb_record *next_record(struct ccb_args *a, struct ccb_peer *peer,
                                      const struct names *n, int matching)
{
    for (struct ccb_record *r = peer->records; r != NULL; r = r->next) {
        if (r->consumed || !ccb_rule_names(n->method, n->path, &r->message))
            continue;
        if (!matching)
            return r;
        ccb_text_clear(&a->ctx->failure);
        if (check(a, peer, r) == 0)
            return r;
    }
    return NULL;
}

static int fail_request(struct ccb_args *a, const struct ccb_peer *peer,
                        const struct names *n)
{
    struct ccb_text list = {0};
    if (a->ctx->failure.len > 0)
        return -1; /* the clauses of `matching` have said why */
    ccb_event_lock();
    for (const struct ccb_record *r = peer->records; r != NULL; r = r->next)
        if (!r->consumed && list.len < 2000)
            ccb_text_addf(&list, "\n    %s %s", r->message.method,
                          r->message.target);
    ccb_event_unlock();
    ccb_fail(a->ctx, "%s has not received %s %s; it has, unexpected,%s",
             peer->name, n->method, n->path, list.ptr ? list.ptr : " nothing");
    ccb_text_free(&list);
    return -1;
}

static int expect_request(struct ccb_args *a, struct ccb_peer *peer)
{
    struct names n;
    struct ccb_record *r;
    long long deadline;
    int late = 0;
    if (take_names(a, &n) < 0 || ccb_args_deadline(a, &deadline) < 0 ||
        ccb_args_skip_within(a) < 0)
        return -1;
    int matching = ccb_args_keyword(a, "matching");
    ccb_event_lock();
    while ((r = next_record(a, peer, &n, matching)) == NULL && !late)
        late = ccb_event_wait(deadline) < 0;
    if (r != NULL) {
        r->consumed = 1;
        peer->expected = r;
    }
    ccb_event_unlock();
    if (r == NULL)
        return fail_request(a, peer, &n);
    return matching ? 0 : check(a, peer, r);
}

/* nothing [METHOD PATH]: nothing is left that no expectation has taken */
static int expect_nothing(struct ccb_args *a, struct ccb_peer *peer)
{
    struct names n = {"*", "*"};
    int left = 0;
    if (ccb_args_more(a) && take_names(a, &n) < 0)
        return -1;
    if (ccb_args_end(a) < 0)
        return -1;
    ccb_event_lock();
    for (struct ccb_record *r = peer->records; r != NULL && !left; r = r->next)
        if (!r->consumed && ccb_rule_names(n.method, n.path, &r->message)) {
            left = 1;
            ccb_fail(a->ctx, "%s was to receive nothing more; found %s %s",
                     peer->name, r->message.method, r->message.target);
        }
    ccb_event_unlock();
    return left ? -1 : 0;
}

static long long count(const struct ccb_peer *peer, const struct names *n)
{
    long long found = 0;
    for (const struct ccb_record *r = peer->records; r != NULL; r = r->next)
        found += ccb_rule_names(n->method, n->path, &r->message);
    return found;
}

/* count METHOD PATH [>=] N: all that were ever received */
static int expect_count(struct ccb_args *a, struct ccb_peer *peer)
{
    struct names n;
    long long wanted, found, deadline;
    int late = 0;
    if (take_names(a, &n) < 0 || ccb_args_deadline(a, &deadline) < 0)
        return -1;
    int more = ccb_args_keyword(a, ">=");
    if (ccb_args_number(a, &wanted, "how many") < 0 ||
        ccb_args_skip_within(a) < 0 || ccb_args_end(a) < 0)
        return -1;
    ccb_event_lock();
    while ((found = count(peer, &n)) < wanted && !late)
        late = ccb_event_wait(deadline) < 0;
    ccb_event_unlock();
    if (found == wanted || (more && found > wanted))
        return 0;
    return ccb_fail(a->ctx, "%s: expected %s%lld times %s %s, found %lld",
                    peer->name, more ? "at least " : "", wanted, n.method,
                    n.path, found);
}

static int take_closed(struct ccb_peer *peer, const struct names *n)
{
    for (struct ccb_record *r = peer->records; r != NULL; r = r->next)
        if (r->closed && !r->closed_taken &&
            ccb_rule_names(n->method, n->path, &r->message)) {
            r->closed_taken = 1;
            return 1;
        }
    return 0;
}

/* closed METHOD PATH: the client gave up before it had the answer */
static int expect_closed(struct ccb_args *a, struct ccb_peer *peer)
{
    struct names n;
    long long deadline;
    int late = 0, found;
    if (take_names(a, &n) < 0 || ccb_args_deadline(a, &deadline) < 0 ||
        ccb_args_skip_within(a) < 0 || ccb_args_end(a) < 0)
        return -1;
    ccb_event_lock();
    while (!(found = take_closed(peer, &n)) && !late)
        late = ccb_event_wait(deadline) < 0;
    ccb_event_unlock();
    return found ? 0
                 : ccb_fail(a->ctx,
                            "%s: the client has not closed its connection "
                            "within an answer to %s %s",
                            peer->name, n.method, n.path);
}

int ccb_peer_expect(struct ccb_peer *peer, struct ccb_args *a)
{
    if (ccb_args_keyword(a, "nothing"))
        return expect_nothing(a, peer);
    if (ccb_args_keyword(a, "count"))
        return expect_count(a, peer);
    if (ccb_args_keyword(a, "closed"))
        return expect_closed(a, peer);
    return expect_request(a, peer);
}
