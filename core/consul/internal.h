/*
 * The inside of the lock: what its two forms share. A form is one struct that
 * begins with a struct ccb_lock, and a row of functions.
 */
#ifndef CCB_CONSUL_INTERNAL_H
#define CCB_CONSUL_INTERNAL_H

#include <stdbool.h>

#include "base/random.h"
#include "consul/lock.h"

struct ccb_lock_form {
    const char *kind; /* "consul", "file" */
    /* Makes it, with nothing on the loop yet but what `close` closes. */
    int (*open)(struct ccb_lock **lock, const struct ccb_lock_options *options,
                struct ccb_error *err);
    /* Begins to try; the first callback comes from the loop. */
    void (*start)(struct ccb_lock *lock);
    /* ccb_lock_close: the form frees itself when it is off the loop. */
    void (*close)(struct ccb_lock *lock);
    /* For people: where the lock is kept, without user info. */
    const char *(*at)(const struct ccb_lock *lock);
};
extern const struct ccb_lock_form ccb_lock_in_consul, ccb_lock_in_file;

/* The first member of every form. */
struct ccb_lock {
    const struct ccb_lock_form *form;
    struct ccb_lock_options options;
    struct ccb_log_session parent_log; /* lock-bbs */
    struct ccb_log_session log;        /* lock-bbs.lock */
    struct ccb_log_field log_fields[2];
    char value[CCB_GUID_SIZE];
    bool held, closed;
    int64_t since; /* wall clock, when held */
};

/* Logs and tells; the callback is the last thing that is done. */
void ccb_lock_tell_held(struct ccb_lock *lock);

/* Writes `action` with data "err". */
void ccb_lock_log_shutting_down(const struct ccb_lock *lock);
void ccb_lock_log_trouble(const struct ccb_lock *lock, const char *action,
                          const char *why);

/* A time as the loop's timers want it: whole milliseconds, at least one. */
uint64_t ccb_lock_ms(int64_t ns);

#endif
