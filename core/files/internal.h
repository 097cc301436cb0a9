/*
 * The inside of the file server (contract/fileserver-ccuploader.md 1.2).
 *
 *   file_server.c  the role: flags, door, life
 *   serve.c        one request: which file, what kind of answer
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

#include "base/buf.h"
#include "net/http_date.h"
#include "net/http_range.h"
#include "role/role.h"

struct ccb_files_config {
    const char *address;
    const char *static_directory;
    bool skip_cert_verify;         /* historic, without effect */
    int64_t communication_timeout; /* the same */
};

/* Whole files up to this size are copied into the answer's packet, which
 * costs less than a call to sendfile. */
#define CCB_FILES_SMALL (32 * 1024)

/* Once a worker. */
struct ccb_files {
    const struct ccb_files_config *config;
    const struct ccb_worker *worker;
    char small[CCB_FILES_SMALL]; /* used within one call only */
};

#define CCB_FILES_MAX_RANGES 256
#define CCB_FILES_SNIFF 512

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
    int64_t modified; /* seconds; 0: not known */
    char date[CCB_HTTP_DATE_SIZE];
    struct ccb_http_range *ranges;
    size_t range_count;
};

/* ---- serve.c ------------------------------------------------------------ */

/* Handlers; `user` is the struct ccb_files. */
void ccb_files_serve(struct ccb_http_request *request, void *user);
void ccb_files_to_root(struct ccb_http_request *request, void *user);

/* Answers, with Last-Modified where it is known. */
void ccb_files_respond(struct ccb_file_serve *serve, int status,
                       const struct ccb_http_header *headers, size_t count,
                       struct ccb_slice body);
/* A line of text, also what is told of an errno. */
void ccb_files_respond_text(struct ccb_file_serve *serve, int status,
                            const char *text);
void ccb_files_respond_errno(struct ccb_file_serve *serve, int error);
/* The header, or an empty one. */
struct ccb_http_header ccb_files_last_modified(
    const struct ccb_file_serve *serve);

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
