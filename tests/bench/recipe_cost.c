/*
 * recipe_cost PLUGIN.so FUNCTION MESSAGE FACTS [GATHERED]: CPU time of one call
 * of a plugin's function, in microseconds, without daemon, thread or socket.
 * FUNCTION: stage, respond, run or ports; MESSAGE and FACTS are files; GATHERED
 * a file with the costly facts.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ccbridge/testing.h"

#define MEMORY (8 << 20)
#define OUTPUT (1 << 20)
#define ROUNDS 20000

static char memory[MEMORY], output[OUTPUT];
static char texts[3][1 << 20];

static struct ccb_slice read_text(size_t slot, const char *path)
{
    FILE *in = fopen(path, "r");
    size_t n;
    if (!in) {
        perror(path);
        exit(2);
    }
    n = fread(texts[slot], 1, sizeof(texts[slot]), in);
    fclose(in);
    return ccb_slice_make(texts[slot], n);
}

static ccb_test_function find_function(const struct ccb_lifecycle_entry *entry,
                                       struct ccb_instance *self,
                                       const char *name)
{
    const struct ccb_staging_1 *staging =
        entry->get_interface(self, CCB_STAGING_1);
    const struct ccb_run_1 *run = entry->get_interface(self, CCB_RUN_1);
    const struct ccb_ports_1 *ports = entry->get_interface(self, CCB_PORTS_1);
    if (staging && strcmp(name, "stage") == 0)
        return staging->build_recipe;
    if (staging && strcmp(name, "respond") == 0)
        return staging->build_response;
    if (run && strcmp(name, "run") == 0)
        return run->build_lrp;
    if (ports && strcmp(name, "ports") == 0)
        return ports->extract;
    fprintf(stderr, "the plugin has no function %s\n", name);
    exit(2);
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static double measure(const struct ccb_lifecycle_entry *entry, const char *name,
                      const struct ccb_request *request)
{
    struct ccb_slice none = {NULL, 0};
    struct ccb_test_host host;
    struct ccb_instance *self;
    ccb_test_function call;
    double begun;
    int i;
    ccb_test_host_init(&host, memory, sizeof(memory), output, sizeof(output));
    self = entry->create(&host.host, none);
    call = find_function(entry, self, name);
    if (ccb_test_host_call(&host, call, self, request) != 0) {
        fprintf(stderr, "%s: %s\n", name, host.error);
        exit(1);
    }
    begun = now();
    for (i = 0; i < ROUNDS; i++)
        ccb_test_host_call(&host, call, self, request);
    return (now() - begun) / ROUNDS;
}

int main(int argc, char **argv)
{
    const struct ccb_lifecycle_entry *entry;
    struct ccb_request request;
    void *plugin;
    if (argc < 5) {
        fprintf(stderr,
                "usage: %s PLUGIN.so FUNCTION MESSAGE FACTS [GATHERED]\n",
                argv[0]);
        return 2;
    }
    plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    entry = plugin ? dlsym(plugin, CCB_ENTRY_SYMBOL) : NULL;
    if (!entry) {
        fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    ccb_test_request_init(&request);
    request.message = read_text(0, argv[3]);
    request.facts = read_text(1, argv[4]);
    if (argc > 5)
        request.gathered = read_text(2, argv[5]);
    printf("%.1f\n", measure(entry, argv[2], &request));
    return 0;
}
