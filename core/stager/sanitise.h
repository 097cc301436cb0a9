/*
 * Which errors CC may see as they are, and under which id: contract/stager.md
 * C7. No state; any thread.
 */
#ifndef CCB_STAGER_SANITISE_H
#define CCB_STAGER_SANITISE_H

#include "ccbridge/slice.h"

/* `id` is a literal; `message` is either the text or a literal. */
struct ccb_sanitised {
    const char *id;
    struct ccb_slice message;
};
struct ccb_sanitised ccb_stager_sanitise(struct ccb_slice text);

#endif
