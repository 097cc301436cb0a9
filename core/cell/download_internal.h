/*
 * What the parts of a download share (contract/actions.md 3.2, 4).
 *
 * A download is in one state, and ccb_download_step runs that state's function:
 * whatever happens (a job ended, an answer came, a cancel) only notes the fact
 * and steps. A state is left only when nothing of it is under way any more: no
 * call, no job in the pool, no unpacking. Every end goes through ENDING, which
 * gives files back in the pool.
 */
#ifndef CCB_CELL_DOWNLOAD_INTERNAL_H
#define CCB_CELL_DOWNLOAD_INTERNAL_H

#include "cell/archive.h"
#include "cell/cache.h"
#include "cell/download.h"
#include "cell/download_gate.h"
#include "cell/download_spool.h"
#include "cell/transfer.h"

#define CCB_TRANSFER_ATTEMPTS 3
/* ns: to be connected, TLS and all; and for a whole exchange. */
#define CCB_TRANSFER_CONNECT (10 * INT64_C(1000000000))
#define CCB_TRANSFER_WHOLE (600 * INT64_C(1000000000))

enum ccb_download_state {
    CCB_DOWNLOAD_QUEUED,  /* waits for its slot */
    CCB_DOWNLOAD_STARTED, /* has it; looks at the URL */
    CCB_DOWNLOAD_LOCKING, /* waits for others with its key */
    CCB_DOWNLOAD_REQUEST, /* the answer goes into the raw file */
    CCB_DOWNLOAD_AGAIN,   /* drops the files before the next attempt */
    CCB_DOWNLOAD_CONVERT, /* the raw file becomes a tar */
    CCB_DOWNLOAD_STORE,   /* the tar becomes a file of the cache */
    CCB_DOWNLOAD_UNPACK,  /* the tar goes into the container */
    CCB_DOWNLOAD_ENDING
};

/* All with one key wait at its gate; lives while one of them does. */
struct ccb_download_key {
    char key[CCB_CACHE_KEY];
    struct ccb_gate gate;
    size_t users;
    struct ccb_download_key *next;
};

struct ccb_downloads {
    struct ccb_downloads_options options; /* directory is not kept */
    struct ccb_cache *cache;
    struct ccb_gate slots;
    struct ccb_download_key *keys;
    struct ccb_download *first;
    size_t live; /* downloads, and one for the whole */
    bool closing;
    void (*on_closed)(void *user);
    void *user;
    struct ccb_post closed;
};

/* A file of the cache's directory; fd -1 and name "" when there is none. */
struct ccb_download_file {
    int fd;
    char name[CCB_CACHE_NAME];
};

struct ccb_download {
    struct ccb_downloads *owner;
    struct ccb_download *next, *prev;
    enum ccb_download_state state;
    struct ccb_transfer job;
    bool cancelled;
    struct ccb_gate_ticket slot, turn; /* turn: at the key's gate */
    struct ccb_download_key *lock;
    struct ccb_container *container;
    char *from, *to, *user;
    char key[CCB_CACHE_KEY]; /* "": no cache */
    void (*on_started)(void *ctx);
    void (*on_done)(void *ctx, const struct ccb_error *err, uint64_t bytes);
    void *ctx;

    /* the attempt under way */
    int attempts;
    struct ccb_error cause; /* why it failed; code 0: it didn't (yet) */
    struct ccb_http_call *call;
    uv_timer_t stall;
    bool head_seen, not_modified, paused;
    char *etag, *modified; /* of the answer */
    struct ccb_spool spool;
    struct ccb_download_file raw, tar;
    int cached;    /* descriptor of the stored tar, or -1 */
    uint64_t size; /* of the tar */
    uint64_t transferred;

    struct ccb_error job_err;
    struct ccb_archive *archive;
    struct ccb_cache_entry *fresh; /* to be stored */
    struct ccb_cache_entry *gone;  /* to be unlinked */

    struct ccb_unpack *unpack;
    char *block; /* between the tar and the unpacking */
    uint64_t at; /* place in the tar */
    bool unpack_cancelled, writing, sent_all, unpack_failed;
    struct ccb_error unpack_err;

    struct ccb_error err; /* what its owner is told; code 0: all is well */
};

void ccb_download_step(struct ccb_download *download);
/* Runs a job in the pool, then a step on the loop. */
void ccb_download_job(struct ccb_download *download,
                      void (*run)(uv_work_t *work));
/* Notes the cause of a failure, the first one only. */
void ccb_download_blame(struct ccb_download *download,
                        const struct ccb_error *cause);
/* Tells a cause to the log. */
void ccb_download_tell(struct ccb_download *download, enum ccb_log_level level,
                       const char *action, const struct ccb_error *cause);
/* To ENDING, with these words for people; code 0: all is well. */
void ccb_download_end(struct ccb_download *download, int code,
                      const char *words);
/* Leaves the key's gate. */
void ccb_download_unlock(struct ccb_download *download);

/* download_fetch.c */
void ccb_download_attempt(struct ccb_download *download);
void ccb_download_in_request(struct ccb_download *download);
void ccb_download_in_again(struct ccb_download *download);
/* Ends the call at once, if there is one. */
void ccb_download_hang_up(struct ccb_download *download);
/* The attempt failed: another one, or the end. */
void ccb_download_again(struct ccb_download *download);

/* download_store.c */
void ccb_download_convert(struct ccb_download *download);
void ccb_download_in_convert(struct ccb_download *download);
void ccb_download_in_store(struct ccb_download *download);
/* [pool] Gives back all files of the attempt. */
void ccb_download_drop_files(uv_work_t *work);

/* download_unpack.c */
void ccb_download_unpack(struct ccb_download *download);
void ccb_download_in_unpack(struct ccb_download *download);
void ccb_download_cancel_unpack(struct ccb_download *download);

#endif
