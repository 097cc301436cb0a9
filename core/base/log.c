/*
 * The historic log (contract/stager.md A3): merges the data of an entry and of
 * its sessions, writes the line in one go.
 *
 * Invariants: every line is one whole JSON object; without memory it is
 * written without its data rather than not at all. The lock is for lines that
 * the kernel takes in pieces (a full pipe): nothing comes between them.
 */
#include "base/log.h"

#include <errno.h>
#include <execinfo.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log_line.h"
#include "base/mem.h"
#include "base/redact.h"

#define USUAL_MEMBERS 32
#define FRAME_LIMIT 64

static _Atomic int least_level = CCB_LEVEL_INFO;
static _Atomic int log_fd = STDOUT_FILENO;
static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;

/* What an event loop's thread holds back until its next turn. */
static _Thread_local struct {
    size_t len;
    int on;
    char bytes[8192];
} held;

/* The members of one line's data, sorted by key, each key once. */
struct members {
    const struct ccb_log_field **items;
    size_t count;
    const struct ccb_log_field *usual[USUAL_MEMBERS];
};

struct entry {
    const struct ccb_log_session *session;
    enum ccb_log_level level;
    const char *action;
    const struct ccb_log_field *fields;
    size_t field_count;
    /* what the logger itself adds; it wins over fields of these names */
    const struct ccb_log_field *own;
    size_t own_count;
};

/* ---- fields ------------------------------------------------------------- */

struct ccb_log_field ccb_log_text(const char *key, struct ccb_slice text)
{
    struct ccb_log_field field = {key, CCB_LOG_TEXT, text, 0};

    return field;
}

struct ccb_log_field ccb_log_cstr(const char *key, const char *text)
{
    return ccb_log_text(key, ccb_slice_of(text));
}

struct ccb_log_field ccb_log_int(const char *key, int64_t number)
{
    struct ccb_log_field field = {key, CCB_LOG_NUMBER, {NULL, 0}, number};

    return field;
}

struct ccb_log_field ccb_log_bool(const char *key, int truth)
{
    struct ccb_log_field field = {key, CCB_LOG_BOOL, {NULL, 0}, truth};

    return field;
}

struct ccb_log_field ccb_log_json(const char *key, struct ccb_slice json)
{
    struct ccb_log_field field = {key, CCB_LOG_JSON, json, 0};

    return field;
}

/* ---- sessions ----------------------------------------------------------- */

void ccb_log_open(struct ccb_log_session *component, const char *name)
{
    memset(component, 0, sizeof(*component));
    component->name = name;
}

void ccb_log_begin(struct ccb_log_session *session,
                   struct ccb_log_session *parent, const char *name,
                   const struct ccb_log_field *fields, size_t field_count)
{
    memset(session, 0, sizeof(*session));
    session->parent = parent;
    session->name = name;
    session->number = 1 + atomic_fetch_add_explicit(&parent->children, 1,
                                                    memory_order_relaxed);
    session->fields = fields;
    session->field_count = field_count;
}

static const char *component_of(const struct ccb_log_session *session)
{
    while (session->parent != NULL)
        session = session->parent;
    return session->name;
}

static void put_path(struct ccb_log_line *line,
                     const struct ccb_log_session *session)
{
    if (session->parent != NULL)
        put_path(line, session->parent);
    ccb_log_line_put_escaped(line, ccb_slice_of(session->name));
    CCB_LOG_LINE_LIT(line, ".");
}

static void put_numbers(struct ccb_log_line *line,
                        const struct ccb_log_session *session)
{
    if (session->parent->parent != NULL) {
        put_numbers(line, session->parent);
        CCB_LOG_LINE_LIT(line, ".");
    }
    ccb_log_line_put_uint(line, session->number);
}

/* ---- data --------------------------------------------------------------- */

/* Puts a field in its place unless a stronger one has the key already. */
static void add_member(struct members *members,
                       const struct ccb_log_field *field)
{
    size_t at = members->count;

    while (at > 0) {
        int order = strcmp(members->items[at - 1]->key, field->key);

        if (order == 0)
            return;
        if (order < 0)
            break;
        at--;
    }
    memmove(members->items + at + 1, members->items + at,
            (members->count - at) * sizeof(members->items[0]));
    members->items[at] = field;
    members->count++;
}

/* The last of equal keys in one list is the strongest. */
static void add_members(struct members *members,
                        const struct ccb_log_field *fields, size_t count)
{
    while (count > 0)
        add_member(members, &fields[--count]);
}

/* Collects from the strongest to the weakest. 0, or CCB_NO_MEMORY. */
static int collect(struct members *members, const struct entry *entry,
                   const struct ccb_log_field *session_field)
{
    const struct ccb_log_session *session;
    size_t most = entry->field_count + entry->own_count + 1;

    for (session = entry->session; session != NULL; session = session->parent)
        most += session->field_count;
    members->items = members->usual;
    members->count = 0;
    if (most > USUAL_MEMBERS) {
        members->items = ccb_calloc(most, sizeof(members->items[0]));
        if (members->items == NULL)
            return CCB_NO_MEMORY;
    }
    if (entry->session->parent != NULL)
        add_member(members, session_field);
    add_members(members, entry->own, entry->own_count);
    add_members(members, entry->fields, entry->field_count);
    for (session = entry->session; session != NULL; session = session->parent)
        add_members(members, session->fields, session->field_count);
    return 0;
}

static void put_text(struct ccb_log_line *line, struct ccb_slice text)
{
    struct ccb_buf clean = {0};

    CCB_LOG_LINE_LIT(line, "\"");
    if (ccb_redact_text_needed(text)) {
        ccb_redact_text(&clean, text);
        line->failed |= clean.failed;
        text = ccb_buf_slice(&clean);
    }
    ccb_log_line_put_escaped(line, text);
    CCB_LOG_LINE_LIT(line, "\"");
    ccb_buf_destroy(&clean);
}

static void put_json(struct ccb_log_line *line, struct ccb_slice text)
{
    struct ccb_buf clean = {0};
    struct ccb_json value;

    if (ccb_json_parse(&value, text, CCB_JSON_WHOLE, NULL) != 0) {
        put_text(line, text); /* a mistake of the caller's; still a line */
        return;
    }
    ccb_redact_json(&clean, value);
    line->failed |= clean.failed;
    ccb_log_line_put(line, clean.data, clean.len);
    ccb_buf_destroy(&clean);
}

static void put_member(struct ccb_log_line *line,
                       const struct ccb_log_field *field,
                       const struct ccb_log_session *numbered)
{
    CCB_LOG_LINE_LIT(line, "\"");
    ccb_log_line_put_escaped(line, ccb_slice_of(field->key));
    CCB_LOG_LINE_LIT(line, "\":");
    if (numbered != NULL) {
        CCB_LOG_LINE_LIT(line, "\"");
        put_numbers(line, numbered);
        CCB_LOG_LINE_LIT(line, "\"");
        return;
    }
    switch (field->kind) {
    case CCB_LOG_TEXT:
        put_text(line, field->text);
        break;
    case CCB_LOG_NUMBER:
        ccb_log_line_put_int(line, field->number);
        break;
    case CCB_LOG_JSON:
        put_json(line, field->text);
        break;
    case CCB_LOG_BOOL:
        ccb_log_line_put(line, field->number ? "true" : "false",
                         field->number ? 4 : 5);
        break;
    }
}

static void put_data(struct ccb_log_line *line, const struct entry *entry)
{
    static const struct ccb_log_field session_field = {
        "session", CCB_LOG_TEXT, {NULL, 0}, 0};
    struct members members;

    if (collect(&members, entry, &session_field) != 0) {
        line->failed = 1;
        return;
    }
    for (size_t i = 0; i < members.count; i++) {
        const struct ccb_log_field *field = members.items[i];

        if (i > 0)
            CCB_LOG_LINE_LIT(line, ",");
        put_member(line, field,
                   field == &session_field ? entry->session : NULL);
    }
    if (members.items != members.usual)
        ccb_free(members.items);
}

/* ---- writing ------------------------------------------------------------ */

static void build(struct ccb_log_line *line, const struct entry *entry,
                  int64_t now, int with_data)
{
    CCB_LOG_LINE_LIT(line, "{\"timestamp\":\"");
    ccb_log_line_put_time(line, now);
    CCB_LOG_LINE_LIT(line, "\",\"source\":\"");
    ccb_log_line_put_escaped(line, ccb_slice_of(component_of(entry->session)));
    CCB_LOG_LINE_LIT(line, "\",\"message\":\"");
    put_path(line, entry->session);
    ccb_log_line_put_escaped(line, ccb_slice_of(entry->action));
    CCB_LOG_LINE_LIT(line, "\",\"log_level\":");
    ccb_log_line_put_uint(line, entry->level);
    CCB_LOG_LINE_LIT(line, ",\"data\":{");
    if (with_data)
        put_data(line, entry);
    CCB_LOG_LINE_LIT(line, "}}\n");
}

/* A log that can't be written has nobody to be reported to: its bytes are
 * dropped, the work goes on. */
static void write_now(const char *bytes, size_t len)
{
    int fd = atomic_load_explicit(&log_fd, memory_order_relaxed);

    (void)pthread_mutex_lock(&write_lock);
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            struct pollfd wait = {fd, POLLOUT, 0};

            (void)poll(&wait, 1, -1);
        } else if (n == 0 || errno != EINTR) {
            break;
        }
    }
    (void)pthread_mutex_unlock(&write_lock);
}

/* Lines of a thread that holds them are written together. */
static void write_whole(const char *bytes, size_t len)
{
    if (held.on && len > sizeof(held.bytes) - held.len)
        ccb_log_flush();
    if (!held.on || len > sizeof(held.bytes)) {
        write_now(bytes, len);
        return;
    }
    memcpy(held.bytes + held.len, bytes, len);
    held.len += len;
}

void ccb_log_flush(void)
{
    if (held.len > 0)
        write_now(held.bytes, held.len);
    held.len = 0;
}

void ccb_log_hold(int on)
{
    ccb_log_flush();
    held.on = on;
}

static void write_entry(const struct entry *entry)
{
    int64_t now = ccb_clock_wall();
    struct ccb_log_line line;

    ccb_log_line_init(&line);
    build(&line, entry, now, 1);
    if (line.failed) {
        ccb_log_line_destroy(&line);
        ccb_log_line_init(&line);
        build(&line, entry, now, 0);
    }
    if (!line.failed)
        write_whole(line.data, line.len);
    ccb_log_line_destroy(&line);
}

void ccb_log_write(const struct ccb_log_session *session,
                   enum ccb_log_level level, const char *action,
                   const struct ccb_log_field *fields, size_t field_count)
{
    struct entry entry = {session, level, action, fields, field_count, NULL, 0};

    if (ccb_log_enabled(level))
        write_entry(&entry);
}

void ccb_log_debug(const struct ccb_log_session *session, const char *action)
{
    ccb_log_write(session, CCB_LEVEL_DEBUG, action, NULL, 0);
}

void ccb_log_info(const struct ccb_log_session *session, const char *action)
{
    ccb_log_write(session, CCB_LEVEL_INFO, action, NULL, 0);
}

void ccb_log_error(const struct ccb_log_session *session, const char *action,
                   const char *message)
{
    struct ccb_log_field error = ccb_log_cstr("error", message);

    ccb_log_write(session, CCB_LEVEL_ERROR, action, &error, 1);
}

/* ---- the end ------------------------------------------------------------ */

static void put_trace(struct ccb_buf *trace)
{
    void *frames[FRAME_LIMIT];
    int count = backtrace(frames, FRAME_LIMIT);
    char **names = backtrace_symbols(frames, count);

    for (int i = 0; names != NULL && i < count; i++)
        (void)ccb_buf_printf(trace, "%s\n", names[i]);
    if (trace->len == 0)
        (void)ccb_buf_put(trace, "no stack trace available\n");
    free(names); /* glibc's own malloc made it */
}

static void print_panic(const char *message, struct ccb_slice trace)
{
    struct ccb_buf clean = {0};

    ccb_redact_text(&clean, ccb_slice_of(message));
    (void)fprintf(stderr, "panic: %.*s\n\nmain thread [running]:\n%.*s",
                  (int)clean.len, clean.len > 0 ? clean.data : "",
                  (int)trace.len, trace.len > 0 ? trace.ptr : "");
    ccb_buf_destroy(&clean);
}

void ccb_log_fatal(const struct ccb_log_session *session, const char *action,
                   const char *message)
{
    struct ccb_buf trace = {0};
    struct ccb_log_field own[2];
    struct entry entry = {session, CCB_LEVEL_FATAL, action, NULL, 0, own, 2};

    put_trace(&trace);
    own[0] = ccb_log_cstr("error", message);
    own[1] = ccb_log_text("trace", ccb_buf_slice(&trace));
    write_entry(&entry); /* no level hides it */
    ccb_log_flush();
    print_panic(message, ccb_buf_slice(&trace));
    ccb_buf_destroy(&trace);
    /* Not exit(): other threads still run, and the handlers and destructors
     * of plugins and libraries must not hang or change how this ends. */
    (void)fflush(stdout);
    (void)fflush(stderr);
    _exit(2);
}

/* ---- settings ----------------------------------------------------------- */

void ccb_log_set_level(enum ccb_log_level level)
{
    atomic_store_explicit(&least_level, (int)level, memory_order_relaxed);
}

int ccb_log_enabled(enum ccb_log_level level)
{
    return (int)level >=
           atomic_load_explicit(&least_level, memory_order_relaxed);
}

int ccb_log_parse_level(const char *name)
{
    static const char *const names[] = {"debug", "info", "error", "fatal"};

    for (int i = 0; i < 4; i++) {
        if (strcmp(name, names[i]) == 0)
            return i;
    }
    return -1;
}

void ccb_log_set_fd(int fd)
{
    atomic_store_explicit(&log_fd, fd, memory_order_relaxed);
}
