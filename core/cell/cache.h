/*
 * What the downloader's cache holds (contract/actions.md 4): an index of files
 * in one directory, by the MD5 of the cache key, bounded by the sum of their
 * sizes; the least recently used go first.
 *
 * A stored file never changes and has a name of its own: a newer one for the
 * same key is another file. Who reads one holds it open, so that it stays
 * readable when it was evicted or replaced meanwhile.
 *
 * Threads: the loop's, but where [pool] is said.
 */
#ifndef CCB_CELL_CACHE_H
#define CCB_CELL_CACHE_H

#include <stdint.h>

#include "ccbridge/error.h"
#include "ccbridge/slice.h"

#define CCB_CACHE_KEY 33  /* hex digits and NUL */
#define CCB_CACHE_NAME 64 /* of a file in the directory */

struct ccb_cache_entry {
    char key[CCB_CACHE_KEY];
    char name[CCB_CACHE_NAME]; /* of its file */
    uint64_t size;
    char *etag, *modified;                 /* validators, or NULL */
    struct ccb_cache_entry *newer, *older; /* by last use; older: also of a
                                              list of those that must go */
    struct ccb_cache_entry *next;          /* in its bucket */
};

struct ccb_cache;

/* Makes the directory, or empties it (blocks; for the start of the daemon). */
int ccb_cache_open(struct ccb_cache **out, const char *directory,
                   uint64_t limit, struct ccb_error *err);
/* Leaves the files to the next open. */
void ccb_cache_close(struct ccb_cache *cache); /* NULL is fine */

/* The open directory. */
int ccb_cache_directory(const struct ccb_cache *cache);
/* A name for a temporary file in it that no other has. */
void ccb_cache_temporary(struct ccb_cache *cache, char name[CCB_CACHE_NAME]);
uint64_t ccb_cache_bytes(const struct ccb_cache *cache);

int ccb_cache_key(struct ccb_slice cache_key, char key[CCB_CACHE_KEY],
                  struct ccb_error *err);

/* Borrowed until the next add or remove; NULL. */
struct ccb_cache_entry *ccb_cache_find(struct ccb_cache *cache,
                                       const char *key);
/* It was read now. */
void ccb_cache_touch(struct ccb_cache *cache, struct ccb_cache_entry *entry);

/* An entry that is not in the cache yet, with the name its file is to have.
 * The validators are copied; either may be NULL. NULL: no memory. */
struct ccb_cache_entry *ccb_cache_entry_create(struct ccb_cache *cache,
                                               const char *key, uint64_t size,
                                               const char *etag,
                                               const char *modified);
void ccb_cache_entry_free(struct ccb_cache_entry *entry); /* NULL is fine */

/* Takes in the entry, whose file is there; it must be no larger than the limit.
 * What has to go for it is out of the cache and put before *gone. */
void ccb_cache_add(struct ccb_cache *cache, struct ccb_cache_entry *entry,
                   struct ccb_cache_entry **gone);
/* Nothing when there is none. */
void ccb_cache_remove(struct ccb_cache *cache, const char *key,
                      struct ccb_cache_entry **gone);
/* [pool] Unlinks the files of what is gone and frees it. */
void ccb_cache_discard(int directory, struct ccb_cache_entry *gone);

#endif
