/*
 * A plugin file's private image: what is loaded is never the file that an
 * operator can write (anchors 3.5). The file is opened without following a
 * link, checked on the open descriptor, and copied into a sealed memory file
 * while its SHA-256 is taken; from then on the file may be overwritten, cut,
 * renamed over or deleted.
 *
 * In this process the image is opened by /proc/self/fd/FD: the descriptor of
 * an image that was loaded is never closed, so no two images ever share that
 * path. Threads: any; no state.
 */
#ifndef CCB_PLUGIN_IMAGE_H
#define CCB_PLUGIN_IMAGE_H

#include "plugin/refusal.h"

#define CCB_PLUGIN_DIGEST_SIZE 65        /* SHA-256 in hex, with its NUL */
#define CCB_PLUGIN_MAX_FILE (64LL << 20) /* bytes */

struct ccb_plugin_image {
    int fd; /* a sealed memory file; -1: none */
    char digest[CCB_PLUGIN_DIGEST_SIZE];
};

/* Opens the directory of plugin files, or of policies. Refused
 * (CCB_REFUSED_UNSAFE) unless root or this process's user owns it and nobody
 * else may write in it. *fd is the caller's. 0; CCB_INVALID with `refusal`
 * filled. */
int ccb_plugin_directory_open(int *fd, const char *path,
                              struct ccb_plugin_refusal *refusal);

/* The file `name` of that directory, as a read-only descriptor: a regular file
 * that is no link, owned and written as above, at most `max` bytes. */
int ccb_plugin_file_open(int *fd, int directory_fd, const char *name,
                         int64_t max, struct ccb_plugin_refusal *refusal);

/* The whole of it. 0; CCB_INVALID with `refusal` filled; CCB_NO_MEMORY. */
int ccb_plugin_image_open(struct ccb_plugin_image *image, int directory_fd,
                          const char *name, struct ccb_plugin_refusal *refusal);
void ccb_plugin_image_close(struct ccb_plugin_image *image);

#endif
