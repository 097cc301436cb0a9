/*
 * What an isolated plugin's crashes mean: when its next worker may start, which
 * requests are not tried again, and when the plugin is put into quarantine.
 * Only a record and its rules; nobody here starts or kills anything, and the
 * time is the caller's.
 *
 *   back-off    the second crash in a row and each further one doubles the rest
 *               before the next start, from 20 ms to 1 s
 *   poison      a request that killed two workers; 64 are remembered
 *   quarantine  five crashes within a minute. Those of a poisonous request are
 *               struck out as soon as another request succeeds: then it was to
 *               blame, and not the plugin
 *
 * Threads: any.
 */
#ifndef CCB_PLUGIN_HEALTH_H
#define CCB_PLUGIN_HEALTH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    CCB_HEALTH_CRASHES = 5, /* within a minute: quarantine */
    CCB_HEALTH_POISONS = 64,
    CCB_HEALTH_DIGEST = 32, /* bytes: SHA-256 of a request */
};

struct ccb_plugin_health {
    pthread_mutex_t lock;
    _Atomic bool troubled;       /* there is something below to be cleared */
    _Atomic unsigned poisonings; /* so far; 0: no need to take a digest */
    struct {
        int64_t at;
        bool poison;
    } crashes[CCB_HEALTH_CRASHES]; /* oldest first */
    unsigned count;
    unsigned streak; /* crashes since the last success */
    int64_t rest_until;
    unsigned char poisons[CCB_HEALTH_POISONS][CCB_HEALTH_DIGEST];
    _Atomic bool quarantined;
    int64_t since; /* ns since 1970 */
    char why[128]; /* the last crash */
};

void ccb_plugin_health_init(struct ccb_plugin_health *health);
void ccb_plugin_health_destroy(struct ccb_plugin_health *health);

/* One more crash. True: with it the plugin is in quarantine. */
bool ccb_plugin_health_crashed(struct ccb_plugin_health *health, int64_t now,
                               const char *how);
/* The last two crashes were of one request, which this is the digest of. */
void ccb_plugin_health_poisoned(struct ccb_plugin_health *health,
                                const unsigned char *digest);
/* A request was answered. */
void ccb_plugin_health_answered(struct ccb_plugin_health *health);

bool ccb_plugin_health_is_poison(struct ccb_plugin_health *health,
                                 const unsigned char *digest);
/* Before this moment no worker is to be started; monotonic. */
int64_t ccb_plugin_health_rest(struct ccb_plugin_health *health);
/* "since TIME, after 5 crashes within a minute (the last: HOW)". False: it is
 * not in quarantine. */
bool ccb_plugin_health_words(struct ccb_plugin_health *health, char *out,
                             size_t size);
/* Forgets all but the poisons: the quarantine was lifted. */
void ccb_plugin_health_reset(struct ccb_plugin_health *health);

#endif
