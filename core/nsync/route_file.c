/*
 * A temporary file, written in large buffers one after the other and read back
 * by place (nsync/route_file.h).
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
#include "nsync/route_file.h"

#define BUFFER_SIZE ((size_t)256 << 10)
/* Full buffers that wait for the disk; one more is being filled. */
#define MAX_WAITING 2

struct buffer {
    struct buffer *next;
    uint64_t at; /* its place in the file */
    size_t used, size;
    char bytes[];
};

struct ccb_route_file {
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

static void free_buffers(struct ccb_route_file *file)
{
    while (file->oldest) {
        struct buffer *buffer = file->oldest;
        file->oldest = buffer->next;
        ccb_free(buffer);
    }
    file->tail = &file->oldest;
    file->waiting = 0;
}

static void unref(struct ccb_route_file *file)
{
    if (--file->references > 0)
        return;
    free_buffers(file);
    ccb_free(file->filling);
    if (file->fd >= 0)
        close(file->fd);
    ccb_free(file);
}

struct ccb_route_file *ccb_route_file_open(struct ccb_loop *loop,
                                           void (*on_room)(void *user),
                                           void *user)
{
    struct ccb_route_file *file = ccb_calloc(1, sizeof(*file));
    if (!file)
        return NULL;
    file->loop = loop;
    file->on_room = on_room;
    file->user = user;
    file->references = 1;
    file->fd = -1;
    file->tail = &file->oldest;
    return file;
}

void ccb_route_file_close(struct ccb_route_file *file)
{
    if (!file)
        return;
    file->closed = true;
    unref(file);
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
    struct ccb_route_file *file = work->data;
    if (file->fd < 0)
        file->fd = make_file();
    file->result = file->fd < 0 ? errno : write_buffer(file->fd, file->oldest);
}

/* ---- writing ------------------------------------------------------------ */

static void write_next(struct ccb_route_file *file);

/* The oldest buffer is in the file, or nothing will be any more. */
static void retire_oldest(struct ccb_route_file *file)
{
    struct buffer *buffer = file->oldest;
    file->written = buffer->at + buffer->used;
    file->oldest = buffer->next;
    if (!file->oldest)
        file->tail = &file->oldest;
    file->waiting--;
    ccb_free(buffer);
}

static void on_written(uv_work_t *work, int status)
{
    struct ccb_route_file *file = work->data;
    file->busy = false;
    file->failure = status < 0 ? ECANCELED : file->result;
    if (file->failure)
        free_buffers(file);
    else
        retire_oldest(file);
    if (!file->closed) {
        write_next(file);
        if (file->was_full && file->waiting < MAX_WAITING) {
            file->was_full = false;
            file->on_room(file->user);
        }
    }
    unref(file);
}

static void write_next(struct ccb_route_file *file)
{
    if (file->busy || !file->oldest)
        return;
    file->writing.data = file;
    /* It refuses only work without a function. */
    (void)uv_queue_work(&file->loop->uv, &file->writing, on_write, on_written);
    file->busy = true;
    file->references++;
}

static void queue_filling(struct ccb_route_file *file)
{
    *file->tail = file->filling;
    file->tail = &file->filling->next;
    file->filling = NULL;
    file->waiting++;
    write_next(file);
}

static int begin_buffer(struct ccb_route_file *file, size_t size)
{
    if (size < BUFFER_SIZE)
        size = BUFFER_SIZE;
    file->filling = ccb_malloc(sizeof(*file->filling) + size);
    if (!file->filling)
        return CCB_NO_MEMORY;
    file->filling->next = NULL;
    file->filling->at = file->end;
    file->filling->used = 0;
    file->filling->size = size;
    return 0;
}

static int fail(const struct ccb_route_file *file, struct ccb_error *err)
{
    return ccb_error_set(err, CCB_IO,
                         "the temporary file in $TMPDIR or /var/tmp: %s",
                         strerror(file->failure));
}

int ccb_route_file_put(struct ccb_route_file *file, size_t size, char **room,
                       uint64_t *at, struct ccb_error *err)
{
    struct buffer *buffer = file->filling;
    if (file->failure)
        return fail(file, err);
    if (buffer && size > buffer->size - buffer->used) {
        queue_filling(file);
        buffer = NULL;
    }
    if (!buffer && begin_buffer(file, size) < 0)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    buffer = file->filling;
    *at = file->end;
    *room = buffer->bytes + buffer->used;
    buffer->used += size;
    file->end += size;
    return 0;
}

bool ccb_route_file_full(struct ccb_route_file *file)
{
    if (file->waiting < MAX_WAITING)
        return false;
    file->was_full = true;
    return true;
}

/* ---- reading ------------------------------------------------------------ */

/* Lies in its arena, of which it holds a reference. */
struct reading {
    uv_work_t work;
    struct ccb_route_file *file;
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
static const char *find_text(const struct ccb_route_file *file, uint64_t at)
{
    const struct buffer *buffer = file->oldest;
    while (buffer && at >= buffer->at + buffer->used)
        buffer = buffer->next;
    if (!buffer)
        buffer = file->filling;
    return buffer && at >= buffer->at && at < buffer->at + buffer->used
               ? buffer->bytes + (at - buffer->at)
               : NULL;
}

static void on_read(uv_work_t *work)
{
    struct reading *reading = work->data;
    size_t done = 0;
    while (reading->in_file && done < reading->size) {
        ssize_t n = pread(reading->file->fd, reading->text + done,
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
    struct ccb_route_file *file = reading->file;
    struct ccb_arena *arena = reading->arena;
    if (status < 0)
        reading->code = CCB_CANCELLED;
    if (!file->closed)
        reading->on_text(reading->user, reading->code,
                         ccb_slice_make(reading->text, reading->code == 0
                                                           ? reading->size
                                                           : 0));
    unref(file);
    ccb_arena_unref(arena);
}

/* Where the text is taken from; what was never written is nowhere. */
static void locate(struct reading *reading)
{
    const char *text = NULL;
    reading->in_file = reading->at + reading->size <= reading->file->written;
    if (reading->in_file || reading->size == 0)
        return;
    text = find_text(reading->file, reading->at);
    if (text)
        memcpy(reading->text, text, reading->size);
    else
        reading->code = CCB_IO;
}

int ccb_route_file_read(struct ccb_route_file *file, uint64_t at, size_t size,
                        struct ccb_arena *arena,
                        void (*on_text)(void *user, int code,
                                        struct ccb_slice text),
                        void *user, struct ccb_error *err)
{
    struct reading *reading = ccb_arena_alloc(arena, sizeof(*reading));
    char *text = ccb_arena_text(arena, size + 1);
    if (!reading || !text)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    reading->file = file;
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
    (void)uv_queue_work(&file->loop->uv, &reading->work, on_read, on_was_read);
    file->references++;
    return 0;
}
