/*
 * The words between the daemon and a plugin's worker process: frames over a
 * stream socket pair. A frame is 16 bytes of header (magic, version, kind, call
 * id, length of the body) and a body of numbers and texts.
 *
 * Invariant: neither side trusts the other. Magic, version, kind, direction and
 * length are checked on every frame before its body is waited for, so whatever
 * a plugin scribbles on the socket is seen and never parsed. Both sides are one
 * build on one machine: numbers are in the machine's order.
 *
 * Threads: no state. Follows anchors 3.6.
 */
#ifndef CCB_PLUGIN_WIRE_H
#define CCB_PLUGIN_WIRE_H

#include <stdint.h>

#include "base/buf.h"
#include "ccbridge/error.h"
#include "ccbridge/slice.h"

#define CCB_WIRE_HEADER 16
#define CCB_WIRE_MAX_TO_WORKER (64U << 20)           /* bytes of a body */
#define CCB_WIRE_MAX_TO_DAEMON ((1U << 20) + 65536U) /* a result, and words */

/* What the descriptors of a worker process are. */
enum {
    CCB_WIRE_FD_SOCKET = 3,
    CCB_WIRE_FD_IMAGE = 4,
    CCB_WIRE_FD_NOTICE = 5,
    CCB_WIRE_FDS
};

/* Memory that both sides have mapped: what was denied to the worker is still
 * to be read when it is dead. The worker's word only: anything can be in it. */
enum { CCB_WIRE_DENIED_WORDS = 8, CCB_WIRE_DENIED_BITS = 64 };
struct ccb_wire_notice {
    _Atomic uint64_t denied[CCB_WIRE_DENIED_WORDS]; /* a bit a system call */
};

enum ccb_wire_side { CCB_WIRE_TO_WORKER, CCB_WIRE_TO_DAEMON };

enum ccb_wire_kind {
    /* to the worker */
    CCB_WIRE_HELLO = 1, /* once, first: struct ccb_wire_hello */
    CCB_WIRE_CALL,      /* struct ccb_wire_call */
    /* to the daemon */
    CCB_WIRE_READY,   /* answers HELLO: struct ccb_wire_ready */
    CCB_WIRE_REFUSED, /* or so: struct ccb_wire_refused */
    CCB_WIRE_LOG,     /* within a call: struct ccb_wire_log */
    CCB_WIRE_ANSWER,  /* ends a call: struct ccb_wire_answer */
    CCB_WIRE_KINDS
};

struct ccb_wire_frame {
    enum ccb_wire_kind kind;
    uint32_t id; /* of the call; 0: none */
    struct ccb_slice body;
};

struct ccb_wire_hello {
    uint64_t memory_mb;
    struct ccb_slice id, config;
};

struct ccb_wire_ready {
    uint32_t offered; /* a bit a function */
};

struct ccb_wire_refused {
    uint32_t reason; /* enum ccb_refusal; NONE: the worker has no memory */
    struct ccb_slice expected, found;
};

struct ccb_wire_call {
    uint32_t function;
    uint64_t remaining; /* ns until its deadline */
    struct ccb_slice guid, dialect, message, facts, gathered;
};

struct ccb_wire_log {
    uint32_t level; /* an int */
    struct ccb_slice action, data;
};

/* Why the next call should have a fresh worker. */
enum ccb_wire_tired {
    CCB_WIRE_FRESH,
    CCB_WIRE_TIRED_TIME,    /* of the processor */
    CCB_WIRE_TIRED_MEMORY,  /* it had most of what it may have */
    CCB_WIRE_TIRED_THREADS, /* calls left too many behind */
};

/* What the code returned and gave to the services, as it was. */
struct ccb_wire_answer {
    uint32_t returned, emit_code, fail_code; /* ints */
    uint32_t tired;                          /* enum ccb_wire_tired */
    struct ccb_slice result, cc_error_id, wanted, error;
};

/*
 * Reads the first frame of `input`, which goes to `side`. 1: `frame` (body
 * borrowed) and `used` bytes are set; 0: it isn't whole yet, and *used says how
 * many bytes are wanted at least; CCB_INVALID, CCB_TOO_LARGE: nonsense.
 */
int ccb_wire_next(struct ccb_slice input, enum ccb_wire_side side,
                  struct ccb_wire_frame *frame, size_t *used,
                  struct ccb_error *err);

/* The body of a frame as the struct of its kind; texts are borrowed from it.
 * CCB_INVALID when it isn't exactly that. */
int ccb_wire_decode(const struct ccb_wire_frame *frame, void *message,
                    struct ccb_error *err);

/* Appends a frame with the struct of its kind. Errors stick in the buffer
 * (CCB_NO_MEMORY); CCB_TOO_LARGE when a text or the body is over its limit:
 * then nothing is appended. */
int ccb_wire_encode(struct ccb_buf *out, enum ccb_wire_kind kind, uint32_t id,
                    const void *message);

#endif
