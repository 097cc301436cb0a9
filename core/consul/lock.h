/*
 * The lock that lets one nsync-bulker and one tps-watcher act at a time
 * (contract/stager.md A9): a session and a key in Consul, or, on one machine,
 * a lock on a file that is gone with the process however that ends.
 *
 * It belongs to one loop and has an HTTP client of its own there, so that it
 * can be released after the worker's client is gone.
 */
#ifndef CCB_CONSUL_LOCK_H
#define CCB_CONSUL_LOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/flags.h"
#include "base/log.h"
#include "ccbridge/error.h"
#include "ccbridge/json.h"
#include "net/loop.h"

/* What a role's flags say of its lock. */
struct ccb_lock_config {
    const char *consul_cluster;  /* URL; "": none */
    const char *file;            /* path; "": none. Wins over Consul's default,
                                    but both given is refused */
    int64_t ttl, retry_interval; /* ns */
};

/* The rows of those flags, for a role's table: `at` is the offset of the
 * struct ccb_lock_config in the role's configuration. */
#define CCB_LOCK_FLAGS(at)                                                     \
    {.name = "consulCluster",                                                  \
     .type = CCB_FLAG_STRING,                                                  \
     .offset = (at) + offsetof(struct ccb_lock_config, consul_cluster),        \
     .placeholder = "URL",                                                     \
     .help = "Consul agent that keeps the lock"},                              \
        {.name = "lockFile",                                                   \
         .type = CCB_FLAG_STRING,                                              \
         .offset = (at) + offsetof(struct ccb_lock_config, file),              \
         .placeholder = "PATH",                                                \
         .help = "Keep the lock in this file instead, where all who want it "  \
                 "are on this machine"},                                       \
        {.name = "lockTTL",                                                    \
         .type = CCB_FLAG_DURATION,                                            \
         .offset = (at) + offsetof(struct ccb_lock_config, ttl),               \
         .default_text = "10s",                                                \
         .help = "Life of the lock's session in Consul"},                      \
    {                                                                          \
        .name = "lockRetryInterval", .type = CCB_FLAG_DURATION,                \
        .offset = (at) + offsetof(struct ccb_lock_config, retry_interval),     \
        .default_text = "5s", .help = "Pause before the lock is tried again"   \
    }

/* Of the command line: neither of the two given, both given, or a Consul URL
 * that can't be: CCB_INVALID, and *action is "new-client-failed". */
int ccb_lock_check(const struct ccb_lock_config *config, const char **action,
                   struct ccb_error *err);

/* Who wants it. The file holds one byte range for each key, so that several
 * roles may name the same file. */
struct ccb_lock_name {
    const char *session; /* "nsync-bulker": Name of the Consul session */
    const char *key;     /* "v1/locks/nsync_bulker_lock" */
    int64_t byte;        /* of the file */
};
extern const struct ccb_lock_name ccb_lock_nsync_bulker, ccb_lock_tps_watcher;

struct ccb_lock;

struct ccb_lock_options {
    const struct ccb_lock_config *config; /* checked; outlives the lock */
    const struct ccb_lock_name *name;
    struct ccb_loop *loop;
    /* The component: its next session is lock-bbs, below it lock ("1.1"). */
    struct ccb_log_session *log;
    /* From the loop, never from inside ccb_lock_open; once each at most. After
     * on_lost nothing comes any more. */
    void (*on_held)(void *user);
    void (*on_lost)(void *user, const char *why); /* "lock lost" */
    void *user;
    const int *ending; /* the signal that it is closed by, for the log */
};

/* Starts to try, and goes on until it is held (errors are retried). */
int ccb_lock_open(struct ccb_lock **lock,
                  const struct ccb_lock_options *options,
                  struct ccb_error *err);
/* Lets go, in any state: no callback comes any more. What is left on the loop
 * (the session's end is told to Consul, 2 s at most) frees itself. */
void ccb_lock_close(struct ccb_lock *lock);

/* Members for a status page: "kind" ("consul" or "file"), "at" (URL without
 * user info, or path), "key", "held", "since" (RFC 3339, when held). */
void ccb_lock_put_status(const struct ccb_lock *lock,
                         struct ccb_json_writer *w);

#endif
