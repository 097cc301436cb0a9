/*
 * Tries what its request's guid says, each a thing that a plugin may not do or
 * that must not reach further than its own process; then it answers well.
 */
#define ZOO_NAME "tries"
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#define ZOO_OWN_RECIPE
#include "zoo_base.h"
#include "zoo_recipe.h"

static void try_socket(void)
{
    (void)socket(AF_INET, SOCK_STREAM, 0);
}

static void try_fork(void)
{
    pid_t child = fork();

    if (child != 0)
        return;
    setsid();
    for (;;)
        pause();
}

static void try_exec(void)
{
    execl("/bin/true", "true", (char *)NULL);
}

static void try_files(void)
{
    for (int i = 0; i < 1000; i++)
        (void)open("/dev/null", O_RDONLY);
}

static void try_directory(void)
{
    (void)!chdir("/tmp");
}

static void try_handler(void)
{
    signal(SIGTERM, SIG_IGN);
}

static void try_environment(void)
{
    setenv("PATH", "/nowhere", 1);
    setlocale(LC_ALL, "C.UTF-8");
}

static void try_print(void)
{
    printf("printed by a plugin, key at https://me:geheim@host/\n");
    fflush(stdout);
    fprintf(stderr, "printed as an error\n");
}

static const struct {
    const char *guid;
    void (*act)(void);
} trials[] = {
    {"socket", try_socket},
    {"fork", try_fork},
    {"exec", try_exec},
    {"files", try_files},
    {"directory", try_directory},
    {"handler", try_handler},
    {"environment", try_environment},
    {"print", try_print},
};

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
        if (ccb_slice_starts(request->guid, trials[i].guid))
            trials[i].act();
    return self->host->emit(call, RAW(ZOO_RECIPE("")));
}
