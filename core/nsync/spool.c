/*
 * A temporary file, written in large buffers one after the other and read back
 * by place (nsync/spool.h).
 *
 * Invariant: a text lies whole in one buffer, and a buffer is freed when it is
 * in the file; so a text is either in memory or in the file, never in both
 * halves. The struct lives until its owner closed it and the pool has nothing
 * of it any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "nsync/spool.h"

#define BUFFER_SIZE ((size_t)256 << 10)
/* Full buffers that wait for the disk; one more is being filled. */
#define MAX_WAITING 2

struct buffer {
    struct buffer *next;
    uint64_t at; /* its place in the file */
    size_t used, size;
    char bytes[];
};

struct ccb_spool {
    uv_work_t writing; /* of `oldest` */
    struct ccb_loop *loop;
    void (*on_room)(void *user);
    void *user;
    size_t references;      /* the owner's, and one for each work in the pool */
    bool closed;            /* by its owner */
    bool busy;              /* a buffer is being written */
    bool was_full;          /* and said so */
    int fd;                 /* -1: not made yet; set by the first write */
    int result;             /* errno of the write in the pool */
    int failure;            /* the errno why nothing is written any more; 0 */
    uint64_t end;           /* the place of the next text */
    uint64_t written;       /* what is before this is in the file */
    size_t waiting;         /* buffers in the list */
    struct buffer *oldest;  /* of those that wait, in order */
    struct buffer **tail;   /* behind the last of them */
    struct buffer *filling; /* not in that list; may be NULL */
};

static void free_buffers(struct ccb_spool *spool)
{
    while (spool->oldest) {
        struct buffer *buffer = spool->oldest;
        spool->oldest = buffer->next;
        ccb_free(buffer);
    }
    spool->tail = &spool->oldest;
    spool->waiting = 0;
}

static void unref(struct ccb_spool *spool)
{
    if (--spool->references > 0)
        return;
    free_buffers(spool);
    ccb_free(spool->filling);
    if (spool->fd >= 0)
        close(spool->fd);
    ccb_free(spool);
}

struct ccb_spool *ccb_spool_open(struct ccb_loop *loop,
                                 void (*on_room)(void *user), void *user)
{
    struct ccb_spool *spool = ccb_calloc(1, sizeof(*spool));
    if (!spool)
        return NULL;
    spool->loop = loop;
    spool->on_room = on_room;
    spool->user = user;
    spool->references = 1;
    spool->fd = -1;
    spool->tail = &spool->oldest;
    return spool;
}

void ccb_spool_close(struct ccb_spool *spool)
{
    if (!spool)
        return;
    spool->closed = true;
    unref(spool);
}

/* ---- the file [in the pool] --------------------------------------------- */

/* A file without a name, that nobody else can open. */
static int make_file(void)
{
    const char *directory = getenv("TMPDIR");
    char path[4096];
    int fd;
    if (!directory || !directory[0])
        directory = "/var/tmp";
    fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    /* Not every file system has those. */
    if ((size_t)snprintf(path, sizeof(path), "%s/ccbridge-XXXXXX", directory) >=
        sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static int write_buffer(int fd, const struct buffer *buffer)
{
    size_t done = 0;
    while (done < buffer->used) {
        ssize_t n = pwrite(fd, buffer->bytes + done, buffer->used - done,
                           (off_t)(buffer->at + done));
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            return n == 0 ? EIO : errno;
    }
    return 0;
}

static void on_write(uv_work_t *work)
{
    struct ccb_spool *spool = work->data;
    if (spool->fd < 0)
        spool->fd = make_file();
    spool->result =
        spool->fd < 0 ? errno : write_buffer(spool->fd, spool->oldest);
}

/* ---- writing ------------------------------------------------------------ */

static void write_next(struct ccb_spool *spool);

/* The oldest buffer is in the file, or nothing will be any more. */
static void retire_oldest(struct ccb_spool *spool)
{
    struct buffer *buffer = spool->oldest;
    spool->written = buffer->at + buffer->used;
    spool->oldest = buffer->next;
    if (!spool->oldest)
        spool->tail = &spool->oldest;
    spool->waiting--;
    ccb_free(buffer);
}

static void on_written(uv_work_t *work, int status)
{
    struct ccb_spool *spool = work->data;
    spool->busy = false;
    spool->failure = status < 0 ? ECANCELED : spool->result;
    if (spool->failure)
        free_buffers(spool);
    else
        retire_oldest(spool);
    if (!spool->closed) {
        write_next(spool);
        if (spool->was_full && spool->waiting < MAX_WAITING) {
            spool->was_full = false;
            spool->on_room(spool->user);
        }
    }
    unref(spool);
}

static void write_next(struct ccb_spool *spool)
{
    if (spool->busy || !spool->oldest)
        return;
    spool->writing.data = spool;
    /* It refuses only work without a function. */
    (void)uv_queue_work(&spool->loop->uv, &spool->writing, on_write,
                        on_written);
    spool->busy = true;
    spool->references++;
}

static void queue_filling(struct ccb_spool *spool)
{
    *spool->tail = spool->filling;
    spool->tail = &spool->filling->next;
    spool->filling = NULL;
    spool->waiting++;
    write_next(spool);
}

static int begin_buffer(struct ccb_spool *spool, size_t size)
{
    if (size < BUFFER_SIZE)
        size = BUFFER_SIZE;
    spool->filling = ccb_malloc(sizeof(*spool->filling) + size);
    if (!spool->filling)
        return CCB_NO_MEMORY;
    spool->filling->next = NULL;
    spool->filling->at = spool->end;
    spool->filling->used = 0;
    spool->filling->size = size;
    return 0;
}

static int fail(const struct ccb_spool *spool, struct ccb_error *err)
{
    return ccb_error_set(err, CCB_IO,
                         "the temporary file in $TMPDIR or /var/tmp: %s",
                         strerror(spool->failure));
}

int ccb_spool_put(struct ccb_spool *spool, size_t size, char **room,
                  uint64_t *at, struct ccb_error *err)
{
    struct buffer *buffer = spool->filling;
    if (spool->failure)
        return fail(spool, err);
    if (buffer && size > buffer->size - buffer->used) {
        queue_filling(spool);
        buffer = NULL;
    }
    if (!buffer && begin_buffer(spool, size) < 0)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    buffer = spool->filling;
    *at = spool->end;
    *room = buffer->bytes + buffer->used;
    buffer->used += size;
    spool->end += size;
    return 0;
}

bool ccb_spool_full(struct ccb_spool *spool)
{
    if (spool->waiting < MAX_WAITING)
        return false;
    spool->was_full = true;
    return true;
}

/* ---- reading ------------------------------------------------------------ */

/* Lies in its arena, of which it holds a reference. */
struct reading {
    uv_work_t work;
    struct ccb_spool *spool;
    struct ccb_arena *arena;
    uint64_t at;
    char *text;
    size_t size;
    bool in_file;
    int code;
    void (*on_text)(void *user, int code, struct ccb_slice text);
    void *user;
};

/* The text as long as it is in memory. */
static const char *find_text(const struct ccb_spool *spool, uint64_t at)
{
    const struct buffer *buffer = spool->oldest;
    while (buffer && at >= buffer->at + buffer->used)
        buffer = buffer->next;
    if (!buffer)
        buffer = spool->filling;
    return buffer && at >= buffer->at && at < buffer->at + buffer->used
               ? buffer->bytes + (at - buffer->at)
               : NULL;
}

static void on_read(uv_work_t *work)
{
    struct reading *reading = work->data;
    size_t done = 0;
    while (reading->in_file && done < reading->size) {
        ssize_t n = pread(reading->spool->fd, reading->text + done,
                          reading->size - done, (off_t)(reading->at + done));
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            break;
    }
    if (reading->in_file && done < reading->size)
        reading->code = CCB_IO;
}

static void on_was_read(uv_work_t *work, int status)
{
    struct reading *reading = work->data;
    struct ccb_spool *spool = reading->spool;
    struct ccb_arena *arena = reading->arena;
    if (status < 0)
        reading->code = CCB_CANCELLED;
    if (!spool->closed)
        reading->on_text(reading->user, reading->code,
                         ccb_slice_make(reading->text, reading->code == 0
                                                           ? reading->size
                                                           : 0));
    unref(spool);
    ccb_arena_unref(arena);
}

/* Where the text is taken from; what was never written is nowhere. */
static void locate(struct reading *reading)
{
    const char *text = NULL;
    reading->in_file = reading->at + reading->size <= reading->spool->written;
    if (reading->in_file || reading->size == 0)
        return;
    text = find_text(reading->spool, reading->at);
    if (text)
        memcpy(reading->text, text, reading->size);
    else
        reading->code = CCB_IO;
}

int ccb_spool_read(struct ccb_spool *spool, uint64_t at, size_t size,
                   struct ccb_arena *arena,
                   void (*on_text)(void *user, int code, struct ccb_slice text),
                   void *user, struct ccb_error *err)
{
    struct reading *reading = ccb_arena_alloc(arena, sizeof(*reading));
    char *text = ccb_arena_text(arena, size + 1);
    if (!reading || !text)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    reading->spool = spool;
    reading->arena = ccb_arena_ref(arena);
    reading->at = at;
    reading->text = text;
    reading->size = size;
    reading->on_text = on_text;
    reading->user = user;
    reading->work.data = reading;
    locate(reading);
    /* Also for what is there already, as on_text never comes from inside. It
     * refuses only work without a function. */
    (void)uv_queue_work(&spool->loop->uv, &reading->work, on_read, on_was_read);
    spool->references++;
    return 0;
}
