/*
 * Does what its request's guid says, each a thing that only another process
 * survives; with any other guid it answers as good.c does.
 */
#define ZOO_NAME "iso-moody"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static void emit_number(struct ccb_call *call, const char *name, long number)
{
    char text[80];
    int len = snprintf(text, sizeof(text), "\"%s\":%ld,", name, number);

    instance.host->emit(call, text, (size_t)len);
}

static int do_abort(struct ccb_call *call)
{
    (void)call;
    abort();
}

static int do_exit(struct ccb_call *call)
{
    (void)call;
    exit(0);
}

static int spin(void)
{
    while (sched_yield() == 0)
        continue;
    return -6;
}

static int do_hang(struct ccb_call *call)
{
    instance.host->log(call, CCB_LOG_INFO, zoo_slice("hanging"), zoo_slice(""));
    return spin();
}

static int do_scribble(struct ccb_call *call)
{
    ssize_t n = write(3, "a line that is no frame\n", 24);

    (void)call;
    (void)n;
    return spin();
}

static int do_close(struct ccb_call *call)
{
    (void)call;
    close(3);
    return spin();
}

static int do_print(struct ccb_call *call)
{
    printf("first line\npassword at https://me:secret@host/\n");
    fflush(stdout);
    return instance.host->emit(call, "1", 1);
}

/* All memory that it can have. */
static int do_eat(struct ccb_call *call)
{
    size_t size = 0;
    char *memory = malloc(1 << 20);

    while (memory) {
        memset(memory, 1, 1 << 20);
        size++;
        memory = size < 4096 ? malloc(1 << 20) : NULL;
    }
    instance.host->emit(call, "{", 1);
    emit_number(call, "megabytes", (long)size);
    return instance.host->emit(call, "\"end\":0}", 8);
}

static long attempt(long result)
{
    return result < 0 ? errno : 0;
}

static int do_try(struct ccb_call *call)
{
    struct sigaction action = {.sa_handler = SIG_IGN};

    instance.host->emit(call, "{", 1);
    emit_number(call, "fork", attempt(fork()));
    emit_number(call, "setsid", attempt(setsid()));
    emit_number(call, "socket", attempt(socket(AF_INET, SOCK_STREAM, 0)));
    emit_number(call, "open", attempt(open("/etc/passwd", O_RDONLY)));
    emit_number(call, "kill", attempt(kill(getppid(), 0)));
    emit_number(call, "exec",
                attempt(execl("/bin/true", "true", (char *)NULL)));
    emit_number(call, "handler", attempt(sigaction(SIGUSR1, &action, NULL)));
    emit_number(call, "environment", environ && environ[0] ? 1 : 0);
    return instance.host->emit(call, "\"end\":0}", 8);
}

static void *add_one(void *number)
{
    ++*(int *)number;
    return NULL;
}

static int do_thread(struct ccb_call *call)
{
    int number = 6;
    pthread_t thread;

    if (pthread_create(&thread, NULL, add_one, &number) != 0)
        return -6;
    pthread_join(thread, NULL);
    return instance.host->emit(call, number == 7 ? "7" : "0", 1);
}

static const struct {
    const char *guid;
    int (*act)(struct ccb_call *call);
} moods[] = {
    {"abort", do_abort},       {"exit", do_exit},   {"hang", do_hang},
    {"scribble", do_scribble}, {"close", do_close}, {"print", do_print},
    {"eat", do_eat},           {"try", do_try},     {"thread", do_thread},
};

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    for (size_t i = 0; i < sizeof(moods) / sizeof(moods[0]); i++)
        if (ccb_slice_starts(request->guid, moods[i].guid))
            return moods[i].act(call);
    return self->host->emit(call, request->message.ptr, request->message.len);
}
