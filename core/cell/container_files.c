/*
 * Files into and out of a container (contract/actions.md 3.2, 3.3): both are a
 * process of init's own, which works as the user who asks. Words of what went
 * wrong come on its error stream.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cell/container_internal.h"

/* The beginning of what came on the error stream. */
struct words {
    char text[256];
    size_t len;
};

static void add_words(struct words *words, struct ccb_slice bytes)
{
    size_t room = sizeof(words->text) - 1 - words->len;
    size_t len = bytes.len < room ? bytes.len : room;

    memcpy(words->text + words->len, bytes.ptr, len);
    words->len += len;
}

/* NULL: it went well. */
static const struct ccb_error *judge(const struct ccb_exit *ended,
                                     const struct words *words, int cancelled,
                                     const char *what, struct ccb_error *err)
{
    if (cancelled) {
        (void)ccb_error_set(err, CCB_CANCELLED, "%s: cancelled", what);
        return err;
    }
    if (ended->kind == CCB_EXIT_STATUS && ended->code == 0)
        return NULL;
    if (ended->kind == CCB_EXIT_STATUS && words->len > 0)
        (void)ccb_error_set(err, CCB_FAILED, "%s: %s", what, words->text);
    else if (ended->kind == CCB_EXIT_NOT_STARTED)
        (void)ccb_error_set(err, CCB_FAILED, "%s: %s", what,
                            ended->err.message);
    else
        (void)ccb_error_set(err, CCB_FAILED, "%s: the container ended it",
                            what);
    return err;
}

/* ---- unpack -------------------------------------------------------------- */

struct ccb_unpack {
    struct ccb_process *process;
    void (*on_done)(void *ctx, const struct ccb_error *err);
    void *ctx;
    struct words words;
    int cancelled, ended, complete;
    struct ccb_error err;
    const struct ccb_error *result;
    uv_write_t write;
    struct ccb_slice waiting; /* to be written when the process has begun */
    int writing;              /* on_written is owed */
    void (*on_written)(void *ctx);
};

static void written(struct ccb_unpack *unpack)
{
    if (!unpack->writing)
        return;
    unpack->writing = 0;
    unpack->waiting.len = 0;
    unpack->on_written(unpack->ctx);
}

static void on_write(uv_write_t *write, int status)
{
    (void)status; /* the other side's exit tells why */
    written(write->data);
}

/* Writes what waits, once there is a pipe. */
static void push(struct ccb_unpack *unpack)
{
    struct ccb_process *process = unpack->process;
    uv_buf_t bytes =
        uv_buf_init((char *)unpack->waiting.ptr, (unsigned)unpack->waiting.len);

    if (!process->started)
        return;
    unpack->write.data = unpack;
    if (unpack->writing &&
        (!process->streams[0].open ||
         uv_write(&unpack->write, (uv_stream_t *)&process->streams[0].pipe,
                  &bytes, 1, on_write) != 0))
        unpack->complete = 1; /* an end too early, which init will refuse */
    if (unpack->complete)
        ccb_process_end_input(process);
}

static void on_unpack_started(struct ccb_process *process)
{
    push(process->step.ctx);
}

static void on_unpack_output(void *ctx, enum ccb_stream stream,
                             struct ccb_slice bytes)
{
    struct ccb_unpack *unpack = ctx;

    (void)stream;
    add_words(&unpack->words, bytes);
}

static void on_unpack_exit(void *ctx, const struct ccb_exit *ended)
{
    struct ccb_unpack *unpack = ctx;

    unpack->ended = 1;
    unpack->result = judge(ended, &unpack->words, unpack->cancelled,
                           "unpacking", &unpack->err);
}

static void on_unpack_closed(void *ctx)
{
    struct ccb_unpack *unpack = ctx;

    written(unpack); /* when it never came so far */
    unpack->on_done(unpack->ctx, unpack->result);
    ccb_free(unpack);
}

int ccb_container_unpack(
    struct ccb_unpack **out, struct ccb_container *container, const char *dir,
    const char *user, void (*on_done)(void *ctx, const struct ccb_error *err),
    void *ctx, struct ccb_error *err)
{
    struct ccb_frame_spawn spawn = {
        .kind = CCB_FRAME_UNPACK, .path = "", .dir = dir, .user = user};
    struct ccb_unpack *unpack = ccb_calloc(1, sizeof(*unpack));
    struct ccb_step step = {.on_output = on_unpack_output,
                            .on_exit = on_unpack_exit,
                            .on_closed = on_unpack_closed,
                            .ctx = unpack};
    int code;

    if (unpack == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory to unpack");
    unpack->on_done = on_done;
    unpack->ctx = ctx;
    code = ccb_process_start(&unpack->process, container, &spawn, &step, err);
    if (code != CCB_OK) {
        ccb_free(unpack);
        return code;
    }
    unpack->process->on_started = on_unpack_started;
    *out = unpack;
    return CCB_OK;
}

int ccb_unpack_write(struct ccb_unpack *unpack, struct ccb_slice bytes,
                     void (*on_written)(void *ctx))
{
    if (unpack->writing || unpack->complete)
        return CCB_CONFLICT;
    unpack->writing = 1;
    unpack->waiting = bytes;
    unpack->on_written = on_written;
    push(unpack);
    return CCB_OK;
}

void ccb_unpack_end(struct ccb_unpack *unpack)
{
    unpack->complete = 1;
    push(unpack);
}

void ccb_unpack_cancel(struct ccb_unpack *unpack)
{
    unpack->cancelled = 1;
    (void)ccb_process_signal(unpack->process, SIGKILL);
}

/* ---- fetch --------------------------------------------------------------- */

struct ccb_fetch {
    struct ccb_process *process;
    struct ccb_fetch_sink sink;
    struct words words;
    char head[sizeof(uint64_t)]; /* the size, as it comes */
    size_t head_len;
    uint64_t left;
    int cancelled;
    struct ccb_error err;
    const struct ccb_error *result;
};

static struct ccb_slice take_head(struct ccb_fetch *fetch,
                                  struct ccb_slice bytes)
{
    size_t missing = sizeof(fetch->head) - fetch->head_len;
    size_t len = bytes.len < missing ? bytes.len : missing;

    if (missing == 0)
        return bytes;
    memcpy(fetch->head + fetch->head_len, bytes.ptr, len);
    fetch->head_len += len;
    if (fetch->head_len == sizeof(fetch->head)) {
        memcpy(&fetch->left, fetch->head, sizeof(fetch->left));
        fetch->sink.on_size(fetch->sink.ctx, fetch->left);
    }
    return ccb_slice_make(bytes.ptr + len, bytes.len - len);
}

static void on_fetch_output(void *ctx, enum ccb_stream stream,
                            struct ccb_slice bytes)
{
    struct ccb_fetch *fetch = ctx;

    if (stream == CCB_STREAM_ERR) {
        add_words(&fetch->words, bytes);
        return;
    }
    if (fetch->cancelled)
        return;
    bytes = take_head(fetch, bytes);
    if (bytes.len > fetch->left)
        bytes.len = (size_t)fetch->left; /* no more than was announced */
    fetch->left -= bytes.len;
    if (bytes.len > 0)
        fetch->sink.on_data(fetch->sink.ctx, bytes);
}

static void on_fetch_exit(void *ctx, const struct ccb_exit *ended)
{
    struct ccb_fetch *fetch = ctx;

    fetch->result =
        judge(ended, &fetch->words, fetch->cancelled, "reading", &fetch->err);
    if (fetch->result == NULL &&
        (fetch->head_len < sizeof(fetch->head) || fetch->left > 0)) {
        (void)ccb_error_set(&fetch->err, CCB_FAILED,
                            "reading: the stream was cut off");
        fetch->result = &fetch->err;
    }
}

static void on_fetch_closed(void *ctx)
{
    struct ccb_fetch *fetch = ctx;

    fetch->sink.on_done(fetch->sink.ctx, fetch->result);
    ccb_free(fetch);
}

int ccb_container_fetch(struct ccb_fetch **out, struct ccb_container *container,
                        const char *path, const char *user,
                        const struct ccb_fetch_sink *sink,
                        struct ccb_error *err)
{
    struct ccb_frame_spawn spawn = {
        .kind = CCB_FRAME_FETCH, .path = path, .dir = "", .user = user};
    struct ccb_fetch *fetch = ccb_calloc(1, sizeof(*fetch));
    struct ccb_step step = {.on_output = on_fetch_output,
                            .on_exit = on_fetch_exit,
                            .on_closed = on_fetch_closed,
                            .ctx = fetch};
    int code;

    if (fetch == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory to read a file");
    fetch->sink = *sink;
    code = ccb_process_start(&fetch->process, container, &spawn, &step, err);
    if (code != CCB_OK) {
        ccb_free(fetch);
        return code;
    }
    *out = fetch;
    return CCB_OK;
}

void ccb_fetch_pause(struct ccb_fetch *fetch)
{
    ccb_process_pause(fetch->process);
}

void ccb_fetch_resume(struct ccb_fetch *fetch)
{
    ccb_process_resume(fetch->process);
}

void ccb_fetch_cancel(struct ccb_fetch *fetch)
{
    fetch->cancelled = 1;
    (void)ccb_process_signal(fetch->process, SIGKILL);
    ccb_process_detach(fetch->process);
}
