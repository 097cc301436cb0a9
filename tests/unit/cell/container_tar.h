/* A POSIX tar made by hand, so that tests may also make bad ones. */
#ifndef CCB_TESTS_CONTAINER_TAR_H
#define CCB_TESTS_CONTAINER_TAR_H

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

/* One entry; `type` is '0' file, '1' hard link, '2' link, '3' device, '5'
 * directory, '6' pipe. */
static inline void tar_put(struct ccb_buf *tar, char type, const char *name,
                           const char *link, unsigned mode,
                           struct ccb_slice data)
{
    char head[512] = {0}, zeros[512] = {0};
    unsigned sum = 0;

    memcpy(head, name, strlen(name) < 100 ? strlen(name) : 100);
    (void)snprintf(head + 100, 8, "%07o", mode);
    (void)snprintf(head + 108, 8, "%07o", 0U);
    (void)snprintf(head + 116, 8, "%07o", 0U);
    (void)snprintf(head + 124, 12, "%011lo", (unsigned long)data.len);
    (void)snprintf(head + 136, 12, "%011o", 1440000000U);
    memset(head + 148, ' ', 8);
    head[156] = type;
    memcpy(head + 157, link, strlen(link));
    memcpy(head + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof(head); i++)
        sum += (unsigned char)head[i];
    (void)snprintf(head + 148, 8, "%06o", sum);
    (void)ccb_buf_append(tar, head, sizeof(head));
    (void)ccb_buf_put_slice(tar, data);
    (void)ccb_buf_append(tar, zeros, (512 - data.len % 512) % 512);
}

static inline void tar_file(struct ccb_buf *tar, const char *name,
                            unsigned mode, const char *text)
{
    tar_put(tar, '0', name, "", mode, ccb_slice_of(text));
}

static inline void tar_link(struct ccb_buf *tar, char type, const char *name,
                            const char *target)
{
    tar_put(tar, type, name, target, 0777, ccb_slice_make(NULL, 0));
}

static inline void tar_end(struct ccb_buf *tar)
{
    char zeros[1024] = {0};

    (void)ccb_buf_append(tar, zeros, sizeof(zeros));
}

#endif
