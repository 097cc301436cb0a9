/*
 * Reading what Consul's HTTP API answers: pure functions from a body to the
 * few members that the lock and the catalog use (contract/stager.md A9, C5).
 *
 * A body is the first JSON value of the text (A8). What is read of a session is
 * put into URLs later, so its form is checked here. No state; any thread.
 */
#ifndef CCB_CONSUL_ANSWERS_H
#define CCB_CONSUL_ANSWERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "ccbridge/error.h"
#include "ccbridge/slice.h"

/* A session ID is a guid; anything up to this of letters, digits and '-' is
 * taken. With its NUL. */
#define CCB_CONSUL_ID_SIZE 65

/* Agent: the node's name, in the arena or in the body. */
int ccb_consul_read_node(struct ccb_slice body, struct ccb_arena *arena,
                         struct ccb_slice *name, struct ccb_error *err);

/* Sessions of a node: the IDs of those called `name`, in the arena. */
struct ccb_consul_ids {
    char (*items)[CCB_CONSUL_ID_SIZE];
    size_t count;
};
int ccb_consul_read_sessions(struct ccb_slice body, const char *name,
                             struct ccb_arena *arena,
                             struct ccb_consul_ids *ids, struct ccb_error *err);

/* A session that was created. */
int ccb_consul_read_session(struct ccb_slice body, char id[CCB_CONSUL_ID_SIZE],
                            struct ccb_error *err);

/* A session that was renewed: CCB_NOT_FOUND when there is none any more. */
int ccb_consul_read_renewal(struct ccb_slice body, struct ccb_error *err);

/* A key: who holds it, seen by the session `own`. */
enum ccb_consul_holder {
    CCB_CONSUL_NOBODY,
    CCB_CONSUL_OWN,
    CCB_CONSUL_ANOTHER
};
struct ccb_consul_entry {
    bool there;
    uint64_t flags;
    enum ccb_consul_holder holder;
};
int ccb_consul_read_entry(struct ccb_slice body, const char *own,
                          struct ccb_consul_entry *entry,
                          struct ccb_error *err);

/* The answer to an acquisition: true or false. */
int ccb_consul_read_truth(struct ccb_slice body, bool *truth,
                          struct ccb_error *err);

/* The header X-Consul-Index; 0 when it is none. */
uint64_t ccb_consul_read_index(struct ccb_slice text);

/* Catalog: the addresses as one JSON array, appended. */
int ccb_consul_read_addresses(struct ccb_slice body, struct ccb_buf *out,
                              struct ccb_error *err);

#endif
