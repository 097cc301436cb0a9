/* The inside of the CC client: what its calls share. */
#ifndef CCB_CC_INTERNAL_H
#define CCB_CC_INTERNAL_H

#include "cc/cc.h"

struct ccb_cc_post {
    const struct ccb_cc_options *cc;
    struct ccb_slice base; /* what the path is put behind */
    /* printf of a path: a guid goes in as "%.*s", as text. */
    const char *path;
    struct ccb_slice guid;
    struct ccb_slice payload;
    const char *failed; /* words before a status that is not 200 */
    struct ccb_arena *arena;
    void (*on_done)(void *user, const struct ccb_cc_answer *answer);
    void *user;
};

/* Starts it; *call may be NULL. */
int ccb_cc_post(const struct ccb_cc_post *post, struct ccb_http_call **call,
                struct ccb_error *err);

#endif
