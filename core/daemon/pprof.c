/*
 * One row of the table at the end is a page; a function for each puts its text
 * together. They are asked for seldom, by a person, and cost what they cost.
 */
#include "daemon/pprof.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/redact.h"
#include "daemon/proc.h"
#include "net/loop.h"

#define UV_THREADS "4" /* libuv's pool, unless the environment says */

/* Where pages have it from. */
struct source {
    struct ccb_loop *loop;
    struct ccb_arena *arena; /* the request's */
};

/* ---- threads ------------------------------------------------------------ */

static void put_thread(void *user, const char *id, const char *name, char state)
{
    ccb_buf_printf(user, "%s %c %s\n", id, state, name);
}

static void put_goroutine(struct ccb_buf *out, const struct source *from)
{
    struct ccb_buf threads = {0};
    size_t count = ccb_proc_each_thread(put_thread, &threads);
    (void)from;
    ccb_buf_printf(out,
                   "goroutine profile: total %zu\n"
                   "# threads: id, state as in ps(1), name\n",
                   count);
    ccb_buf_put_slice(out, ccb_buf_slice(&threads));
    if (threads.failed)
        out->failed = threads.failed;
    ccb_buf_destroy(&threads);
}

static void put_threadcreate(struct ccb_buf *out, const struct source *from)
{
    struct ccb_proc_usage usage;
    (void)from;
    ccb_proc_usage(&usage);
    ccb_buf_printf(out,
                   "threadcreate profile: total %lld\n"
                   "# where a thread was made is not recorded; each is listed "
                   "in goroutine\n",
                   (long long)usage.threads);
}

/* ---- memory ------------------------------------------------------------- */

static void put_heap(struct ccb_buf *out, const struct source *from)
{
    struct mallinfo2 heap = mallinfo2();
    const struct {
        const char *what;
        size_t bytes;
    } rows[] = {
        {"in use", heap.uordblks + heap.hblkhd},
        {"in use, in mappings of their own", heap.hblkhd},
        {"free, kept for the next", heap.fordblks},
        {"free, could go back to the system", heap.keepcost},
        {"taken from the system", heap.arena + heap.hblkhd},
    };
    size_t i;
    (void)from;
    ccb_buf_put(out, "heap profile: bytes, as the C library counts them\n");
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ccb_buf_printf(out, "%12zu %s\n", rows[i].bytes, rows[i].what);
}

/* ---- what is waited for ------------------------------------------------- */

struct tally {
    size_t all[UV_HANDLE_TYPE_MAX], active[UV_HANDLE_TYPE_MAX];
};

static void on_handle(uv_handle_t *handle, void *user)
{
    struct tally *tally = user;
    uv_handle_type type = uv_handle_get_type(handle);
    if (type < UV_HANDLE_TYPE_MAX) {
        tally->all[type]++;
        tally->active[type] += uv_is_active(handle) ? 1 : 0;
    }
}

static void put_block(struct ccb_buf *out, const struct source *from)
{
    const char *threads = getenv("UV_THREADPOOL_SIZE");
    struct tally tally = {0};
    size_t i;
    uv_walk(&from->loop->uv, on_handle, &tally);
    ccb_buf_put(out, "block profile: the first worker's loop waits for\n");
    for (i = 0; i < UV_HANDLE_TYPE_MAX; i++)
        if (tally.all[i] > 0)
            ccb_buf_printf(out, "%12zu %s, of %zu\n", tally.active[i],
                           uv_handle_type_name((uv_handle_type)i),
                           tally.all[i]);
    ccb_buf_printf(out, "# file work has %s threads (UV_THREADPOOL_SIZE)\n",
                   threads ? threads : UV_THREADS);
}

/* ---- the command line --------------------------------------------------- */

/* "ARG\0ARG\0" as an array, which is what base/redact.h knows to be a command
 * line. */
static void write_array(struct ccb_buf *out, struct ccb_slice arguments)
{
    struct ccb_json_writer w;
    size_t at, len;
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_array(&w);
    for (at = 0; at < arguments.len; at += len + 1) {
        len = strnlen(arguments.ptr + at, arguments.len - at);
        ccb_json_put_string(&w, ccb_slice_make(arguments.ptr + at, len));
    }
    ccb_json_end_array(&w);
    ccb_json_writer_end(&w); /* what can fail is `out`, which says so */
}

static void put_strings(struct ccb_buf *out, struct ccb_json array,
                        struct ccb_arena *arena)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json_iter it = ccb_json_iter(array);
    struct ccb_slice words;
    while (ccb_json_next(&it)) {
        if (ccb_json_string(it.value, &alloc, &words) < 0)
            out->failed = CCB_NO_MEMORY;
        else if (ccb_buf_put_slice(out, words) == 0)
            ccb_buf_putc(out, '\0');
    }
    if (out->len > 0)
        out->len--; /* between words only */
}

/* The historic page showed passwords too; this one does not. */
static void put_cmdline(struct ccb_buf *out, const struct source *from)
{
    struct ccb_buf arguments = {0}, array = {0}, shown = {0};
    struct ccb_json value;
    ccb_proc_read(&arguments, "/proc/self/cmdline");
    write_array(&array, ccb_buf_slice(&arguments));
    if (ccb_json_parse(&value, ccb_buf_slice(&array), CCB_JSON_WHOLE, NULL) ==
        0)
        ccb_redact_json(&shown, value);
    if (ccb_json_parse(&value, ccb_buf_slice(&shown), CCB_JSON_WHOLE, NULL) ==
        0)
        put_strings(out, value, from->arena);
    else
        out->failed = CCB_NO_MEMORY;
    ccb_buf_destroy(&arguments);
    ccb_buf_destroy(&array);
    ccb_buf_destroy(&shown);
}

/* ---- what only a tool from outside can tell ------------------------------ */

static void put_profile(struct ccb_buf *out, const struct source *from)
{
    (void)from;
    ccb_buf_printf(out,
                   "There is no CPU profile here: use perf, which needs no "
                   "help of the program.\n"
                   "perf record -g -p %ld -- sleep 30 && perf report\n",
                   (long)getpid());
}

static void put_symbol(struct ccb_buf *out, const struct source *from)
{
    (void)from;
    ccb_buf_put(out, "Symbols are not looked up here: use perf report, or "
                     "addr2line -f -e ccbridged ADDRESS.\n");
}

/* ---- pages -------------------------------------------------------------- */

static void put_index(struct ccb_buf *out, const struct source *from);

static const char html[] = "text/html; charset=utf-8";
static const char text[] = "text/plain; charset=utf-8";

static const struct page {
    const char *name, *what;
    int status;
    const char *type;
    void (*put)(struct ccb_buf *out, const struct source *from);
} pages[] = {
    {"", "this page", 200, html, put_index},
    {"goroutine", "threads", 200, text, put_goroutine},
    {"heap", "memory", 200, text, put_heap},
    {"threadcreate", "how many threads there are", 200, text, put_threadcreate},
    {"block", "what is waited for", 200, text, put_block},
    {"cmdline", "the command line, without its secrets", 200, text,
     put_cmdline},
    {"profile", "how to profile the CPU", 501, text, put_profile},
    {"symbol", "how to look up symbols", 501, text, put_symbol},
};
#define PAGES (sizeof(pages) / sizeof(pages[0]))

static void put_index(struct ccb_buf *out, const struct source *from)
{
    size_t i;
    (void)from;
    ccb_buf_put(out, "<!DOCTYPE html>\n<title>/debug/pprof/</title>\n<ul>\n");
    for (i = 1; i < PAGES; i++)
        ccb_buf_printf(out, "<li><a href=\"/debug/pprof/%s\">%s</a>: %s</li>\n",
                       pages[i].name, pages[i].name, pages[i].what);
    ccb_buf_put(out, "<li><a href=\"/metrics\">/metrics</a>: what was "
                     "counted</li>\n"
                     "<li>/log-level: a request with the body debug, info, "
                     "error or fatal sets it</li>\n</ul>\n");
}

static void answer(struct ccb_http_request *request, const struct page *page,
                   const struct source *from)
{
    struct ccb_buf out = {0};
    page->put(&out, from);
    if (out.failed)
        ccb_http_respond(request, 500, NULL, ccb_slice_make(NULL, 0));
    else
        ccb_http_respond(request, page->status, page->type,
                         ccb_buf_slice(&out));
    ccb_buf_destroy(&out);
}

void ccb_pprof_show(struct ccb_http_request *request, void *loop)
{
    struct ccb_slice name = ccb_http_request_info(request)->params[0];
    const struct source from = {loop, ccb_http_request_arena(request)};
    size_t i;
    for (i = 0; i < PAGES; i++)
        if (ccb_slice_is(name, pages[i].name)) {
            answer(request, &pages[i], &from);
            return;
        }
    ccb_http_respond(request, 404, text, ccb_slice_of("404 page not found\n"));
}
