/*
 * The inside of the file server (contract/fileserver-ccuploader.md 1.2).
 *
 *   file_server.c  the role: flags, door, life
 *   serve.c        one request: which file, what kind of answer
 *   open.c         from a name below the root to a descriptor
 *   answer.c       the answer's head, small answers
 *   digest.c       sums of files, for -digests
 *   send.c         a file as an answer: type, ranges, bytes
 *   parts.c        several ranges as one multipart body
 *   listing.c      a directory as an answer
 *   condition.c    conditional requests
 *   path.c         from the URL to a name below the root, and back to a URL
 *   type.c         types by extension and by content
 *
 * Invariant: a request has one struct ccb_file_serve in its arena; whatever
 * way it ends, on_answered closes its descriptor and writes its log line.
 */
#ifndef CCB_FILES_INTERNAL_H
#define CCB_FILES_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "net/http_date.h"
#include "net/http_range.h"
#include "role/role.h"

struct ccb_files_config {
    const char *address;
    const char *static_directory;
    bool skip_cert_verify;         /* historic, without effect */
    int64_t communication_timeout; /* the same */
    bool confine_links;
    bool digests;
};

/* Whole files up to this size are copied into the answer's packet, which
 * costs less than a call to sendfile. */
#define CCB_FILES_SMALL (32 * 1024)

/* Once a worker. */
struct ccb_files {
    const struct ccb_files_config *config;
    const struct ccb_worker *worker;
    struct ccb_files_digests *digests; /* NULL: there are none */
    char small[CCB_FILES_SMALL];       /* used within one call only */
};

#define CCB_FILES_MAX_RANGES 256
#define CCB_FILES_SNIFF 512
#define CCB_FILES_MD5 16 /* bytes */

/* One request. */
struct ccb_file_serve {
    struct ccb_files *files;
    struct ccb_http_request *request;
    struct ccb_arena *arena;
    struct ccb_log_session log;
    int status;
    int fd;                /* -1: none */
    struct ccb_slice name; /* last element of the path that was opened */
    const char *type;
    uint64_t size;
    int64_t modified; /* seconds; 0: not known, or no validator */
    char date[CCB_HTTP_DATE_SIZE];
    char etag[2 * CCB_FILES_MD5 + 3]; /* with its quotes; "": not known */
    char md5[CCB_FILES_MD5 * 2];      /* base64; "": not known */
    struct ccb_http_range *ranges;
    size_t range_count;
};

/* ---- serve.c ------------------------------------------------------------ */

/* Handlers; `user` is the struct ccb_files. */
void ccb_files_serve(struct ccb_http_request *request, void *user);
void ccb_files_to_root(struct ccb_http_request *request, void *user);

/* ---- answer.c ----------------------------------------------------------- */

/* Answers, with the validators that are known; at most 2 headers more. */
void ccb_files_respond(struct ccb_file_serve *serve, int status,
                       const struct ccb_http_header *headers, size_t count,
                       struct ccb_slice body);
/* A line of text, also what is told of an errno. */
void ccb_files_respond_text(struct ccb_file_serve *serve, int status,
                            const char *text);
void ccb_files_respond_errno(struct ccb_file_serve *serve, int error);
/* Last-Modified and ETag, as far as they are known; how many it put. */
#define CCB_FILES_VALIDATORS 2
size_t ccb_files_put_validators(const struct ccb_file_serve *serve,
                                struct ccb_http_header *headers);

/* ---- open.c, digest.c --------------------------------------------------- */

/* What a cleaned path names below the root, ready to read; or minus an errno:
 * -EXDEV for a link that leaves the root where links are confined. */
int ccb_files_open(const struct ccb_files_config *config,
                   struct ccb_arena *arena, const char *path);
/* How it is done where the kernel can't confine links. */
int ccb_files_open_walking(int root, const char *path);

/* NULL: no memory. */
struct ccb_files_digests *ccb_files_digests_create(uv_loop_t *loop);
/* Frees itself on the loop when a sum is being computed. NULL is fine. */
void ccb_files_digests_close(struct ccb_files_digests *digests);
/* Fills in the tag of a regular file when its sum is known; where it is not,
 * has it computed, and drops a date that is too new to go by. `found` is of
 * serve->fd. */
void ccb_files_set_digest(struct ccb_file_serve *serve,
                          const struct stat *found);

/* ---- the kinds of answers ----------------------------------------------- */

void ccb_files_send(struct ccb_file_serve *serve);
/* The rest of ccb_files_send, when there are several ranges. */
void ccb_files_send_parts(struct ccb_file_serve *serve);
void ccb_files_send_listing(struct ccb_file_serve *serve);

/* 0, or the status that the conditions of the request end it with: 304 or
 * 412. Of a directory only If-Modified-Since is looked at. */
int ccb_files_condition(const struct ccb_file_serve *serve, bool directory);
/* Whether If-Range lets the ranges stand. */
bool ccb_files_range_stands(const struct ccb_file_serve *serve);

/* ---- path.c ------------------------------------------------------------- */

/* "." and ".." and empty elements resolved, never above the root: "a/b", or
 * "." for the root itself. NULL: no memory. */
char *ccb_files_clean_path(struct ccb_arena *arena, struct ccb_slice path);
/* The last element that is not empty: "b" of "a/b/"; "" of "/". */
struct ccb_slice ccb_files_base(struct ccb_slice path);
/* Percent-encoded as one element of a path. */
void ccb_files_put_encoded(struct ccb_buf *out, struct ccb_slice name);
void ccb_files_put_escaped(struct ccb_buf *out, struct ccb_slice text);

/* ---- type.c ------------------------------------------------------------- */

/* By the extension of a name, in any case; NULL: no type is agreed on. */
const char *ccb_files_type_by_name(struct ccb_slice name);
/* By the first bytes of a file (at most CCB_FILES_SNIFF are looked at). */
const char *ccb_files_type_by_content(struct ccb_slice start);

#endif
