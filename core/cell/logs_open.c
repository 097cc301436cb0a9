/*
 * Opening and closing the log sink, and its table of streams.
 *
 * A stream is known by a digest of its guid, which also names its files: so a
 * guid may hold any byte, and what a former run left is found by listing the
 * directory. Invariant: streams are in the table and in the row of the last
 * use; over the number that is kept, the longest unused one that nobody reads
 * leaves both and is only waited for until its files are removed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/mem.h"
#include "cell/logs_internal.h"

#define GUID_BYTES (2U << 20)
#define GUIDS 1000
#define SEGMENT_MIN 1024

/* ---- the table ----------------------------------------------------------- */

static int name_of(struct ccb_slice guid, char name[CCB_LOG_NAME])
{
    unsigned char digest[EVP_MAX_MD_SIZE];

    if (EVP_Digest(guid.ptr, guid.len, digest, NULL, EVP_sha256(), NULL) != 1)
        return CCB_NO_MEMORY;
    ccb_hex_format(name, digest, CCB_LOG_NAME / 2);
    return CCB_OK;
}

static struct ccb_log_stream **bucket_of(struct ccb_logs *logs,
                                         const char *name)
{
    char part[9] = {0};

    memcpy(part, name, 8); /* a digest: as good as any other part of it */
    return &logs->buckets[strtoul(part, NULL, 16) & logs->bucket_mask];
}

static void unlink_from_row(struct ccb_logs *logs,
                            struct ccb_log_stream *stream)
{
    *(stream->older ? &stream->older->newer : &logs->oldest) = stream->newer;
    *(stream->newer ? &stream->newer->older : &logs->newest) = stream->older;
    stream->older = stream->newer = NULL;
}

static void append_to_row(struct ccb_logs *logs, struct ccb_log_stream *stream)
{
    stream->older = logs->newest;
    stream->newer = NULL;
    *(logs->newest ? &logs->newest->newer : &logs->oldest) = stream;
    logs->newest = stream;
}

static struct ccb_log_stream *look_up(struct ccb_logs *logs, const char *name)
{
    struct ccb_log_stream *stream = *bucket_of(logs, name);

    while (stream != NULL && strcmp(stream->name, name) != 0)
        stream = stream->chain;
    return stream;
}

static struct ccb_log_stream *add(struct ccb_logs *logs, const char *name)
{
    struct ccb_log_stream *stream = ccb_calloc(1, sizeof(*stream));
    struct ccb_log_stream **bucket = bucket_of(logs, name);

    if (stream == NULL)
        return NULL;
    memcpy(stream->name, name, CCB_LOG_NAME);
    stream->chain = *bucket;
    *bucket = stream;
    append_to_row(logs, stream);
    logs->count++;
    return stream;
}

static void take_out(struct ccb_logs *logs, struct ccb_log_stream *stream)
{
    struct ccb_log_stream **at = bucket_of(logs, stream->name);

    while (*at != stream)
        at = &(*at)->chain;
    *at = stream->chain;
    unlink_from_row(logs, stream);
    logs->count--;
}

static bool is_idle(const struct ccb_log_stream *stream)
{
    return !stream->queued && !stream->in_batch && stream->readers == NULL;
}

/* Makes the longest unused ones go. Who waits or is read stays. */
static void keep_bound(struct ccb_logs *logs)
{
    struct ccb_log_stream *stream = logs->oldest, *newer;

    for (; stream != NULL && logs->count > logs->guids; stream = newer) {
        newer = stream->newer;
        if (!is_idle(stream) || newer == NULL)
            continue;
        take_out(logs, stream);
        stream->doomed = true;
        ccb_log_stream_queue(logs, stream);
    }
}

void ccb_log_stream_free(struct ccb_log_stream *stream)
{
    ccb_buf_destroy(&stream->waiting);
    ccb_buf_destroy(&stream->writing);
    ccb_free(stream->guid);
    ccb_free(stream);
}

struct ccb_log_stream *ccb_log_stream_find(struct ccb_logs *logs,
                                           struct ccb_slice guid, bool writes)
{
    char name[CCB_LOG_NAME] = "";
    struct ccb_log_stream *stream;

    if (name_of(guid, name) != CCB_OK)
        return NULL;
    stream = look_up(logs, name);
    if (stream == NULL)
        stream = add(logs, name);
    if (stream == NULL)
        return NULL;
    if (stream->guid == NULL) {
        stream->guid_len =
            guid.len < CCB_LOG_GUID_SHOWN ? guid.len : CCB_LOG_GUID_SHOWN;
        stream->guid = ccb_malloc(stream->guid_len + 1);
        if (stream->guid == NULL) {
            ccb_log_stream_settle(logs, stream);
            return NULL;
        }
        memcpy(stream->guid, guid.ptr, stream->guid_len);
    }
    if (writes) { /* asking for many guids must not cost a log */
        unlink_from_row(logs, stream);
        append_to_row(logs, stream);
        keep_bound(logs);
    }
    return stream;
}

void ccb_log_stream_settle(struct ccb_logs *logs, struct ccb_log_stream *stream)
{
    if (!is_idle(stream) || stream->dropped > 0 || logs->closing)
        return;
    if (!stream->known || stream->place.end > 0 || stream->place.head > 0)
        return;
    take_out(logs, stream);
    ccb_log_stream_free(stream);
}

/* ---- opening ------------------------------------------------------------- */

struct found {
    char name[CCB_LOG_NAME];
    struct timespec time;
};

struct listing {
    struct found *items;
    size_t count, cap;
};

static bool is_ours(const char *file)
{
    return strspn(file, "0123456789abcdef") == CCB_LOG_NAME - 1 &&
           (strcmp(file + CCB_LOG_NAME - 1, ".log") == 0 ||
            strcmp(file + CCB_LOG_NAME - 1, ".old") == 0);
}

static int list_file(struct ccb_logs *logs, struct listing *listing,
                     const char *file)
{
    struct stat info;
    struct found *item;

    if (!is_ours(file) || fstatat(logs->dir, file, &info, 0) != 0)
        return CCB_OK;
    if (listing->count == listing->cap) {
        size_t cap = listing->cap ? listing->cap * 2 : 64;
        struct found *grown = ccb_realloc(listing->items, cap * sizeof(*grown));

        if (grown == NULL)
            return CCB_NO_MEMORY;
        listing->items = grown;
        listing->cap = cap;
    }
    item = &listing->items[listing->count++];
    (void)snprintf(item->name, sizeof(item->name), "%.32s", file);
    item->time = info.st_mtim;
    return CCB_OK;
}

static int by_time(const void *a, const void *b)
{
    const struct timespec *x = &((const struct found *)a)->time;
    const struct timespec *y = &((const struct found *)b)->time;

    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* Streams of what a former run left, oldest first. */
static int find_streams(struct ccb_logs *logs, struct ccb_error *err)
{
    struct listing listing = {0};
    int fd = dup(logs->dir), code = CCB_OK;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return ccb_error_set(err, CCB_IO, "log directory: %s", strerror(errno));
    }
    /* cppcheck-suppress readdirCalled ; the stream is ours alone */
    while (code == CCB_OK && (entry = readdir(dir)) != NULL)
        code = list_file(logs, &listing, entry->d_name);
    (void)closedir(dir);
    if (listing.count > 0)
        qsort(listing.items, listing.count, sizeof(*listing.items), by_time);
    for (size_t i = 0; code == CCB_OK && i < listing.count; i++) {
        struct ccb_log_stream *stream = look_up(logs, listing.items[i].name);

        if (stream != NULL) {
            unlink_from_row(logs, stream);
            append_to_row(logs, stream);
        } else if (add(logs, listing.items[i].name) == NULL) {
            code = CCB_NO_MEMORY;
        }
    }
    ccb_free(listing.items);
    return code == CCB_OK ? code
                          : ccb_error_set(err, code, "no memory for the logs");
}

static int open_dir(const char *path, struct ccb_error *err)
{
    int fd = -1;

    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        (void)ccb_error_set(err, CCB_IO, "log directory %s: %s", path,
                            strerror(errno));
    return fd;
}

static void free_logs(struct ccb_logs *logs)
{
    for (struct ccb_log_stream *s = logs->oldest, *newer; s != NULL;
         s = newer) {
        newer = s->newer;
        ccb_log_stream_free(s);
    }
    if (logs->dir >= 0)
        (void)close(logs->dir);
    ccb_free(logs->buckets);
    ccb_free(logs);
}

int ccb_logs_open(struct ccb_logs **out, const struct ccb_logs_options *options,
                  struct ccb_error *err)
{
    struct ccb_logs *logs = ccb_calloc(1, sizeof(*logs));
    uint64_t bytes = options->guid_bytes ? options->guid_bytes : GUID_BYTES;
    size_t buckets = 64;
    int code;

    if (logs == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for the logs");
    logs->loop = options->loop;
    logs->segment = bytes / 2 < SEGMENT_MIN ? SEGMENT_MIN : (size_t)(bytes / 2);
    logs->guids = options->guids ? options->guids : GUIDS;
    logs->queue_end = &logs->queue;
    while (buckets < logs->guids && buckets < 65536)
        buckets *= 2;
    logs->bucket_mask = buckets - 1;
    logs->buckets = ccb_calloc(buckets, sizeof(struct ccb_log_stream *));
    logs->dir = -1;
    if (logs->buckets == NULL)
        code = ccb_error_set(err, CCB_NO_MEMORY, "no memory for the logs");
    else if ((logs->dir = open_dir(options->directory, err)) < 0)
        code = CCB_IO;
    else
        code = find_streams(logs, err);
    if (code != CCB_OK) {
        free_logs(logs);
        return code;
    }
    keep_bound(logs);
    *out = logs;
    return CCB_OK;
}

/* ---- closing ------------------------------------------------------------- */

void ccb_logs_check_closed(struct ccb_logs *logs)
{
    void (*on_closed)(void *user) = logs->on_closed;
    void *user = logs->closed_user;

    if (!logs->closing || logs->writing || logs->queue != NULL)
        return;
    ccb_logs_end_readers(logs);
    if (logs->reading > 0)
        return;
    free_logs(logs);
    if (on_closed != NULL)
        on_closed(user);
}

void ccb_logs_close(struct ccb_logs *logs, void (*on_closed)(void *user),
                    void *user)
{
    struct ccb_log_stream *s;

    /* What could not be said yet is tried once more, in a last batch; it is
     * run even when it is empty, for what follows is told from the loop. */
    for (s = logs->oldest; s != NULL; s = s->newer)
        if (s->dropped > 0)
            ccb_log_stream_queue(logs, s);
    logs->closing = true;
    logs->on_closed = on_closed;
    logs->closed_user = user;
    ccb_logs_run_batch(logs);
}
