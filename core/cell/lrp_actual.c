/*
 * The life of an actual LRP: contract/receptor-api.md 7.
 *
 * Invariant: a record is read, judged and only then changed; every change
 * adds 1 to its tag and is published, and what is no change does neither.
 */
#include "cell/lrp.h"

#include <stdio.h>

#include "cell/store_internal.h"

static int refuse(struct ccb_error *err, int code, const char *id)
{
    if (err)
        (void)snprintf(err->id, sizeof(err->id), "%s", id);
    return code;
}

static int refuse_verb(struct ccb_error *err, const char *verb,
                       const struct ccb_actual *actual)
{
    (void)ccb_error_set(
        err, CCB_CONFLICT, "cannot %s instance %lld of '%.*s': it is %s%s%.*s",
        verb, (long long)actual->index, (int)actual->process_guid.len,
        actual->process_guid.ptr, ccb_actual_state_name(actual->state),
        actual->cell_id.len ? " on cell " : "", (int)actual->cell_id.len,
        actual->cell_id.ptr);
    return refuse(err, CCB_CONFLICT, CCB_ID_ACTUAL_REFUSED);
}

static int find(struct ccb_store_tx *tx, struct ccb_slice guid, int64_t index,
                struct ccb_actual *out, struct ccb_error *err)
{
    int code = ccb_actual_get(tx, guid, index, out, err);

    if (code != 0)
        return code < 0 ? code : 0;
    (void)ccb_error_set(err, CCB_NOT_FOUND,
                        "process-guid '%.*s' does not exist or has no instance "
                        "at index %lld",
                        (int)guid.len, guid.ptr, (long long)index);
    return refuse(err, CCB_NOT_FOUND, CCB_ID_INDEX_NOT_FOUND);
}

static bool is_owner(const struct ccb_actual *actual,
                     const struct ccb_instance_key *instance)
{
    return (actual->state == CCB_ACTUAL_CLAIMED ||
            actual->state == CCB_ACTUAL_RUNNING) &&
           ccb_slice_equal(actual->instance_guid, instance->instance_guid) &&
           ccb_slice_equal(actual->cell_id, instance->cell_id);
}

static bool is_free(const struct ccb_actual *actual)
{
    return actual->state == CCB_ACTUAL_UNCLAIMED ||
           actual->state == CCB_ACTUAL_CRASHED;
}

static int check_instance(const struct ccb_instance_key *instance,
                          struct ccb_error *err)
{
    if (instance->instance_guid.len > 0 && instance->cell_id.len > 0)
        return 0;
    (void)ccb_error_set(err, CCB_CONFLICT, "Invalid field: %s",
                        instance->instance_guid.len > 0 ? "cell_id"
                                                        : "instance_guid");
    return refuse(err, CCB_CONFLICT, CCB_ID_ACTUAL_REFUSED);
}

static void clear_keys(struct ccb_actual *actual)
{
    actual->instance_guid = actual->cell_id = ccb_slice_of("");
    actual->address = actual->ports = ccb_slice_of("");
}

static int change(struct ccb_store_tx *tx, const struct ccb_actual *before,
                  struct ccb_actual *after, struct ccb_error *err)
{
    after->tag.index = before->tag.index + 1;
    return ccb_actual_change(tx, before, after, err);
}

static int auction(struct ccb_store_tx *tx, const struct ccb_actual *actual,
                   struct ccb_error *err)
{
    struct ccb_effect effect = {.kind = CCB_EFFECT_AUCTION_ACTUAL,
                                .guid = actual->process_guid,
                                .index = actual->index};

    return ccb_tx_effect(tx, &effect, err);
}

static int change_and_auction(struct ccb_store_tx *tx,
                              const struct ccb_actual *before,
                              struct ccb_actual *after, struct ccb_error *err)
{
    int code = change(tx, before, after, err);

    return code < 0 ? code : auction(tx, after, err);
}

static void init(const struct ccb_store_tx *tx, struct ccb_actual *out,
                 const struct ccb_actual_key *key)
{
    *out = (struct ccb_actual){.process_guid = key->process_guid,
                               .index = key->index,
                               .domain = key->domain,
                               .state = CCB_ACTUAL_UNCLAIMED,
                               .since = tx->now};
}

int ccb_actual_create(struct ccb_store_tx *tx, const struct ccb_actual_key *key,
                      struct ccb_error *err)
{
    struct ccb_actual actual;
    int code = ccb_actual_get(tx, key->process_guid, key->index, &actual, err);

    if (code < 0)
        return code;
    if (code == 1)
        return refuse_verb(err, "create", &actual);
    init(tx, &actual, key);
    code = ccb_tag_start(tx, &actual.tag, err);
    if (code == 0)
        code = ccb_actual_change(tx, NULL, &actual, err);
    return code < 0 ? code : auction(tx, &actual, err);
}

/* ---- the cell's words --------------------------------------------------- */

int ccb_actual_claim(struct ccb_store_tx *tx, const struct ccb_actual_key *key,
                     const struct ccb_instance_key *instance,
                     struct ccb_error *err)
{
    struct ccb_actual before, after;
    int code = check_instance(instance, err);

    if (code == 0)
        code = find(tx, key->process_guid, key->index, &before, err);
    if (code < 0)
        return code;
    if (!ccb_slice_equal(before.domain, key->domain) ||
        (!is_free(&before) && !is_owner(&before, instance)))
        return refuse_verb(err, "claim", &before);
    after = before;
    clear_keys(&after);
    after.state = CCB_ACTUAL_CLAIMED;
    after.instance_guid = instance->instance_guid;
    after.cell_id = instance->cell_id;
    after.placement_error = ccb_slice_of("");
    return change(tx, &before, &after, err); /* since stands */
}

/* RUNNING by the same instance is judged by what it says of its net. */
static bool is_same_start(const struct ccb_actual *actual,
                          const struct ccb_instance_key *instance,
                          const struct ccb_net_info *net)
{
    return actual->state == CCB_ACTUAL_RUNNING && is_owner(actual, instance) &&
           ccb_slice_equal(actual->address, net->address) &&
           ccb_slice_equal(actual->ports, net->ports);
}

static void set_running(const struct ccb_store_tx *tx, struct ccb_actual *out,
                        const struct ccb_instance_key *instance,
                        const struct ccb_net_info *net)
{
    out->state = CCB_ACTUAL_RUNNING;
    out->instance_guid = instance->instance_guid;
    out->cell_id = instance->cell_id;
    out->address = net->address;
    out->ports = net->ports;
    out->placement_error = ccb_slice_of("");
    out->since = tx->now;
}

static int start_new(struct ccb_store_tx *tx, const struct ccb_actual_key *key,
                     const struct ccb_instance_key *instance,
                     const struct ccb_net_info *net, struct ccb_error *err)
{
    struct ccb_actual actual;
    int code;

    init(tx, &actual, key);
    set_running(tx, &actual, instance, net);
    code = ccb_tag_start(tx, &actual.tag, err);
    return code < 0 ? code : ccb_actual_change(tx, NULL, &actual, err);
}

int ccb_actual_start(struct ccb_store_tx *tx, const struct ccb_actual_key *key,
                     const struct ccb_instance_key *instance,
                     const struct ccb_net_info *net, struct ccb_error *err)
{
    struct ccb_actual before, after;
    int code = check_instance(instance, err);

    if (code == 0)
        code = ccb_actual_get(tx, key->process_guid, key->index, &before, err);
    if (code < 0)
        return code;
    if (code == 0)
        return start_new(tx, key, instance, net, err);
    if (!ccb_slice_equal(before.domain, key->domain) ||
        (before.state == CCB_ACTUAL_RUNNING && !is_owner(&before, instance)))
        return refuse_verb(err, "start", &before);
    if (is_same_start(&before, instance, net))
        return 0;
    after = before;
    set_running(tx, &after, instance, net);
    return change(tx, &before, &after, err);
}

/* The rule of 7.3. */
static void count_crash(const struct ccb_store_tx *tx,
                        const struct ccb_actual *before,
                        struct ccb_actual *after, struct ccb_slice reason)
{
    bool long_lived = before->state == CCB_ACTUAL_RUNNING &&
                      tx->now - before->since > tx->times->crash_reset;

    *after = *before;
    clear_keys(after);
    after->crash_count = long_lived ? 1 : before->crash_count + 1;
    after->crash_reason = reason;
    after->placement_error = ccb_slice_of("");
    after->since = tx->now;
    after->state = after->crash_count < CCB_CRASHES_AT_ONCE
                       ? CCB_ACTUAL_UNCLAIMED
                       : CCB_ACTUAL_CRASHED;
}

int ccb_actual_crash(struct ccb_store_tx *tx, const struct ccb_actual_key *key,
                     const struct ccb_instance_key *instance,
                     struct ccb_slice reason, struct ccb_error *err)
{
    struct ccb_actual before, after;
    struct ccb_desired desired;
    int code = find(tx, key->process_guid, key->index, &before, err);

    if (code < 0)
        return code;
    if (!is_owner(&before, instance))
        return refuse_verb(err, "crash", &before);
    count_crash(tx, &before, &after, reason);
    if (after.state == CCB_ACTUAL_CRASHED)
        return change(tx, &before, &after, err);
    code = ccb_desired_get(tx, key->process_guid, &desired, err);
    if (code < 0)
        return code;
    return code == 0 ? ccb_actual_change(tx, &before, NULL, err)
                     : change_and_auction(tx, &before, &after, err);
}

int ccb_actual_fail_placement(struct ccb_store_tx *tx,
                              const struct ccb_actual_key *key,
                              struct ccb_slice text, struct ccb_error *err)
{
    struct ccb_actual before, after;
    int code = find(tx, key->process_guid, key->index, &before, err);

    if (code < 0)
        return code;
    if (before.state != CCB_ACTUAL_UNCLAIMED)
        return refuse_verb(err, "fail the placement of", &before);
    after = before;
    after.placement_error = text;
    after.since = tx->now;
    return change(tx, &before, &after, err);
}

int ccb_actual_unclaim(struct ccb_store_tx *tx,
                       const struct ccb_actual_key *key,
                       const struct ccb_instance_key *instance,
                       struct ccb_error *err)
{
    struct ccb_actual before, after;
    int code = find(tx, key->process_guid, key->index, &before, err);

    if (code < 0)
        return code;
    if (!is_owner(&before, instance))
        return refuse_verb(err, "unclaim", &before);
    after = before;
    clear_keys(&after);
    after.state = CCB_ACTUAL_UNCLAIMED;
    after.since = tx->now;
    return change_and_auction(tx, &before, &after, err);
}

int ccb_actual_stopped(struct ccb_store_tx *tx,
                       const struct ccb_actual_key *key,
                       const struct ccb_instance_key *instance,
                       struct ccb_error *err)
{
    struct ccb_actual before;
    int code = find(tx, key->process_guid, key->index, &before, err);

    if (code < 0)
        return code;
    if (!is_owner(&before, instance))
        return refuse_verb(err, "remove", &before);
    return ccb_actual_change(tx, &before, NULL, err);
}

/* ---- the API's and the converger's -------------------------------------- */

int ccb_actual_retire(struct ccb_store_tx *tx, struct ccb_slice guid,
                      int64_t index, struct ccb_error *err)
{
    struct ccb_effect effect = {.kind = CCB_EFFECT_STOP_ACTUAL};
    struct ccb_actual before;
    int code = find(tx, guid, index, &before, err);

    if (code == 0 && !is_free(&before))
        code = ccb_cell_present(tx, before.cell_id, err);
    if (code < 0)
        return code;
    if (code == 0)
        return ccb_actual_change(tx, &before, NULL, err);
    effect.guid = guid;
    effect.index = index;
    effect.instance_guid = before.instance_guid;
    effect.cell_id = before.cell_id;
    return ccb_tx_effect(tx, &effect, err);
}

int ccb_actual_restart(struct ccb_store_tx *tx, struct ccb_slice guid,
                       int64_t index, struct ccb_error *err)
{
    struct ccb_actual before, after;
    int code = find(tx, guid, index, &before, err);

    if (code < 0)
        return code;
    if (before.state != CCB_ACTUAL_CRASHED)
        return refuse_verb(err, "restart", &before);
    after = before;
    after.state = CCB_ACTUAL_UNCLAIMED;
    after.since = tx->now;
    return change_and_auction(tx, &before, &after, err);
}

int ccb_actual_auction(struct ccb_store_tx *tx, struct ccb_slice guid,
                       int64_t index, struct ccb_error *err)
{
    struct ccb_actual actual;
    int code = find(tx, guid, index, &actual, err);

    if (code < 0)
        return code;
    if (actual.state != CCB_ACTUAL_UNCLAIMED)
        return refuse_verb(err, "auction", &actual);
    return auction(tx, &actual, err);
}

int ccb_actual_remove(struct ccb_store_tx *tx, struct ccb_slice guid,
                      int64_t index, struct ccb_error *err)
{
    struct ccb_actual before;
    int code = find(tx, guid, index, &before, err);

    return code < 0 ? code : ccb_actual_change(tx, &before, NULL, err);
}
