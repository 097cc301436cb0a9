/*
 * The historic JSON log (contract/stager.md A3): one object a line on stdout,
 * keys timestamp, source, message, log_level, data in this order, data members
 * in byte order, sessions numbered from 1 under each logger.
 *
 * Secrets never reach it: every JSON value given as data goes through
 * ccb_redact (base/redact.h), and URLs lose their user info.
 *
 * A component (one per role) is made once. A session is a small value that
 * borrows its parent and its data; it lives on the stack or in the request's
 * arena and costs nothing until it writes. Whole lines only are handed to
 * write(2), so lines of several threads never mix. Threads: any; session
 * numbers are atomic.
 */
#ifndef CCB_BASE_LOG_H
#define CCB_BASE_LOG_H

#include <stdatomic.h>
#include <stdint.h>

#include "ccbridge/slice.h"

enum ccb_log_level {
    CCB_LEVEL_DEBUG,
    CCB_LEVEL_INFO,
    CCB_LEVEL_ERROR,
    CCB_LEVEL_FATAL
};

/* One member of `data`. Made by the functions below; borrowed text. */
struct ccb_log_field {
    const char *key;
    enum { CCB_LOG_TEXT, CCB_LOG_NUMBER, CCB_LOG_JSON, CCB_LOG_BOOL } kind;
    struct ccb_slice text; /* TEXT: any bytes; JSON: one checked value */
    int64_t number;
};
struct ccb_log_field ccb_log_text(const char *key, struct ccb_slice text);
struct ccb_log_field ccb_log_cstr(const char *key, const char *text);
struct ccb_log_field ccb_log_int(const char *key, int64_t number);
struct ccb_log_field ccb_log_bool(const char *key, int truth);
struct ccb_log_field ccb_log_json(const char *key, struct ccb_slice json);

struct ccb_log_session {
    const struct ccb_log_session *parent; /* NULL: the component itself */
    const char *name;                     /* component name, or session name */
    uint64_t number;                      /* 0 for the component */
    const struct ccb_log_field *fields;   /* repeated on every line of it */
    size_t field_count;
    _Atomic uint64_t children; /* how many sessions were opened below */
};

/* A component named e.g. "stager"; `name` is borrowed for its life. */
void ccb_log_open(struct ccb_log_session *component, const char *name);

/* Opens a child: takes the next number of `parent`. Parent, name and fields
 * are borrowed for the session's life. */
void ccb_log_begin(struct ccb_log_session *session,
                   struct ccb_log_session *parent, const char *name,
                   const struct ccb_log_field *fields, size_t field_count);

/* Writes a line when `level` is enabled. `action` is the last word of the
 * message. Of equal keys the entry's field wins over the session's, the inner
 * session's over the outer's. */
void ccb_log_write(const struct ccb_log_session *session,
                   enum ccb_log_level level, const char *action,
                   const struct ccb_log_field *fields, size_t field_count);

void ccb_log_debug(const struct ccb_log_session *session, const char *action);
void ccb_log_info(const struct ccb_log_session *session, const char *action);
/* With data member "error" = message. */
void ccb_log_error(const struct ccb_log_session *session, const char *action,
                   const char *message);
/* Level fatal with "error" and "trace"; then a panic text on stderr and
 * exit status 2, as the historic programs end. */
void ccb_log_fatal(const struct ccb_log_session *session, const char *action,
                   const char *message) __attribute__((noreturn));

/* Number of fields in an array literal. */
#define CCB_FIELDS(...)                                                        \
    (struct ccb_log_field[]){__VA_ARGS__},                                     \
        sizeof((struct ccb_log_field[]){__VA_ARGS__}) /                        \
            sizeof(struct ccb_log_field)

/* The least level written, for the whole process; info at start. */
void ccb_log_set_level(enum ccb_log_level level);
int ccb_log_enabled(enum ccb_log_level level);
/* "debug", "info", "error", "fatal", to the letter; -1 for others. */
int ccb_log_parse_level(const char *name);

/* Where lines go; 1 at start. For tests and -logFile. */
void ccb_log_set_fd(int fd);

/* Held lines of this thread are written together, at the latest when 8 KiB
 * have come: an event loop holds them within one of its turns (net/loop.c), so
 * that ten requests cost one system call and not ten. A process that is killed
 * loses the lines of that turn. */
void ccb_log_hold(int on);
/* Writes what this thread holds. */
void ccb_log_flush(void);

#endif
