/*
 * Talking to a worker: its handshake, its calls, what it prints.
 * Invariant: what comes from there is held against the wire's rules first, and
 * an answer then goes through the same services and the same conclusion as
 * that of code in this process; nothing else of it is believed.
 * Follows worker.h; anchors 3.6.
 */
#include "plugin/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "plugin/host.h"
#include "plugin/wire.h"
#include "plugin/worker_process.h"

enum {
    MAX_LINE = 512,       /* bytes of a printed line; the rest is cut */
    READ_SIZE = 65536,    /* bytes asked for at once */
    KEPT_BUFFER = 262144, /* bytes; more goes after the call */
    END_WAIT = 100,       /* ms, for an end to follow the socket's */
};

struct ccb_plugin_worker {
    struct ccb_plugin_worker_options options; /* texts: until the handshake */
    struct ccb_worker_process process;
    struct ccb_buf input, output;
    size_t used; /* of input: the frame in work */
    uint32_t last_id;
    enum ccb_wire_tired tired;
    char line[MAX_LINE]; /* printed, without its end yet */
    size_t line_len;
    char denied[256];
};

/* ---- what it prints ----------------------------------------------------- */

static void flush_line(struct ccb_plugin_worker *w)
{
    if (w->line_len && w->options.on_print)
        w->options.on_print(w->options.user,
                            ccb_slice_make(w->line, w->line_len));
    w->line_len = 0;
}

static void take_prints(struct ccb_plugin_worker *w, const char *text,
                        size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            flush_line(w);
        else if (w->line_len < sizeof(w->line))
            w->line[w->line_len++] = text[i];
    }
}

/* At most one pipe's worth, so that who prints without end holds up nobody. */
static void read_prints(struct ccb_plugin_worker *w)
{
    char text[4096];
    ssize_t n = 0;

    for (size_t total = 0; total < READ_SIZE; total += (size_t)n) {
        n = read(w->process.prints, text, sizeof(text));
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n <= 0)
            break;
        take_prints(w, text, (size_t)n);
    }
    if (n == 0) { /* all its ends are closed */
        close(w->process.prints);
        w->process.prints = -1;
    }
}

/* ---- the socket --------------------------------------------------------- */

/* 0: `events` of the socket are there. */
static int wait_for(struct ccb_plugin_worker *w, short events, int64_t deadline,
                    struct ccb_error *err)
{
    for (;;) {
        int stop = w->options.stop_fd ? w->options.stop_fd : -1;
        struct pollfd fds[] = {
            {.fd = w->process.socket, .events = events},
            {.fd = w->process.prints, .events = POLLIN},
            {.fd = stop, .events = POLLIN},
        };
        int64_t left = deadline - ccb_clock_monotonic();
        struct timespec wait = {.tv_sec = (time_t)(left / CCB_SECOND),
                                .tv_nsec = (long)(left % CCB_SECOND)};

        if (left <= 0)
            return ccb_error_set(err, CCB_TIMED_OUT, "had no time left");
        if (ppoll(fds, 3, &wait, NULL) < 0 && errno != EINTR)
            return ccb_error_set(err, CCB_IO, "ppoll: %s", strerror(errno));
        if (fds[2].revents)
            return ccb_error_set(err, CCB_CANCELLED, "is closed");
        if (fds[1].revents)
            read_prints(w);
        if (fds[0].revents)
            return 0;
    }
}

/* Says how a worker was lost. */
static int say_closed(struct ccb_plugin_worker *w, const char *nonsense,
                      struct ccb_error *err)
{
    const char *denied;
    char how[128];

    if (w->process.prints >= 0)
        read_prints(w);
    flush_line(w);
    if (nonsense)
        snprintf(how, sizeof(how), "talked nonsense: %s", nonsense);
    else
        ccb_worker_process_describe(&w->process, END_WAIT * CCB_MILLISECOND,
                                    how, sizeof(how));
    denied = ccb_plugin_worker_denied(w);
    return ccb_error_set(err, CCB_CLOSED, "%s%s%s", how,
                         denied[0] ? ", after it was denied " : "", denied);
}

static int send_output(struct ccb_plugin_worker *w, int64_t deadline,
                       struct ccb_error *err)
{
    size_t sent = 0;
    int code = 0;

    while (code == 0 && sent < w->output.len) {
        ssize_t n = send(w->process.socket, w->output.data + sent,
                         w->output.len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0)
            sent += (size_t)n;
        else if (errno == EAGAIN)
            code = wait_for(w, POLLOUT, deadline, err);
        else if (errno != EINTR)
            code = say_closed(w, NULL, err);
    }
    return code;
}

/* Waits for more bytes. */
static int read_more(struct ccb_plugin_worker *w, int64_t deadline,
                     struct ccb_error *err)
{
    int code = wait_for(w, POLLIN, deadline, err);
    char *room;
    ssize_t n;

    if (code)
        return code;
    room = ccb_buf_reserve(&w->input, READ_SIZE);
    if (!room)
        return ccb_error_set(err, CCB_NO_MEMORY, "had no memory for an answer");
    n = recv(w->process.socket, room, READ_SIZE, MSG_DONTWAIT);
    if (n > 0)
        w->input.len += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        code = say_closed(w, NULL, err);
    return code;
}

/* The next frame; it stands until the one after it is asked for. */
static int receive(struct ccb_plugin_worker *w, struct ccb_wire_frame *frame,
                   int64_t deadline, struct ccb_error *err)
{
    struct ccb_error nonsense;
    size_t used;
    int got, code = 0;

    ccb_buf_consume(&w->input, w->used);
    w->used = 0;
    for (;;) {
        got = ccb_wire_next(ccb_buf_slice(&w->input), CCB_WIRE_TO_DAEMON, frame,
                            &used, &nonsense);
        if (got < 0)
            return say_closed(w, nonsense.message, err);
        if (got > 0)
            break;
        code = read_more(w, deadline, err);
        if (code)
            return code;
    }
    w->used = used;
    return 0;
}

/* ---- the handshake ------------------------------------------------------ */

static void copy_text(char out[160], struct ccb_slice text)
{
    snprintf(out, 160, "%.*s", (int)text.len, text.len ? text.ptr : "");
}

static int take_refusal(struct ccb_plugin_worker *w,
                        const struct ccb_wire_frame *frame,
                        struct ccb_plugin_refusal *refusal,
                        struct ccb_error *err)
{
    struct ccb_wire_refused words;
    struct ccb_error nonsense;
    char expected[160], found[160];

    if (ccb_wire_decode(frame, &words, &nonsense) != 0 ||
        words.reason > CCB_REFUSED_IMAGES)
        return say_closed(w, "a refusal without a reason", err);
    if (words.reason == CCB_REFUSED_NONE)
        return ccb_refuse(refusal, CCB_REFUSED_LOAD,
                          "memory enough to start with (\"memory_mb\" of its "
                          "policy)",
                          "too little");
    copy_text(expected, words.expected);
    copy_text(found, words.found);
    return ccb_refuse(refusal, (enum ccb_refusal)words.reason, expected, "%s",
                      found);
}

static int take_ready(struct ccb_plugin_worker *w,
                      const struct ccb_wire_frame *frame,
                      bool offered[CCB_PLUGIN_FUNCTION_COUNT],
                      struct ccb_error *err)
{
    struct ccb_wire_ready ready;

    if (ccb_wire_decode(frame, &ready, NULL) != 0)
        return say_closed(w, "a handshake that is none", err);
    for (unsigned i = 0; i < CCB_PLUGIN_FUNCTION_COUNT; i++)
        offered[i] = (ready.offered >> i & 1) != 0;
    return 0;
}

static int handshake(struct ccb_plugin_worker *w, int64_t deadline,
                     bool offered[CCB_PLUGIN_FUNCTION_COUNT],
                     struct ccb_plugin_refusal *refusal, struct ccb_error *err)
{
    struct ccb_wire_hello hello = {.memory_mb = w->options.memory_mb,
                                   .id = w->options.id,
                                   .config = w->options.config};
    struct ccb_wire_frame frame;
    int code = ccb_wire_encode(&w->output, CCB_WIRE_HELLO, 0, &hello);

    if (code)
        return ccb_error_set(err, code, "its config can't be sent (%s)",
                             ccb_error_name(code));
    code = send_output(w, deadline, err);
    if (code == 0)
        code = receive(w, &frame, deadline, err);
    if (code)
        return code;
    if (frame.kind == CCB_WIRE_REFUSED)
        return take_refusal(w, &frame, refusal, err);
    if (frame.kind != CCB_WIRE_READY)
        return say_closed(w, "no handshake", err);
    return take_ready(w, &frame, offered, err);
}

/* What a failed handshake means for the file. */
static int judge(int code, const struct ccb_error *err,
                 struct ccb_plugin_refusal *refusal)
{
    if (code == CCB_CLOSED)
        return ccb_refuse(refusal, CCB_REFUSED_CRASHED,
                          "a worker that opens it", "%s", err->message);
    if (code == CCB_TIMED_OUT)
        return ccb_refuse(refusal, CCB_REFUSED_TIMED_OUT,
                          "a worker that opens it in time",
                          "no answer, and it was killed");
    return code;
}

int ccb_plugin_worker_start(struct ccb_plugin_worker **worker,
                            const struct ccb_plugin_worker_options *options,
                            int64_t deadline,
                            bool offered[CCB_PLUGIN_FUNCTION_COUNT],
                            struct ccb_plugin_refusal *refusal,
                            struct ccb_error *err)
{
    struct ccb_plugin_worker *w = ccb_calloc(1, sizeof(*w));
    struct ccb_error words = {0};
    int code;

    *worker = NULL;
    if (!w)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for a worker");
    w->options = *options;
    code = ccb_worker_process_start(&w->process, options->runner,
                                    options->image_fd, &words);
    if (code == 0)
        code = handshake(w, deadline, offered, refusal, &words);
    code = judge(code, &words, refusal);
    if (code) {
        ccb_plugin_worker_kill(w);
        if (err)
            *err = words;
        return code;
    }
    *worker = w;
    return 0;
}

/* ---- calls -------------------------------------------------------------- */

static int send_call(struct ccb_plugin_worker *w, const struct ccb_call *call,
                     struct ccb_error *err)
{
    int64_t left = call->deadline - ccb_clock_monotonic();
    struct ccb_wire_call asked = {
        .function = call->options.function,
        .remaining = left > 0 ? (uint64_t)left : 0,
        .guid = call->request.guid,
        .dialect = call->request.dialect,
        .message = call->request.message,
        .facts = call->request.facts,
        .gathered = call->request.gathered,
    };
    int code;

    ccb_buf_reset(&w->output);
    if (++w->last_id == 0)
        w->last_id = 1;
    code = ccb_wire_encode(&w->output, CCB_WIRE_CALL, w->last_id, &asked);
    if (code)
        return ccb_error_set(err, code, "the request can't be sent (%s)",
                             ccb_error_name(code));
    return send_output(w, call->deadline, err);
}

static void take_log(struct ccb_plugin_worker *w, struct ccb_call *call,
                     const struct ccb_wire_frame *frame)
{
    struct ccb_wire_log line;

    /* A line of a thread that was left behind belongs to no call. */
    if (frame->id == w->last_id && ccb_wire_decode(frame, &line, NULL) == 0)
        ccb_plugin_log(call, (int)line.level, line.action, line.data);
}

/* The services' own limits and checks decide over what came, too. */
static int take_answer(struct ccb_plugin_worker *w, struct ccb_call *call,
                       const struct ccb_wire_frame *frame,
                       struct ccb_error *err)
{
    const struct ccb_host *host = &ccb_plugin_host;
    struct ccb_wire_answer came;

    if (frame->kind != CCB_WIRE_ANSWER || frame->id != w->last_id ||
        ccb_wire_decode(frame, &came, NULL) != 0)
        return say_closed(w, "no answer to the call", err);
    w->tired = (enum ccb_wire_tired)came.tired;
    if (came.result.len)
        host->emit(call, came.result.ptr, came.result.len);
    if (came.emit_code && call->answer.emit_code == 0)
        call->answer.emit_code =
            (int)came.emit_code == CCB_TOO_LARGE   ? CCB_TOO_LARGE
            : (int)came.emit_code == CCB_NO_MEMORY ? CCB_NO_MEMORY
                                                   : CCB_FAILED;
    if (came.fail_code)
        host->fail(call, (int)came.fail_code, came.cc_error_id, came.error);
    if (came.wanted.len)
        host->need_facts(call, came.wanted);
    ccb_plugin_conclude(call, (int)came.returned);
    return 0;
}

static int receive_answer(struct ccb_plugin_worker *w, struct ccb_call *call,
                          struct ccb_error *err)
{
    struct ccb_wire_frame frame;
    int code = receive(w, &frame, call->deadline, err);

    while (code == 0 && frame.kind == CCB_WIRE_LOG) {
        take_log(w, call, &frame);
        code = receive(w, &frame, call->deadline, err);
    }
    if (code)
        return code;
    /* Who waited for it was told otherwise already. */
    if (ccb_clock_monotonic() >= call->deadline)
        return ccb_error_set(err, CCB_TIMED_OUT, "answered too late");
    return take_answer(w, call, &frame, err);
}

static void trim(struct ccb_buf *buf)
{
    if (buf->cap > KEPT_BUFFER && buf->len == 0)
        ccb_buf_destroy(buf);
}

int ccb_plugin_worker_call(struct ccb_plugin_worker *worker,
                           struct ccb_call *call, struct ccb_error *err)
{
    struct ccb_error words = {0};
    int code = send_call(worker, call, &words);

    if (code == CCB_TOO_LARGE || code == CCB_NO_MEMORY) {
        ccb_plugin_conclude_error(call, code, "plugin %s: %s", call->plugin->id,
                                  words.message);
        return 0;
    }
    if (code == 0)
        code = receive_answer(worker, call, &words);
    if (code == 0) {
        ccb_buf_consume(&worker->input, worker->used);
        ccb_buf_reset(&worker->output);
        worker->used = 0;
        trim(&worker->input);
        trim(&worker->output);
    }
    flush_line(worker);
    if (code && err)
        *err = words;
    return code;
}

/* ---- the rest ----------------------------------------------------------- */

const char *ccb_plugin_worker_denied(struct ccb_plugin_worker *worker)
{
    ccb_worker_process_denied(&worker->process, worker->denied,
                              sizeof(worker->denied));
    return worker->denied;
}

const char *ccb_plugin_worker_tired(const struct ccb_plugin_worker *worker)
{
    static const char *const words[] = {
        [CCB_WIRE_TIRED_TIME] = "it used half of its processor time",
        [CCB_WIRE_TIRED_MEMORY] = "it used most of its memory",
        [CCB_WIRE_TIRED_THREADS] = "calls left threads behind",
    };

    if (worker->tired == CCB_WIRE_FRESH)
        return NULL;
    return worker->tired < sizeof(words) / sizeof(words[0])
               ? words[worker->tired]
               : "it said so";
}

bool ccb_plugin_worker_kill(struct ccb_plugin_worker *worker)
{
    bool gone;

    if (!worker)
        return true;
    gone = ccb_worker_process_end(&worker->process);
    ccb_buf_destroy(&worker->input);
    ccb_buf_destroy(&worker->output);
    ccb_free(worker);
    return gone;
}
