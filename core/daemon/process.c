/*
 * Brings the chosen roles up in order, waits for SIGINT or SIGTERM, and takes
 * them down in reverse (contract/stager.md A5, C2).
 *
 * The main thread is worker 0 and has the signals and the debug server; the
 * others only their own loop. A role's listening sockets are all opened before
 * any worker starts, so a port in use is found before anything runs.
 */
#include "daemon/process.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/mem.h"
#include "daemon/debug.h"
#include "daemon/emitter.h"
#include "daemon/figures.h"
#include "daemon/health.h"
#include "daemon/notify.h"
#include "daemon/plugins.h"
#include "daemon/reload.h"
#include "daemon/worker.h"

enum { SIGNALS = 3 };
static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

struct process {
    struct ccb_options *options;
    struct ccb_member members[CCB_MAX_ROLES];
    size_t member_count;
    struct ccb_plugins *plugins;
    int debug_fd, control_fd; /* until their servers take them over */
    struct ccb_http_server *debug;
    struct ccb_emitter emitter;
    struct ccb_notify notify;
    struct ccb_health health;
    struct ccb_reload reload;
    uv_signal_t signals[SIGNALS];
    struct ccb_thread *threads; /* [0] is the main thread's */
    struct helper *helpers;     /* [0] is not used */
    size_t thread_count;        /* of those that have a loop */
    size_t running; /* threads whose servers are not all closed yet */
    bool stopping;
    struct ccb_post failed;
    int ending; /* the signal's number, see ccb_worker */
    int status; /* to exit with */
};

/* A worker thread beside the main one. */
struct helper {
    struct process *process;
    size_t number;
    uv_thread_t id;
    uv_sem_t opened;
    int code;
    struct ccb_error err;
    struct ccb_post stopped;
    bool started;
};

/* ---- failing to start --------------------------------------------------- */

/* The words of the historic process group, and the historic way to end. */
static int fail(const struct ccb_member *member, const char *who,
                const char *why)
{
    char trace[512];
    snprintf(trace, sizeof(trace),
             "Exit trace for group:\n%s exited with error: %s\n", who, why);
    if (member->role->failure_is_fatal)
        ccb_log_fatal(&member->log, member->role->failed, trace);
    ccb_log_error(&member->log, member->role->failed, trace);
    return 1;
}

static void say_ready(struct process *p)
{
    size_t i;
    for (i = 0; i < p->member_count; i++)
        if (p->members[i].role->ready)
            ccb_log_info(&p->members[i].log, p->members[i].role->ready);
}

/* ---- the command line of each role -------------------------------------- */

static void make_members(struct process *p)
{
    size_t i, k, door;
    for (i = 0; i < p->options->role_count; i++) {
        struct ccb_member *member = &p->members[i];
        member->role = p->options->roles[i];
        member->config = p->options->configs[i];
        ccb_log_open(&member->log, member->role->name);
        for (door = 0; door < CCB_ROLE_DOORS; door++)
            for (k = 0; k < CCB_MAX_WORKERS; k++)
                member->fds[door][k] = -1;
    }
    p->member_count = i;
}

static void check_members(struct process *p)
{
    const char *action;
    struct ccb_error err;
    size_t i;
    for (i = 0; i < p->member_count; i++) {
        struct ccb_member *member = &p->members[i];
        if (member->role->check(member->config, &action, &err) < 0)
            ccb_log_fatal(&member->log, action, err.message);
    }
}

/* ---- listening ---------------------------------------------------------- */

/* Who runs many roles is told which flag of which role it was. */
static int say_where(const struct process *p, const struct ccb_member *member,
                     const struct ccb_door *door, struct ccb_error *err)
{
    char what[sizeof(err->message)];
    snprintf(what, sizeof(what), "%s", err->message);
    return ccb_error_set(
        err, err->code, "%.300s (set by -%s.%s%s)", what, member->role->name,
        door->flag + 1,
        p->options->standalone.argv ? "; -portBase PORT moves all ports" : "");
}

static int listen_door(const struct process *p, struct ccb_member *member,
                       size_t number, struct ccb_error *err)
{
    const struct ccb_door *door = &member->doors[number];
    const char *host =
        door->at.host[0] ? door->at.host : p->options->listen_host;
    int *fds = member->fds[number];
    size_t i, workers = member->role->single ? 1 : p->options->workers;
    int code;
    code = ccb_http_listen(host, door->at.port, -1, &fds[0], err);
    for (i = 1; code == 0 && i < workers; i++)
        code = ccb_http_listen(host, ccb_http_bound_port(fds[0]), fds[0],
                               &fds[i], err);
    return code == 0 || p->options->historic ? code
                                             : say_where(p, member, door, err);
}

static int listen_member(const struct process *p, struct ccb_member *member,
                         struct ccb_error *err)
{
    size_t i;
    int code = 0;
    member->door_count = member->role->doors(member->config, member->doors);
    for (i = 0; code == 0 && i < member->door_count; i++)
        code = listen_door(p, member, i, err);
    return code;
}

/* The control socket is there for what roles show on it. */
static bool has_control(const struct process *p)
{
    size_t i, shown;
    shown = p->plugins != NULL;
    for (i = 0; i < p->member_count; i++)
        shown += p->members[i].role->control_count +
                 (p->members[i].role->put_status != NULL);
    return p->options->state_dir[0] && shown > 0;
}

/* Before anything is made there; which roles and plugins will show themselves
 * is not known yet. */
static int check_control(struct process *p, struct ccb_error *err)
{
    const char *dir = p->options->state_dir;
    if (!dir[0])
        return 0;
    if (ccb_directory_make(dir, err) < 0) {
        ccb_error_prefix(err, "-stateDir");
        return err->code;
    }
    return ccb_control_check(dir, err);
}

static int listen_control(struct process *p, struct ccb_error *err)
{
    if (!has_control(p))
        return 0;
    return ccb_control_listen(p->options->state_dir, &p->control_fd, err);
}

static void close_listeners(struct process *p)
{
    size_t i, k, door;
    for (i = 0; i < p->member_count; i++)
        for (door = 0; door < CCB_ROLE_DOORS; door++)
            for (k = 0; k < CCB_MAX_WORKERS; k++)
                if (p->members[i].fds[door][k] >= 0)
                    close(p->members[i].fds[door][k]);
    if (p->debug_fd >= 0)
        close(p->debug_fd);
    if (p->control_fd >= 0)
        close(p->control_fd);
}

/* ---- the end ------------------------------------------------------------ */

static void on_debug_closed(void *user)
{
    struct process *p = user;
    p->debug = NULL;
}

/* The debug server goes last, with what kept the main loop alive. */
static void on_thread_stopped(struct process *p)
{
    size_t i;
    if (--p->running > 0)
        return;
    if (p->debug)
        ccb_http_server_close(p->debug, on_debug_closed, p);
    ccb_emitter_stop(&p->emitter);
    ccb_notify_stop_watchdog(&p->notify);
    ccb_health_close(&p->health);
    /* They still listen while the loop ends what roles left on it. */
    for (i = 0; i < SIGNALS; i++)
        uv_unref((uv_handle_t *)&p->signals[i]);
}

static void on_main_stopped(void *user)
{
    on_thread_stopped(user);
}

static void on_stop_post(struct ccb_post *post)
{
    struct ccb_thread *thread =
        (struct ccb_thread *)((char *)post - offsetof(struct ccb_thread, stop));
    ccb_thread_stop(thread);
}

static void stop(struct process *p)
{
    size_t i;
    p->stopping = true;
    ccb_notify_stopping(&p->notify);
    ccb_health_stop(&p->health);
    for (i = 1; i < p->thread_count; i++)
        ccb_loop_post(&p->threads[i].loop, &p->threads[i].stop);
    ccb_thread_stop(&p->threads[0]);
}

static void on_stop_process(struct ccb_post *post)
{
    struct process *p =
        (struct process *)((char *)post - offsetof(struct process, failed));
    if (!p->stopping)
        stop(p);
}

/* The end is begun from the loop: who failed is in the middle of something. */
static void on_role_failed(void *user, const struct ccb_member *member,
                           const char *who, const char *why)
{
    struct process *p = user;
    if (p->status != 0 || p->stopping)
        return;
    p->status = fail(member, who, why);
    p->failed.run = on_stop_process;
    ccb_loop_post(&p->threads[0].loop, &p->failed);
}

static void say_stopped(struct process *p)
{
    size_t i;
    for (i = 0; p->status == 0 && i < p->member_count; i++)
        ccb_log_info(&p->members[i].log, p->members[i].role->stopped);
}

/* What is in flight may wait for ever, and handlers and plugins can't be
 * called back from here: so the process just ends. */
static void leave(struct process *p)
{
    ccb_log_error(&p->members[0].log, "requests-cut",
                  "a second signal came before the requests in flight were "
                  "answered");
    say_stopped(p);
    ccb_log_flush();
    _exit(p->status);
}

/* While nobody listens they wait. Threads begin with them blocked: only the
 * main one ever takes them. */
static void hold_signals(int how)
{
    sigset_t set;
    size_t i;
    sigemptyset(&set);
    for (i = 0; i < SIGNALS; i++)
        sigaddset(&set, numbers[i]);
    pthread_sigmask(how, &set, NULL);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct process *p = signal->data;
    if (number == SIGHUP) {
        if (!p->stopping)
            ccb_reload_start(&p->reload, NULL);
        return;
    }
    if (p->stopping)
        leave(p);
    p->ending = number;
    stop(p);
}

static void open_signals(struct process *p)
{
    size_t i;
    for (i = 0; i < SIGNALS; i++) {
        uv_signal_init(&p->threads[0].loop.uv, &p->signals[i]);
        p->signals[i].data = p;
        uv_signal_start(&p->signals[i], on_signal, numbers[i]);
    }
    hold_signals(SIG_UNBLOCK);
}

/* ---- worker threads ----------------------------------------------------- */

static struct ccb_thread_options thread_options(struct process *p,
                                                size_t number)
{
    return (struct ccb_thread_options){
        .members = p->members,
        .member_count = p->member_count,
        .number = number,
        .control_fd = -1,
        .plugins = p->plugins,
        .reload = &p->reload,
        .limits = &p->options->limits,
        .ending = &p->ending,
    };
}

static void on_helper_stopped_post(struct ccb_post *post)
{
    struct helper *helper =
        (struct helper *)((char *)post - offsetof(struct helper, stopped));
    on_thread_stopped(helper->process);
}

static void on_helper_stopped(void *user)
{
    struct helper *helper = user;
    ccb_loop_post(&helper->process->threads[0].loop, &helper->stopped);
}

static void run_helper(void *user)
{
    struct helper *helper = user;
    struct process *p = helper->process;
    struct ccb_thread *thread = &p->threads[helper->number];
    struct ccb_thread_options options = thread_options(p, helper->number);
    thread->on_stopped = on_helper_stopped;
    thread->user = helper;
    thread->stop.run = on_stop_post;
    helper->stopped.run = on_helper_stopped_post;
    helper->code = ccb_thread_open(thread, &options, &helper->err);
    uv_sem_post(&helper->opened);
    if (thread->opened)
        ccb_loop_run(&thread->loop);
}

static int start_helper(struct process *p, size_t number, struct ccb_error *err)
{
    struct helper *helper = &p->helpers[number];
    helper->process = p;
    helper->number = number;
    uv_sem_init(&helper->opened, 0);
    if (uv_thread_create(&helper->id, run_helper, helper) < 0)
        return ccb_error_set(err, CCB_IO, "worker thread %zu: cannot start",
                             number);
    helper->started = true;
    uv_sem_wait(&helper->opened);
    if (p->threads[number].opened) {
        p->thread_count++;
        p->running++;
    }
    *err = helper->err;
    return helper->code;
}

static void join_helpers(struct process *p)
{
    size_t i;
    for (i = 1; p->helpers && i < p->options->workers; i++) {
        if (!p->helpers[i].started)
            continue;
        uv_thread_join(&p->helpers[i].id);
        uv_sem_destroy(&p->helpers[i].opened);
    }
}

/* ---- the start ---------------------------------------------------------- */

static void open_reload(struct process *p)
{
    p->reload = (struct ccb_reload){.options = p->options,
                                    .members = p->members,
                                    .member_count = p->member_count,
                                    .plugins = p->plugins,
                                    .loop = &p->threads[0].loop,
                                    .log = &p->members[0].log};
}

static int open_main(struct process *p, struct ccb_error *err)
{
    struct ccb_thread *main_thread = &p->threads[0];
    struct ccb_thread_options options = thread_options(p, 0);
    int code;
    options.control_fd = p->control_fd;
    p->control_fd = -1;
    main_thread->on_stopped = on_main_stopped;
    main_thread->on_failed = on_role_failed;
    main_thread->user = p;
    code = ccb_thread_open(main_thread, &options, err);
    p->thread_count = p->running = main_thread->opened ? 1 : 0;
    if (main_thread->opened) {
        open_signals(p);
        p->health.members = p->members;
        p->health.member_count = p->member_count;
        ccb_health_open(&p->health, p->threads, &p->thread_count, &p->stopping);
        ccb_emitter_start(&p->emitter, &main_thread->loop);
    }
    return code;
}

static int open_plugins(struct process *p, struct ccb_error *err)
{
    size_t i;
    int code = 0;
    for (i = 0; code == 0 && i < p->member_count; i++)
        code = p->members[i].role->prepare(&p->members[i].shared,
                                           p->members[i].config,
                                           &p->members[i].log, err);
    if (code == 0)
        code = ccb_daemon_plugins_open(&p->plugins, p->options, p->members,
                                       p->member_count, err);
    open_reload(p);
    return code;
}

static int open_servers(struct process *p, struct ccb_error *err)
{
    size_t i;
    int code = 0;
    for (i = 0; code == 0 && i < p->member_count; i++)
        code = listen_member(p, &p->members[i], err);
    if (code == 0)
        code = listen_control(p, err);
    return code == 0 ? open_main(p, err) : code;
}

static int listen_debug(struct process *p, struct ccb_error *err)
{
    if (!p->options->debug_addr[0])
        return 0;
    return ccb_debug_listen(p->options->debug_addr, &p->debug_fd, err);
}

static int open_debug(struct process *p, struct ccb_error *err)
{
    int fd = p->debug_fd;
    if (fd < 0)
        return 0;
    p->debug_fd = -1;
    ccb_figures_provide(p->plugins);
    return ccb_debug_open(&p->debug, fd, &p->options->limits, &p->health, err);
}

static int open_helpers(struct process *p, struct ccb_error *err)
{
    size_t i;
    int code = 0;
    for (i = 1; code == 0 && i < p->options->workers; i++)
        code = start_helper(p, i, err);
    return code;
}

/* Everything that may fail; *who is the member to blame. */
static int open_all(struct process *p, const char **who, struct ccb_error *err)
{
    static const struct {
        const char *who;
        int (*open)(struct process *p, struct ccb_error *err);
    } steps[] = {
        {"control-socket", check_control}, {"plugins", open_plugins},
        {"debug-server", listen_debug},    {"server", open_servers},
        {"debug-server", open_debug},      {"server", open_helpers},
    };
    size_t i;
    int code = 0;
    for (i = 0; code == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
        *who = steps[i].who;
        code = steps[i].open(p, err);
    }
    return code;
}

static void release(struct process *p)
{
    struct ccb_error err;
    size_t i;
    join_helpers(p);
    ccb_figures_end();
    ccb_reload_close(&p->reload);
    /* Before the loops: a plugin's late answer is posted to one of them. */
    ccb_plugins_close(p->plugins);
    for (i = 0; i < p->options->workers; i++)
        if (ccb_thread_close(&p->threads[i], &err) < 0)
            ccb_log_error(&p->members[0].log, "worker-not-closed", err.message);
    close_listeners(p);
    for (i = 0; i < p->member_count; i++)
        p->members[i].role->release(p->members[i].shared);
    ccb_free(p->threads);
    ccb_free(p->helpers);
}

/* Everything was answered: one that still comes must not end the process as if
 * nobody had listened. */
static void close_signals(struct process *p)
{
    size_t i;
    hold_signals(SIG_BLOCK);
    for (i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *)&p->signals[i], NULL);
}

static int run(struct process *p)
{
    const char *who;
    struct ccb_error err = {0};
    size_t i;
    for (i = 0; i < p->member_count; i++)
        if (p->members[i].role->starting)
            ccb_log_info(&p->members[i].log, p->members[i].role->starting);
    ccb_notify_open(&p->notify, &p->members[0].log);
    ccb_emitter_open(&p->emitter, p->options->dropsonde_addr, p->members,
                     p->member_count);
    if (open_all(p, &who, &err) < 0) {
        say_ready(p); /* as the historic programs do */
        p->status = fail(&p->members[0], who, err.message);
        if (p->thread_count > 0)
            stop(p);
    } else {
        say_ready(p);
        ccb_notify_ready(&p->notify, &p->threads[0].loop.uv);
    }
    if (p->threads[0].opened) {
        ccb_loop_run(&p->threads[0].loop);
        close_signals(p);
    }
    say_stopped(p);
    release(p);
    ccb_emitter_close();
    ccb_notify_close(&p->notify);
    return p->status;
}

int ccb_process_run(struct ccb_options *options)
{
    struct process p = {
        .options = options, .debug_fd = -1, .control_fd = -1, .ending = SIGINT};
    int status;
    hold_signals(SIG_BLOCK);
    ccb_log_set_level(
        (enum ccb_log_level)ccb_log_parse_level(options->log_level));
    make_members(&p);
    check_members(&p);
    p.threads = ccb_calloc(options->workers, sizeof(*p.threads));
    p.helpers = ccb_calloc(options->workers, sizeof(*p.helpers));
    if (!p.threads || !p.helpers) {
        ccb_free(p.threads);
        ccb_free(p.helpers);
        return fail(&p.members[0], "server", "out of memory");
    }
    status = run(&p);
    ccb_log_flush();
    /* Joins the pool's threads while OpenSSL still lives: it frees what it
     * keeps for a thread when that thread ends. */
    uv_library_shutdown();
    return status;
}
