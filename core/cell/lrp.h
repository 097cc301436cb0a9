/*
 * The life of desired and actual LRPs: contract/receptor-api.md 7 and 10, each
 * transition a function inside a store's transaction. Auctions and stops go
 * out as effects after the commit, events as well.
 *
 * A refusal is CCB_CONFLICT (CCB_NOT_FOUND for what is missing); the error's
 * id names the kind, and the record is untouched. Threads: the store's.
 */
#ifndef CCB_CELL_LRP_H
#define CCB_CELL_LRP_H

#include "cell/record.h"

#define CCB_ID_LRP_EXISTS "DesiredLRPAlreadyExists"
#define CCB_ID_LRP_NOT_FOUND "DesiredLRPNotFound"
#define CCB_ID_INDEX_NOT_FOUND "ActualLRPIndexNotFound"
#define CCB_ID_ACTUAL_REFUSED "ActualLRPRefused"

/* An operation creates or starts so many instances; convergence the rest. */
#define CCB_LRP_CREATE_AT_ONCE 1000

/* ---- desired LRPs (lrp_desired.c) --------------------------------------- */

/* A new record with a new tag, and its instances. */
int ccb_desired_create(struct ccb_store_tx *tx,
                       const struct ccb_desired *desired,
                       struct ccb_error *err);

struct ccb_desired_update {
    bool has_instances, has_routes, has_annotation;
    int64_t instances;
    struct ccb_slice routes; /* an object, or empty: none */
    struct ccb_slice annotation;
};
int ccb_desired_update(struct ccb_store_tx *tx, struct ccb_slice guid,
                       const struct ccb_desired_update *update,
                       struct ccb_error *err);
int ccb_desired_delete(struct ccb_store_tx *tx, struct ccb_slice guid,
                       struct ccb_error *err);

/* ---- actual LRPs (lrp_actual.c) ----------------------------------------- */

struct ccb_actual_key {
    struct ccb_slice process_guid;
    int64_t index;
    struct ccb_slice domain;
};
struct ccb_instance_key {
    struct ccb_slice instance_guid, cell_id;
};
struct ccb_net_info {
    struct ccb_slice address, ports; /* ports: a JSON array, or empty */
};

/* UNCLAIMED, with a new tag, and its auction. There must be none. */
int ccb_actual_create(struct ccb_store_tx *tx, const struct ccb_actual_key *key,
                      struct ccb_error *err);
int ccb_actual_claim(struct ccb_store_tx *tx, const struct ccb_actual_key *key,
                     const struct ccb_instance_key *instance,
                     struct ccb_error *err);
int ccb_actual_start(struct ccb_store_tx *tx, const struct ccb_actual_key *key,
                     const struct ccb_instance_key *instance,
                     const struct ccb_net_info *net, struct ccb_error *err);
int ccb_actual_crash(struct ccb_store_tx *tx, const struct ccb_actual_key *key,
                     const struct ccb_instance_key *instance,
                     struct ccb_slice reason, struct ccb_error *err);
int ccb_actual_fail_placement(struct ccb_store_tx *tx,
                              const struct ccb_actual_key *key,
                              struct ccb_slice text, struct ccb_error *err);
/* The cell gives it back. */
int ccb_actual_unclaim(struct ccb_store_tx *tx,
                       const struct ccb_actual_key *key,
                       const struct ccb_instance_key *instance,
                       struct ccb_error *err);
/* The container stopped on request or completed: the record goes. */
int ccb_actual_stopped(struct ccb_store_tx *tx,
                       const struct ccb_actual_key *key,
                       const struct ccb_instance_key *instance,
                       struct ccb_error *err);
int ccb_actual_retire(struct ccb_store_tx *tx, struct ccb_slice guid,
                      int64_t index, struct ccb_error *err);

/* The converger's: CRASHED to UNCLAIMED with its auction; the auction alone;
 * the record goes whatever its state is. */
int ccb_actual_restart(struct ccb_store_tx *tx, struct ccb_slice guid,
                       int64_t index, struct ccb_error *err);
int ccb_actual_auction(struct ccb_store_tx *tx, struct ccb_slice guid,
                       int64_t index, struct ccb_error *err);
int ccb_actual_remove(struct ccb_store_tx *tx, struct ccb_slice guid,
                      int64_t index, struct ccb_error *err);

/* ---- domains and cells (domain.c) --------------------------------------- */

/* ttl in ns; 0: for ever. */
int ccb_domain_upsert(struct ccb_store_tx *tx, struct ccb_slice domain,
                      int64_t ttl, struct ccb_error *err);
/* 1, 0 or negative. */
int ccb_domain_fresh(struct ccb_store_tx *tx, struct ccb_slice domain,
                     struct ccb_error *err);
int ccb_domains_expire(struct ccb_store_tx *tx, struct ccb_error *err);
/* The unexpired ones behind `after`, up to `limit`; how many, or negative. */
int ccb_domains_each(struct ccb_store_tx *tx, struct ccb_slice after, int limit,
                     int (*each)(void *user, struct ccb_slice domain),
                     void *user, struct ccb_error *err);

struct ccb_cell_info {
    struct ccb_slice cell_id, zone;
    int64_t memory_mb, disk_mb, containers;
    const struct ccb_slice *stacks; /* of "preloaded" */
    size_t stack_count;
    bool docker;
};
/* Present for the presence TTL from now on. CCB_INVALID names the field. */
int ccb_cell_announce(struct ccb_store_tx *tx, const struct ccb_cell_info *cell,
                      struct ccb_error *err);
int ccb_cell_leave(struct ccb_store_tx *tx, struct ccb_slice cell_id,
                   struct ccb_error *err);
int ccb_cell_present(struct ccb_store_tx *tx, struct ccb_slice cell_id,
                     struct ccb_error *err);
int ccb_cells_each(struct ccb_store_tx *tx, struct ccb_slice after, int limit,
                   int (*each)(void *user, struct ccb_slice cell_id,
                               struct ccb_slice document),
                   void *user, struct ccb_error *err);

#endif
