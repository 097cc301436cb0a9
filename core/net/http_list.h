/*
 * A JSON list of any length as the body of an answer: what the client's
 * on_body gets goes in, elements come out, and the end says whether the list
 * was whole. Used for long lists of the back end and of CC (design.md 5:
 * memory follows what is in flight).
 *
 * Everything lies in the arena, so that a cancelled call leaves nothing to
 * free. Belongs to one loop.
 */
#ifndef CCB_NET_HTTP_LIST_H
#define CCB_NET_HTTP_LIST_H

#include "base/arena.h"
#include "ccbridge/error.h"
#include "ccbridge/json.h"
#include "net/http_client.h"

struct ccb_http_list;

struct ccb_http_list_options {
    struct ccb_arena *arena; /* must outlive the call */
    /* NULL: the document is the array. Else the member that is; a document
     * without it, or with null for it, is broken. */
    const char *list;
    size_t max_item; /* bytes; 0: 1 MiB */
    /* Borrowed until return. 0; CCB_HTTP_PAUSE: none but those read already
     * until ccb_http_call_resume; another negative code gives up with it. */
    int (*on_item)(void *user, struct ccb_json item);
    /* The document's other members, in order; may be NULL. */
    int (*on_member)(void *user, struct ccb_json key, struct ccb_json value);
    void *user;
};

/* NULL: no memory. */
struct ccb_http_list *ccb_http_list_create(
    const struct ccb_http_list_options *options);
/* A piece of the body; what an on_body returns. */
int ccb_http_list_push(struct ccb_http_list *list, struct ccb_slice piece);
/* Once the call is done: 0 when exactly one whole document came, with nothing
 * but white space behind it. CCB_INVALID: it is not that. Otherwise the code
 * of the call or of a callback. */
int ccb_http_list_end(struct ccb_http_list *list,
                      const struct ccb_http_answer *answer,
                      struct ccb_error *err);
size_t ccb_http_list_count(const struct ccb_http_list *list);

#endif
