/*
 * ccbridge-init, the program with two lives:
 *
 *  launch  on the host, as root: makes directory, memory group and user name
 *          space of a container, then becomes bubblewrap as an unprivileged
 *          user, which
 *  serve   runs it again inside, as the first process of the container, where
 *          it spawns what the daemon asks for and reaps everything.
 *
 * It is static and opens nothing of the container's file system, so it works
 * over an empty one. It has one thread and no state but serve's.
 */
#ifndef CCB_CELL_INIT_INIT_H
#define CCB_CELL_INIT_INIT_H

#include <stdint.h>
#include <sys/types.h>

#include "cell/container_frame.h"
#include "cell/container_users.h"

/* The daemon's end of the world, in both lives. */
#define CCB_INIT_CONTROL 3

/* Status of a step that could not do its work, as shells have it. */
#define CCB_INIT_BROKEN 126

int ccb_init_launch(int argc, char **argv);
int ccb_init_serve(int argc, char **argv);

/* Sends a frame with descriptors beside it. 0, or -1: the daemon is gone. */
int ccb_init_send(const struct ccb_buf *frame, const int *fds, unsigned count);
/* Tells the daemon that request `id` (0: the container) failed. */
int ccb_init_send_failed(uint32_t id, const char *words);

/* ---- launch ------------------------------------------------------------- */

struct ccb_launch {
    pid_t daemon;
    const char *bwrap, *root, *guid, *rootfs;
    const char *rootfs_name; /* as it was given, for words */
    uint32_t uid_base, memory_mb;
    char dir[3072]; /* root/guid; after ccb_launch_mounts where it is seen */
    int bwrap_fd;   /* the program itself, however it is reached */
    int program;    /* descriptor of this program's file */
    int users;      /* descriptor of the user name space */
};

/* Makes the directories and files of the container. */
int ccb_launch_directory(struct ccb_launch *launch, struct ccb_error *err);
/* Binds what others may not reach to places where they may, in a mount name
 * space of this process; sets launch->dir, rootfs and bwrap_fd. */
int ccb_launch_mounts(struct ccb_launch *launch, struct ccb_error *err);
/* Makes the user name space and sets launch->users. */
int ccb_launch_users(struct ccb_launch *launch, struct ccb_error *err);
/* The arguments of bubblewrap, NULL-ended; never freed: exec follows. */
int ccb_launch_arguments(const struct ccb_launch *launch, char ***arguments,
                         struct ccb_error *err);

/* ---- serve -------------------------------------------------------------- */

/* Gives the name space its address: a veth pair, both ends inside. */
int ccb_init_network(struct ccb_error *err);
/* Gives up what only the set-up needed; leaves what root inside may do. */
int ccb_init_drop(struct ccb_error *err);

struct ccb_init_started {
    pid_t pid;
    int fds[CCB_FRAME_FDS]; /* what the daemon gets: to be closed after */
};
/* Forks the process that `spawn` describes. */
int ccb_init_spawn(const struct ccb_frame_spawn *spawn,
                   struct ccb_init_started *started, struct ccb_error *err);

/* The two kinds that are no program. In a child, as the user; input or output
 * on 0 and 1; words go to 2; the result is the exit status. */
int ccb_init_unpack(const struct ccb_frame_spawn *spawn);
int ccb_init_fetch(const struct ccb_frame_spawn *spawn);

#endif
