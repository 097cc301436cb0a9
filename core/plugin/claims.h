/*
 * Claims: which plugin serves which lifecycle and stack.
 *
 * A claim is "LIFECYCLE", "LIFECYCLE/STACK" or "LIFECYCLE/PREFIX*". Two tables
 * of them make a registry: what the operator said by hand, and what the
 * plugins' manifests say. Follows design.md 6, rule 6. Read-only once filled;
 * any thread may look up.
 */
#ifndef CCB_PLUGIN_CLAIMS_H
#define CCB_PLUGIN_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>

#include "ccbridge/error.h"
#include "ccbridge/slice.h"

struct ccb_plugin;

struct ccb_claim {
    struct ccb_slice text; /* as it was given; all slices borrow from it */
    struct ccb_slice lifecycle;
    struct ccb_slice stack; /* without the '*' */
    bool has_stack, wildcard;
    struct ccb_plugin *plugin;
};

struct ccb_claims {
    struct ccb_claim *items; /* heap */
    size_t count, capacity;
};

/* All but `plugin`. CCB_INVALID when the text is no claim. */
int ccb_claim_parse(struct ccb_claim *claim, struct ccb_slice text);

/* `text` is borrowed for the table's life. CCB_INVALID, CCB_NO_MEMORY. */
int ccb_claims_add(struct ccb_claims *claims, struct ccb_slice text,
                   struct ccb_plugin *plugin);
/* Takes away all claims of `plugin`. */
void ccb_claims_remove(struct ccb_claims *claims,
                       const struct ccb_plugin *plugin);
/* Takes away one, which lies in the table. */
void ccb_claims_drop(struct ccb_claims *claims, const struct ccb_claim *claim);
void ccb_claims_destroy(struct ccb_claims *claims);

/* The plugin of the most specific claim, or NULL. */
struct ccb_plugin *ccb_claims_find(const struct ccb_claims *claims,
                                   struct ccb_slice lifecycle,
                                   struct ccb_slice stack);

/* Each claim that matches, the most specific first. */
void ccb_claims_each(const struct ccb_claims *claims,
                     struct ccb_slice lifecycle, struct ccb_slice stack,
                     void (*on_claim)(void *user,
                                      const struct ccb_claim *claim),
                     void *user);

/* A pair of claims that say the same for two plugins and that no row of
 * `by_hand` takes out of play. Whether there is one. */
bool ccb_claims_conflict(const struct ccb_claims *claims,
                         const struct ccb_claims *by_hand,
                         const struct ccb_claim **first,
                         const struct ccb_claim **second);

#endif
