/*
 * Records in and out of the state file. Every change of an LRP passes
 * ccb_desired_change or ccb_actual_change, which write it and then queue its
 * event: so none goes without, and none is told that was not written
 * (contract/embedded-cell.md 3).
 */
#include "cell/record.h"

#include <stdio.h>

#include "base/random.h"
#include "cell/store_internal.h"

/* ---- names -------------------------------------------------------------- */

static const struct {
    const char *name, *word;
} task_states[] = {
    [CCB_TASK_INVALID] = {"INVALID", "Invalid"},
    [CCB_TASK_PENDING] = {"PENDING", "Pending"},
    [CCB_TASK_RUNNING] = {"RUNNING", "Running"},
    [CCB_TASK_COMPLETED] = {"COMPLETED", "Completed"},
    [CCB_TASK_RESOLVING] = {"RESOLVING", "Resolving"},
};

const char *ccb_task_state_name(int64_t state)
{
    return task_states[state >= 0 && state <= CCB_TASK_RESOLVING ? state : 0]
        .name;
}

const char *ccb_task_state_word(int64_t state)
{
    return task_states[state >= 0 && state <= CCB_TASK_RESOLVING ? state : 0]
        .word;
}

const char *ccb_actual_state_name(int64_t state)
{
    static const char *const names[] = {"INVALID", "UNCLAIMED", "CLAIMED",
                                        "RUNNING", "CRASHED"};

    return names[state >= 0 && state <= CCB_ACTUAL_CRASHED ? state : 0];
}

/* ---- tags --------------------------------------------------------------- */

bool ccb_tag_equal(const struct ccb_tag *a, const struct ccb_tag *b)
{
    return a->epoch.len > 0 && ccb_slice_equal(a->epoch, b->epoch) &&
           a->index == b->index;
}

bool ccb_tag_succeeded_by(const struct ccb_tag *a, const struct ccb_tag *b)
{
    return a->epoch.len == 0 || b->epoch.len == 0 ||
           !ccb_slice_equal(a->epoch, b->epoch) || a->index < b->index;
}

int ccb_tag_start(struct ccb_store_tx *tx, struct ccb_tag *tag,
                  struct ccb_error *err)
{
    char guid[CCB_GUID_SIZE];
    int code = ccb_guid_make(guid, err);

    if (code < 0)
        return code;
    tag->index = 0;
    tag->epoch = ccb_arena_copy(tx->arena, ccb_slice_of(guid));
    return tag->epoch.ptr ? 0 : ccb_tx_no_memory(err);
}

/* ---- rows to structs ---------------------------------------------------- */

static bool read_task(struct ccb_store_tx *tx, sqlite3_stmt *row,
                      struct ccb_task *out)
{
    bool failed = false;

    out->task_guid = ccb_column(tx, row, 0, &failed);
    out->domain = ccb_column(tx, row, 1, &failed);
    out->state = sqlite3_column_int64(row, 2);
    out->cell_id = ccb_column(tx, row, 3, &failed);
    out->created_at = sqlite3_column_int64(row, 4);
    out->updated_at = sqlite3_column_int64(row, 5);
    out->first_completed_at = sqlite3_column_int64(row, 6);
    out->failed = sqlite3_column_int64(row, 7) != 0;
    out->failure_reason = ccb_column(tx, row, 8, &failed);
    out->result = ccb_column(tx, row, 9, &failed);
    out->result_file = ccb_column(tx, row, 10, &failed);
    out->callback_url = ccb_column(tx, row, 11, &failed);
    out->annotation = ccb_column(tx, row, 12, &failed);
    out->body = ccb_column(tx, row, 13, &failed);
    return !failed;
}

static bool read_desired(struct ccb_store_tx *tx, sqlite3_stmt *row,
                         struct ccb_desired *out)
{
    bool failed = false;

    out->process_guid = ccb_column(tx, row, 0, &failed);
    out->domain = ccb_column(tx, row, 1, &failed);
    out->instances = sqlite3_column_int64(row, 2);
    out->routes = ccb_column(tx, row, 3, &failed);
    out->annotation = ccb_column(tx, row, 4, &failed);
    out->tag.epoch = ccb_column(tx, row, 5, &failed);
    out->tag.index = sqlite3_column_int64(row, 6);
    out->body = ccb_column(tx, row, 7, &failed);
    return !failed;
}

static bool read_actual(struct ccb_store_tx *tx, sqlite3_stmt *row,
                        struct ccb_actual *out)
{
    bool failed = false;

    out->process_guid = ccb_column(tx, row, 0, &failed);
    out->index = sqlite3_column_int64(row, 1);
    out->domain = ccb_column(tx, row, 2, &failed);
    out->instance_guid = ccb_column(tx, row, 3, &failed);
    out->cell_id = ccb_column(tx, row, 4, &failed);
    out->address = ccb_column(tx, row, 5, &failed);
    out->ports = ccb_column(tx, row, 6, &failed);
    out->state = sqlite3_column_int64(row, 7);
    out->crash_count = sqlite3_column_int64(row, 8);
    out->crash_reason = ccb_column(tx, row, 9, &failed);
    out->placement_error = ccb_column(tx, row, 10, &failed);
    out->since = sqlite3_column_int64(row, 11);
    out->tag.epoch = ccb_column(tx, row, 12, &failed);
    out->tag.index = sqlite3_column_int64(row, 13);
    return !failed;
}

/* ---- one record --------------------------------------------------------- */

int ccb_task_get(struct ccb_store_tx *tx, struct ccb_slice guid,
                 struct ccb_task *out, struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_TASK_GET);
    int code;

    ccb_bind(row, 1, guid);
    code = ccb_tx_step(tx, row, err);
    if (code == 1 && !read_task(tx, row, out))
        code = ccb_tx_no_memory(err);
    (void)sqlite3_reset(row);
    return code;
}

int ccb_desired_get(struct ccb_store_tx *tx, struct ccb_slice guid,
                    struct ccb_desired *out, struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_DESIRED_GET);
    int code;

    ccb_bind(row, 1, guid);
    code = ccb_tx_step(tx, row, err);
    if (code == 1 && !read_desired(tx, row, out))
        code = ccb_tx_no_memory(err);
    (void)sqlite3_reset(row);
    return code;
}

int ccb_actual_get(struct ccb_store_tx *tx, struct ccb_slice guid,
                   int64_t index, struct ccb_actual *out, struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_ACTUAL_GET);
    int code;

    ccb_bind(row, 1, guid);
    (void)sqlite3_bind_int64(row, 2, index);
    code = ccb_tx_step(tx, row, err);
    if (code == 1 && !read_actual(tx, row, out))
        code = ccb_tx_no_memory(err);
    (void)sqlite3_reset(row);
    return code;
}

/* ---- walks -------------------------------------------------------------- */

/* Only one walk over a kind of records is under way at a time: `each` must
 * not start another. */
int ccb_tasks_each(struct ccb_store_tx *tx, const struct ccb_page *page,
                   int (*each)(void *user, const struct ccb_task *task),
                   void *user, struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_TASK_LIST);
    struct ccb_task task;
    int count = 0, code;

    ccb_bind(row, 1, page->after);
    ccb_bind(row, 2, page->domain);
    (void)sqlite3_bind_int(row, 3, page->limit);
    for (; (code = ccb_tx_step(tx, row, err)) == 1; count++) {
        code = read_task(tx, row, &task) ? each(user, &task)
                                         : ccb_tx_no_memory(err);
        if (code != 0)
            break;
    }
    (void)sqlite3_reset(row);
    return code < 0 ? code : count;
}

int ccb_desired_each(struct ccb_store_tx *tx, const struct ccb_page *page,
                     int (*each)(void *user, const struct ccb_desired *desired),
                     void *user, struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_DESIRED_LIST);
    struct ccb_desired desired;
    int count = 0, code;

    ccb_bind(row, 1, page->after);
    ccb_bind(row, 2, page->domain);
    (void)sqlite3_bind_int(row, 3, page->limit);
    for (; (code = ccb_tx_step(tx, row, err)) == 1; count++) {
        code = read_desired(tx, row, &desired) ? each(user, &desired)
                                               : ccb_tx_no_memory(err);
        if (code != 0)
            break;
    }
    (void)sqlite3_reset(row);
    return code < 0 ? code : count;
}

static sqlite3_stmt *start_actuals(struct ccb_store_tx *tx,
                                   const struct ccb_page *page)
{
    sqlite3_stmt *row;

    if (page->guid.len > 0) {
        row = ccb_tx_statement(tx, CCB_SQL_ACTUAL_OF);
        ccb_bind(row, 1, page->guid);
        (void)sqlite3_bind_int64(row, 2, page->after_index);
    } else {
        row = ccb_tx_statement(tx, CCB_SQL_ACTUAL_LIST);
        ccb_bind(row, 1, page->after);
        ccb_bind(row, 2, page->domain);
        (void)sqlite3_bind_int64(row, 4, page->after_index);
    }
    (void)sqlite3_bind_int(row, 3, page->limit);
    return row;
}

int ccb_actuals_each(struct ccb_store_tx *tx, const struct ccb_page *page,
                     int (*each)(void *user, const struct ccb_actual *actual),
                     void *user, struct ccb_error *err)
{
    sqlite3_stmt *row = start_actuals(tx, page);
    struct ccb_actual actual;
    int count = 0, code;

    for (; (code = ccb_tx_step(tx, row, err)) == 1; count++) {
        code = read_actual(tx, row, &actual) ? each(user, &actual)
                                             : ccb_tx_no_memory(err);
        if (code != 0)
            break;
    }
    (void)sqlite3_reset(row);
    return code < 0 ? code : count;
}

/* ---- tasks -------------------------------------------------------------- */

int ccb_task_insert(struct ccb_store_tx *tx, const struct ccb_task *task,
                    struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_TASK_PUT);

    ccb_bind(row, 1, task->task_guid);
    ccb_bind(row, 2, task->domain);
    (void)sqlite3_bind_int64(row, 3, task->state);
    ccb_bind(row, 4, task->cell_id);
    (void)sqlite3_bind_int64(row, 5, task->created_at);
    (void)sqlite3_bind_int64(row, 6, task->updated_at);
    (void)sqlite3_bind_int64(row, 7, task->first_completed_at);
    (void)sqlite3_bind_int(row, 8, task->failed);
    ccb_bind(row, 9, task->failure_reason);
    ccb_bind(row, 10, task->result);
    ccb_bind(row, 11, task->result_file);
    ccb_bind(row, 12, task->callback_url);
    ccb_bind(row, 13, task->annotation);
    ccb_bind(row, 14, task->body);
    return ccb_tx_execute(tx, row, err);
}

int ccb_task_set(struct ccb_store_tx *tx, const struct ccb_task *task,
                 struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_TASK_SET);

    (void)sqlite3_bind_int64(row, 1, task->state);
    ccb_bind(row, 2, task->cell_id);
    (void)sqlite3_bind_int64(row, 3, task->updated_at);
    (void)sqlite3_bind_int64(row, 4, task->first_completed_at);
    (void)sqlite3_bind_int(row, 5, task->failed);
    ccb_bind(row, 6, task->failure_reason);
    ccb_bind(row, 7, task->result);
    ccb_bind(row, 8, task->task_guid);
    return ccb_tx_execute(tx, row, err);
}

int ccb_task_remove(struct ccb_store_tx *tx, struct ccb_slice guid,
                    struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_TASK_DELETE);

    ccb_bind(row, 1, guid);
    return ccb_tx_execute(tx, row, err);
}

/* ---- desired LRPs ------------------------------------------------------- */

static int insert_desired(struct ccb_store_tx *tx, const struct ccb_desired *d,
                          struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_DESIRED_PUT);

    ccb_bind(row, 1, d->process_guid);
    ccb_bind(row, 2, d->domain);
    (void)sqlite3_bind_int64(row, 3, d->instances);
    ccb_bind(row, 4, d->routes);
    ccb_bind(row, 5, d->annotation);
    ccb_bind(row, 6, d->tag.epoch);
    (void)sqlite3_bind_int64(row, 7, d->tag.index);
    ccb_bind(row, 8, d->body);
    return ccb_tx_execute(tx, row, err);
}

static int update_desired(struct ccb_store_tx *tx, const struct ccb_desired *d,
                          struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_DESIRED_SET);

    (void)sqlite3_bind_int64(row, 1, d->instances);
    ccb_bind(row, 2, d->routes);
    ccb_bind(row, 3, d->annotation);
    (void)sqlite3_bind_int64(row, 4, d->tag.index);
    ccb_bind(row, 5, d->process_guid);
    return ccb_tx_execute(tx, row, err);
}

static int delete_desired(struct ccb_store_tx *tx, const struct ccb_desired *d,
                          struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_DESIRED_DELETE);

    ccb_bind(row, 1, d->process_guid);
    return ccb_tx_execute(tx, row, err);
}

/* ---- actual LRPs -------------------------------------------------------- */

static int put_actual(struct ccb_store_tx *tx, const struct ccb_actual *a,
                      struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_ACTUAL_PUT);

    ccb_bind(row, 1, a->process_guid);
    (void)sqlite3_bind_int64(row, 2, a->index);
    ccb_bind(row, 3, a->domain);
    ccb_bind(row, 4, a->instance_guid);
    ccb_bind(row, 5, a->cell_id);
    ccb_bind(row, 6, a->address);
    ccb_bind(row, 7, a->ports);
    (void)sqlite3_bind_int64(row, 8, a->state);
    (void)sqlite3_bind_int64(row, 9, a->crash_count);
    ccb_bind(row, 10, a->crash_reason);
    ccb_bind(row, 11, a->placement_error);
    (void)sqlite3_bind_int64(row, 12, a->since);
    ccb_bind(row, 13, a->tag.epoch);
    (void)sqlite3_bind_int64(row, 14, a->tag.index);
    return ccb_tx_execute(tx, row, err);
}

static int delete_actual(struct ccb_store_tx *tx, const struct ccb_actual *a,
                         struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_ACTUAL_DELETE);

    ccb_bind(row, 1, a->process_guid);
    (void)sqlite3_bind_int64(row, 2, a->index);
    return ccb_tx_execute(tx, row, err);
}

/* ---- changes and their events ------------------------------------------- */

/* What an event is called, and how its members are. */
struct naming {
    const char *created, *changed, *removed;
    const char *plain, *before, *after; /* "\"actual_lrp\":" */
};

static const struct naming desired_naming = {
    "desired_lrp_created",      "desired_lrp_changed",
    "desired_lrp_removed",      "{\"desired_lrp\":",
    "{\"desired_lrp_before\":", ",\"desired_lrp_after\":"};
static const struct naming actual_naming = {
    "actual_lrp_created", "actual_lrp_changed",      "actual_lrp_removed",
    "{\"actual_lrp\":",   "{\"actual_lrp_before\":", ",\"actual_lrp_after\":"};

static void encode_desired(struct ccb_buf *out, const void *record)
{
    ccb_desired_encode(out, record);
}

static void encode_actual(struct ccb_buf *out, const void *record)
{
    ccb_actual_encode(out, record);
}

static int publish(struct ccb_store_tx *tx, const struct naming *naming,
                   void (*encode)(struct ccb_buf *out, const void *record),
                   const void *before, const void *after, struct ccb_error *err)
{
    const char *name = !before  ? naming->created
                       : !after ? naming->removed
                                : naming->changed;
    struct ccb_buf data = {0};
    struct ccb_event *event = NULL;

    if (!tx->events || !ccb_events_wanted(tx->events))
        return 0;
    (void)ccb_buf_put(&data, before && after ? naming->before : naming->plain);
    encode(&data, before ? before : after);
    if (before && after) {
        (void)ccb_buf_put(&data, naming->after);
        encode(&data, after);
    }
    (void)ccb_buf_putc(&data, '}');
    if (!data.failed)
        event = ccb_event_create(name, ccb_buf_slice(&data));
    ccb_buf_destroy(&data);
    return event ? ccb_tx_publish(tx, event, err) : ccb_tx_no_memory(err);
}

static int write_desired(struct ccb_store_tx *tx,
                         const struct ccb_desired *before,
                         const struct ccb_desired *after, struct ccb_error *err)
{
    if (after)
        return before ? update_desired(tx, after, err)
                      : insert_desired(tx, after, err);
    return before ? delete_desired(tx, before, err) : 0;
}

int ccb_desired_change(struct ccb_store_tx *tx,
                       const struct ccb_desired *before,
                       const struct ccb_desired *after, struct ccb_error *err)
{
    int code = write_desired(tx, before, after, err);

    return code < 0 ? code
                    : publish(tx, &desired_naming, encode_desired, before,
                              after, err);
}

static int write_actual(struct ccb_store_tx *tx,
                        const struct ccb_actual *before,
                        const struct ccb_actual *after, struct ccb_error *err)
{
    if (after)
        return put_actual(tx, after, err);
    return before ? delete_actual(tx, before, err) : 0;
}

int ccb_actual_change(struct ccb_store_tx *tx, const struct ccb_actual *before,
                      const struct ccb_actual *after, struct ccb_error *err)
{
    int code = write_actual(tx, before, after, err);

    return code < 0
               ? code
               : publish(tx, &actual_naming, encode_actual, before, after, err);
}
