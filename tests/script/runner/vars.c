/*
 * Variables, the expansion of words, and free ports (run.h).
 *
 * Invariant: an unknown variable is a failure, never an empty text. A port is
 * held by an abstract socket of its number for as long as the script runs and
 * lies outside the kernel's own range, so that neither another script nor an
 * outgoing connection can take it before the program under test binds it.
 */
#include "run.h"

#include "peer.h"
#include "proc.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct ccb_var {
    struct ccb_var *next;
    char *name, *value;
    size_t len;
};

static struct ccb_var *find_var(const struct ccb_ctx *ctx, const char *name)
{
    for (; ctx != NULL; ctx = ctx->parent)
        for (struct ccb_var *v = ctx->vars; v != NULL; v = v->next)
            if (strcmp(v->name, name) == 0)
                return v;
    return NULL;
}

int ccb_vars_has(const struct ccb_ctx *ctx, const char *name)
{
    return find_var(ctx, name) != NULL;
}

void ccb_vars_set(struct ccb_ctx *ctx, const char *name, const char *value,
                  size_t len)
{
    struct ccb_var *v = ctx->vars;
    while (v != NULL && strcmp(v->name, name) != 0)
        v = v->next;
    if (v == NULL) {
        v = ccb_tool_alloc(sizeof(*v));
        v->name = ccb_tool_copy(name, strlen(name));
        v->next = ctx->vars;
        ctx->vars = v;
    }
    free(v->value);
    v->value = ccb_tool_copy(value, len);
    v->len = len;
}

void ccb_vars_free(struct ccb_ctx *ctx)
{
    while (ctx->vars != NULL) {
        struct ccb_var *v = ctx->vars;
        ctx->vars = v->next;
        free(v->name);
        free(v->value);
        free(v);
    }
}

/* ---- ports -------------------------------------------------------------- */

struct ccb_port {
    struct ccb_port *next;
    char *name;
    int number, lock;
};

#define FIRST_PORT 12000
#define PORT_COUNT 20000
#define PORTS_IN_A_ROW 8

/* Whether the port can be bound; a socket of this name says it is ours. */
static int claim_port(int number)
{
    int lock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int len = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1,
                       "ccb-script/port/%d", number);
    socklen_t size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    if (lock < 0 || bind(lock, (struct sockaddr *)&name, size) < 0)
        goto out;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)number),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int code = bind(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
    if (code == 0)
        return lock;
out:
    if (lock >= 0)
        close(lock);
    return -1;
}

static struct ccb_port *add_port(struct ccb_run *run, const char *name,
                                 int number, int lock)
{
    struct ccb_port *p = ccb_tool_alloc(sizeof(*p));
    *p = (struct ccb_port){.next = run->ports,
                           .number = number,
                           .name = ccb_tool_copy(name, strlen(name)),
                           .lock = lock};
    run->ports = p;
    return p;
}

/* A row of free ports; the first has the name. */
static struct ccb_port *pick_ports(struct ccb_run *run, const char *name,
                                   int count)
{
    unsigned start = (unsigned)getpid() * 37u;
    for (unsigned i = 0; i < PORT_COUNT; i++) {
        int first = FIRST_PORT + (int)((start + i) % PORT_COUNT);
        int locks[PORTS_IN_A_ROW], n = 0;
        for (; n < count; n++) {
            locks[n] = claim_port(first + n);
            if (locks[n] < 0)
                break;
        }
        if (n == count) {
            while (--n > 0)
                add_port(run, "", first + n, locks[n]);
            return add_port(run, name, first, locks[0]);
        }
        while (--n >= 0)
            close(locks[n]);
    }
    return NULL;
}

static int get_ports(struct ccb_run *run, const char *name, int count)
{
    /* Not the event lock: variables are expanded under that one. */
    static pthread_mutex_t ports_lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&ports_lock);
    struct ccb_port *p = run->ports;
    while (p != NULL && strcmp(p->name, name) != 0)
        p = p->next;
    if (p == NULL)
        p = pick_ports(run, name, count);
    int number = p ? p->number : 0;
    pthread_mutex_unlock(&ports_lock);
    return number;
}

int ccb_ports_get(struct ccb_run *run, const char *name)
{
    return get_ports(run, name, 1);
}

void ccb_ports_free(struct ccb_run *run)
{
    while (run->ports != NULL) {
        struct ccb_port *p = run->ports;
        run->ports = p->next;
        close(p->lock);
        free(p->name);
        free(p);
    }
}

/* ---- expansion ---------------------------------------------------------- */

static int value_port(struct ccb_ctx *ctx, const char *name,
                      struct ccb_text *out)
{
    int port = ccb_ports_get(ctx->run, name);
    if (port == 0)
        return ccb_fail(ctx, "no free port is left for %s", name);
    ccb_text_addf(out, "%d", port);
    return 0;
}

static int value_ports(struct ccb_ctx *ctx, const char *name,
                       struct ccb_text *out)
{
    int port = get_ports(ctx->run, name, PORTS_IN_A_ROW);
    if (port == 0)
        return ccb_fail(ctx, "no %d free ports in a row are left for %s",
                        PORTS_IN_A_ROW, name);
    ccb_text_addf(out, "%d", port);
    return 0;
}

static int value_url(struct ccb_ctx *ctx, const char *name,
                     struct ccb_text *out)
{
    const struct ccb_peer *peer = ccb_peer_find(ctx->run, name);
    ccb_text_adds(out,
                  peer != NULL && ccb_peer_is_tls(peer) ? "https" : "http");
    ccb_text_adds(out, "://127.0.0.1:");
    return value_port(ctx, name, out);
}

static int value_env(struct ccb_ctx *ctx, const char *name,
                     struct ccb_text *out)
{
    const char *value = getenv(name);
    if (value == NULL)
        return ccb_fail(ctx, "the environment has no %s", name);
    ccb_text_adds(out, value);
    return 0;
}

static int value_pid(struct ccb_ctx *ctx, const char *name,
                     struct ccb_text *out)
{
    const struct ccb_proc *proc = ccb_proc_find(ctx->run, name);
    if (proc == NULL)
        return ccb_fail(ctx, "no process is called %s", name);
    ccb_text_addf(out, "%d", ccb_proc_pid(proc));
    return 0;
}

static const struct {
    const char *prefix;
    int (*value)(struct ccb_ctx *, const char *, struct ccb_text *);
} prefixes[] = {{"port:", value_port},
                {"ports:", value_ports},
                {"url:", value_url},
                {"env:", value_env},
                {"pid:", value_pid}};

static int add_variable(struct ccb_ctx *ctx, const char *name,
                        struct ccb_text *out)
{
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        size_t n = strlen(prefixes[i].prefix);
        if (strncmp(name, prefixes[i].prefix, n) == 0)
            return prefixes[i].value(ctx, name + n, out);
    }
    const struct ccb_var *v = find_var(ctx, name);
    if (v == NULL)
        return ccb_fail(ctx, "no variable is called %s", name);
    ccb_text_add(out, v->value, v->len);
    return 0;
}

/* At `${`: adds its value and gives what follows the brace. */
static const char *expand_variable(struct ccb_ctx *ctx, const char *p,
                                   const char *end, struct ccb_text *out)
{
    const char *close = memchr(p, '}', (size_t)(end - p));
    if (close == NULL) {
        ccb_fail(ctx, "`${` without `}`");
        return NULL;
    }
    char *name = ccb_tool_copy(p + 2, (size_t)(close - p) - 2);
    int code = add_variable(ctx, name, out);
    free(name);
    return code < 0 ? NULL : close + 1;
}

/* At a backslash: adds what it means and gives what follows. */
static const char *expand_escape(struct ccb_ctx *ctx, const char *p,
                                 const char *end, struct ccb_text *out)
{
    static const char letters[] = "nrt0\\\"'$";
    static const char meanings[] = "\n\r\t\0\\\"'$";
    const char *letter = p + 1 < end ? strchr(letters, p[1]) : NULL;
    if (letter != NULL && *letter != '\0') {
        ccb_text_add(out, &meanings[letter - letters], 1);
        return p + 2;
    }
    if (p + 3 < end && p[1] == 'x' && isxdigit((unsigned char)p[2]) &&
        isxdigit((unsigned char)p[3])) {
        char hex[3] = {p[2], p[3], '\0'};
        char byte = (char)strtol(hex, NULL, 16);
        ccb_text_add(out, &byte, 1);
        return p + 4;
    }
    ccb_fail(ctx, "unknown escape \\%c (known: n r t 0 \\ \" ' $ xHH)",
             p + 1 < end ? p[1] : ' ');
    return NULL;
}

static int expand(struct ccb_ctx *ctx, const char *p, size_t len, int escapes,
                  struct ccb_text *out)
{
    const char *end = p + len;
    ccb_text_add(out, "", 0);
    while (p != NULL && p < end) {
        if (*p == '$' && p + 1 < end && p[1] == '{')
            p = expand_variable(ctx, p, end, out);
        else if (*p == '\\' && escapes)
            p = expand_escape(ctx, p, end, out);
        else
            ccb_text_add(out, p++, 1);
    }
    return p == NULL ? -1 : 0;
}

void ccb_vars_path(struct ccb_ctx *ctx, const char *path, struct ccb_text *out)
{
    const char *slash = strrchr(ctx->at->file, '/');
    if (path[0] != '/' && slash != NULL)
        ccb_text_add(out, ctx->at->file, (size_t)(slash - ctx->at->file) + 1);
    ccb_text_adds(out, path);
}

/* @path and @@path. */
static int expand_file(struct ccb_ctx *ctx, const struct ccb_word *word,
                       struct ccb_text *out)
{
    struct ccb_text path = {0}, full = {0}, content = {0};
    int replace = word->text[0] == '@';
    int code = expand(ctx, word->text + replace, word->len - (size_t)replace, 0,
                      &path);
    if (code == 0)
        ccb_vars_path(ctx, path.ptr, &full);
    if (code == 0 && ccb_text_read_file(&content, full.ptr) < 0)
        code = ccb_fail(ctx, "%s can't be read: %s", full.ptr, strerror(errno));
    if (code == 0 && replace)
        code = expand(ctx, content.ptr, content.len, 0, out);
    else if (code == 0)
        ccb_text_add(out, content.ptr, content.len);
    ccb_text_free(&path);
    ccb_text_free(&full);
    ccb_text_free(&content);
    return code;
}

int ccb_vars_expand(struct ccb_ctx *ctx, const struct ccb_word *word,
                    struct ccb_text *out)
{
    switch (word->kind) {
    case CCB_WORD_FILE:
        return expand_file(ctx, word, out);
    case CCB_WORD_LITERAL:
        ccb_text_add(out, word->text, word->len);
        return 0;
    default:
        return expand(ctx, word->text, word->len, word->kind == CCB_WORD_QUOTED,
                      out);
    }
}
