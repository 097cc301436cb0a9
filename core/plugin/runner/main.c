/*
 * ccbridge-plugin-host: the process in which one isolated plugin lives. The
 * daemon starts it with a socket, the plugin's sealed image and a page for
 * notices, and nothing else: no environment, no file, no network. It shuts
 * itself in, opens the plugin, says whether that went well, and then carries
 * out calls one by one until the socket ends.
 *
 * Invariant: limits and filter stand before any code of the plugin is mapped.
 * The process leaves by _exit: what a plugin hung on exit() is not run.
 * Follows anchors 3.6.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "plugin/host.h"
#include "plugin/manifest.h"
#include "plugin/runner/runner.h"

#define IMAGE_PATH "/proc/self/fd/4"
#define USUAL_CALL ((size_t)32768)
#define MAX_LOG_DATA ((size_t)262144)
#define MAX_LOG_ACTION ((size_t)256)
#define KEPT_BUFFER ((size_t)262144) /* bytes; more goes after the call */

struct runner {
    struct ccb_plugin plugin; /* first: the services find us by it */
    struct ccb_plugin_code_set code;
    struct ccb_wire_notice *notice;
    struct ccb_buf input, output;
    size_t used; /* of input: the frame in work */
    /* A plugin's threads may log while it runs. */
    pthread_mutex_t lock; /* of log lines: `lines`, `id`, and the socket */
    struct ccb_buf lines;
    uint32_t id; /* of the call that is on; 0: none */
};

/* ---- the socket --------------------------------------------------------- */

/* The daemon went away, or something is so wrong that it has to see it. */
static _Noreturn void leave(int status)
{
    _exit(status);
}

static void send_all(const struct ccb_buf *out)
{
    size_t sent = 0;

    while (sent < out->len) {
        ssize_t n =
            write(CCB_WIRE_FD_SOCKET, out->data + sent, out->len - sent);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            leave(1);
        sent += (size_t)n;
    }
}

static void send_frame(struct runner *r, enum ccb_wire_kind kind,
                       const void *message)
{
    ccb_buf_reset(&r->output);
    if (ccb_wire_encode(&r->output, kind, r->id, message) != 0)
        leave(1);
    pthread_mutex_lock(&r->lock);
    send_all(&r->output);
    pthread_mutex_unlock(&r->lock);
}

/* Reads until `want` bytes are there. */
static void fill(struct runner *r, size_t want)
{
    while (r->input.len < want) {
        size_t more = want - r->input.len;
        char *room;
        ssize_t n;

        if (more < 65536)
            more = 65536;
        room = ccb_buf_reserve(&r->input, more);
        if (!room)
            leave(1);
        n = read(CCB_WIRE_FD_SOCKET, room, more);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            leave(0);
        r->input.len += (size_t)n;
    }
}

/* The next frame; it stands until the one after it is asked for. */
static void receive(struct runner *r, struct ccb_wire_frame *frame)
{
    size_t want = 0;
    int code;

    ccb_buf_consume(&r->input, r->used);
    r->used = 0;
    if (r->input.cap > KEPT_BUFFER && r->input.len == 0)
        ccb_buf_destroy(&r->input);
    do {
        fill(r, want);
        code = ccb_wire_next(ccb_buf_slice(&r->input), CCB_WIRE_TO_WORKER,
                             frame, &want, NULL);
    } while (code == 0);
    if (code < 0)
        leave(1);
    r->used = want;
}

/* ---- opening ------------------------------------------------------------ */

static _Noreturn void refuse(struct runner *r,
                             const struct ccb_plugin_refusal *refusal)
{
    struct ccb_wire_refused words = {
        .reason = (uint32_t)refusal->reason,
        .expected = ccb_slice_of(refusal->expected),
        .found = ccb_slice_of(refusal->found),
    };

    send_frame(r, CCB_WIRE_REFUSED, &words);
    leave(0);
}

/* The manifest as the image has it, and the id as the daemon read it. */
static int read_plugin(struct runner *r, const struct ccb_wire_hello *hello,
                       struct ccb_plugin_refusal *refusal)
{
    struct ccb_plugin *plugin = &r->plugin;
    int code;

    plugin->arena = ccb_arena_create();
    if (!plugin->arena)
        return CCB_NO_MEMORY;
    plugin->id = ccb_arena_cstr(plugin->arena, hello->id);
    plugin->file = plugin->id;
    plugin->policy.config = ccb_arena_copy(plugin->arena, hello->config);
    if (!plugin->id || !plugin->policy.config.ptr)
        return CCB_NO_MEMORY;
    code = ccb_manifest_read(&plugin->manifest, CCB_WIRE_FD_IMAGE,
                             plugin->arena, refusal);
    if (code == 0 && !ccb_slice_equal(plugin->manifest.id, hello->id))
        code = ccb_refuse(refusal, CCB_REFUSED_BAD_MANIFEST, plugin->id,
                          "another id in the image");
    return code;
}

static int open_plugin(struct runner *r, const struct ccb_wire_hello *hello,
                       struct ccb_plugin_refusal *refusal)
{
    struct ccb_error error = {0};
    int code = read_plugin(r, hello, refusal);

    if (code)
        return code;
    if (ccb_runner_limit(hello->memory_mb, &error) != 0 ||
        ccb_runner_filter(CCB_RUNNER_OPENING, r->notice, &error) != 0)
        return ccb_refuse(refusal, CCB_REFUSED_LOAD, "a sandbox", "%s",
                          error.message);
    code = ccb_plugin_load(&r->plugin, IMAGE_PATH, &r->code, refusal);
    if (code == 0 &&
        ccb_runner_filter(CCB_RUNNER_SERVING, r->notice, &error) != 0)
        code = ccb_refuse(refusal, CCB_REFUSED_LOAD, "a sandbox", "%s",
                          error.message);
    return code;
}

static void say_ready(struct runner *r)
{
    struct ccb_wire_ready ready = {0};

    for (unsigned i = 0; i < CCB_PLUGIN_FUNCTIONS; i++)
        if (r->plugin.offered[i])
            ready.offered |= UINT32_C(1) << i;
    send_frame(r, CCB_WIRE_READY, &ready);
}

static void handshake(struct runner *r)
{
    struct ccb_plugin_refusal refusal = {.reason = CCB_REFUSED_NONE};
    struct ccb_wire_frame frame;
    struct ccb_wire_hello hello;

    receive(r, &frame);
    if (frame.kind != CCB_WIRE_HELLO ||
        ccb_wire_decode(&frame, &hello, NULL) != 0)
        leave(1);
    if (open_plugin(r, &hello, &refusal) != 0)
        refuse(r, &refusal);
    say_ready(r);
}

/* ---- calls -------------------------------------------------------------- */

/* A log line on its way out; lost when there is no memory or no call. */
static void relay_log(struct ccb_call *call, int level, struct ccb_slice action,
                      struct ccb_slice data)
{
    struct runner *r = (struct runner *)(void *)call->plugin;
    struct ccb_wire_log line = {
        .level = (uint32_t)level, .action = action, .data = data};

    if (!line.action.ptr)
        line.action.len = 0;
    if (!line.data.ptr)
        line.data.len = 0;
    if (line.data.len > MAX_LOG_DATA) /* the daemon will say it is invalid */
        line.data = ccb_slice_make("?", 1);
    if (line.action.len > MAX_LOG_ACTION)
        line.action.len = MAX_LOG_ACTION;
    pthread_mutex_lock(&r->lock);
    ccb_buf_reset(&r->lines);
    if (r->id && ccb_wire_encode(&r->lines, CCB_WIRE_LOG, r->id, &line) == 0)
        send_all(&r->lines);
    pthread_mutex_unlock(&r->lock);
}

static const struct ccb_plugin_relay relay = {.log = relay_log};

static void set_id(struct runner *r, uint32_t id)
{
    pthread_mutex_lock(&r->lock);
    r->id = id;
    pthread_mutex_unlock(&r->lock);
}

static void answer(struct runner *r, const struct ccb_call *call, int returned)
{
    const struct ccb_plugin_answer *from = &call->answer;
    struct ccb_wire_answer to = {
        .returned = (uint32_t)returned,
        .emit_code = (uint32_t)from->emit_code,
        .fail_code = (uint32_t)from->fail_code,
        .tired = ccb_runner_tired(),
        .result = ccb_slice_make(from->bytes, from->len),
        .cc_error_id = from->cc_error_id,
        .wanted = from->wanted,
        .error = ccb_slice_of(from->error),
    };

    send_frame(r, CCB_WIRE_ANSWER, &to);
}

/* The call's struct outlives its arena, so that a thread which the plugin left
 * behind finds something harmless. */
static void carry_out(struct runner *r, struct ccb_call *call,
                      const struct ccb_wire_frame *frame,
                      const struct ccb_wire_call *asked)
{
    ccb_plugin_code code = r->code.functions[asked->function];
    int returned;

    *call = (struct ccb_call){
        .plugin = &r->plugin,
        .options = {.function = (enum ccb_plugin_function)asked->function},
        .arena = ccb_arena_create_for(USUAL_CALL),
        .deadline = ccb_clock_monotonic() + (int64_t)asked->remaining,
        .request = {.struct_size = sizeof(struct ccb_request),
                    .guid = asked->guid,
                    .dialect = asked->dialect,
                    .message = asked->message,
                    .facts = asked->facts,
                    .gathered = asked->gathered},
    };
    if (!call->arena)
        leave(1);
    set_id(r, frame->id);
    returned = code(r->code.instance, call, &call->request);
    answer(r, call, returned);
    set_id(r, 0);
    ccb_arena_unref(call->arena);
}

static _Noreturn void serve(struct runner *r)
{
    struct ccb_call call;

    for (;;) {
        struct ccb_wire_frame frame;
        struct ccb_wire_call asked;

        receive(r, &frame);
        if (frame.kind != CCB_WIRE_CALL || frame.id == 0 ||
            ccb_wire_decode(&frame, &asked, NULL) != 0 ||
            asked.function >= CCB_PLUGIN_FUNCTIONS ||
            !r->code.functions[asked.function])
            leave(1);
        carry_out(r, &call, &frame, &asked);
    }
}

#if CCB_RUNNER_SANITIZED
/* A plugin that calls exit would have leaks looked for, by a process that the
 * filter does not let be made. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

/* ---- the start ---------------------------------------------------------- */

static const char usage[] =
    "ccbridge-plugin-host holds one isolated lifecycle plugin. ccbridged and\n"
    "\"ccbridge plugin check\" start it themselves, beside which it must lie;\n"
    "there is nothing to start by hand. See docs/plugins/operating.md.\n";

static bool is_socket(int fd)
{
    int type;
    socklen_t size = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

int main(int argc, char **argv)
{
    static struct runner r;
    struct ccb_error error = {0};
    void *page;

    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return fputs(usage, stdout) < 0;
    if (argc != 2 || !is_socket(CCB_WIRE_FD_SOCKET)) {
        fputs(usage, stderr);
        return 2;
    }
    page = mmap(NULL, sizeof(*r.notice), PROT_READ | PROT_WRITE, MAP_SHARED,
                CCB_WIRE_FD_NOTICE, 0);
    if (page == MAP_FAILED) {
        fputs("ccbridge-plugin-host: no notice page\n", stderr);
        return 2;
    }
    close(CCB_WIRE_FD_NOTICE);
    r.notice = page;
    if (ccb_runner_bind((pid_t)strtol(argv[1], NULL, 10), &error) != 0) {
        fprintf(stderr, "ccbridge-plugin-host: %s\n", error.message);
        return 2;
    }
    r.plugin.relay = &relay;
    pthread_mutex_init(&r.lock, NULL);
    handshake(&r);
    serve(&r);
}
