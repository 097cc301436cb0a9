/*
 * What of the file has come and is not yet sent (uploader/internal.h).
 *
 * Invariant: what was taken is let go before it is more than SLACK, also when
 * the queue never runs empty, so its memory follows what waits in it and not
 * what went through. What is moved for that was paid for by what was taken.
 */
#include "uploader/internal.h"

#define SLACK ((size_t)128 * 1024)

size_t ccb_uploader_queue_waiting(const struct ccb_uploader_queue *queue)
{
    return queue->bytes.len - queue->taken;
}

static void let_go(struct ccb_uploader_queue *queue)
{
    ccb_buf_consume(&queue->bytes, queue->taken);
    queue->taken = 0;
}

int ccb_uploader_queue_put(struct ccb_uploader_queue *queue,
                           struct ccb_slice piece)
{
    if (queue->taken >= SLACK)
        let_go(queue);
    return ccb_buf_put_slice(&queue->bytes, piece);
}

size_t ccb_uploader_queue_take(struct ccb_uploader_queue *queue, char *bytes,
                               size_t size)
{
    size_t waiting = ccb_uploader_queue_waiting(queue);
    size_t n = waiting < size ? waiting : size;

    if (n == 0)
        return 0;
    memcpy(bytes, queue->bytes.data + queue->taken, n);
    queue->taken += n;
    if (n == waiting)
        let_go(queue);
    return n;
}

void ccb_uploader_queue_destroy(struct ccb_uploader_queue *queue)
{
    ccb_buf_destroy(&queue->bytes);
    queue->taken = 0;
}
