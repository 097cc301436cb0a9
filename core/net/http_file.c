/*
 * Files as bodies: from the page cache to the socket, without a copy.
 *
 * Invariant: a turn of the loop gives one connection at most TURN bytes, so a
 * large file never stalls small ones; what is not in the page cache is read by
 * the pool first, where the file system can tell, so the disk doesn't stall
 * the loop either. A file that turns out shorter cuts the connection: a short
 * body never looks whole.
 */
#include "net/http_server_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "base/mem.h"

#define TURN (2 * 1024 * 1024) /* a fraction of a millisecond */
#define POOL_PIECE (64 * 1024)

/* A piece of a file that a thread of the pool brings into memory. It has a
 * descriptor of its own and outlives the request when that ends first. */
struct ccb_httpd_read {
    uv_work_t work;
    struct ccb_http_request *request; /* NULL: it is gone */
    int fd;
    uint64_t offset, left;
};

/* ---- reading ahead ------------------------------------------------------ */

static void on_read_work(uv_work_t *work)
{
    struct ccb_httpd_read *job = work->data;
    char bytes[POOL_PIECE];

    while (job->left > 0) {
        size_t want = job->left < sizeof(bytes) ? job->left : sizeof(bytes);
        ssize_t n = pread(job->fd, bytes, want, (off_t)job->offset);

        if (n <= 0)
            return; /* sendfile will meet the same and tell */
        job->offset += (uint64_t)n;
        job->left -= (uint64_t)n;
    }
}

static void advance(struct ccb_http_request *request, bool warm);

static void on_read_done(uv_work_t *work, int status)
{
    struct ccb_httpd_read *job = work->data;
    struct ccb_http_request *request = job->request;

    (void)status;
    (void)close(job->fd);
    ccb_free(job);
    if (request == NULL)
        return;
    request->file.read = NULL;
    if (request->gone || request->file.left == 0)
        return; /* its end is on the way */
    advance(request, true);
}

static bool is_cold(int fd, uint64_t offset, size_t length)
{
    char byte;
    struct iovec part = {&byte, 1};
    off_t last = (off_t)(offset + length - 1);

    return preadv2(fd, &part, 1, last, RWF_NOWAIT) < 0 && errno == EAGAIN;
}

/* True: the pool reads and goes on from there. When it can't, the loop reads
 * itself, which is slow and right. */
static bool read_ahead(struct ccb_http_request *request, size_t length)
{
    struct ccb_httpd_file *file = &request->file;
    struct ccb_httpd_read *job = ccb_calloc(1, sizeof(*job));

    if (job == NULL)
        return false;
    job->work.data = job;
    job->request = request;
    job->fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
    job->offset = file->offset;
    job->left = length;
    if (job->fd >= 0 &&
        uv_queue_work(&request->conn->server->loop->uv, &job->work,
                      on_read_work, on_read_done) == 0) {
        file->read = job;
        return true;
    }
    if (job->fd >= 0)
        (void)close(job->fd);
    ccb_free(job);
    return false;
}

/* ---- sending ------------------------------------------------------------ */

enum turn { TURN_DONE, TURN_LATER, TURN_BROKEN };

/* What a failed or empty sendfile means. */
static enum turn after_failure(struct ccb_http_request *request, ssize_t n)
{
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return TURN_LATER;
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
        ccb_httpd_conn_close(request->conn); /* the peer left */
        return TURN_LATER;
    }
    return TURN_BROKEN;
}

static enum turn send_turn(struct ccb_http_request *request, bool warm)
{
    struct ccb_httpd_conn *conn = request->conn;
    struct ccb_httpd_file *file = &request->file;
    off_t offset = (off_t)file->offset;
    size_t want = file->left < TURN ? (size_t)file->left : TURN;
    ssize_t n;

    if (file->left == 0)
        return TURN_DONE;
    if (file->read != NULL || ccb_httpd_conn_waiting(conn) > 0 ||
        conn->state == CCB_HTTPD_CLOSED)
        return TURN_LATER;
    if (!warm && is_cold(file->fd, file->offset, want) &&
        read_ahead(request, want))
        return TURN_LATER;
    n = sendfile(conn->fd, file->fd, &offset, want);
    if (n <= 0)
        return after_failure(request, n);
    conn->progress = 1;
    file->offset += (uint64_t)n;
    file->left -= (uint64_t)n;
    request->answer_left -= n;
    request->answer_bytes += (uint64_t)n;
    return file->left == 0 ? TURN_DONE : TURN_LATER;
}

void ccb_httpd_file_drop(struct ccb_http_request *request)
{
    struct ccb_httpd_file *file = &request->file;

    if (file->read != NULL)
        file->read->request = NULL;
    if (file->owned)
        (void)close(file->fd);
    file->read = NULL;
    file->owned = 0;
    file->left = 0;
}

/* The request ends, as it was promised to whoever gave the file. */
static void end(struct ccb_http_request *request, enum turn turn)
{
    ccb_httpd_file_drop(request);
    if (turn == TURN_BROKEN)
        ccb_http_abandon(request);
    else
        ccb_http_finish(request);
}

static void advance(struct ccb_http_request *request, bool warm)
{
    enum turn turn = send_turn(request, warm);

    if (turn == TURN_LATER)
        ccb_httpd_conn_changed(request->conn);
    else if (request->file.finishes)
        end(request, turn);
    else if (turn == TURN_BROKEN)
        ccb_httpd_conn_cut(request->conn);
    else if (request->on_drain != NULL)
        request->on_drain(request, request->drain_user);
}

void ccb_httpd_file_advance(struct ccb_http_request *request)
{
    advance(request, false);
}

bool ccb_httpd_file_leave(struct ccb_http_request *request)
{
    if (!request->file.finishes) {
        ccb_httpd_file_drop(request);
        return false;
    }
    end(request, TURN_DONE);
    return true;
}

/* Notes what is to be sent, no more than was declared. */
static void set_file(struct ccb_http_request *request, int fd, uint64_t offset,
                     uint64_t length)
{
    struct ccb_httpd_file *file = &request->file;
    uint64_t room =
        request->answer_left > 0 ? (uint64_t)request->answer_left : 0;

    file->fd = fd;
    file->offset = offset;
    file->left = length < room ? length : room;
    if (request->gone || !request->started || request->head_method)
        file->left = 0;
    else if (length > room)
        request->overrun = 1;
}

bool ccb_http_write_file(struct ccb_http_request *request, int fd,
                         uint64_t offset, uint64_t length)
{
    enum turn turn;

    set_file(request, fd, offset, length);
    turn = send_turn(request, false);
    if (turn == TURN_BROKEN)
        ccb_httpd_conn_cut(request->conn);
    ccb_httpd_conn_changed(request->conn);
    return turn == TURN_DONE;
}

void ccb_http_send_file(struct ccb_http_request *request, int fd,
                        uint64_t offset, uint64_t length)
{
    set_file(request, fd, offset, length);
    request->file.owned = 1;
    request->file.finishes = 1;
    request->on_abort = NULL; /* nothing is left for the handler to do */
    if (length > TURN)
        (void)posix_fadvise(fd, (off_t)offset, (off_t)length,
                            POSIX_FADV_SEQUENTIAL);
    if (request->gone)
        end(request, TURN_DONE);
    else
        advance(request, false);
}
