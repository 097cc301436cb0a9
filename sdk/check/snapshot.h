/*
 * What a plugin must leave as it was in its process: descriptors, threads,
 * environment, directory, umask, locale, signal table.
 */
#ifndef CCB_CHECK_SNAPSHOT_H
#define CCB_CHECK_SNAPSHOT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ccb_check_snapshot {
    uint64_t fds[16]; /* one bit each of the first 1024 */
    unsigned threads, mask;
    uint64_t environment;
    char directory[512], locale[256];
    void (*handlers[65])(int); /* by signal */
    sigset_t blocked;
};

void ccb_check_snapshot_take(struct ccb_check_snapshot *out);

/* Whether all is as it was; otherwise `words` say what is not. A thread that
 * is just ending is given a moment. */
bool ccb_check_snapshot_is(const struct ccb_check_snapshot *before, char *words,
                           size_t size);

#endif
