/*
 * A container of the embedded cell (contract/embedded-cell.md 3.1,
 * contract/actions.md 3 and 5): one long-lived bubblewrap, in it our own init
 * (core/cell/init), which spawns every step that the daemon asks for.
 *
 * What holds, as root of the host: own pid, mount, ipc, uts, user and network
 * name space; ids of the container are not those of the host (a range of its
 * own above uid_base); the root file system is read-only, /tmp, /app,
 * /home/vcap and /root are the container's own; nothing inside has a right on
 * the host. The network is an island with the address 10.254.0.2: no way out,
 * and in only through the host ports of this container. When the container is
 * destroyed, or the daemon dies in whatever way, every process of it dies and
 * its name spaces go; directories of a dead daemon are removed by
 * ccb_container_sweep.
 *
 * Everything here is asynchronous and belongs to the loop's thread. A call that
 * returns 0 calls its last callback (on_created, on_closed, on_done,
 * on_destroyed) exactly once, never before it has returned. A call that fails
 * calls nothing. No callback may destroy the loop.
 */
#ifndef CCB_CELL_CONTAINER_H
#define CCB_CELL_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

#include "ccbridge/error.h"
#include "ccbridge/slice.h"
#include "net/loop.h"

struct ccb_container;

/* How many ids a container takes: the next one's uid_base is this much up. */
#define CCB_CONTAINER_RANGE 65536U
#define CCB_CONTAINER_PORTS_MAX 64

struct ccb_container_options {
    const char *guid; /* letters, digits, "_.-"; at most 150; also the name */
    /* Directory of all containers, made by the caller. Like init, bwrap and
     * rootfs it may lie below directories that others can't pass. */
    const char *directory;
    const char *rootfs;     /* a directory that others may read, or "/" */
    const char *init;       /* the program ccbridge-init */
    const char *bwrap;      /* NULL: /usr/bin/bwrap */
    uint32_t uid_base;      /* at least 65536: root inside is this id outside */
    const char *const *env; /* "NAME=value", for every step */
    size_t env_count;
    uint32_t memory_mb;    /* 0: no limit */
    uint32_t disk_mb;      /* kept for accounting only */
    const uint16_t *ports; /* container ports */
    size_t port_count;
    const char *address; /* where the host ports listen; NULL: 127.0.0.1 */

    /* err is NULL when the container stands; else words. Destroy it in any
     * case. */
    void (*on_created)(void *ctx, const struct ccb_error *err);
    /* It died by itself after it was created; may be NULL. */
    void (*on_lost)(void *ctx);
    void *ctx;
};

/* Copies the options. Everything from here to ccb_container_destroy is for the
 * container that stands; earlier calls are CCB_CONFLICT. */
int ccb_container_create(struct ccb_container **out, struct ccb_loop *loop,
                         const struct ccb_container_options *options,
                         struct ccb_error *err);

/* Ends all: connections, processes, name spaces, directory. Each process still
 * there gets on_exit (CCB_EXIT_LOST) and on_closed before; on_created and
 * on_lost are not called any more. `container` must not be used after this
 * call. on_destroyed gets an error when something could not be
 * removed (the next sweep tries again). */
void ccb_container_destroy(struct ccb_container *container,
                           void (*on_destroyed)(void *ctx,
                                                const struct ccb_error *err),
                           void *ctx);

/* The host port of the i-th container port, in the order of the options. */
uint16_t ccb_container_host_port(const struct ccb_container *container,
                                 size_t i);
/* NULL when memory_mb is enforced (or 0), else why it is not. */
const char *ccb_container_memory_note(const struct ccb_container *container);

/* ---- steps -------------------------------------------------------------- */

struct ccb_process;

enum ccb_exit_kind {
    CCB_EXIT_STATUS,      /* ended; code: its status */
    CCB_EXIT_SIGNAL,      /* killed; code: the signal */
    CCB_EXIT_NOT_STARTED, /* words in err */
    CCB_EXIT_LOST         /* the container ended first */
};

struct ccb_exit {
    enum ccb_exit_kind kind;
    int code;
    int out_of_memory; /* the container had an out-of-memory kill so far */
    struct ccb_error err;
};

/* The status as the contract shows it: 128 + signal when killed. */
int ccb_exit_code(const struct ccb_exit *ended);

enum ccb_stream { CCB_STREAM_OUT, CCB_STREAM_ERR };

struct ccb_step {
    const char *path; /* found in the environment's PATH without a slash */
    const char *const *args;
    size_t arg_count;
    const char *const *env; /* after the container's; the last one wins */
    size_t env_count;
    const char *dir;  /* NULL or "": the user's home */
    const char *user; /* root, vcap, nobody */
    uint64_t nofile;  /* 0: the default */

    /* What the process wrote before it ended comes before on_exit; what its
     * children write after it comes later. NULL: dropped. */
    void (*on_output)(void *ctx, enum ccb_stream stream,
                      struct ccb_slice bytes);
    void (*on_exit)(void *ctx, const struct ccb_exit *ended);
    /* After on_exit, when both streams have ended: the handle is gone. */
    void (*on_closed)(void *ctx);
    void *ctx;
};

/* CCB_TOO_LARGE: arguments and environment over 1 MiB. Copies the step. */
int ccb_container_spawn(struct ccb_process **out,
                        struct ccb_container *container,
                        const struct ccb_step *step, struct ccb_error *err);

/* Back-pressure: no output until resumed; the process waits when its pipes are
 * full, and on_exit waits for what is in them. */
void ccb_process_pause(struct ccb_process *process);
void ccb_process_resume(struct ccb_process *process);
/* To the process only; nothing when it has ended. */
int ccb_process_signal(struct ccb_process *process, int number);
/* Ends the reading of output for good: on_closed follows on_exit without
 * waiting for children that hold the streams open. */
void ccb_process_detach(struct ccb_process *process);

/* A signal to every process of the container. */
int ccb_container_signal_all(struct ccb_container *container, int number);

/* ---- files -------------------------------------------------------------- */

struct ccb_unpack;

/* Unpacks a tar stream into directory `dir` (made when missing) as `user`.
 * Refused, with words: absolute names, "..", names through a link, hard links
 * to what is no member, devices. Symbolic links may point anywhere: they are
 * never followed here, and mean what they mean inside the container.
 * on_done gets NULL or the error; the handle is gone then. */
int ccb_container_unpack(
    struct ccb_unpack **out, struct ccb_container *container, const char *dir,
    const char *user, void (*on_done)(void *ctx, const struct ccb_error *err),
    void *ctx, struct ccb_error *err);
/* Bytes of the stream, borrowed until on_written, one write at a time
 * (CCB_CONFLICT). on_written is called always; what can't be written any more
 * is dropped, on_done says why. */
int ccb_unpack_write(struct ccb_unpack *unpack, struct ccb_slice bytes,
                     void (*on_written)(void *ctx));
/* The stream is complete (no write may be open). */
void ccb_unpack_end(struct ccb_unpack *unpack);
/* Kills it; on_done gets CCB_CANCELLED. */
void ccb_unpack_cancel(struct ccb_unpack *unpack);

struct ccb_fetch;

struct ccb_fetch_sink {
    void (*on_size)(void *ctx, uint64_t size); /* first, once */
    void (*on_data)(void *ctx, struct ccb_slice bytes);
    /* NULL: all `size` bytes came. The handle is gone then. */
    void (*on_done)(void *ctx, const struct ccb_error *err);
    void *ctx;
};

/* Reads one regular file as `user`. */
int ccb_container_fetch(struct ccb_fetch **out, struct ccb_container *container,
                        const char *path, const char *user,
                        const struct ccb_fetch_sink *sink,
                        struct ccb_error *err);
void ccb_fetch_pause(struct ccb_fetch *fetch);
void ccb_fetch_resume(struct ccb_fetch *fetch);
void ccb_fetch_cancel(struct ccb_fetch *fetch);

/* ---- after a crash ------------------------------------------------------ */

/* Removes what containers of a dead daemon left in `directory` (all of its
 * entries) and their memory groups. To be called before the first create, by
 * the one process that owns the directory. */
int ccb_container_sweep(struct ccb_loop *loop, const char *directory,
                        void (*on_done)(void *ctx, const struct ccb_error *err),
                        void *ctx, struct ccb_error *err);

#endif
