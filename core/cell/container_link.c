/*
 * The daemon's end of a container's control socket. Invariant: descriptors
 * that came are either taken by the frame they came with or closed; more of
 * them than frames ask for, or a frame that is not right, ends the link.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cell/container_internal.h"

#define READ_SIZE 65536

static void on_poll(uv_poll_t *poll, int status, int events);

static void drop_fds(struct ccb_link *link)
{
    for (unsigned i = 0; i < link->fd_count; i++)
        (void)close(link->fds[i]);
    link->fd_count = 0;
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct ccb_link *link = handle->data;

    (void)close(link->fd);
    link->fd = -1;
    drop_fds(link);
    ccb_buf_destroy(&link->in);
    ccb_buf_destroy(&link->out);
    link->on_closed(link);
}

void ccb_link_close(struct ccb_link *link)
{
    if (!link->open)
        return;
    link->open = 0;
    uv_close((uv_handle_t *)&link->poll, on_poll_closed);
}

static void end_link(struct ccb_link *link, const struct ccb_error *err)
{
    if (!link->open)
        return;
    ccb_link_close(link);
    link->on_end(link, err);
}

int ccb_link_open(struct ccb_link *link, struct ccb_loop *loop, int fd,
                  struct ccb_error *err)
{
    int code = uv_poll_init(&loop->uv, &link->poll, fd);

    link->fd = fd;
    link->poll.data = link;
    if (code == 0) {
        link->open = 1;
        code = uv_poll_start(&link->poll, UV_READABLE, on_poll);
    }
    if (code == 0)
        return CCB_OK;
    if (link->open) {
        ccb_link_close(link);
    } else {
        (void)close(fd);
        link->fd = -1;
    }
    return ccb_error_set(err, CCB_IO, "control socket: %s", uv_strerror(code));
}

static void end_with(struct ccb_link *link, int code, const char *words)
{
    struct ccb_error err;

    (void)ccb_error_set(&err, code, "%s", words);
    end_link(link, &err);
}

/* ---- writing ------------------------------------------------------------- */

void ccb_link_flush(struct ccb_link *link)
{
    size_t sent = 0;
    int events;

    while (link->open && sent < link->out.len) {
        ssize_t n = send(link->fd, link->out.data + sent, link->out.len - sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break; /* full; or gone, which reading will tell */
        sent += (size_t)n;
    }
    ccb_buf_consume(&link->out, sent);
    if (!link->open)
        return;
    events = UV_READABLE | (link->out.len > 0 ? UV_WRITABLE : 0);
    if (uv_poll_start(&link->poll, events, on_poll) != 0)
        end_with(link, CCB_IO, "control socket: polling failed");
}

void ccb_link_hang_up(struct ccb_link *link)
{
    if (link->open)
        (void)shutdown(link->fd, SHUT_WR);
}

/* ---- reading ------------------------------------------------------------- */

/* Puts descriptors in the waiting row; 0: too many, or cut off. */
static int take_fds(struct ccb_link *link, struct msghdr *msg)
{
    int ok = (msg->msg_flags & MSG_CTRUNC) == 0;

    for (struct cmsghdr *head = CMSG_FIRSTHDR(msg); head != NULL;
         head = CMSG_NXTHDR(msg, head)) {
        size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(int));
            if (link->fd_count < CCB_LINK_FDS) {
                link->fds[link->fd_count++] = fd;
            } else {
                (void)close(fd);
                ok = 0;
            }
        }
    }
    return ok;
}

/* 1: something came, 0: nothing now, -1: the link has ended. */
static int receive(struct ccb_link *link)
{
    char control[CMSG_SPACE(sizeof(int) * CCB_LINK_FDS)];
    char *room = ccb_buf_reserve(&link->in, READ_SIZE);
    struct iovec bytes = {room, READ_SIZE};
    struct msghdr msg = {.msg_iov = &bytes,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    ssize_t n;

    if (room == NULL) {
        end_with(link, CCB_NO_MEMORY, "control socket: no memory");
        return -1;
    }
    n = recvmsg(link->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        end_with(link, CCB_CLOSED, "the container's init is gone");
        return -1;
    }
    link->in.len += (size_t)n;
    if (!take_fds(link, &msg)) {
        end_with(link, CCB_INVALID, "frame: more descriptors than announced");
        return -1;
    }
    return 1;
}

static void hand_on(struct ccb_link *link, const struct ccb_frame *frame)
{
    int fds[CCB_FRAME_FDS] = {-1, -1};

    memcpy(fds, link->fds, frame->fds * sizeof(int));
    link->fd_count -= frame->fds;
    memmove(link->fds, link->fds + frame->fds, link->fd_count * sizeof(int));
    link->on_frame(link, frame, fds);
    for (unsigned i = 0; i < frame->fds; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
}

static void read_frames(struct ccb_link *link)
{
    struct ccb_error err;
    struct ccb_frame frame;
    size_t used, done = 0;
    int more;

    for (;;) {
        more = ccb_frame_next(
            ccb_slice_make(link->in.data + done, link->in.len - done),
            CCB_FRAME_TO_DAEMON, &frame, &used, &err);
        if (more > 0 && frame.fds > link->fd_count)
            more = ccb_error_set(&err, CCB_INVALID,
                                 "frame: announced descriptors are missing");
        if (more <= 0)
            break;
        done += used;
        hand_on(link, &frame);
        if (!link->open)
            return; /* the frame ended it */
    }
    ccb_buf_consume(&link->in, done);
    if (more < 0)
        end_link(link, &err);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct ccb_link *link = poll->data;

    if (status < 0) {
        end_with(link, CCB_IO, uv_strerror(status));
        return;
    }
    if ((events & UV_READABLE) != 0 && receive(link) > 0)
        read_frames(link);
    if (link->open && (events & UV_WRITABLE) != 0)
        ccb_link_flush(link);
}
