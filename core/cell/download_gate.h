/*
 * A place with room for so many at once; who comes later waits in line
 * (contract/actions.md 3.2, 3.3, 4: slots, and one fetch at a time per key).
 *
 * Invariant: who waits is let in in the order of coming. Tickets are their
 * owners' memory. Threads: the loop's.
 */
#ifndef CCB_CELL_DOWNLOAD_GATE_H
#define CCB_CELL_DOWNLOAD_GATE_H

#include <stdbool.h>
#include <stddef.h>

struct ccb_gate_ticket {
    /* It is in (`inside` is set). May be called from inside enter, or leave of
     * another; must not enter or leave itself. */
    void (*on_inside)(struct ccb_gate_ticket *ticket);
    bool inside, waiting;
    struct ccb_gate_ticket *next;
};

struct ccb_gate {
    size_t room; /* how many may be inside */
    size_t inside;
    struct ccb_gate_ticket *first;
};

void ccb_gate_enter(struct ccb_gate *gate, struct ccb_gate_ticket *ticket);
/* Gives up the place, or the waiting; nothing when there was neither. */
void ccb_gate_leave(struct ccb_gate *gate, struct ccb_gate_ticket *ticket);

#endif
