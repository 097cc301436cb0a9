/*
 * How the parts of a container hold together; for core/cell/container*.c and
 * net.c only.
 *
 *   container.c          life: launcher, link, forwards, end
 *   container_link.c     the control socket: frames out, frames and
 *                        descriptors in
 *   container_process.c  steps and their streams
 *   container_files.c    unpack and fetch, on top of a process
 *   container_remove.c   directories and memory groups, in the pool
 *   net.c                host port to container port
 */
#ifndef CCB_CELL_CONTAINER_INTERNAL_H
#define CCB_CELL_CONTAINER_INTERNAL_H

#include <uv.h>

#include "base/arena.h"
#include "base/buf.h"
#include "cell/container.h"
#include "cell/container_cgroup.h"
#include "cell/container_frame.h"

/* ---- the link ----------------------------------------------------------- */

#define CCB_LINK_FDS 16

struct ccb_link {
    uv_poll_t poll;
    int fd;   /* -1: closed */
    int open; /* the handle is initialised */
    struct ccb_buf in, out;
    int fds[CCB_LINK_FDS]; /* came, not yet taken by their frame */
    unsigned fd_count;
    void (*on_frame)(struct ccb_link *link, const struct ccb_frame *frame,
                     int *fds); /* takes them: sets those it keeps to -1 */
    /* The other side is gone or talks nonsense; closed already. */
    void (*on_end)(struct ccb_link *link, const struct ccb_error *err);
    void (*on_closed)(struct ccb_link *link);
};

/* Takes fd, also when it fails. */
int ccb_link_open(struct ccb_link *link, struct ccb_loop *loop, int fd,
                  struct ccb_error *err);
/* Sends what was put into link->out. */
void ccb_link_flush(struct ccb_link *link);
/* Says that no more will come: init then ends the container. */
void ccb_link_hang_up(struct ccb_link *link);
/* Idempotent; on_closed follows unless it never was open. */
void ccb_link_close(struct ccb_link *link);

/* ---- processes ---------------------------------------------------------- */

struct ccb_process {
    struct ccb_process *next; /* in the container's list */
    struct ccb_container *container;
    uint32_t id;
    int input; /* stream 0 is written to (unpack) */
    struct {
        uv_pipe_t pipe;
        int open;    /* handle initialised and not closed */
        size_t left; /* bytes in it that belong before on_exit */
    } streams[2];
    int paused, detached, started;
    int ended, told; /* the exit is known; on_exit was called */
    struct ccb_exit exit;
    void (*on_started)(struct ccb_process *process); /* may be NULL */
    struct ccb_step step; /* only the callbacks are kept */
    char buffer[16384];
};

/* Starts what `spawn` describes with the callbacks of `step`. */
int ccb_process_start(struct ccb_process **out, struct ccb_container *container,
                      const struct ccb_frame_spawn *spawn,
                      const struct ccb_step *step, struct ccb_error *err);
void ccb_process_started(struct ccb_process *process, int *fds);
void ccb_process_exited(struct ccb_process *process, enum ccb_exit_kind kind,
                        int code, const char *words);
/* Ends the writing into stream 0. */
void ccb_process_end_input(struct ccb_process *process);

/* ---- forwards ----------------------------------------------------------- */

struct ccb_forward;

struct ccb_forward_options {
    const char *address; /* where to listen on the host */
    uint16_t port;       /* the container's */
    struct ccb_container *container;
};
int ccb_forward_open(struct ccb_forward **out, struct ccb_loop *loop,
                     const struct ccb_forward_options *options,
                     struct ccb_error *err);
uint16_t ccb_forward_host_port(const struct ccb_forward *forward);
/* Ends its connections; on_closed when nothing of it is left. */
void ccb_forward_close(struct ccb_forward *forward, void (*on_closed)(void *),
                       void *ctx);

/* A TCP socket of the container's name space, asked for by a forward. */
struct ccb_socket_wish {
    struct ccb_socket_wish *next;
    uint32_t id;
    /* fd is taken; -1: there is none. */
    void (*on_socket)(struct ccb_socket_wish *wish, int fd);
};
int ccb_container_wish(struct ccb_container *container,
                       struct ccb_socket_wish *wish);
/* It is not wanted any more. */
void ccb_container_unwish(struct ccb_container *container,
                          struct ccb_socket_wish *wish);

/* ---- the container ------------------------------------------------------ */

enum ccb_container_state {
    CCB_CONTAINER_STARTING,
    CCB_CONTAINER_RUNNING,
    CCB_CONTAINER_DEAD,      /* failed or lost; waits for destroy */
    CCB_CONTAINER_DESTROYING /* waits for its parts to be gone */
};

struct ccb_container {
    struct ccb_loop *loop;
    struct ccb_container_options options; /* strings are copies */
    struct ccb_arena *arena;              /* ... in here */
    enum ccb_container_state state;
    struct ccb_link link;
    uv_process_t launcher; /* later bubblewrap */
    uv_pipe_t complaints;  /* its standard error until init stands */
    uv_timer_t patience;
    char words[256]; /* the beginning of what it complained */
    size_t words_len;
    int created;       /* on_created was told that it stands */
    int end_told;      /* on_created or on_lost was told that it doesn't */
    int parts;         /* handles, processes and forwards not gone yet */
    int launcher_runs; /* or its handle is not gone yet */
    int link_runs, complaints_run;
    int removed; /* removal has begun */
    uint32_t next_id;
    struct ccb_process *processes;
    struct ccb_socket_wish *wishes;
    struct ccb_forward *forwards[CCB_CONTAINER_PORTS_MAX];
    uint16_t host_ports[CCB_CONTAINER_PORTS_MAX];
    char cgroup[CCB_CGROUP_PATH]; /* "": none */
    char memory_note[200];
    void (*on_destroyed)(void *ctx, const struct ccb_error *err);
    void *destroyed_ctx;
    struct ccb_error fault; /* why it is dead */
};

/* A part is gone; frees or goes on when it was the last. */
void ccb_container_part_gone(struct ccb_container *container);

/* Removes directory and group of one container, or (guid NULL) everything in
 * the directory, in the pool. */
int ccb_container_remove(struct ccb_loop *loop, const char *directory,
                         const char *guid,
                         void (*on_done)(void *ctx,
                                         const struct ccb_error *err),
                         void *ctx, struct ccb_error *err);

#endif
