/*
 * The lock in a file: one byte of it, locked for the open description (fcntl's
 * F_OFD_SETLK), so that the kernel lets go whenever the process ends, however
 * it does. Invariant: while it is held its descriptor is open; the loop is
 * never blocked: who can't have it tries again after -lockRetryInterval.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "consul/internal.h"

struct file {
    struct ccb_lock lock; /* first */
    uv_timer_t retry;
    int fd;         /* -1: not open */
    bool said_busy; /* that another has it is said once */
};

/* ---- trying ------------------------------------------------------------- */

/* O_NONBLOCK: so that a device or a pipe of that name can't hold us up. */
static int open_file(struct file *f, struct ccb_error *err)
{
    const char *path = f->lock.options.config->file;
    struct stat about;
    f->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                 S_IRUSR | S_IWUSR);
    if (f->fd < 0)
        return ccb_error_set(err, CCB_IO, "open %s: %s", path, strerror(errno));
    if (fstat(f->fd, &about) == 0 && S_ISREG(about.st_mode))
        return 0;
    close(f->fd);
    f->fd = -1;
    return ccb_error_set(err, CCB_IO, "%s is no regular file", path);
}

/* CCB_CONFLICT: another has it. */
static int lock_byte(struct file *f, struct ccb_error *err)
{
    const char *path = f->lock.options.config->file;
    struct flock range = {.l_type = F_WRLCK,
                          .l_whence = SEEK_SET,
                          .l_start = f->lock.options.name->byte,
                          .l_len = 1};
    if (fcntl(f->fd, F_OFD_SETLK, &range) == 0)
        return 0;
    if (errno == EAGAIN || errno == EACCES)
        return ccb_error_set(err, CCB_CONFLICT,
                             "another process holds %s: waiting for its end",
                             path);
    return ccb_error_set(err, CCB_IO, "lock %s: %s", path, strerror(errno));
}

static int try_lock(struct file *f, struct ccb_error *err)
{
    int code = f->fd < 0 ? open_file(f, err) : 0;
    if (code == 0)
        code = lock_byte(f, err);
    /* Afresh each time: by then there may be another file of that name. */
    if (code < 0 && f->fd >= 0) {
        close(f->fd);
        f->fd = -1;
    }
    return code;
}

static void on_retry(uv_timer_t *timer);

static void try_later(struct file *f, int code, const char *why)
{
    bool busy = code == CCB_CONFLICT;
    if (!busy || !f->said_busy)
        ccb_lock_log_trouble(&f->lock, "acquire-lock-failed", why);
    f->said_busy = busy;
    (void)uv_timer_start(&f->retry, on_retry,
                         ccb_lock_ms(f->lock.options.config->retry_interval),
                         0);
}

static void try_once(struct file *f)
{
    struct ccb_error err;
    int code = try_lock(f, &err);
    if (code < 0)
        try_later(f, code, err.message);
    else
        ccb_lock_tell_held(&f->lock);
}

static void on_retry(uv_timer_t *timer)
{
    struct file *f = timer->data;
    if (!f->said_busy)
        ccb_log_info(&f->lock.log, "retrying-acquiring-lock");
    try_once(f);
}

static void on_start(uv_timer_t *timer)
{
    struct file *f = timer->data;
    ccb_log_info(&f->lock.log, "acquiring-lock");
    try_once(f);
}

/* ---- its life ----------------------------------------------------------- */

static int open_form(struct ccb_lock **lock,
                     const struct ccb_lock_options *options,
                     struct ccb_error *err)
{
    struct file *f = ccb_calloc(1, sizeof(*f));
    if (!f)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    f->fd = -1;
    (void)uv_timer_init(&options->loop->uv, &f->retry); /* can't fail */
    f->retry.data = f;
    *lock = &f->lock;
    return 0;
}

static void start(struct ccb_lock *lock)
{
    struct file *f = (struct file *)lock;
    (void)uv_timer_start(&f->retry, on_start, 0, 0);
}

static void on_timer_closed(uv_handle_t *handle)
{
    ccb_free(handle->data);
}

/* The file stays: who removes it lets two in, each with a file of its own. */
static void close_form(struct ccb_lock *lock)
{
    struct file *f = (struct file *)lock;
    ccb_lock_log_shutting_down(lock);
    ccb_log_debug(&lock->log, "releasing-lock");
    if (f->fd >= 0)
        close(f->fd);
    ccb_log_info(&lock->log, "done");
    uv_close((uv_handle_t *)&f->retry, on_timer_closed);
}

static const char *at(const struct ccb_lock *lock)
{
    return lock->options.config->file;
}

const struct ccb_lock_form ccb_lock_in_file = {"file", open_form, start,
                                               close_form, at};
