/* A short list, searched from the front: it is empty in a healthy platform. */
#include "nsync/quarantine.h"

#include <string.h>

#include "base/mem.h"

static struct ccb_quarantine_seat *find(struct ccb_quarantine *q,
                                        struct ccb_slice guid)
{
    size_t i;
    for (i = 0; i < q->count; i++)
        if (ccb_slice_is(guid, q->seats[i].guid))
            return &q->seats[i];
    return NULL;
}

static void clear(struct ccb_quarantine_seat *seat)
{
    ccb_free(seat->guid);
    ccb_free(seat->reason);
    *seat = (struct ccb_quarantine_seat){0};
}

void ccb_quarantine_destroy(struct ccb_quarantine *q)
{
    while (q->count > 0)
        clear(&q->seats[--q->count]);
}

/* ---- in ----------------------------------------------------------------- */

static void say_in(const struct ccb_log_session *log, struct ccb_slice guid,
                   struct ccb_slice reason)
{
    ccb_log_write(log, CCB_LEVEL_ERROR, "app-quarantined",
                  CCB_FIELDS(ccb_log_text("error", reason),
                             ccb_log_text("process-guid", guid)));
}

/* Without memory for it, it is logged again with the next pass. */
static void seat_new(struct ccb_quarantine *q, struct ccb_slice guid,
                     struct ccb_slice reason)
{
    struct ccb_quarantine_seat *seat = &q->seats[q->count];
    seat->guid = ccb_slice_dup(guid);
    seat->reason = ccb_slice_dup(reason);
    seat->pass = q->pass;
    if (seat->guid && seat->reason)
        q->count++;
    else
        clear(seat);
}

static void change_reason(struct ccb_quarantine_seat *seat,
                          struct ccb_slice reason)
{
    char *copy = ccb_slice_dup(reason);
    if (!copy)
        return;
    ccb_free(seat->reason);
    seat->reason = copy;
}

void ccb_quarantine_add(struct ccb_quarantine *q,
                        const struct ccb_log_session *log,
                        struct ccb_slice guid, struct ccb_slice reason)
{
    struct ccb_quarantine_seat *seat = find(q, guid);
    q->found++;
    if (seat) {
        seat->pass = q->pass;
        if (ccb_slice_is(reason, seat->reason))
            return;
        change_reason(seat, reason);
    } else if (q->count == CCB_QUARANTINE_SEATS) {
        return; /* the count tells of it */
    } else {
        seat_new(q, guid, reason);
    }
    say_in(log, guid, reason);
}

/* ---- out ---------------------------------------------------------------- */

static void release(struct ccb_quarantine *q, const struct ccb_log_session *log,
                    struct ccb_quarantine_seat *seat)
{
    struct ccb_quarantine_seat *last = &q->seats[q->count - 1];
    ccb_log_write(log, CCB_LEVEL_INFO, "app-released",
                  CCB_FIELDS(ccb_log_cstr("process-guid", seat->guid)));
    clear(seat);
    if (seat != last)
        *seat = *last;
    *last = (struct ccb_quarantine_seat){0};
    q->count--;
}

void ccb_quarantine_release(struct ccb_quarantine *q,
                            const struct ccb_log_session *log,
                            struct ccb_slice guid)
{
    struct ccb_quarantine_seat *seat = find(q, guid);
    if (seat)
        release(q, log, seat);
}

void ccb_quarantine_begin(struct ccb_quarantine *q)
{
    q->pass++;
    q->found = 0;
}

void ccb_quarantine_end(struct ccb_quarantine *q,
                        const struct ccb_log_session *log, bool whole)
{
    size_t i;
    for (i = q->count; whole && i > 0; i--)
        if (q->seats[i - 1].pass != q->pass)
            release(q, log, &q->seats[i - 1]);
}

/* ---- shown -------------------------------------------------------------- */

void ccb_quarantine_put(const struct ccb_quarantine *q,
                        struct ccb_json_writer *w)
{
    size_t i;
    ccb_json_key(w, "quarantined");
    ccb_json_begin_array(w);
    for (i = 0; i < q->count; i++) {
        ccb_json_begin_object(w);
        ccb_json_member_cstr(w, "process_guid", q->seats[i].guid);
        ccb_json_member_cstr(w, "error", q->seats[i].reason);
        ccb_json_end_object(w);
    }
    ccb_json_end_array(w);
    ccb_json_member_uint(w, "quarantined_more",
                         q->found > q->count ? q->found - q->count : 0);
}
