/*
 * Lists: contract/receptor-api.md 4. They are read and sent a page at a time,
 * each page an operation of its own behind the key of the last record, so a
 * list of any length takes the memory of a page, and others get their turn
 * between. A record that is there all the while is listed exactly once.
 *
 * A list of one page has a Content-Length, a longer one is chunked; one that
 * can't be read to its end is cut off, so that it never looks whole.
 */
#include "cell/api_internal.h"

#include "base/hex.h"

#define PAGE_RECORDS 256

struct list;

/* What one page of a kind is; it appends to the list's buffer. */
typedef int (*read_fn)(struct list *list, struct ccb_store_tx *tx,
                       struct ccb_error *err);

struct list {
    struct ccb_api_call call; /* first */
    read_fn read;
    const char *when_empty;
    struct ccb_page page;
    struct ccb_buf after; /* the key of the last record; heap: the store's */
    int64_t after_index;
    bool any, last; /* a record was there; the page was the last one */
    bool waiting;   /* for the socket to drain */
    bool gone;      /* the peer is */
    bool started;   /* the answer was */
};

/* ---- pages (on the store's thread) -------------------------------------- */

static struct ccb_buf *begin_record(struct list *list, struct ccb_slice key)
{
    ccb_buf_reset(&list->after);
    (void)ccb_buf_put_slice(&list->after, key);
    (void)ccb_buf_putc(&list->call.out, list->any ? ',' : '[');
    list->any = true;
    return &list->call.out;
}

static int on_task(void *user, const struct ccb_task *task)
{
    struct list *list = user;

    ccb_task_encode(begin_record(list, task->task_guid), task);
    return 0;
}

static int read_tasks(struct list *list, struct ccb_store_tx *tx,
                      struct ccb_error *err)
{
    return ccb_tasks_each(tx, &list->page, on_task, list, err);
}

static int on_desired(void *user, const struct ccb_desired *desired)
{
    struct list *list = user;

    ccb_desired_encode(begin_record(list, desired->process_guid), desired);
    return 0;
}

static int read_desireds(struct list *list, struct ccb_store_tx *tx,
                         struct ccb_error *err)
{
    return ccb_desired_each(tx, &list->page, on_desired, list, err);
}

static int on_actual(void *user, const struct ccb_actual *actual)
{
    struct list *list = user;

    ccb_actual_encode(begin_record(list, actual->process_guid), actual);
    list->after_index = actual->index;
    return 0;
}

static int read_actuals(struct list *list, struct ccb_store_tx *tx,
                        struct ccb_error *err)
{
    return ccb_actuals_each(tx, &list->page, on_actual, list, err);
}

static int on_cell(void *user, struct ccb_slice cell_id,
                   struct ccb_slice document)
{
    (void)ccb_buf_put_slice(begin_record(user, cell_id), document);
    return 0;
}

static int read_cells(struct list *list, struct ccb_store_tx *tx,
                      struct ccb_error *err)
{
    return ccb_cells_each(tx, list->page.after, list->page.limit, on_cell, list,
                          err);
}

static int on_domain(void *user, struct ccb_slice domain)
{
    struct ccb_json_writer w;

    ccb_json_writer_init(&w, ccb_buf_sink, begin_record(user, domain));
    ccb_json_put_string(&w, domain);
    (void)ccb_json_writer_end(&w); /* the buffer remembers a failure */
    return 0;
}

static int read_domains(struct list *list, struct ccb_store_tx *tx,
                        struct ccb_error *err)
{
    return ccb_domains_each(tx, list->page.after, list->page.limit, on_domain,
                            list, err);
}

/* The key is copied, since the buffer it lies in is written while the page is
 * read. */
static int run_page(struct ccb_store_op *op, struct ccb_store_tx *tx,
                    struct ccb_error *err)
{
    struct list *list = (struct list *)op;
    struct ccb_buf after = list->after;
    int count;

    list->after = (struct ccb_buf){0};
    list->page.after = ccb_buf_slice(&after);
    list->page.after_index = list->after_index;
    count = list->read(list, tx, err);
    ccb_buf_destroy(&after);
    if (count < 0)
        return count;
    list->last = count < list->page.limit;
    if (list->last)
        (void)ccb_buf_put(&list->call.out, list->any ? "]" : list->when_empty);
    if (list->call.out.failed || list->after.failed)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return 0;
}

/* ---- sending (on the loop) ---------------------------------------------- */

static void on_page(struct ccb_store_op *op);

static void next_page(struct list *list)
{
    ccb_buf_reset(&list->call.out);
    ccb_store_submit(list->call.api->options.store, &list->call.op);
}

static void on_drain(struct ccb_http_request *request, void *user)
{
    struct list *list = user;

    (void)request;
    if (!list->waiting)
        return;
    list->waiting = false;
    next_page(list);
}

/* The list lies in the request's arena: what it has on the heap goes first. */
static void end_list(struct list *list,
                     void (*end)(struct ccb_http_request *request))
{
    ccb_buf_destroy(&list->call.out);
    ccb_buf_destroy(&list->after);
    end(list->call.request);
}

/* Nobody reads on. A page that is under way ends it when it comes. */
static void on_abort(struct ccb_http_request *request, void *user)
{
    struct list *list = user;

    (void)request;
    list->gone = true;
    if (list->waiting)
        end_list(list, ccb_http_finish);
}

static void answer_whole(struct list *list)
{
    struct ccb_buf out = list->call.out;

    ccb_buf_destroy(&list->after);
    if (list->call.op.code < 0)
        ccb_api_store_error(list->call.request, &list->call.op.err);
    else
        ccb_api_json(list->call.request, 200, ccb_buf_slice(&out));
    ccb_buf_destroy(&out);
}

static void start_stream(struct list *list)
{
    struct ccb_http_header headers[3] = {
        {CCB_LIT("Content-Type"), CCB_LIT("application/json")}};
    size_t count = 1 + ccb_api_cors_headers(list->call.request, headers + 1);

    list->started = true;
    ccb_http_on_drain(list->call.request, on_drain, list);
    ccb_http_respond_start(list->call.request, 200, headers, count, -1);
}

static void on_page(struct ccb_store_op *op)
{
    struct list *list = (struct list *)op;
    struct ccb_http_request *request = list->call.request;

    if (!list->started && (op->code < 0 || list->last)) {
        answer_whole(list);
        return;
    }
    if (op->code < 0 || list->gone) {
        end_list(list, ccb_http_abandon);
        return;
    }
    if (!list->started)
        start_stream(list);
    list->waiting = ccb_http_write(request, ccb_buf_slice(&list->call.out)) >=
                        CCB_HTTP_HIGH_WATER &&
                    !list->last;
    if (list->last)
        end_list(list, ccb_http_finish);
    else if (!list->waiting)
        next_page(list);
}

/* ---- starting ----------------------------------------------------------- */

/* A form value; what is no escape stands. */
static struct ccb_slice unescape(struct ccb_arena *arena, struct ccb_slice text)
{
    char *out = ccb_arena_text(arena, text.len + 1);
    size_t len = 0;

    if (!out)
        return ccb_slice_make(NULL, 0);
    for (size_t i = 0; i < text.len; i++) {
        bool escape = text.ptr[i] == '%' && i + 2 < text.len &&
                      ccb_hex_digit(text.ptr[i + 1]) >= 0 &&
                      ccb_hex_digit(text.ptr[i + 2]) >= 0;

        if (escape) {
            out[len++] = (char)(ccb_hex_digit(text.ptr[i + 1]) * 16 +
                                ccb_hex_digit(text.ptr[i + 2]));
            i += 2;
        } else {
            out[len++] = text.ptr[i] == '+' ? ' ' : text.ptr[i];
        }
    }
    return ccb_slice_make(out, len);
}

/* The first `domain` of the query; empty: none, or no memory (*failed). */
static struct ccb_slice find_domain(struct ccb_api_call *call, bool *failed)
{
    struct ccb_slice rest = ccb_http_request_info(call->request)->query;
    struct ccb_slice domain = {NULL, 0};

    while (rest.len > 0) {
        const char *end = memchr(rest.ptr, '&', rest.len);
        size_t len = end ? (size_t)(end - rest.ptr) : rest.len;

        if (len > 7 && memcmp(rest.ptr, "domain=", 7) == 0) {
            domain =
                unescape(call->arena, ccb_slice_make(rest.ptr + 7, len - 7));
            *failed = !domain.ptr;
            break;
        }
        len += end != NULL;
        rest = ccb_slice_make(rest.ptr + len, rest.len - len);
    }
    return domain;
}

static void start(struct ccb_api_call *call, read_fn read, struct ccb_page page,
                  const char *when_empty)
{
    struct list *list = ccb_arena_alloc(call->arena, sizeof(*list));

    if (!list) {
        ccb_api_empty(call->request, 503);
        return;
    }
    list->call = *call;
    list->read = read;
    list->when_empty = when_empty;
    list->page = page;
    list->page.limit = PAGE_RECORDS;
    list->after_index = page.after_index;
    list->call.op.loop = call->api->options.loop;
    list->call.op.run = run_page;
    list->call.op.on_done = on_page;
    ccb_http_on_abort(call->request, on_abort, list);
    next_page(list);
}

static void start_filtered(struct ccb_api_call *call, read_fn read)
{
    bool failed = false;
    struct ccb_page page = {.domain = find_domain(call, &failed),
                            .after_index = -1};

    if (failed)
        ccb_api_empty(call->request, 503);
    else
        start(call, read, page, "[]");
}

void ccb_api_tasks(struct ccb_api_call *call)
{
    start_filtered(call, read_tasks);
}

void ccb_api_desireds(struct ccb_api_call *call)
{
    start_filtered(call, read_desireds);
}

void ccb_api_actuals(struct ccb_api_call *call)
{
    start_filtered(call, read_actuals);
}

void ccb_api_actuals_of(struct ccb_api_call *call)
{
    struct ccb_page page = {.guid = call->guid, .after_index = -1};

    start(call, read_actuals, page, "[]");
}

void ccb_api_cells(struct ccb_api_call *call)
{
    struct ccb_page page = {0};

    start(call, read_cells, page, "[]");
}

/* With none at all it is null: the reference's word, kept. */
void ccb_api_domains(struct ccb_api_call *call)
{
    struct ccb_page page = {0};

    start(call, read_domains, page, "null");
}
