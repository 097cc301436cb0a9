/*
 * Completion callbacks (contract/receptor-api.md 6.3): a pool that tells a
 * finished task's URL of it, and deletes the task when it was told.
 *
 * Threads: the loop's, but for ccb_callbacks_submit.
 */
#ifndef CCB_CELL_CALLBACK_H
#define CCB_CELL_CALLBACK_H

#include "cell/store.h"
#include "net/http_client.h"

#define CCB_CALLBACKS_AT_ONCE 20

struct ccb_callbacks;

/* Loop, client, store and times are borrowed. NULL: no memory. */
struct ccb_callbacks *ccb_callbacks_open(struct ccb_loop *loop,
                                         struct ccb_http_client *client,
                                         struct ccb_store *store,
                                         const struct ccb_cell_times *times);

/* [any thread] A task that is COMPLETED and has a URL. What is lost here, or
 * refused, is found again by convergence. CCB_NO_MEMORY. */
int ccb_callbacks_submit(struct ccb_callbacks *callbacks,
                         struct ccb_slice task_guid);

/* Cancels calls under way, waits for the store's answers, frees, then calls
 * on_closed from the loop. Nothing may be submitted any more; the store must
 * be open until then. */
void ccb_callbacks_close(struct ccb_callbacks *callbacks,
                         void (*on_closed)(void *user), void *user);

#endif
