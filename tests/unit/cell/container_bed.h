/*
 * What the tests of containers share: a loop, a directory that is gone
 * afterwards, a container over the host's "/", steps that are run to their end.
 * Waits are for events, each with a deadline that fails the test.
 */
#ifndef CCB_TESTS_CONTAINER_BED_H
#define CCB_TESTS_CONTAINER_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cell/container.h"
#include "net/loop.h"

#define BED_INIT CCB_BUILD_DIR "/libexec/ccbridge/ccbridge-init"
#define BED_DEADLINE (30 * CCB_SECOND)

struct bed {
    struct ccb_loop loop;
    char directory[64];
    uv_timer_t tick; /* wakes the loop so that a deadline is seen */
};

/* One container and what it told. */
struct box {
    struct bed *bed;
    struct ccb_container *container;
    int created, lost, destroyed;
    struct ccb_error err;
};

/* One step and what it told. */
struct run {
    struct ccb_process *process;
    struct ccb_buf out, err;
    struct ccb_exit exit;
    int exited, closed;
};

static inline void on_bed_tick(uv_timer_t *timer)
{
    (void)timer;
}

/* Runs the loop until *flag is set. */
static inline void bed_wait(struct bed *bed, const int *flag)
{
    int64_t end = ccb_clock_monotonic() + BED_DEADLINE;

    while (!*flag) {
        assert_true(ccb_clock_monotonic() < end);
        (void)uv_run(&bed->loop.uv, UV_RUN_ONCE);
    }
}

/* 0: the machine lets us; else the test says why not and is skipped. */
static inline int bed_missing(void)
{
    const char *why = NULL;

    if (geteuid() != 0)
        why = "not root: no map of a user name space can be written";
    else if (access("/usr/bin/bwrap", X_OK) != 0)
        why = "bubblewrap is not installed";
    else if (access(BED_INIT, X_OK) != 0)
        why = "ccbridge-init is not built";
    if (why != NULL)
        print_message("skipped: %s\n", why);
    return why != NULL;
}

static inline int bed_open(void **state)
{
    static struct bed bed;

    (void)signal(SIGPIPE, SIG_IGN);
    memset(&bed, 0, sizeof(bed));
    *state = &bed;
    (void)snprintf(bed.directory, sizeof(bed.directory),
                   "/tmp/ccb-cell-XXXXXX");
    if (mkdtemp(bed.directory) == NULL || chmod(bed.directory, 0711) != 0 ||
        ccb_loop_open(&bed.loop, NULL) != CCB_OK)
        return -1;
    (void)uv_timer_init(&bed.loop.uv, &bed.tick);
    (void)uv_timer_start(&bed.tick, on_bed_tick, 100, 100);
    uv_unref((uv_handle_t *)&bed.tick);
    return 0;
}

/* The loop closes only when no handle is left open, the directory goes only
 * when it is empty. */
static inline int bed_close(void **state)
{
    struct bed *bed = *state;
    struct ccb_error err = {0};

    uv_close((uv_handle_t *)&bed->tick, NULL);
    if (ccb_loop_close(&bed->loop, &err) != CCB_OK ||
        rmdir(bed->directory) != 0) {
        print_message("%s %s: %s\n", err.message, bed->directory,
                      strerror(errno));
        return -1;
    }
    return 0;
}

static inline void on_box_created(void *ctx, const struct ccb_error *err)
{
    struct box *box = ctx;

    box->created = 1;
    if (err != NULL)
        box->err = *err;
}

static inline void on_box_lost(void *ctx)
{
    struct box *box = ctx;

    box->lost = 1;
}

static inline void on_box_destroyed(void *ctx, const struct ccb_error *err)
{
    struct box *box = ctx;

    box->destroyed = 1;
    if (err != NULL)
        fail_msg("destroy: %s", err->message);
}

static inline struct ccb_container_options box_options(struct box *box,
                                                       unsigned number)
{
    static char guid[8][64];
    struct ccb_container_options options = {.rootfs = "/",
                                            .init = BED_INIT,
                                            .on_created = on_box_created,
                                            .on_lost = on_box_lost,
                                            .ctx = box};

    (void)snprintf(guid[number], sizeof(guid[number]), "app-%d-%u",
                   (int)getpid(), number);
    options.guid = guid[number];
    options.directory = box->bed->directory;
    options.uid_base = 700000 + number * CCB_CONTAINER_RANGE;
    return options;
}

/* Creates and waits; what went wrong is in box->err. */
static inline void box_create(struct box *box,
                              const struct ccb_container_options *options)
{
    struct ccb_error err = {0};

    if (ccb_container_create(&box->container, &box->bed->loop, options, &err) !=
        CCB_OK)
        fail_msg("%s", err.message);
    assert_false(box->created);
    bed_wait(box->bed, &box->created);
}

static inline void box_open(struct box *box, struct bed *bed)
{
    struct ccb_container_options options;

    memset(box, 0, sizeof(*box));
    box->bed = bed;
    options = box_options(box, 0);
    box_create(box, &options);
    assert_string_equal(box->err.message, "");
}

static inline void box_close(struct box *box)
{
    ccb_container_destroy(box->container, on_box_destroyed, box);
    assert_false(box->destroyed);
    bed_wait(box->bed, &box->destroyed);
}

static inline void on_run_output(void *ctx, enum ccb_stream stream,
                                 struct ccb_slice bytes)
{
    struct run *run = ctx;

    assert_false(run->closed);
    (void)ccb_buf_put_slice(stream == CCB_STREAM_OUT ? &run->out : &run->err,
                            bytes);
}

static inline void on_run_exit(void *ctx, const struct ccb_exit *ended)
{
    struct run *run = ctx;

    assert_false(run->exited);
    run->exited = 1;
    run->exit = *ended;
}

static inline void on_run_closed(void *ctx)
{
    struct run *run = ctx;

    assert_true(run->exited);
    run->closed = 1;
}

static inline struct ccb_step run_step(struct run *run, const char *user,
                                       const char *const *args, size_t count)
{
    struct ccb_step step = {.path = "/bin/sh",
                            .args = args,
                            .arg_count = count,
                            .user = user,
                            .on_output = on_run_output,
                            .on_exit = on_run_exit,
                            .on_closed = on_run_closed,
                            .ctx = run};

    return step;
}

static inline void run_start(struct run *run, struct box *box,
                             const struct ccb_step *step)
{
    struct ccb_error err = {0};

    memset(run, 0, sizeof(*run));
    if (ccb_container_spawn(&run->process, box->container, step, &err) !=
        CCB_OK)
        fail_msg("%s", err.message);
}

static inline void run_script(struct run *run, struct box *box,
                              const char *user, const char *script)
{
    const char *args[] = {"-c", script};
    struct ccb_step step = run_step(run, user, args, 2);

    run_start(run, box, &step);
}

static inline const char *run_text(struct ccb_buf *buf)
{
    (void)ccb_buf_append(buf, "", 1);
    assert_int_equal(buf->failed, 0);
    return buf->data;
}

static inline void run_free(struct run *run)
{
    ccb_buf_destroy(&run->out);
    ccb_buf_destroy(&run->err);
}

/* Runs a script to its end. */
static inline void run_whole(struct run *run, struct box *box, const char *user,
                             const char *script)
{
    run_script(run, box, user, script);
    bed_wait(box->bed, &run->closed);
}

/* Runs it and wants this on its standard output, and status 0. */
static inline void run_says(struct box *box, const char *user,
                            const char *script, const char *wanted)
{
    struct run run;

    run_whole(&run, box, user, script);
    if (run.exit.err.message[0] != '\0')
        fail_msg("%s: %s", script, run.exit.err.message);
    assert_string_equal(run_text(&run.out), wanted);
    assert_int_equal(run.exit.kind, CCB_EXIT_STATUS);
    assert_int_equal(run.exit.code, 0);
    run_free(&run);
}

#endif
