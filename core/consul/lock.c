/*
 * The front of the lock: checks what the flags say, chooses the form, and does
 * what both forms do alike: log, callbacks, status. Invariant: on_held and
 * on_lost come from the loop, and none after ccb_lock_close. Follows
 * contract/stager.md A9.
 */
#include "consul/lock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "consul/internal.h"
#include "net/url.h"

const struct ccb_lock_name ccb_lock_nsync_bulker = {
    "nsync-bulker", "v1/locks/nsync_bulker_lock", 0};
const struct ccb_lock_name ccb_lock_tps_watcher = {
    "tps-watcher", "v1/locks/tps_watcher_lock", 1};

/* ---- the command line --------------------------------------------------- */

/* One URL: a list of them would parse as one with an odd host. */
static int check_url(const char *text, struct ccb_error *err)
{
    struct ccb_url url;
    int code = ccb_url_parse(&url, ccb_slice_of(text), err);
    if (code == 0 &&
        (!(ccb_slice_is(url.scheme, "http") ||
           ccb_slice_is(url.scheme, "https")) ||
         url.host.len == 0 || memchr(url.host.ptr, ',', url.host.len) != NULL))
        code = ccb_error_set(err, CCB_INVALID,
                             "use one URL, http:// or https:// with a host");
    if (code < 0)
        ccb_error_prefix(err, "consulCluster");
    return code;
}

static int check_times(const struct ccb_lock_config *config,
                       struct ccb_error *err)
{
    if (config->retry_interval <= 0)
        return ccb_error_set(err, CCB_INVALID,
                             "lockRetryInterval: use a time above 0");
    if (!config->file[0] && config->ttl <= 0)
        return ccb_error_set(err, CCB_INVALID, "lockTTL: use a time above 0");
    return 0;
}

int ccb_lock_check(const struct ccb_lock_config *config, const char **action,
                   struct ccb_error *err)
{
    bool consul = config->consul_cluster[0] != '\0';
    bool file = config->file[0] != '\0';
    int code = 0;
    *action = "new-client-failed";
    if (consul && file)
        code = ccb_error_set(err, CCB_INVALID,
                             "consulCluster and lockFile are both given: the "
                             "lock is kept in one place; leave out one");
    else if (!consul && !file)
        code = ccb_error_set(err, CCB_INVALID,
                             "there is no place for the lock: give "
                             "-consulCluster URL (a Consul agent), or "
                             "-lockFile PATH where all who want it are on this "
                             "machine");
    else if (consul)
        code = check_url(config->consul_cluster, err);
    return code == 0 ? check_times(config, err) : code;
}

/* ---- its life ----------------------------------------------------------- */

/* The value tells holders apart in Consul; a file has none. */
static void begin_log(struct ccb_lock *lock)
{
    bool file = lock->form == &ccb_lock_in_file;
    lock->log_fields[0] = ccb_log_cstr("key", file ? lock->options.config->file
                                                   : lock->options.name->key);
    lock->log_fields[1] = ccb_log_cstr("value", lock->value);
    ccb_log_begin(&lock->parent_log, lock->options.log, "lock-bbs", NULL, 0);
    ccb_log_begin(&lock->log, &lock->parent_log, "lock", lock->log_fields,
                  file ? 1 : 2);
}

int ccb_lock_open(struct ccb_lock **out, const struct ccb_lock_options *options,
                  struct ccb_error *err)
{
    const struct ccb_lock_form *form =
        options->config->file[0] ? &ccb_lock_in_file : &ccb_lock_in_consul;
    char value[CCB_GUID_SIZE];
    struct ccb_lock *lock;
    int code = ccb_guid_make(value, err);
    if (code == 0)
        code = form->open(&lock, options, err);
    if (code < 0)
        return code;
    lock->form = form;
    lock->options = *options;
    memcpy(lock->value, value, sizeof(value));
    begin_log(lock);
    ccb_log_info(&lock->log, "starting");
    form->start(lock);
    *out = lock;
    return 0;
}

void ccb_lock_close(struct ccb_lock *lock)
{
    if (!lock)
        return;
    lock->closed = true;
    lock->form->close(lock);
}

/* ---- for both forms ----------------------------------------------------- */

void ccb_lock_tell_held(struct ccb_lock *lock)
{
    lock->held = true;
    lock->since = ccb_clock_wall();
    ccb_log_write(&lock->log, CCB_LEVEL_INFO, "acquire-lock-succeeded",
                  CCB_FIELDS(ccb_log_cstr("kind", lock->form->kind),
                             ccb_log_cstr("at", lock->form->at(lock))));
    ccb_log_info(&lock->log, "started");
    lock->options.on_held(lock->options.user);
}

void ccb_lock_log_trouble(const struct ccb_lock *lock, const char *action,
                          const char *why)
{
    ccb_log_write(&lock->log, CCB_LEVEL_INFO, action,
                  CCB_FIELDS(ccb_log_cstr("err", why)));
}

void ccb_lock_log_shutting_down(const struct ccb_lock *lock)
{
    ccb_log_write(
        &lock->log, CCB_LEVEL_INFO, "shutting-down",
        CCB_FIELDS(ccb_log_int("received-signal", *lock->options.ending)));
}

uint64_t ccb_lock_ms(int64_t ns)
{
    return ns > CCB_MILLISECOND ? (uint64_t)((ns - 1) / CCB_MILLISECOND + 1)
                                : 1;
}

/* ---- status ------------------------------------------------------------- */

static void put_since(struct ccb_json_writer *w, int64_t since)
{
    time_t seconds = (time_t)(since / CCB_SECOND);
    struct tm tm;
    char text[40];
    (void)gmtime_r(&seconds, &tm);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    ccb_json_member_cstr(w, "since", text);
}

void ccb_lock_put_status(const struct ccb_lock *lock, struct ccb_json_writer *w)
{
    ccb_json_member_cstr(w, "kind", lock->form->kind);
    ccb_json_member_cstr(w, "at", lock->form->at(lock));
    ccb_json_member_cstr(w, "key", lock->options.name->key);
    ccb_json_member_bool(w, "held", lock->held);
    if (lock->held)
        put_since(w, lock->since);
}
