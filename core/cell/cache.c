/*
 * The index of cached downloads (contract/actions.md 4): buckets by key, and
 * one list by last use. Invariant: `bytes` is the sum over the list and never
 * above the limit, and every entry is in both the list and its bucket.
 */
#include "cell/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/mem.h"
#include "cell/container_tree.h"

#define BUCKETS 256

struct ccb_cache {
    int directory;
    uint64_t limit, bytes;
    uint64_t names; /* given so far */
    struct ccb_cache_entry *newest, *oldest;
    struct ccb_cache_entry *buckets[BUCKETS];
};

/* ---- the directory ------------------------------------------------------ */

static int make_path(const char *directory, struct ccb_error *err)
{
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s", directory);

    if (len <= 0 || len >= (int)sizeof(path))
        return ccb_error_set(err, CCB_INVALID, "bad cache directory '%.200s'",
                             directory);
    for (int i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        path[i] = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return ccb_error_set(err, CCB_IO, "cache directory %.200s: %s",
                                 path, strerror(errno));
        path[i] = i < len ? '/' : '\0';
    }
    return CCB_OK;
}

/* One round over the directory; 1: something was there. */
static int empty_once(int directory, DIR *dir, struct ccb_error *err)
{
    int seen = 0;

    rewinddir(dir);
    for (;;) {
        struct dirent *entry;
        int code;

        errno = 0;
        entry = readdir(dir);
        if (entry == NULL)
            return errno == 0 ? seen
                              : ccb_error_set(err, CCB_IO,
                                              "reading the cache directory: %s",
                                              strerror(errno));
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        code = ccb_tree_remove(directory, entry->d_name, err);
        if (code != CCB_OK)
            return code;
        seen = 1;
    }
}

static int empty_directory(int directory, struct ccb_error *err)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    int code;

    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return ccb_error_set(err, CCB_IO, "reading the cache directory: %s",
                             strerror(errno));
    }
    do
        code = empty_once(directory, dir, err);
    while (code > 0); /* readdir may miss what moves meanwhile */
    (void)closedir(dir);
    return code;
}

/* Emptying these would be more than anyone can have meant. */
static int is_absurd(int directory)
{
    struct stat own, root;

    return fstat(directory, &own) != 0 || stat("/", &root) != 0 ||
           (own.st_dev == root.st_dev && own.st_ino == root.st_ino);
}

int ccb_cache_open(struct ccb_cache **out, const char *directory,
                   uint64_t limit, struct ccb_error *err)
{
    struct ccb_cache *cache = ccb_calloc(1, sizeof(*cache));
    int code;

    if (cache == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for a cache");
    cache->limit = limit;
    cache->directory = -1;
    code = make_path(directory, err);
    if (code == CCB_OK) {
        cache->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (cache->directory < 0)
            code = ccb_error_set(err, CCB_IO, "cache directory %.200s: %s",
                                 directory, strerror(errno));
        else if (is_absurd(cache->directory))
            code = ccb_error_set(err, CCB_INVALID,
                                 "cache directory %.200s: is emptied at every "
                                 "start; name one of its own",
                                 directory);
        else
            code = empty_directory(cache->directory, err);
    }
    if (code != CCB_OK) {
        ccb_cache_close(cache);
        return code;
    }
    *out = cache;
    return CCB_OK;
}

void ccb_cache_close(struct ccb_cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->oldest != NULL) {
        struct ccb_cache_entry *entry = cache->oldest;

        cache->oldest = entry->newer;
        ccb_cache_entry_free(entry);
    }
    if (cache->directory >= 0)
        (void)close(cache->directory);
    ccb_free(cache);
}

int ccb_cache_directory(const struct ccb_cache *cache)
{
    return cache->directory;
}

void ccb_cache_temporary(struct ccb_cache *cache, char name[CCB_CACHE_NAME])
{
    (void)snprintf(name, CCB_CACHE_NAME, "temporary-%" PRIu64, ++cache->names);
}

uint64_t ccb_cache_bytes(const struct ccb_cache *cache)
{
    return cache->bytes;
}

/* ---- keys --------------------------------------------------------------- */

int ccb_cache_key(struct ccb_slice cache_key, char key[CCB_CACHE_KEY],
                  struct ccb_error *err)
{
    unsigned char sum[EVP_MAX_MD_SIZE];

    if (EVP_Digest(cache_key.len > 0 ? cache_key.ptr : "", cache_key.len, sum,
                   NULL, EVP_md5(), NULL) != 1)
        return ccb_error_set(err, CCB_FAILED, "the MD5 of a cache key failed");
    ccb_hex_format(key, sum, (CCB_CACHE_KEY - 1) / 2);
    return CCB_OK;
}

/* By the key's first two digits. */
static struct ccb_cache_entry **bucket(struct ccb_cache *cache, const char *key)
{
    unsigned sum = 0;

    for (int i = 0; i < 2; i++)
        sum = sum * 16 +
              (unsigned)(key[i] <= '9' ? key[i] - '0' : key[i] - 'a' + 10);
    return &cache->buckets[sum % BUCKETS];
}

struct ccb_cache_entry *ccb_cache_find(struct ccb_cache *cache, const char *key)
{
    struct ccb_cache_entry *entry = *bucket(cache, key);

    while (entry != NULL && strcmp(entry->key, key) != 0)
        entry = entry->next;
    return entry;
}

/* ---- the list by last use ----------------------------------------------- */

static void push_newest(struct ccb_cache *cache, struct ccb_cache_entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    if (cache->newest != NULL)
        cache->newest->newer = entry;
    else
        cache->oldest = entry;
    cache->newest = entry;
}

static void unlink_use(struct ccb_cache *cache, struct ccb_cache_entry *entry)
{
    if (entry->newer != NULL)
        entry->newer->older = entry->older;
    else
        cache->newest = entry->older;
    if (entry->older != NULL)
        entry->older->newer = entry->newer;
    else
        cache->oldest = entry->newer;
}

void ccb_cache_touch(struct ccb_cache *cache, struct ccb_cache_entry *entry)
{
    unlink_use(cache, entry);
    push_newest(cache, entry);
}

/* ---- entries ------------------------------------------------------------ */

void ccb_cache_entry_free(struct ccb_cache_entry *entry)
{
    if (entry == NULL)
        return;
    ccb_free(entry->etag);
    ccb_free(entry->modified);
    ccb_free(entry);
}

struct ccb_cache_entry *ccb_cache_entry_create(struct ccb_cache *cache,
                                               const char *key, uint64_t size,
                                               const char *etag,
                                               const char *modified)
{
    struct ccb_cache_entry *entry = ccb_calloc(1, sizeof(*entry));

    if (entry == NULL)
        return NULL;
    (void)snprintf(entry->key, sizeof(entry->key), "%s", key);
    (void)snprintf(entry->name, sizeof(entry->name), "%s-%" PRIu64, entry->key,
                   ++cache->names);
    entry->size = size;
    entry->etag = etag != NULL ? ccb_strdup(etag) : NULL;
    entry->modified = modified != NULL ? ccb_strdup(modified) : NULL;
    if ((etag != NULL && entry->etag == NULL) ||
        (modified != NULL && entry->modified == NULL)) {
        ccb_cache_entry_free(entry);
        return NULL;
    }
    return entry;
}

static void take_out(struct ccb_cache *cache, struct ccb_cache_entry *entry,
                     struct ccb_cache_entry **gone)
{
    struct ccb_cache_entry **at = bucket(cache, entry->key);

    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    unlink_use(cache, entry);
    cache->bytes -= entry->size;
    entry->older = *gone;
    *gone = entry;
}

void ccb_cache_remove(struct ccb_cache *cache, const char *key,
                      struct ccb_cache_entry **gone)
{
    struct ccb_cache_entry *entry = ccb_cache_find(cache, key);

    if (entry != NULL)
        take_out(cache, entry, gone);
}

void ccb_cache_add(struct ccb_cache *cache, struct ccb_cache_entry *entry,
                   struct ccb_cache_entry **gone)
{
    struct ccb_cache_entry **at;

    ccb_cache_remove(cache, entry->key, gone);
    while (cache->oldest != NULL && entry->size > cache->limit - cache->bytes)
        take_out(cache, cache->oldest, gone);
    at = bucket(cache, entry->key);
    entry->next = *at;
    *at = entry;
    push_newest(cache, entry);
    cache->bytes += entry->size;
}

void ccb_cache_discard(int directory, struct ccb_cache_entry *gone)
{
    while (gone != NULL) {
        struct ccb_cache_entry *next = gone->older;

        (void)unlinkat(directory, gone->name, 0); /* gone is gone */
        ccb_cache_entry_free(gone);
        gone = next;
    }
}
