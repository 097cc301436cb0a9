/*
 * Patterns on "lifecycle/stack" and the choice between them.
 * Invariant: of the claims in one table that match a look-up no two are
 * equally specific unless they are the same text, which is a conflict found
 * at start. Follows design.md 6, rule 6, and ccb_plugins_find in plugin.h.
 */
#include "plugin/claims.h"

#include <stdint.h>

#include "base/mem.h"

/* ASCII without blanks and controls; ':' would not survive -lifecyclePlugin
 * KEY:ID. */
static bool is_plain(struct ccb_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c <= 0x20 || c >= 0x7f || c == '*' || c == ':')
            return false;
    }
    return true;
}

int ccb_claim_parse(struct ccb_claim *claim, struct ccb_slice text)
{
    const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;

    *claim = (struct ccb_claim){.text = text, .lifecycle = text};
    if (slash) {
        size_t head = (size_t)(slash - text.ptr);

        claim->has_stack = true;
        claim->lifecycle.len = head;
        claim->stack = ccb_slice_make(slash + 1, text.len - head - 1);
        if (claim->stack.len == 0)
            return CCB_INVALID;
        claim->wildcard = ccb_slice_ends(claim->stack, "*");
        claim->stack.len -= claim->wildcard;
    }
    if (claim->lifecycle.len == 0 || !is_plain(claim->lifecycle) ||
        !is_plain(claim->stack))
        return CCB_INVALID;
    return 0;
}

int ccb_claims_add(struct ccb_claims *claims, struct ccb_slice text,
                   struct ccb_plugin *plugin)
{
    struct ccb_claim claim;
    int code = ccb_claim_parse(&claim, text);

    if (code)
        return code;
    if (claims->count == claims->capacity) {
        size_t capacity = claims->capacity ? 2 * claims->capacity : 8;
        void *grown = ccb_realloc(claims->items, capacity * sizeof(claim));

        if (!grown)
            return CCB_NO_MEMORY;
        claims->items = grown;
        claims->capacity = capacity;
    }
    claim.plugin = plugin;
    claims->items[claims->count++] = claim;
    return 0;
}

void ccb_claims_remove(struct ccb_claims *claims,
                       const struct ccb_plugin *plugin)
{
    size_t kept = 0;

    for (size_t i = 0; i < claims->count; i++)
        if (claims->items[i].plugin != plugin)
            claims->items[kept++] = claims->items[i];
    claims->count = kept;
}

void ccb_claims_drop(struct ccb_claims *claims, const struct ccb_claim *claim)
{
    size_t at = (size_t)(claim - claims->items);

    claims->count--;
    memmove(&claims->items[at], &claims->items[at + 1],
            (claims->count - at) * sizeof(*claim));
}

void ccb_claims_destroy(struct ccb_claims *claims)
{
    ccb_free(claims->items);
    *claims = (struct ccb_claims){0};
}

static bool starts_with(struct ccb_slice text, struct ccb_slice prefix)
{
    return text.len >= prefix.len &&
           (prefix.len == 0 || memcmp(text.ptr, prefix.ptr, prefix.len) == 0);
}

/* How specific a claim on this lifecycle is for `stack`; 0: not at all. */
static size_t rank(const struct ccb_claim *claim, struct ccb_slice stack)
{
    if (stack.len == 0) {
        if (!claim->has_stack)
            return 2;
        return claim->wildcard && claim->stack.len == 0;
    }
    if (!claim->has_stack)
        return 1;
    if (claim->wildcard)
        return starts_with(stack, claim->stack) ? 2 + claim->stack.len : 0;
    return ccb_slice_equal(stack, claim->stack) ? SIZE_MAX : 0;
}

/* The most specific claim of those that come behind `below`: that are less
 * specific, or say the same later. NULL: there is none. */
static const struct ccb_claim *find_below(const struct ccb_claims *claims,
                                          struct ccb_slice lifecycle,
                                          struct ccb_slice stack,
                                          const struct ccb_claim *below)
{
    const struct ccb_claim *found = NULL;
    size_t best = 0;

    for (size_t i = 0; i < claims->count; i++) {
        const struct ccb_claim *claim = &claims->items[i];
        size_t r;

        if (!ccb_slice_equal(claim->lifecycle, lifecycle))
            continue;
        r = rank(claim, stack);
        if (r > best && (!below || r < rank(below, stack) ||
                         (r == rank(below, stack) && claim > below))) {
            best = r;
            found = claim;
        }
    }
    return found;
}

struct ccb_plugin *ccb_claims_find(const struct ccb_claims *claims,
                                   struct ccb_slice lifecycle,
                                   struct ccb_slice stack)
{
    const struct ccb_claim *found = find_below(claims, lifecycle, stack, NULL);

    return found ? found->plugin : NULL;
}

void ccb_claims_each(const struct ccb_claims *claims,
                     struct ccb_slice lifecycle, struct ccb_slice stack,
                     void (*on_claim)(void *user,
                                      const struct ccb_claim *claim),
                     void *user)
{
    const struct ccb_claim *claim = find_below(claims, lifecycle, stack, NULL);

    for (; claim; claim = find_below(claims, lifecycle, stack, claim))
        on_claim(user, claim);
}

/* Whether each look-up that `claim` could win is won by `hand`, since what
 * was said by hand goes first. */
static bool covers(const struct ccb_claim *hand, const struct ccb_claim *claim)
{
    if (!ccb_slice_equal(hand->lifecycle, claim->lifecycle))
        return false;
    if (!hand->has_stack)
        return true;
    if (hand->wildcard)
        return claim->has_stack ? starts_with(claim->stack, hand->stack)
                                : hand->stack.len == 0;
    return claim->has_stack && !claim->wildcard &&
           ccb_slice_equal(hand->stack, claim->stack);
}

static bool is_settled(const struct ccb_claims *by_hand,
                       const struct ccb_claim *claim)
{
    for (size_t i = 0; i < by_hand->count; i++)
        if (covers(&by_hand->items[i], claim))
            return true;
    return false;
}

bool ccb_claims_conflict(const struct ccb_claims *claims,
                         const struct ccb_claims *by_hand,
                         const struct ccb_claim **first,
                         const struct ccb_claim **second)
{
    for (size_t i = 0; i < claims->count; i++) {
        for (size_t j = i + 1; j < claims->count; j++) {
            const struct ccb_claim *a = &claims->items[i];
            const struct ccb_claim *b = &claims->items[j];

            if (a->plugin == b->plugin || !ccb_slice_equal(a->text, b->text) ||
                is_settled(by_hand, a))
                continue;
            *first = a;
            *second = b;
            return true;
        }
    }
    return false;
}
