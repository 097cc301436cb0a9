/*
 * The record of an isolated plugin's crashes. Invariant: `troubled` is set
 * whenever an answered request would change anything, so that a plugin in good
 * health pays one atomic load a call and no lock.
 * Follows anchors 3.6.
 */
#include "plugin/health.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define WINDOW (60 * CCB_SECOND)
#define FIRST_REST (20 * CCB_MILLISECOND)
#define LONGEST_REST CCB_SECOND

void ccb_plugin_health_init(struct ccb_plugin_health *health)
{
    memset(health, 0, sizeof(*health));
    pthread_mutex_init(&health->lock, NULL);
}

void ccb_plugin_health_destroy(struct ccb_plugin_health *health)
{
    pthread_mutex_destroy(&health->lock);
}

/* ---- crashes, under the lock -------------------------------------------- */

static void drop_first(struct ccb_plugin_health *h)
{
    h->count--;
    memmove(h->crashes, h->crashes + 1, h->count * sizeof(h->crashes[0]));
}

static void add_crash(struct ccb_plugin_health *h, int64_t now)
{
    while (h->count && now - h->crashes[0].at >= WINDOW)
        drop_first(h);
    if (h->count == CCB_HEALTH_CRASHES)
        drop_first(h);
    h->crashes[h->count].at = now;
    h->crashes[h->count].poison = false;
    h->count++;
}

/* The first crash may be chance: its retry starts at once. */
static void add_rest(struct ccb_plugin_health *h, int64_t now)
{
    int64_t rest = FIRST_REST;

    h->streak++;
    if (h->streak < 2)
        return;
    for (unsigned i = 2; i < h->streak && rest < LONGEST_REST; i++)
        rest *= 2;
    h->rest_until = now + (rest < LONGEST_REST ? rest : LONGEST_REST);
}

static void strike_poison(struct ccb_plugin_health *h)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < h->count; i++)
        if (!h->crashes[i].poison)
            h->crashes[kept++] = h->crashes[i];
    h->count = kept;
}

/* ---- the outside -------------------------------------------------------- */

bool ccb_plugin_health_crashed(struct ccb_plugin_health *health, int64_t now,
                               const char *how)
{
    bool entered;

    pthread_mutex_lock(&health->lock);
    add_crash(health, now);
    add_rest(health, now);
    snprintf(health->why, sizeof(health->why), "%s", how);
    entered = health->count == CCB_HEALTH_CRASHES && !health->quarantined;
    if (entered) {
        health->quarantined = true;
        health->since = ccb_clock_wall();
    }
    atomic_store(&health->troubled, true);
    pthread_mutex_unlock(&health->lock);
    return entered;
}

void ccb_plugin_health_poisoned(struct ccb_plugin_health *health,
                                const unsigned char *digest)
{
    unsigned at;

    pthread_mutex_lock(&health->lock);
    at = atomic_fetch_add(&health->poisonings, 1) % CCB_HEALTH_POISONS;
    memcpy(health->poisons[at], digest, CCB_HEALTH_DIGEST);
    for (unsigned i = 0; i < 2 && i < health->count; i++)
        health->crashes[health->count - 1 - i].poison = true;
    pthread_mutex_unlock(&health->lock);
}

void ccb_plugin_health_answered(struct ccb_plugin_health *health)
{
    if (!atomic_load_explicit(&health->troubled, memory_order_relaxed))
        return;
    pthread_mutex_lock(&health->lock);
    health->streak = 0;
    health->rest_until = 0;
    if (!health->quarantined)
        strike_poison(health);
    atomic_store(&health->troubled, false);
    pthread_mutex_unlock(&health->lock);
}

bool ccb_plugin_health_is_poison(struct ccb_plugin_health *health,
                                 const unsigned char *digest)
{
    unsigned known = atomic_load(&health->poisonings);
    bool found = false;

    pthread_mutex_lock(&health->lock);
    for (unsigned i = 0; !found && i < known && i < CCB_HEALTH_POISONS; i++)
        found = memcmp(health->poisons[i], digest, CCB_HEALTH_DIGEST) == 0;
    pthread_mutex_unlock(&health->lock);
    return found;
}

int64_t ccb_plugin_health_rest(struct ccb_plugin_health *health)
{
    int64_t until;

    pthread_mutex_lock(&health->lock);
    until = health->rest_until;
    pthread_mutex_unlock(&health->lock);
    return until;
}

bool ccb_plugin_health_words(struct ccb_plugin_health *health, char *out,
                             size_t size)
{
    char since[40];
    bool quarantined;

    pthread_mutex_lock(&health->lock);
    quarantined = health->quarantined;
    ccb_time_format(health->since, since);
    snprintf(out, size,
             "since %s, after %d crashes within a minute (the last: "
             "%s)",
             since, CCB_HEALTH_CRASHES, health->why);
    pthread_mutex_unlock(&health->lock);
    return quarantined;
}

void ccb_plugin_health_reset(struct ccb_plugin_health *health)
{
    pthread_mutex_lock(&health->lock);
    health->count = 0;
    health->streak = 0;
    health->rest_until = 0;
    health->quarantined = false;
    pthread_mutex_unlock(&health->lock);
}
