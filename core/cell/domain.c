/*
 * Domains and their freshness, cells and their presence: contract/
 * receptor-api.md 4.4, 4.5, 9.
 *
 * Freshness is promised to the outside and outlives the process: it is stored
 * by the wall clock. Presence is between the parts of one process: it lies in
 * memory and goes by the clock that nobody turns.
 */
#include "cell/lrp.h"

#include "base/buf.h"
#include "cell/store_internal.h"

/* ---- domains ------------------------------------------------------------ */

int ccb_domain_upsert(struct ccb_store_tx *tx, struct ccb_slice domain,
                      int64_t ttl, struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_DOMAIN_PUT);
    int64_t expires = 0;

    if (ttl > 0 && __builtin_add_overflow(tx->now, ttl, &expires))
        expires = 0; /* later than time goes is for ever */
    ccb_bind(row, 1, domain);
    (void)sqlite3_bind_int64(row, 2, expires);
    return ccb_tx_execute(tx, row, err);
}

int ccb_domain_fresh(struct ccb_store_tx *tx, struct ccb_slice domain,
                     struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_DOMAIN_GET);
    int code;

    ccb_bind(row, 1, domain);
    (void)sqlite3_bind_int64(row, 2, tx->now);
    code = ccb_tx_step(tx, row, err);
    (void)sqlite3_reset(row);
    return code;
}

int ccb_domains_expire(struct ccb_store_tx *tx, struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_DOMAIN_EXPIRE);

    (void)sqlite3_bind_int64(row, 1, tx->now);
    return ccb_tx_execute(tx, row, err);
}

int ccb_domains_each(struct ccb_store_tx *tx, struct ccb_slice after, int limit,
                     int (*each)(void *user, struct ccb_slice domain),
                     void *user, struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_DOMAIN_LIST);
    bool failed = false;
    int count = 0, code;

    ccb_bind(row, 1, after);
    (void)sqlite3_bind_int64(row, 2, tx->now);
    (void)sqlite3_bind_int(row, 3, limit);
    for (; (code = ccb_tx_step(tx, row, err)) == 1; count++) {
        struct ccb_slice domain = ccb_column(tx, row, 0, &failed);

        code = failed ? ccb_tx_no_memory(err) : each(user, domain);
        if (code != 0)
            break;
    }
    (void)sqlite3_reset(row);
    return code < 0 ? code : count;
}

/* ---- cells -------------------------------------------------------------- */

static int check_cell(const struct ccb_cell_info *cell, struct ccb_error *err)
{
    const char *field = cell->cell_id.len == 0  ? "cell_id"
                        : cell->memory_mb <= 0  ? "memory_mb"
                        : cell->disk_mb < 0     ? "disk_mb"
                        : cell->containers <= 0 ? "containers"
                                                : NULL;

    return field ? ccb_error_set(err, CCB_INVALID, "Invalid field: %s", field)
                 : 0;
}

static void encode_cell(struct ccb_buf *out, const struct ccb_cell_info *cell)
{
    struct ccb_json_writer w;

    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    ccb_json_member_string(&w, "cell_id", cell->cell_id);
    ccb_json_member_string(&w, "zone", cell->zone);
    ccb_json_key(&w, "capacity");
    ccb_json_begin_object(&w);
    ccb_json_member_int(&w, "memory_mb", cell->memory_mb);
    ccb_json_member_int(&w, "disk_mb", cell->disk_mb);
    ccb_json_member_int(&w, "containers", cell->containers);
    ccb_json_end_object(&w);
    ccb_json_key(&w, "rootfs_providers");
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "preloaded");
    ccb_json_begin_array(&w);
    for (size_t i = 0; i < cell->stack_count; i++)
        ccb_json_put_string(&w, cell->stacks[i]);
    ccb_json_end_array(&w);
    if (cell->docker)
        ccb_json_member_raw(&w, "docker", ccb_slice_of("[]"));
    ccb_json_end_object(&w);
    ccb_json_end_object(&w);
    (void)ccb_json_writer_end(&w); /* the buffer remembers a failure */
}

int ccb_cell_announce(struct ccb_store_tx *tx, const struct ccb_cell_info *cell,
                      struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_CELL_PUT);
    struct ccb_buf document = {0};
    int code = check_cell(cell, err);

    if (code < 0)
        return code;
    encode_cell(&document, cell);
    ccb_bind(row, 1, cell->cell_id);
    ccb_bind(row, 2, ccb_buf_slice(&document));
    (void)sqlite3_bind_int64(row, 3, tx->monotonic + tx->times->presence_ttl);
    code =
        document.failed ? ccb_tx_no_memory(err) : ccb_tx_execute(tx, row, err);
    ccb_buf_destroy(&document);
    return code;
}

int ccb_cell_leave(struct ccb_store_tx *tx, struct ccb_slice cell_id,
                   struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_CELL_DELETE);

    ccb_bind(row, 1, cell_id);
    return ccb_tx_execute(tx, row, err);
}

int ccb_cell_present(struct ccb_store_tx *tx, struct ccb_slice cell_id,
                     struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_CELL_GET);
    int code;

    ccb_bind(row, 1, cell_id);
    (void)sqlite3_bind_int64(row, 2, tx->monotonic);
    code = ccb_tx_step(tx, row, err);
    (void)sqlite3_reset(row);
    return code;
}

int ccb_cells_each(struct ccb_store_tx *tx, struct ccb_slice after, int limit,
                   int (*each)(void *user, struct ccb_slice cell_id,
                               struct ccb_slice document),
                   void *user, struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_CELL_LIST);
    bool failed = false;
    int count = 0, code;

    ccb_bind(row, 1, after);
    (void)sqlite3_bind_int64(row, 2, tx->monotonic);
    (void)sqlite3_bind_int(row, 3, limit);
    for (; (code = ccb_tx_step(tx, row, err)) == 1; count++) {
        struct ccb_slice id = ccb_column(tx, row, 0, &failed);
        struct ccb_slice document = ccb_column(tx, row, 1, &failed);

        code = failed ? ccb_tx_no_memory(err) : each(user, id, document);
        if (code != 0)
            break;
    }
    (void)sqlite3_reset(row);
    return code < 0 ? code : count;
}
