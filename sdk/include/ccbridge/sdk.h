/*
 * Helpers for plugin authors, linked statically into the plugin (libccb-sdk.a):
 * actions, URLs, hashes, and the glue between a call and the JSON reader and
 * writer. Not ABI: it may change with every release.
 *
 * Follows contract/stager.md A8 (JSON), B1 (guids in paths), B7 (actions),
 * B8 (egress rules), C4 (URLs).
 */
#ifndef CCBRIDGE_SDK_H
#define CCBRIDGE_SDK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ccbridge/error.h"
#include "ccbridge/json.h"
#include "ccbridge/lifecycle.h"
#include "ccbridge/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a plugin without state ---------------------------------------------- */

/*
 * Most plugins keep nothing between calls. Such a plugin's instance is the
 * host's own table, which stands as long as the instance does: these two are
 * the `create` (there is nothing to configure) and `destroy` of its entry, and
 * ccb_sdk_host gives the host back.
 */
struct ccb_instance *ccb_sdk_create(const struct ccb_host *host,
                                    struct ccb_slice config);
void ccb_sdk_destroy(struct ccb_instance *self);
const struct ccb_host *ccb_sdk_host(const struct ccb_instance *self);

/* The work of `get_interface`: the table of that id, or NULL. */
struct ccb_sdk_interface {
    const char *id;
    const void *table;
};
const void *ccb_sdk_find_interface(const struct ccb_sdk_interface *list,
                                   size_t count, const char *id);

/* ---- one call ----------------------------------------------------------- */

/*
 * What most functions of a plugin need at hand. It lives on the stack from
 * ccb_sdk_begin to the return and must not be copied.
 *
 * Failures stick: `code` is that of the first helper that failed, and the host
 * has been told why. So a row of helpers needs one look at `code` behind it;
 * slices they return after a failure are empty.
 */
struct ccb_sdk_call {
    const struct ccb_host *host;
    struct ccb_call *call;
    const struct ccb_request *request;
    struct ccb_json_alloc alloc; /* the call's scratch memory */
    struct ccb_json facts;       /* parsed; an object, or NONE */
    struct ccb_json gathered;    /* type NONE on the first call */
    struct ccb_json message;     /* parsed by ccb_sdk_decode */
    int code;                    /* 0 or what the call will return */
};

/* Fills `out`; parses facts and gathered. Negative after `fail`. */
int ccb_sdk_begin(struct ccb_sdk_call *out, const struct ccb_host *host,
                  struct ccb_call *call, const struct ccb_request *request);

/* Whether the back end speaks `dialect`; CCB_UNSUPPORTED after `fail`. */
int ccb_sdk_speaks(struct ccb_sdk_call *c, const char *dialect);

/* A writer whose output is the call's result, and its end: what the plugin's
 * function then returns, 0 or negative after `fail`. */
void ccb_sdk_writer(struct ccb_sdk_call *c, struct ccb_json_writer *w);
int ccb_sdk_end(struct ccb_sdk_call *c, struct ccb_json_writer *w);

/* Parses the request's message and decodes it by `shape`. Negative after
 * `fail` with CCB_FAILED (or CCB_NO_MEMORY) and the decoder's words. */
int ccb_sdk_decode(struct ccb_sdk_call *c, enum ccb_json_extent extent,
                   const struct ccb_json_shape *shape, void *out);

/* `fail` with a C string and without an id; returns `code`. */
int ccb_sdk_fail(struct ccb_sdk_call *c, int code, const char *text);
/* `fail` with the error's own code, id and text. */
int ccb_sdk_fail_error(struct ccb_sdk_call *c, const struct ccb_error *err);
/* `fail` with CCB_FAILED and "WHAT: TEXT", whatever the error's own code. */
int ccb_sdk_fail_for(struct ccb_sdk_call *c, const char *what,
                     const struct ccb_error *err);

/* A string or bool among the facts; empty slice, false when absent. */
struct ccb_slice ccb_sdk_fact_string(struct ccb_sdk_call *c, const char *name);
bool ccb_sdk_fact_bool(struct ccb_sdk_call *c, const char *name);
/* The bundle that -lifecycle gives `key` (letter for letter); empty slice when
 * there is none. */
struct ccb_slice ccb_sdk_bundle(struct ccb_sdk_call *c, struct ccb_slice key);
/* A member of an object that must be a string; an empty slice when absent or
 * something else. */
struct ccb_slice ccb_sdk_member(struct ccb_sdk_call *c, struct ccb_json object,
                                const char *name);

/* Zeroed memory of the call for `count` things; NULL: no memory, and told. */
void *ccb_sdk_alloc(struct ccb_sdk_call *c, size_t count, size_t size);

/* Joins pieces in the call's memory. */
struct ccb_slice ccb_sdk_concat(struct ccb_sdk_call *c,
                                const struct ccb_slice *pieces, size_t count);

/* A text that grows in the call's memory; ccb_sdk_text_sink makes it the sink
 * of a writer. Start with {c, NULL, 0, 0}. */
struct ccb_sdk_text {
    struct ccb_sdk_call *c;
    char *ptr;
    size_t len, room;
};
int ccb_sdk_text_sink(void *text, const char *bytes, size_t len);

/* One log line: write the members of its data between begin and end. Without
 * memory for the data the line goes out without. */
struct ccb_sdk_log {
    struct ccb_sdk_text text;
    struct ccb_json_writer w;
};
struct ccb_json_writer *ccb_sdk_log_begin(struct ccb_sdk_log *log,
                                          struct ccb_sdk_call *c);
void ccb_sdk_log_end(struct ccb_sdk_log *log, int level, const char *action);

/* ---- URLs --------------------------------------------------------------- */

/* base + path with a slash between them when neither has one, and with one
 * dropped when both have; no other cleaning. */
struct ccb_slice ccb_sdk_join(struct ccb_sdk_call *c, struct ccb_slice base,
                              struct ccb_slice path);

/* Form escaping: space -> '+', all but letters, digits and -_.~ as %XX. */
struct ccb_slice ccb_sdk_query_escape(struct ccb_sdk_call *c,
                                      struct ccb_slice text);

/*
 * A guid as the last part of a path that gets a query of its own behind it
 * (contract/stager.md B1 and the APP_ID rule of C4): the text up to the first
 * '?', in which letters, digits, -_.~!$&'()*+,;=:@[]/ and valid %HH stand, and
 * every other byte, '#' too, becomes %XX in upper case.
 *   "x y/z?k" -> "x%20y/z"    "a#b" -> "a%23b"    "a%2fb" -> "a%2fb"
 * CCB_INVALID (without `fail`) for a broken '%' before the first '?' or behind
 * the first '#', and for a control character anywhere; CCB_NO_MEMORY.
 */
int ccb_sdk_path_guid(struct ccb_sdk_call *c, struct ccb_slice guid,
                      struct ccb_slice *out);

/* The scheme of a URL as it is written ("http"), empty when it has none.
 * CCB_INVALID, with the reason, when Go's url.Parse would refuse the text.
 * Messages of this and the next function never hold the URL, which may
 * carry a password. */
int ccb_url_scheme(struct ccb_slice url, struct ccb_slice *scheme,
                   struct ccb_error *err);

/* Go's ParseRequestURI as a check: absolute, or beginning with '/'. On refusal
 * CCB_INVALID and a message that contains "invalid URI". */
int ccb_url_check_request_uri(struct ccb_slice url, struct ccb_error *err);

/* ---- hashes ------------------------------------------------------------- */

/* Lower-case hex MD5 of `text`, 32 characters and a NUL. Not for security:
 * the names of buildpack directories are made with it (C4, 2b). */
void ccb_md5_hex(struct ccb_slice text, char out[33]);

/* ---- actions ------------------------------------------------------------ */

/* Each writes one wrapped action, {"download":{...}}, members as in B7: those
 * marked "always sent" are sent even when empty, the others only when given. */

struct ccb_download {
    struct ccb_slice artifact, from, to, cache_key, user, log_source;
};
void ccb_action_download(struct ccb_json_writer *w,
                         const struct ccb_download *a);

struct ccb_upload {
    struct ccb_slice artifact, from, to, user, log_source;
};
void ccb_action_upload(struct ccb_json_writer *w, const struct ccb_upload *a);

/* Begin ... children ... end, properly nested. */
/* kind: "serial", "parallel" or "codependent" */
void ccb_action_begin_list(struct ccb_json_writer *w, const char *kind);
void ccb_action_end_list(struct ccb_json_writer *w);

void ccb_action_begin_try(struct ccb_json_writer *w);
void ccb_action_end_try(struct ccb_json_writer *w);

#define CCB_SECOND INT64_C(1000000000) /* ns */
void ccb_action_begin_timeout(struct ccb_json_writer *w);
void ccb_action_end_timeout(struct ccb_json_writer *w, int64_t nanoseconds);

struct ccb_progress {
    struct ccb_slice start_message, success_message, failure_message_prefix;
};
void ccb_action_begin_progress(struct ccb_json_writer *w);
void ccb_action_end_progress(struct ccb_json_writer *w,
                             const struct ccb_progress *p);

/* run: the caller writes "args" and "env", arrays, between begin and end where
 * there are any. resource_limits is always sent. */
void ccb_action_begin_run(struct ccb_json_writer *w, struct ccb_slice path);
void ccb_action_end_run(struct ccb_json_writer *w, uint64_t nofile,
                        struct ccb_slice user, struct ccb_slice log_source);

/* Writes the member "args". */
void ccb_put_args(struct ccb_json_writer *w, const struct ccb_slice *args,
                  size_t count);

/* {name,value} pairs as they come from the Cloud Controller. They are only
 * passed on, so both stay in their JSON form, quotes included. */
struct ccb_env {
    struct ccb_slice name, value;
};
extern const struct ccb_json_shape ccb_env_shape;
/* Writes one such pair; one of the plugin's own, in plain text. */
void ccb_put_env(struct ccb_json_writer *w, const struct ccb_env *env);
void ccb_put_env_text(struct ccb_json_writer *w, const char *name,
                      const char *value);

/* Egress rules, decoded from CC's message and written in the Receptor's form;
 * the two roles leave out and cut differently (B8). */
struct ccb_egress_rule {
    struct ccb_slice protocol;
    struct ccb_json_list destinations; /* of struct ccb_slice */
    struct ccb_json_list ports;        /* of uint32_t */
    struct {
        uint32_t start, end;
    } port_range;
    struct {
        int32_t type, code;
    } icmp_info;
    bool has_port_range, has_icmp_info, log;
};
extern const struct ccb_json_shape ccb_egress_rule_shape;
enum ccb_egress_form {
    CCB_EGRESS_STAGING, /* protocol and destinations left out when empty */
    CCB_EGRESS_RUN      /* both always there; ports modulo 65536 */
};
/* The member "egress_rules"; nothing when there are no rules. */
void ccb_put_egress_rules(struct ccb_json_writer *w,
                          const struct ccb_json_list *rules,
                          enum ccb_egress_form form);

#ifdef __cplusplus
}
#endif

#endif
