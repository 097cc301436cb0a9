/*
 * A reload: the configuration file, the plugins and their policies are read
 * again and take effect together, or not at all (design.md 6, rule 9).
 *
 * Of the file only what plugins go by takes effect: -lifecycle and
 * -lifecyclePlugin. Other members that changed are named in the log. The work
 * is done in the thread pool, one run at a time; who asks meanwhile is served
 * by one more run. Everything here belongs to the first worker's loop.
 */
#ifndef CCB_DAEMON_RELOAD_H
#define CCB_DAEMON_RELOAD_H

#include "daemon/options.h"
#include "daemon/worker.h"

/* Who asks, and for what; the asker's memory until on_done. */
struct ccb_reload_order {
    struct ccb_slice id; /* of the plugin to enable or disable first; empty:
                            none */
    bool enable;
    /* `code` is 0, or negative with `err`; `change` is NULL unless a new
     * generation serves. On the loop, later. */
    void (*on_done)(struct ccb_reload_order *order, int code,
                    const struct ccb_error *err,
                    const struct ccb_plugins_change *change);
    /* inside */
    struct ccb_reload_order *next;
    int code;
    struct ccb_error err;
};

/* Filled in down to "inside", the rest zero. */
struct ccb_reload {
    const struct ccb_options *options; /* of the start */
    struct ccb_member *members;
    size_t member_count;
    struct ccb_plugins *plugins; /* NULL: nobody here calls any */
    struct ccb_loop *loop;
    struct ccb_log_session *log;
    /* inside */
    struct ccb_config config; /* the file since the last reload */
    struct ccb_reload_order *waiting, *served;
    bool running, wanted;
    uv_work_t work;
    int code;
    struct ccb_error err;
    struct ccb_plugins_change change;
    char restart[256]; /* the members that need one, a comma between */
};

/* After the loop has run out. */
void ccb_reload_close(struct ccb_reload *reload);

/* NULL: a signal, whose outcome is only logged. */
void ccb_reload_start(struct ccb_reload *reload,
                      struct ccb_reload_order *order);

#endif
