/*
 * The cheap facts of a role: the values of those of its flags whose row names
 * a fact, as one JSON object (sdk: struct ccb_request.facts).
 *
 * A reload may put others in their place: a call takes a copy when it starts,
 * and the old text stands until no loop can be copying it.
 */
#ifndef CCB_ROLE_FACTS_H
#define CCB_ROLE_FACTS_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/flags.h"

/* Appends the object. */
void ccb_role_facts(struct ccb_buf *out, const struct ccb_flag *flags,
                    size_t flag_count, const void *config);

struct ccb_facts_text;
struct ccb_facts {
    _Atomic(struct ccb_facts_text *) now;
};

/* CCB_NO_MEMORY. */
int ccb_facts_init(struct ccb_facts *facts, const struct ccb_flag *flags,
                   size_t flag_count, const void *config,
                   struct ccb_error *err);
void ccb_facts_destroy(struct ccb_facts *facts);

/* A copy in `arena`; NULL ptr: no memory. [any loop] */
struct ccb_slice ccb_facts_get(const struct ccb_facts *facts,
                               struct ccb_arena *arena);

/* [one thread] Makes the text for another configuration (NULL: no memory), puts
 * it in the place of what it gives back, and frees that, once every loop has
 * turned. */
struct ccb_facts_text *ccb_facts_text_create(const struct ccb_flag *flags,
                                             size_t flag_count,
                                             const void *config);
struct ccb_facts_text *ccb_facts_swap(struct ccb_facts *facts,
                                      struct ccb_facts_text *text);
void ccb_facts_text_free(struct ccb_facts_text *text);

#endif
