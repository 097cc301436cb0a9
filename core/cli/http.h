/*
 * HTTP over STATE/control.sock (docs/control-api.md), synchronous: a call
 * returns when it is answered, and lets open streams go on meanwhile.
 */
#ifndef CCB_CLI_HTTP_H
#define CCB_CLI_HTTP_H

#include <cjson/cJSON.h>

#include "cli/cli.h"

struct ccb_cli_request {
    const char *method;
    const char *path;  /* "/v1/..." */
    const char *json;  /* the body, or NULL */
    int file;          /* the body, when length is not 0 */
    int64_t length;    /* of the file */
    const char *label; /* of the progress of sending the file */
};

struct ccb_cli_reply {
    long status;
    struct ccb_buf body;
    cJSON *json; /* set by ccb_cli_ask; NULL when the body is empty */
};

/* 0 when there is an answer, whatever it says. Otherwise CCB_CLOSED (nobody
 * listens), CCB_CANCELLED (Ctrl-C), CCB_TIMED_OUT, CCB_IO, CCB_NO_MEMORY.
 * Destroy the reply in any case. */
int ccb_cli_call(struct ccb_cli *cli, const struct ccb_cli_request *request,
                 struct ccb_cli_reply *reply, struct ccb_error *err);

/* The same for commands: 0 when the answer is 2xx and its JSON was read;
 * otherwise the status to exit with, and everything has been said. */
int ccb_cli_ask(struct ccb_cli *cli, const struct ccb_cli_request *request,
                struct ccb_cli_reply *reply);
int ccb_cli_get(struct ccb_cli *cli, const char *path,
                struct ccb_cli_reply *reply);
void ccb_cli_reply_destroy(struct ccb_cli_reply *reply);

/* Says what a failed call means; returns the status to exit with. */
int ccb_cli_fail_call(struct ccb_cli *cli, const struct ccb_error *err);

/* "/v1/apps/NAME" and `tail`, with the name percent-encoded. Put into `out`,
 * NUL-terminated; NULL after a message when there is no memory. */
const char *ccb_cli_app_path(struct ccb_cli *cli, struct ccb_buf *out,
                             const char *name, const char *tail);
void ccb_cli_put_escaped(struct ccb_buf *out, const char *text);

/* The body as it stands, with a newline, on stdout: for --json. */
void ccb_cli_put_body(const struct ccb_cli_reply *reply);

/* Members; "" or 0 when they are not there or of another kind. */
const char *ccb_cli_text(const cJSON *object, const char *key);
double ccb_cli_number(const cJSON *object, const char *key);

/* ---- streams of lines -----------------------------------------------------
 */

struct ccb_cli_stream;
typedef void ccb_cli_on_line(void *ctx, struct ccb_slice line);

/* Asks; lines come in ccb_cli_stream_wait and in every call. NULL with err. */
struct ccb_cli_stream *ccb_cli_stream_open(struct ccb_cli *cli,
                                           const char *path,
                                           ccb_cli_on_line *on_line, void *ctx,
                                           struct ccb_error *err);
/* Waits for something to come, so many ms at most. Whether it is still open. */
bool ccb_cli_stream_wait(struct ccb_cli_stream *stream, int ms);
/* The answer's status, 0 until it comes; how many lines came. */
long ccb_cli_stream_status(const struct ccb_cli_stream *stream);
size_t ccb_cli_stream_lines(const struct ccb_cli_stream *stream);
/* Of one that ended: the status to exit with; says what went wrong. */
int ccb_cli_stream_result(struct ccb_cli_stream *stream);
void ccb_cli_stream_close(struct ccb_cli_stream *stream); /* NULL is fine */

/* Reads a whole listing, until its end or Ctrl-C. */
int ccb_cli_each_line(struct ccb_cli *cli, const char *path,
                      ccb_cli_on_line *on_line, void *ctx);

void ccb_cli_http_free(struct ccb_cli_http *http);

#endif
