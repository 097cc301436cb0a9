/*
 * The inside of the store, for the files that hold its rules: the transaction,
 * its statements, and what is sent out after the commit.
 */
#ifndef CCB_CELL_STORE_INTERNAL_H
#define CCB_CELL_STORE_INTERNAL_H

#include <sqlite3.h>

#include "cell/store.h"

/* ---- statements --------------------------------------------------------- */

/* Columns of a whole record, in the order of its reader (record.c). */
#define CCB_TASK_COLUMNS                                                       \
    "task_guid, domain, state, cell_id, created_at, updated_at, "              \
    "first_completed_at, failed, failure_reason, result, result_file, "        \
    "callback_url, annotation, body"
#define CCB_DESIRED_COLUMNS                                                    \
    "process_guid, domain, instances, routes, annotation, epoch, tag_index, "  \
    "body"
#define CCB_ACTUAL_COLUMNS                                                     \
    "process_guid, idx, domain, instance_guid, cell_id, address, ports, "      \
    "state, crash_count, crash_reason, placement_error, since, epoch, "        \
    "tag_index"

#define CCB_STATEMENTS(X)                                                      \
    X(TASK_GET, "SELECT " CCB_TASK_COLUMNS " FROM tasks WHERE task_guid = ?")  \
    X(TASK_PUT, "INSERT INTO tasks (" CCB_TASK_COLUMNS                         \
                ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")         \
    X(TASK_SET, "UPDATE tasks SET state = ?, cell_id = ?, updated_at = ?, "    \
                "first_completed_at = ?, failed = ?, failure_reason = ?, "     \
                "result = ? WHERE task_guid = ?")                              \
    X(TASK_DELETE, "DELETE FROM tasks WHERE task_guid = ?")                    \
    X(TASK_LIST, "SELECT " CCB_TASK_COLUMNS " FROM tasks WHERE "               \
                 "task_guid > ?1 AND (?2 = '' OR domain = ?2) "                \
                 "ORDER BY task_guid LIMIT ?3")                                \
    X(DESIRED_GET,                                                             \
      "SELECT " CCB_DESIRED_COLUMNS " FROM desired WHERE process_guid = ?")    \
    X(DESIRED_PUT, "INSERT INTO desired (" CCB_DESIRED_COLUMNS                 \
                   ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)")                        \
    X(DESIRED_SET, "UPDATE desired SET instances = ?, routes = ?, "            \
                   "annotation = ?, tag_index = ? WHERE process_guid = ?")     \
    X(DESIRED_DELETE, "DELETE FROM desired WHERE process_guid = ?")            \
    X(DESIRED_LIST, "SELECT " CCB_DESIRED_COLUMNS " FROM desired WHERE "       \
                    "process_guid > ?1 AND (?2 = '' OR domain = ?2) "          \
                    "ORDER BY process_guid LIMIT ?3")                          \
    X(ACTUAL_GET, "SELECT " CCB_ACTUAL_COLUMNS                                 \
                  " FROM actual WHERE process_guid = ? AND idx = ?")           \
    X(ACTUAL_PUT, "INSERT OR REPLACE INTO actual (" CCB_ACTUAL_COLUMNS         \
                  ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")       \
    X(ACTUAL_DELETE, "DELETE FROM actual WHERE process_guid = ? AND idx = ?")  \
    X(ACTUAL_LIST, "SELECT " CCB_ACTUAL_COLUMNS " FROM actual WHERE "          \
                   "(process_guid, idx) > (?1, ?4) AND "                       \
                   "(?2 = '' OR domain = ?2) "                                 \
                   "ORDER BY process_guid, idx LIMIT ?3")                      \
    X(ACTUAL_OF, "SELECT " CCB_ACTUAL_COLUMNS " FROM actual WHERE "            \
                 "process_guid = ?1 AND idx > ?2 ORDER BY idx LIMIT ?3")       \
    X(PROCESS_NEXT, "SELECT min(g) FROM (SELECT min(process_guid) AS g FROM "  \
                    "desired WHERE process_guid > ?1 UNION ALL SELECT "        \
                    "min(process_guid) FROM actual WHERE process_guid > ?1)")  \
    X(DOMAIN_PUT, "INSERT OR REPLACE INTO domains (domain, expires_at) "       \
                  "VALUES (?, ?)")                                             \
    X(DOMAIN_GET, "SELECT 1 FROM domains WHERE domain = ?1 AND "               \
                  "(expires_at = 0 OR expires_at > ?2)")                       \
    X(DOMAIN_LIST, "SELECT domain FROM domains WHERE domain > ?1 AND "         \
                   "(expires_at = 0 OR expires_at > ?2) ORDER BY domain "      \
                   "LIMIT ?3")                                                 \
    X(DOMAIN_EXPIRE, "DELETE FROM domains WHERE expires_at <> 0 AND "          \
                     "expires_at <= ?")                                        \
    X(CELL_PUT, "INSERT OR REPLACE INTO cells (cell_id, document, "            \
                "expires_at) VALUES (?, ?, ?)")                                \
    X(CELL_DELETE, "DELETE FROM cells WHERE cell_id = ?")                      \
    X(CELL_GET, "SELECT 1 FROM cells WHERE cell_id = ? AND expires_at > ?")    \
    X(CELL_LIST, "SELECT cell_id, document FROM cells WHERE cell_id > ?1 "     \
                 "AND expires_at > ?2 ORDER BY cell_id LIMIT ?3")              \
    X(BEGIN, "BEGIN")                                                          \
    X(COMMIT, "COMMIT")                                                        \
    X(ROLLBACK, "ROLLBACK")                                                    \
    X(SAVEPOINT, "SAVEPOINT op")                                               \
    X(RELEASE, "RELEASE op")                                                   \
    X(UNDO, "ROLLBACK TO op")

enum ccb_statement {
#define CCB_STATEMENT_ID(id, sql) CCB_SQL_##id,
    CCB_STATEMENTS(CCB_STATEMENT_ID)
#undef CCB_STATEMENT_ID
        CCB_SQL_COUNT
};

/* ---- the transaction ---------------------------------------------------- */

struct ccb_outgoing { /* an event or an effect, in order */
    struct ccb_outgoing *next;
    struct ccb_event *event; /* a reference; NULL: an effect */
    struct ccb_effect effect;
};

struct ccb_store_tx {
    sqlite3 *db;
    sqlite3_stmt *statements[CCB_SQL_COUNT];
    struct ccb_arena *arena; /* of the transaction */
    int64_t now, monotonic;
    const struct ccb_cell_times *times;
    struct ccb_events *events;
    struct ccb_outgoing *first, **last;
};

/* A statement, reset and ready to be bound; reset it when done. */
sqlite3_stmt *ccb_tx_statement(struct ccb_store_tx *tx, enum ccb_statement id);

/* Parameters and columns. Bound text is borrowed until the reset; column text
 * is copied into the arena, *failed is set without memory. */
void ccb_bind(sqlite3_stmt *statement, int at, struct ccb_slice text);
struct ccb_slice ccb_column(struct ccb_store_tx *tx, sqlite3_stmt *statement,
                            int at, bool *failed);

/* Runs a statement that gives no rows, and resets it. */
int ccb_tx_execute(struct ccb_store_tx *tx, sqlite3_stmt *statement,
                   struct ccb_error *err);
/* One row: 1, none: 0, or negative. */
int ccb_tx_step(struct ccb_store_tx *tx, sqlite3_stmt *statement,
                struct ccb_error *err);
/* SQLite's last failure as an error. */
int ccb_tx_fail(struct ccb_store_tx *tx, struct ccb_error *err);
int ccb_tx_no_memory(struct ccb_error *err);

/* Sent after the commit. The event is taken over, also on failure; NULL is
 * fine. An effect's texts are copied. */
int ccb_tx_publish(struct ccb_store_tx *tx, struct ccb_event *event,
                   struct ccb_error *err);
int ccb_tx_effect(struct ccb_store_tx *tx, const struct ccb_effect *effect,
                  struct ccb_error *err);

/* ---- the file (store_file.c) -------------------------------------------- */

int ccb_store_file_open(sqlite3 **db, const char *path, struct ccb_error *err);

#endif
