/*
 * Records as clients get them: contract/receptor-api.md 4.1 to 4.3, 6.3.
 *
 * The members that never change were written once, when the record was made
 * (the body); the others are put behind them.
 */
#include "cell/record.h"

/* The body without its last brace; the caller goes on with ",". */
static void put_open_body(struct ccb_buf *out, struct ccb_slice body)
{
    if (body.len > 1)
        (void)ccb_buf_append(out, body.ptr, body.len - 1);
    else
        (void)ccb_buf_putc(out, '{');
}

static void put_key(struct ccb_buf *out, const char *key)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        (void)ccb_buf_putc(out, ',');
    (void)ccb_buf_putc(out, '"');
    (void)ccb_buf_put(out, key);
    (void)ccb_buf_put(out, "\":");
}

static void put_text(struct ccb_buf *out, const char *key,
                     struct ccb_slice text)
{
    struct ccb_json_writer w;

    put_key(out, key);
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_put_string(&w, text);
    (void)ccb_json_writer_end(&w); /* the buffer remembers a failure */
}

static void put_text_unless_empty(struct ccb_buf *out, const char *key,
                                  struct ccb_slice text)
{
    if (text.len > 0)
        put_text(out, key, text);
}

static void put_raw(struct ccb_buf *out, const char *key, struct ccb_slice json)
{
    put_key(out, key);
    (void)ccb_buf_put_slice(out, json);
}

static void put_number(struct ccb_buf *out, const char *key, int64_t number)
{
    put_key(out, key);
    (void)ccb_buf_printf(out, "%lld", (long long)number);
}

static void put_tag(struct ccb_buf *out, const struct ccb_tag *tag)
{
    put_key(out, "modification_tag");
    (void)ccb_buf_putc(out, '{');
    put_text(out, "epoch", tag->epoch);
    put_number(out, "index", tag->index);
    (void)ccb_buf_putc(out, '}');
}

void ccb_task_encode(struct ccb_buf *out, const struct ccb_task *task)
{
    put_open_body(out, task->body);
    put_text(out, "completion_callback_url", task->callback_url);
    put_text_unless_empty(out, "annotation", task->annotation);
    put_text(out, "result_file", ccb_slice_of("")); /* never copied back */
    put_text(out, "cell_id", task->cell_id);
    put_number(out, "created_at", task->created_at);
    put_raw(out, "failed", ccb_slice_of(task->failed ? "true" : "false"));
    put_text(out, "failure_reason", task->failure_reason);
    put_text(out, "result", task->result);
    put_text(out, "state", ccb_slice_of(ccb_task_state_name(task->state)));
    (void)ccb_buf_putc(out, '}');
}

void ccb_desired_encode(struct ccb_buf *out, const struct ccb_desired *desired)
{
    put_open_body(out, desired->body);
    put_number(out, "instances", desired->instances);
    if (desired->routes.len > 0)
        put_raw(out, "routes", desired->routes);
    put_text_unless_empty(out, "annotation", desired->annotation);
    put_tag(out, &desired->tag);
    (void)ccb_buf_putc(out, '}');
}

void ccb_actual_encode(struct ccb_buf *out, const struct ccb_actual *actual)
{
    (void)ccb_buf_putc(out, '{');
    put_text(out, "process_guid", actual->process_guid);
    put_text(out, "instance_guid", actual->instance_guid);
    put_text(out, "cell_id", actual->cell_id);
    put_text(out, "domain", actual->domain);
    put_number(out, "index", actual->index);
    put_text(out, "address", actual->address);
    put_raw(out, "ports",
            actual->ports.len > 0 ? actual->ports : ccb_slice_of("null"));
    put_text(out, "state", ccb_slice_of(ccb_actual_state_name(actual->state)));
    put_text_unless_empty(out, "placement_error", actual->placement_error);
    put_number(out, "crash_count", actual->crash_count);
    put_text_unless_empty(out, "crash_reason", actual->crash_reason);
    put_number(out, "since", actual->since);
    put_raw(out, "evacuating", ccb_slice_of("false"));
    put_tag(out, &actual->tag);
    (void)ccb_buf_putc(out, '}');
}

void ccb_task_callback_encode(struct ccb_buf *out, const struct ccb_task *task)
{
    (void)ccb_buf_putc(out, '{');
    put_text(out, "task_guid", task->task_guid);
    put_raw(out, "failed", ccb_slice_of(task->failed ? "true" : "false"));
    put_text(out, "failure_reason", task->failure_reason);
    put_text(out, "result", task->result);
    put_text_unless_empty(out, "annotation", task->annotation);
    (void)ccb_buf_putc(out, '}');
}
