/*
 * The words between the daemon and the init of a container: frames over a
 * stream socket pair, some with descriptors beside them (SCM_RIGHTS).
 *
 * Invariant: neither side trusts the other. A frame is only handed on when
 * its type may go in this direction, its length, its number of descriptors and
 * every string in it are right; a frame that is not ends the container. Both
 * sides are one build on one machine, so numbers are in the machine's order.
 *
 * Threads: no state.
 */
#ifndef CCB_CELL_CONTAINER_FRAME_H
#define CCB_CELL_CONTAINER_FRAME_H

#include <stdint.h>

#include "base/buf.h"
#include "ccbridge/error.h"
#include "ccbridge/slice.h"

#define CCB_FRAME_HEADER 16
#define CCB_FRAME_MAX (1U << 20)  /* bytes of one body */
#define CCB_FRAME_LIST_MAX 16384U /* strings of one list */
#define CCB_FRAME_FDS 2           /* descriptors beside one frame */

enum ccb_frame_side { CCB_FRAME_TO_INIT, CCB_FRAME_TO_DAEMON };

enum ccb_frame_type {
    /* to init */
    CCB_FRAME_SPAWN = 1, /* struct ccb_frame_spawn; the id is the step's */
    CCB_FRAME_SIGNAL,    /* number; id 0: every process of the container */
    CCB_FRAME_SOCKET,    /* asks for a TCP socket of the name space */
    /* to the daemon */
    CCB_FRAME_READY,   /* the container stands */
    CCB_FRAME_FAILED,  /* words; id 0: the container, else that request */
    CCB_FRAME_STARTED, /* two descriptors: input or output, then errors */
    CCB_FRAME_EXITED,  /* number: the status as waitpid gives it */
    CCB_FRAME_SOCKETS, /* one descriptor: what SOCKET asked for */
    CCB_FRAME_TYPES
};

struct ccb_frame {
    enum ccb_frame_type type;
    uint32_t id;
    unsigned fds; /* descriptors that came beside it */
    struct ccb_slice body;
};

/* What a spawned process does. */
enum ccb_frame_kind {
    CCB_FRAME_RUN,    /* the program `path` */
    CCB_FRAME_UNPACK, /* unpacks its input, a tar stream, into `dir` */
    CCB_FRAME_FETCH,  /* writes the size of `path` (8 bytes), then the file */
    CCB_FRAME_KINDS
};

/* Strings one behind the other, each with its NUL. */
struct ccb_frame_list {
    uint32_t count;
    struct ccb_slice text;
};

struct ccb_frame_spawn {
    enum ccb_frame_kind kind;
    uint64_t nofile; /* 0: as it is */
    const char *path, *dir, *user;
    struct ccb_frame_list args, env;
};

/*
 * Reads the first frame of `input`. 1: `frame` (body borrowed) and `used`
 * bytes are set; 0: it isn't whole yet; CCB_INVALID, CCB_TOO_LARGE: the other
 * side talks nonsense.
 */
int ccb_frame_next(struct ccb_slice input, enum ccb_frame_side side,
                   struct ccb_frame *frame, size_t *used,
                   struct ccb_error *err);

/* The bodies. Strings are borrowed from the frame. CCB_INVALID. */
int ccb_frame_decode_spawn(const struct ccb_frame *frame,
                           struct ccb_frame_spawn *spawn,
                           struct ccb_error *err);
int ccb_frame_decode_number(const struct ccb_frame *frame, uint32_t *number,
                            struct ccb_error *err);

/* The next string of a list, NULL at its end; start with *pos = 0. */
const char *ccb_frame_list_next(const struct ccb_frame_list *list, size_t *pos);

/* Appends a frame. Errors stick in the buffer (CCB_NO_MEMORY); CCB_TOO_LARGE
 * when the body is over CCB_FRAME_MAX: then nothing is appended. */
int ccb_frame_put(struct ccb_buf *out, enum ccb_frame_type type, uint32_t id,
                  struct ccb_slice body);
int ccb_frame_put_number(struct ccb_buf *out, enum ccb_frame_type type,
                         uint32_t id, uint32_t number);

/* Strings of args and env as the caller has them. */
struct ccb_frame_strings {
    const char *const *items;
    size_t count;
};
int ccb_frame_put_spawn(struct ccb_buf *out, uint32_t id,
                        const struct ccb_frame_spawn *spawn,
                        struct ccb_frame_strings args,
                        struct ccb_frame_strings env);

#endif
