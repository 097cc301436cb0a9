/*
 * What the parts of an upload share (contract/actions.md 3.3): states and steps
 * as in cell/download_internal.h.
 */
#ifndef CCB_CELL_UPLOAD_INTERNAL_H
#define CCB_CELL_UPLOAD_INTERNAL_H

#include "cell/download_gate.h"
#include "cell/download_internal.h" /* the limits of transfers */
#include "cell/download_spool.h"
#include "cell/upload.h"

/* No file out of a container is larger: it lies on the host's disk. */
#define CCB_UPLOAD_BYTES_MAX CCB_ARCHIVE_BYTES_MAX

enum ccb_upload_state {
    CCB_UPLOAD_QUEUED,  /* waits for its slot, also when it was cancelled */
    CCB_UPLOAD_STARTED, /* has it; looks at the URL */
    CCB_UPLOAD_READ,    /* the file comes out of the container */
    CCB_UPLOAD_SEND,    /* and goes to the peer */
    CCB_UPLOAD_ENDING
};

struct ccb_uploads {
    struct ccb_uploads_options options; /* directory: own copy */
    char *directory;
    struct ccb_gate slots;
    struct ccb_upload *first;
    size_t live; /* uploads, and one for the whole */
    bool closing;
    void (*on_closed)(void *user);
    void *user;
    struct ccb_post closed;
};

struct ccb_upload {
    struct ccb_uploads *owner;
    struct ccb_upload *next, *prev;
    enum ccb_upload_state state;
    struct ccb_transfer job;
    bool cancelled;
    struct ccb_gate_ticket slot;
    struct ccb_container *container;
    char *from, *to, *user;
    void (*on_started)(void *ctx);
    void (*on_done)(void *ctx, const struct ccb_error *err, bool emittable,
                    uint64_t bytes);
    void *ctx;

    int file; /* unlinked; -1 */
    struct ccb_spool spool;
    struct ccb_fetch *fetch;
    bool sized, paused, fetch_cancelled;
    uint64_t size;
    char md5[32]; /* base64 */

    int attempts;
    struct ccb_http_call *call;
    bool waiting; /* the call, for the block */
    char *block;
    size_t len, used; /* of the block */
    uint64_t at;      /* place in the file, behind the block */

    struct ccb_error cause; /* of a failure, for the log */
    bool emittable;
    struct ccb_error err; /* what its owner is told; code 0: all is well */
};

void ccb_upload_step(struct ccb_upload *upload);
/* Tells the cause to the log. */
void ccb_upload_tell(struct ccb_upload *upload, enum ccb_log_level level,
                     const char *action);
/* To ENDING; code 0: all is well. */
void ccb_upload_end(struct ccb_upload *upload, int code, const char *words,
                    bool emittable);

/* upload_read.c */
void ccb_upload_read(struct ccb_upload *upload);
void ccb_upload_in_read(struct ccb_upload *upload);
void ccb_upload_cancel_read(struct ccb_upload *upload);

/* upload_send.c */
void ccb_upload_send(struct ccb_upload *upload);
void ccb_upload_in_send(struct ccb_upload *upload);
/* Ends the call at once, if there is one. */
void ccb_upload_hang_up(struct ccb_upload *upload);

#endif
