/*
 * Processes that are none, for trees that need many, need them to end in one
 * moment, or need what a real one does seldom. The path says what it does.
 * Defines the functions of the container that steps use.
 */
#ifndef CCB_TESTS_STEPS_FAKE_PROCESS_H
#define CCB_TESTS_STEPS_FAKE_PROCESS_H

#include "steps_bed.h"

#define FAKES_MAX 20100

enum fake_nature {
    FAKE_EXIT,     /* args: status, standard output, standard error */
    FAKE_SLEEP,    /* until SIGTERM */
    FAKE_STUBBORN, /* until SIGKILL */
    FAKE_ZOMBIE,   /* for ever */
    FAKE_GENTLE,   /* exits 0 at SIGTERM */
    FAKE_OOM,      /* 19, and the container was out of memory */
    FAKE_MISSING,  /* is not started */
    FAKE_LOST,     /* the container ends */
    FAKE_REFUSED,  /* not even asked for */
    FAKE_LINGER    /* ends; its child holds the streams open */
};
static const char *const fake_paths[] = {
    [FAKE_EXIT] = "/exit",         [FAKE_SLEEP] = "/sleep",
    [FAKE_STUBBORN] = "/stubborn", [FAKE_ZOMBIE] = "/zombie",
    [FAKE_GENTLE] = "/gentle",     [FAKE_OOM] = "/oom",
    [FAKE_MISSING] = "/missing",   [FAKE_LOST] = "/lost",
    [FAKE_REFUSED] = "/refused",   [FAKE_LINGER] = "/linger"};

struct ccb_process {
    struct ccb_step step;
    uv_timer_t timer;
    enum fake_nature nature;
    struct ccb_exit exit;
    char out[64], err[64];
    bool detached, exited, closed;
};
static struct ccb_process fakes[FAKES_MAX];
static int fake_count, fakes_open, fakes_most;
static int fake_signals[64], fake_signal_count;
static char fake_env[1024];   /* of the last one, "a;b;" */
static uint64_t fake_nofile;  /* of the last one */
static size_t fake_arg_count; /* of the last one */

int ccb_exit_code(const struct ccb_exit *ended)
{
    return ended->kind == CCB_EXIT_SIGNAL ? 128 + ended->code : ended->code;
}

static void fake_close(struct ccb_process *fake)
{
    if (fake->closed)
        return;
    fake->closed = true;
    fakes_open--;
    uv_close((uv_handle_t *)&fake->timer, NULL);
    fake->step.on_closed(fake->step.ctx);
}

static void on_fake_end(uv_timer_t *timer)
{
    struct ccb_process *fake = timer->data;
    void *ctx = fake->step.ctx;

    if (fake->exited) { /* detached after its end */
        fake_close(fake);
        return;
    }
    fake->exited = true;
    if (fake->out[0] != '\0' && !fake->detached)
        fake->step.on_output(ctx, CCB_STREAM_OUT, ccb_slice_of(fake->out));
    if (fake->err[0] != '\0' && !fake->detached)
        fake->step.on_output(ctx, CCB_STREAM_ERR, ccb_slice_of(fake->err));
    fake->step.on_exit(ctx, &fake->exit);
    if (fake->nature != FAKE_LINGER || fake->detached)
        fake_close(fake);
}

static void fake_end(struct ccb_process *fake, enum ccb_exit_kind kind,
                     int code, const char *words)
{
    fake->exit.kind = kind;
    fake->exit.code = code;
    (void)snprintf(fake->exit.err.message, sizeof(fake->exit.err.message), "%s",
                   words);
    (void)uv_timer_start(&fake->timer, on_fake_end, 0, 0);
}

static void fake_live(struct ccb_process *fake, const struct ccb_step *step)
{
    const char *const *args = step->args;

    switch (fake->nature) {
    case FAKE_LINGER:
    case FAKE_EXIT:
        if (step->arg_count > 1)
            (void)snprintf(fake->out, sizeof(fake->out), "%s", args[1]);
        if (step->arg_count > 2)
            (void)snprintf(fake->err, sizeof(fake->err), "%s", args[2]);
        fake_end(fake, CCB_EXIT_STATUS,
                 step->arg_count > 0 ? (int)strtol(args[0], NULL, 10) : 0, "");
        break;
    case FAKE_OOM:
        fake->exit.out_of_memory = 1;
        fake_end(fake, CCB_EXIT_STATUS, 19, "");
        break;
    case FAKE_MISSING:
        fake_end(fake, CCB_EXIT_NOT_STARTED, 0, "executable /missing: gone");
        break;
    case FAKE_LOST:
        fake_end(fake, CCB_EXIT_LOST, 0, "the container has ended");
        break;
    default:
        break;
    }
}

int ccb_container_spawn(struct ccb_process **out,
                        struct ccb_container *container,
                        const struct ccb_step *step, struct ccb_error *err)
{
    struct ccb_process *fake = &fakes[fake_count];
    size_t nature = 0;

    (void)container;
    assert_true(fake_count < FAKES_MAX);
    while (strcmp(fake_paths[nature], step->path) != 0)
        nature++;
    if (nature == FAKE_REFUSED)
        return ccb_error_set(err, CCB_TOO_LARGE, "spawn refused");
    memset(fake, 0, sizeof(*fake));
    fake->nature = (enum fake_nature)nature;
    fake->step = *step;
    fake_env[0] = '\0';
    for (size_t i = 0, len = 0; i < step->env_count; i++)
        len += (size_t)snprintf(fake_env + len, sizeof(fake_env) - len, "%s;",
                                step->env[i]);
    fake_nofile = step->nofile;
    fake_arg_count = step->arg_count;
    (void)uv_timer_init(&steps_loop->uv, &fake->timer);
    fake->timer.data = fake;
    fake_count++;
    fakes_open++;
    if (fakes_open > fakes_most)
        fakes_most = fakes_open;
    fake_live(fake, step);
    *out = fake;
    return CCB_OK;
}

int ccb_process_signal(struct ccb_process *process, int number)
{
    bool dies = number == SIGKILL ? process->nature != FAKE_ZOMBIE
                                  : process->nature == FAKE_SLEEP;

    assert_false(process->closed);
    fake_signals[fake_signal_count++ % 64] = number;
    if (process->exited)
        return CCB_OK;
    if (number == SIGTERM && process->nature == FAKE_GENTLE)
        fake_end(process, CCB_EXIT_STATUS, 0, "");
    else if (dies)
        fake_end(process, CCB_EXIT_SIGNAL, number, "");
    return CCB_OK;
}

/* The handle goes later, and only when the process has ended. */
void ccb_process_detach(struct ccb_process *process)
{
    assert_false(process->closed);
    process->detached = true;
    if (process->exited)
        (void)uv_timer_start(&process->timer, on_fake_end, 0, 0);
}

/* As when the container is destroyed. */
static inline void fakes_destroy(void)
{
    for (int i = 0; i < fake_count; i++)
        if (!fakes[i].closed) {
            if (!fakes[i].exited)
                fake_end(&fakes[i], CCB_EXIT_LOST, 0, "the container ended");
            fakes[i].detached = true;
        }
}

static struct ccb_loop fake_loop;

static inline int fakes_open_bed(void **state)
{
    (void)state;
    fake_count = fakes_open = fakes_most = fake_signal_count = 0;
    if (ccb_loop_open(&fake_loop, NULL) != CCB_OK)
        return -1;
    steps_reset(&fake_loop);
    return 0;
}

/* Fails when a handle is left open. */
static inline int fakes_close_bed(void **state)
{
    struct ccb_error err = {0};

    (void)state;
    fakes_destroy();
    steps_clean();
    (void)uv_run(&fake_loop.uv, UV_RUN_DEFAULT);
    if (fakes_open != 0 || ccb_loop_close(&fake_loop, &err) != CCB_OK) {
        print_message("%d processes left, %s\n", fakes_open, err.message);
        return -1;
    }
    return 0;
}

/* JSON of a run. */
#define RUN(path) "{'run':{'path':'" path "','user':'vcap'}}"
#define EXIT(code) "{'run':{'path':'/exit','args':['" code "'],'user':'vcap'}}"
#define SAYS(code, text)                                                       \
    "{'run':{'path':'/exit','args':['" code "','" text "'],'user':'vcap'}}"

#endif
