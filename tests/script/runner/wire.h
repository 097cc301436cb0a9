/*
 * Bytes over sockets with deadlines, plain or TLS, and HTTP/1.1 messages.
 *
 * Invariant: every read and write ends by its deadline; a socket is never
 * blocking. Failures are described in a text, for the script's writer.
 */
#ifndef CCB_SCRIPT_WIRE_H
#define CCB_SCRIPT_WIRE_H

#include "text.h"

struct ssl_st;
struct ssl_ctx_st;

enum {
    CCB_WIRE_EOF = -1,     /* the other end closed */
    CCB_WIRE_BROKEN = -2,  /* reset, TLS failure */
    CCB_WIRE_LATE = -3,    /* the deadline passed */
    CCB_WIRE_ANSWERED = -4 /* see stop_on_input */
};

struct ccb_wire {
    int fd;
    struct ssl_st *ssl;
    const char *who; /* for the trace */
    long long deadline;
    int stop_on_input; /* a write that must wait ends when input comes */
    size_t pos, len;
    char buffer[16384];
};

void ccb_wire_init(struct ccb_wire *w, int fd, const char *who);
/* Up to `max` bytes; > 0, or one of the codes. */
long ccb_wire_read(struct ccb_wire *w, char *out, size_t max);
/* A line without its end; 0, or one of the codes. */
int ccb_wire_line(struct ccb_wire *w, struct ccb_text *line);
int ccb_wire_write(struct ccb_wire *w, const char *bytes, size_t len);
/* Ends the sending direction. */
void ccb_wire_half_close(struct ccb_wire *w);
void ccb_wire_close(struct ccb_wire *w);
void ccb_wire_reset(struct ccb_wire *w);
/* Waits until the other end closes (0), `extra_fd` is readable (1) or the
 * deadline passes (CCB_WIRE_LATE). Consumes nothing. */
int ccb_wire_wait(struct ccb_wire *w, int extra_fd);
/* Whether the other end has closed already, with nothing left to read. */
int ccb_wire_is_closed(const struct ccb_wire *w);
const char *ccb_wire_error(int code);

/* host:port or unix:PATH; a descriptor, or -1 with the reason in `why`. */
int ccb_wire_dial(const char *address, long long deadline,
                  struct ccb_text *why);
int ccb_wire_listen(int port, struct ccb_text *why);
/* On a unix socket; what was at that path is removed. */
int ccb_wire_listen_unix(const char *path, struct ccb_text *why);

/* TLS (tls.c). NULL/-1 with the reason in `why`. */
struct ssl_ctx_st *ccb_tls_server(const char *cert, const char *key,
                                  const char *client_ca, struct ccb_text *why);
struct ssl_ctx_st *ccb_tls_client(const char *ca, const char *cert,
                                  const char *key, struct ccb_text *why);
void ccb_tls_free(struct ssl_ctx_st *ctx);
/* Shakes hands; `host` is the name to check, NULL for a server. */
int ccb_tls_start(struct ccb_wire *w, struct ssl_ctx_st *ctx, const char *host,
                  struct ccb_text *why);

struct ccb_certificate {
    const char *path;   /* PATH.crt and PATH.key are written */
    const char *issuer; /* path of the issuer, NULL: signs itself */
    const char *name;   /* common name */
    const char *names;  /* subject alternative names, OpenSSL's form */
    int ca;
    long days; /* negative: expired */
};
int ccb_tls_make(const struct ccb_certificate *c, struct ccb_text *why);

/* ---- messages (message.c) ----------------------------------------------- */

struct ccb_header {
    char *name, *value;
};

struct ccb_message {
    char *method, *target; /* of a request */
    int status;            /* of an answer */
    struct ccb_header *headers;
    size_t header_count;
    int chunked, keep_alive;
    struct ccb_text body; /* empty when not `whole` */
    uint64_t length;
    char md5[33];
    int whole; /* the body's bytes were kept */
};

#define CCB_MESSAGE_KEEP ((uint64_t)16 << 20)

/* The head of a request or an answer (skipping 1xx). 0, or a wire code with
 * `why`; CCB_WIRE_EOF when nothing at all came. */
int ccb_message_read_head(struct ccb_wire *w, struct ccb_message *m, int answer,
                          struct ccb_text *why);
/* The body; `limit` bytes at most are read (UINT64_MAX: all). */
int ccb_message_read_body(struct ccb_wire *w, struct ccb_message *m, int answer,
                          uint64_t limit, struct ccb_text *why);
/* The named header's value, the first; NULL when absent. */
const char *ccb_message_header(const struct ccb_message *m, const char *name);
void ccb_message_free(struct ccb_message *m);

#endif
