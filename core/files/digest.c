/*
 * The MD5 of files, for -digests (contract/actions.md 3.2: a cell takes an
 * ETag of 32 hex digits as the MD5 of what it is sent).
 *
 * Invariant: no request waits for a sum. Who asks for one that is not known
 * goes without, and the pool computes it, one file at a time a worker. A sum
 * belongs to a file as it lay there: whatever is done to the file changes its
 * key, as the time of change (ctime) can't be set by hand. A date tells files
 * apart only when its second is over: until then it is no validator.
 */
#include "files/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"

#define ENTRIES 64
#define PIECE (64 * 1024)
/* Times of files tick in milliseconds. One that was changed just now could
 * change again without another time. */
#define SETTLED (100 * CCB_MILLISECOND)

/* All of one width, so that it is compared as bytes. */
struct key {
    int64_t device, inode, size, modified, modified_nsec, changed, changed_nsec;
};

struct entry {
    struct key key;
    unsigned char md5[CCB_FILES_MD5];
};

struct ccb_files_digests {
    uv_loop_t *loop;
    struct entry entries[ENTRIES];
    size_t count, oldest;
    bool busy, closed;
    /* The pool's while busy: */
    uv_work_t work;
    struct entry next;
    int fd;
    bool done;
    atomic_bool stop;
};

static struct key key_of(const struct stat *found)
{
    return (struct key){
        .device = (int64_t)found->st_dev,
        .inode = (int64_t)found->st_ino,
        .size = (int64_t)found->st_size,
        .modified = (int64_t)found->st_mtim.tv_sec,
        .modified_nsec = (int64_t)found->st_mtim.tv_nsec,
        .changed = (int64_t)found->st_ctim.tv_sec,
        .changed_nsec = (int64_t)found->st_ctim.tv_nsec,
    };
}

static bool is_same(const struct key *a, const struct key *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- in the pool -------------------------------------------------------- */

static bool add_all(struct ccb_files_digests *digests, EVP_MD_CTX *md5)
{
    char bytes[PIECE];
    off_t offset = 0;

    while (!atomic_load(&digests->stop)) {
        ssize_t n = pread(digests->fd, bytes, sizeof(bytes), offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 && offset == digests->next.key.size;
        if (EVP_DigestUpdate(md5, bytes, (size_t)n) != 1)
            return false;
        offset += n;
    }
    return false;
}

static void on_work(uv_work_t *work)
{
    struct ccb_files_digests *digests = work->data;
    EVP_MD_CTX *md5 = EVP_MD_CTX_new();
    struct stat after;
    struct key key;

    digests->done = md5 != NULL &&
                    EVP_DigestInit_ex(md5, EVP_md5(), NULL) == 1 &&
                    add_all(digests, md5) &&
                    EVP_DigestFinal_ex(md5, digests->next.md5, NULL) == 1 &&
                    fstat(digests->fd, &after) == 0;
    EVP_MD_CTX_free(md5);
    OPENSSL_thread_stop(); /* the pool's threads end too late to do it */
    if (!digests->done)
        return;
    key = key_of(&after);
    digests->done = is_same(&key, &digests->next.key);
}

/* ---- on the loop -------------------------------------------------------- */

static void keep(struct ccb_files_digests *digests)
{
    size_t i = digests->count;

    if (digests->count < ENTRIES) {
        digests->count++;
    } else {
        i = digests->oldest;
        digests->oldest = (i + 1) % ENTRIES;
    }
    digests->entries[i] = digests->next;
}

static void on_done(uv_work_t *work, int status)
{
    struct ccb_files_digests *digests = work->data;

    (void)close(digests->fd);
    digests->busy = false;
    if (status == 0 && digests->done)
        keep(digests);
    if (digests->closed)
        ccb_free(digests);
}

static bool is_settled(const struct stat *found)
{
    int64_t changed = (int64_t)found->st_ctim.tv_sec * CCB_SECOND +
                      (int64_t)found->st_ctim.tv_nsec;

    return ccb_clock_wall() - changed >= SETTLED;
}

/* When it can't, the next request of the file tries again. */
static void begin(struct ccb_files_digests *digests, int fd,
                  const struct key *key)
{
    digests->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (digests->fd < 0)
        return;
    digests->next.key = *key;
    digests->done = false;
    digests->work.data = digests;
    digests->busy =
        uv_queue_work(digests->loop, &digests->work, on_work, on_done) == 0;
    if (!digests->busy)
        (void)close(digests->fd);
}

/* False: it is not known yet; the next request may find it. */
static bool find(struct ccb_files_digests *digests, int fd,
                 const struct stat *found, unsigned char md5[CCB_FILES_MD5])
{
    struct key key = key_of(found);

    for (size_t i = 0; i < digests->count; i++)
        if (is_same(&digests->entries[i].key, &key)) {
            memcpy(md5, digests->entries[i].md5, CCB_FILES_MD5);
            return true;
        }
    if (!digests->busy && is_settled(found))
        begin(digests, fd, &key);
    return false;
}

void ccb_files_set_digest(struct ccb_file_serve *serve,
                          const struct stat *found)
{
    unsigned char md5[CCB_FILES_MD5];
    char hex[2 * CCB_FILES_MD5 + 1];

    if (find(serve->files->digests, serve->fd, found, md5)) {
        ccb_hex_format(hex, md5, sizeof(md5));
        (void)snprintf(serve->etag, sizeof(serve->etag), "\"%s\"", hex);
        (void)EVP_EncodeBlock((unsigned char *)serve->md5, md5, sizeof(md5));
    } else if (ccb_clock_wall() / CCB_SECOND <= serve->modified) {
        serve->modified = 0; /* another file may get the same date yet */
    }
}

struct ccb_files_digests *ccb_files_digests_create(uv_loop_t *loop)
{
    struct ccb_files_digests *digests = ccb_calloc(1, sizeof(*digests));

    if (digests != NULL)
        digests->loop = loop;
    return digests;
}

void ccb_files_digests_close(struct ccb_files_digests *digests)
{
    if (digests == NULL)
        return;
    if (!digests->busy) {
        ccb_free(digests);
        return;
    }
    digests->closed = true;
    atomic_store(&digests->stop, true);
}
