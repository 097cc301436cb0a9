/* Keeps marks in chains by their names (tps/marks.h). */
#include "tps/marks.h"

#include "base/mem.h"

static size_t chain_of(struct ccb_slice name)
{
    uint32_t hash = UINT32_C(2166136261); /* FNV-1a */
    size_t i;
    for (i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.ptr[i]) * UINT32_C(16777619);
    return (hash ^ (hash >> 16)) % CCB_MARK_CHAINS;
}

struct ccb_crash_mark *ccb_crash_marks_find(const struct ccb_crash_marks *marks,
                                            struct ccb_slice name)
{
    struct ccb_crash_mark *mark = marks->chains[chain_of(name)];
    while (mark &&
           !ccb_slice_equal(ccb_slice_make(mark->name, mark->len), name))
        mark = mark->next;
    return mark;
}

struct ccb_crash_mark *ccb_crash_marks_make(struct ccb_crash_marks *marks,
                                            struct ccb_slice name)
{
    struct ccb_crash_mark **chain = &marks->chains[chain_of(name)];
    struct ccb_crash_mark *mark = ccb_crash_marks_find(marks, name);
    if (mark)
        return mark;
    mark = ccb_calloc(1, sizeof(*mark) + name.len);
    if (!mark)
        return NULL;
    memcpy(mark->name, name.ptr, name.len);
    mark->len = name.len;
    mark->next = *chain;
    *chain = mark;
    return mark;
}

void ccb_crash_marks_sweep(struct ccb_crash_marks *marks, uint64_t seen,
                           void (*on_gone)(void *user, struct ccb_slice name),
                           void *user)
{
    size_t i;
    for (i = 0; i < CCB_MARK_CHAINS; i++) {
        struct ccb_crash_mark **at = &marks->chains[i];
        while (*at) {
            struct ccb_crash_mark *mark = *at;
            if (mark->seen == seen) {
                at = &mark->next;
                continue;
            }
            on_gone(user, ccb_slice_make(mark->name, mark->len));
            *at = mark->next;
            ccb_free(mark);
        }
    }
}

void ccb_crash_marks_destroy(struct ccb_crash_marks *marks)
{
    size_t i;
    for (i = 0; i < CCB_MARK_CHAINS; i++)
        while (marks->chains[i]) {
            struct ccb_crash_mark *mark = marks->chains[i];
            marks->chains[i] = mark->next;
            ccb_free(mark);
        }
}
