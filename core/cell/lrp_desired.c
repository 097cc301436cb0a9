/*
 * The life of a desired LRP: contract/receptor-api.md 10. What it says about
 * instances is carried out in the same transaction: the missing ones are
 * created, those over the count retired, the freshness of its domain
 * notwithstanding.
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

static int find(struct ccb_store_tx *tx, struct ccb_slice guid,
                struct ccb_desired *out, struct ccb_error *err)
{
    int code = ccb_desired_get(tx, guid, out, err);

    if (code != 0)
        return code < 0 ? code : 0;
    (void)ccb_error_set(err, CCB_NOT_FOUND,
                        "Desired LRP with guid '%.*s' not found", (int)guid.len,
                        guid.ptr);
    return refuse(err, CCB_NOT_FOUND, CCB_ID_LRP_NOT_FOUND);
}

/* The indexes of one process's records, from `from` on, a page at a time. */
#define PAGE 256
struct indexes {
    int64_t items[PAGE];
    int count;
};

static int on_index(void *user, const struct ccb_actual *actual)
{
    struct indexes *indexes = user;

    indexes->items[indexes->count++] = actual->index;
    return 0;
}

static int read_indexes(struct ccb_store_tx *tx, struct ccb_slice guid,
                        int64_t from, struct indexes *out,
                        struct ccb_error *err)
{
    struct ccb_page page = {
        .guid = guid, .after_index = from - 1, .limit = PAGE};

    out->count = 0;
    return ccb_actuals_each(tx, &page, on_index, out, err);
}

/* Those from..to-1 that are missing, as far as one operation goes. */
static int create_missing(struct ccb_store_tx *tx,
                          const struct ccb_desired *desired, int64_t from,
                          struct ccb_error *err)
{
    struct ccb_actual_key key = {.process_guid = desired->process_guid,
                                 .domain = desired->domain};
    struct ccb_actual actual;
    int64_t to = desired->instances;
    int code = 0;

    if (to - from > CCB_LRP_CREATE_AT_ONCE)
        to = from + CCB_LRP_CREATE_AT_ONCE;
    for (key.index = from; code >= 0 && key.index < to; key.index++) {
        code = ccb_actual_get(tx, key.process_guid, key.index, &actual, err);
        if (code == 0)
            code = ccb_actual_create(tx, &key, err);
    }
    return code < 0 ? code : 0;
}

static int retire_from(struct ccb_store_tx *tx, struct ccb_slice guid,
                       int64_t from, struct ccb_error *err)
{
    struct indexes indexes;
    int code;

    do {
        code = read_indexes(tx, guid, from, &indexes, err);
        for (int i = 0; code >= 0 && i < indexes.count; i++) {
            code = ccb_actual_retire(tx, guid, indexes.items[i], err);
            from = indexes.items[i] + 1;
        }
    } while (code >= 0 && indexes.count == PAGE);
    return code < 0 ? code : 0;
}

int ccb_desired_create(struct ccb_store_tx *tx,
                       const struct ccb_desired *desired, struct ccb_error *err)
{
    struct ccb_desired record;
    int code = ccb_desired_get(tx, desired->process_guid, &record, err);

    if (code < 0)
        return code;
    if (code == 1) {
        (void)ccb_error_set(
            err, CCB_CONFLICT, "Desired LRP with guid '%.*s' already exists",
            (int)desired->process_guid.len, desired->process_guid.ptr);
        return refuse(err, CCB_CONFLICT, CCB_ID_LRP_EXISTS);
    }
    record = *desired;
    code = ccb_tag_start(tx, &record.tag, err);
    if (code == 0)
        code = ccb_desired_change(tx, NULL, &record, err);
    return code < 0 ? code : create_missing(tx, &record, 0, err);
}

int ccb_desired_update(struct ccb_store_tx *tx, struct ccb_slice guid,
                       const struct ccb_desired_update *update,
                       struct ccb_error *err)
{
    struct ccb_desired before, after;
    int code = find(tx, guid, &before, err);

    if (code < 0)
        return code;
    after = before;
    if (update->has_instances)
        after.instances = update->instances;
    if (update->has_routes)
        after.routes = update->routes;
    if (update->has_annotation)
        after.annotation = update->annotation;
    after.tag.index++;
    code = ccb_desired_change(tx, &before, &after, err);
    if (code == 0 && after.instances > before.instances)
        code = create_missing(tx, &after, before.instances, err);
    if (code == 0 && after.instances < before.instances)
        code = retire_from(tx, guid, after.instances, err);
    return code;
}

int ccb_desired_delete(struct ccb_store_tx *tx, struct ccb_slice guid,
                       struct ccb_error *err)
{
    struct ccb_desired before;
    int code = find(tx, guid, &before, err);

    if (code == 0)
        code = ccb_desired_change(tx, &before, NULL, err);
    return code < 0 ? code : retire_from(tx, guid, 0, err);
}
