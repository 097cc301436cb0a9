/*
 * Places and lines before them: slots of transfers and locks of cache keys
 * (contract/actions.md 3.2, 3.3, 4).
 */
#include "cell/download_gate.h"

static void let_in(struct ccb_gate *gate)
{
    while (gate->first != NULL && gate->inside < gate->room) {
        struct ccb_gate_ticket *ticket = gate->first;

        gate->first = ticket->next;
        gate->inside++;
        ticket->waiting = false;
        ticket->inside = true;
        ticket->on_inside(ticket);
    }
}

void ccb_gate_enter(struct ccb_gate *gate, struct ccb_gate_ticket *ticket)
{
    struct ccb_gate_ticket **end = &gate->first;

    while (*end != NULL)
        end = &(*end)->next;
    *end = ticket;
    ticket->next = NULL;
    ticket->waiting = true;
    let_in(gate);
}

void ccb_gate_leave(struct ccb_gate *gate, struct ccb_gate_ticket *ticket)
{
    struct ccb_gate_ticket **at = &gate->first;

    if (ticket->inside) {
        ticket->inside = false;
        gate->inside--;
        let_in(gate);
    }
    if (!ticket->waiting)
        return;
    while (*at != ticket)
        at = &(*at)->next;
    *at = ticket->next;
    ticket->waiting = false;
}
