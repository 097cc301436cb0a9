/*
 * The file in a multipart/form-data body, as it comes in pieces: the first
 * part that has a file name (contract/fileserver-ccuploader.md 2.3). Keeps no
 * more than a boundary's length and a part's head.
 */
#ifndef CCB_CONTROLLER_MULTIPART_H
#define CCB_CONTROLLER_MULTIPART_H

#include <stdbool.h>

#include "ccbridge/error.h"
#include "ccbridge/slice.h"

#define CCB_MULTIPART_BOUNDARY 70 /* RFC 2046 */
#define CCB_MULTIPART_HEAD 4096

struct ccb_multipart {
    char delimiter[CCB_MULTIPART_BOUNDARY + 8]; /* CR LF -- and the boundary */
    size_t delimiter_len;
    enum {
        CCB_MULTIPART_PREAMBLE, /* before a delimiter */
        CCB_MULTIPART_AFTER,    /* behind it: "--", or the end of its line */
        CCB_MULTIPART_PART_HEAD,
        CCB_MULTIPART_CONTENT,
        CCB_MULTIPART_DONE
    } state;
    char held[CCB_MULTIPART_HEAD]; /* what may still be the beginning of
                                      something */
    size_t held_len;
    bool in_file, saw_file;
    void (*on_file)(void *user, struct ccb_slice piece);
    void *user;
};

/* CCB_INVALID: no multipart/form-data, or no boundary in it. */
int ccb_multipart_init(struct ccb_multipart *m, struct ccb_slice content_type,
                       void (*on_file)(void *user, struct ccb_slice piece),
                       void *user, struct ccb_error *err);
int ccb_multipart_push(struct ccb_multipart *m, struct ccb_slice bytes,
                       struct ccb_error *err);
/* CCB_INVALID: broken off, or there was no file in it. */
int ccb_multipart_end(struct ccb_multipart *m, struct ccb_error *err);

#endif
