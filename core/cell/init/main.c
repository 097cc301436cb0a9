/*
 * ccbridge-init: which of its lives begins, and how it speaks to the daemon
 * (core/cell/container_frame.h). Writes block: the daemon always reads.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cell/init/init.h"

int ccb_init_send(const struct ccb_buf *frame, const int *fds, unsigned count)
{
    char control[CMSG_SPACE(sizeof(int) * CCB_FRAME_FDS)] = {0};
    size_t sent = 0;

    if (frame->failed)
        return -1;
    while (sent < frame->len) {
        struct iovec bytes = {frame->data + sent, frame->len - sent};
        struct msghdr msg = {.msg_iov = &bytes, .msg_iovlen = 1};
        ssize_t n;

        if (count > 0 && sent == 0) {
            struct cmsghdr *head;

            msg.msg_control = control;
            msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
            head = CMSG_FIRSTHDR(&msg);
            head->cmsg_level = SOL_SOCKET;
            head->cmsg_type = SCM_RIGHTS;
            head->cmsg_len = CMSG_LEN(sizeof(int) * count);
            memcpy(CMSG_DATA(head), fds, sizeof(int) * count);
        }
        n = sendmsg(CCB_INIT_CONTROL, &msg, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return -1;
        sent += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int ccb_init_send_failed(uint32_t id, const char *words)
{
    struct ccb_buf frame = {0};
    int result = -1;

    if (ccb_frame_put(&frame, CCB_FRAME_FAILED, id, ccb_slice_of(words)) ==
        CCB_OK)
        result = ccb_init_send(&frame, NULL, 0);
    ccb_buf_destroy(&frame);
    return result;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} lives[] = {{"launch", ccb_init_launch}, {"serve", ccb_init_serve}};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(lives) / sizeof(lives[0]); i++)
        if (strcmp(argv[1], lives[i].name) == 0)
            return lives[i].run(argc - 2, argv + 2);
    (void)fprintf(stderr, "ccbridge-init is started by ccbridged only\n");
    return 2;
}
