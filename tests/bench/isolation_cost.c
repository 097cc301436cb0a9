/*
 * isolation_cost RUNNER PLUGIN.so MESSAGE FACTS: how long a staging recipe
 * takes as a role asks for it (loop, pool, answer), one call after the other,
 * in this process and in a worker (design.md 9, "isolated plugin call, warm").
 * Prints p50 and p99 of both, and by how much the p50 differ.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "plugin/host.h"

enum { WARM = 200, ROUNDS = 5000 };

static char texts[3][1 << 20];

struct bench {
    struct ccb_loop loop;
    struct ccb_plugin *plugin;
    struct ccb_plugin_call_options options;
    int64_t begun, spans[ROUNDS];
    int done;
};

static void end(const char *what, const char *words)
{
    fprintf(stderr, "isolation_cost: %s: %s\n", what, words);
    exit(1);
}

static struct ccb_slice read_text(size_t slot, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, texts[slot], sizeof(texts[slot]));

    if (n < 0)
        end(path, "can't be read");
    close(fd);
    return ccb_slice_make(texts[slot], (size_t)n);
}

static void begin(struct bench *b)
{
    struct ccb_error error;

    b->begun = ccb_clock_monotonic();
    if (ccb_plugin_call(b->plugin, &b->loop, &b->options, &error) != 0)
        end("call", error.message);
}

static void on_done(void *user, const struct ccb_plugin_result *result)
{
    struct bench *b = user;

    if (result->code)
        end("answer", result->error);
    if (b->done >= WARM)
        b->spans[b->done - WARM] = ccb_clock_monotonic() - b->begun;
    if (++b->done < WARM + ROUNDS)
        begin(b);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void load(struct bench *b, const char *path, bool isolated)
{
    struct ccb_plugin_refusal refusal = {.reason = CCB_REFUSED_NONE};
    struct ccb_plugin_code_set code;
    struct ccb_error error = {.message = "no memory"};
    struct ccb_plugin *plugin = ccb_plugin_create(NULL, path);
    char image[64];

    if (!plugin)
        end(path, "no memory");
    plugin->image.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (ccb_manifest_read(&plugin->manifest, plugin->image.fd, plugin->arena,
                          &refusal) != 0)
        end(path, refusal.found);
    plugin->id = ccb_arena_cstr(plugin->arena, plugin->manifest.id);
    plugin->call_timeout = 5 * CCB_SECOND;
    plugin->mapped = true;
    snprintf(image, sizeof(image), "/proc/self/fd/%d", plugin->image.fd);
    if (ccb_plugin_load(plugin, image, &code, &refusal) != 0)
        end(path, refusal.found);
    if (isolated ? ccb_plugin_isolated_create(plugin, NULL, &error)
                 : ccb_plugin_inproc_create(plugin, &code))
        end(path, error.message);
    b->plugin = plugin;
}

/* p50 and p99, in us. */
static void measure(struct bench *b, const char *plugin, const char *runner,
                    double out[2])
{
    struct ccb_error error;

    b->done = 0;
    if (ccb_loop_open(&b->loop, &error) != 0)
        end("loop", error.message);
    load(b, plugin, runner != NULL);
    b->plugin->runner = runner;
    begin(b);
    ccb_loop_run(&b->loop);
    qsort(b->spans, ROUNDS, sizeof(b->spans[0]), compare);
    out[0] = (double)b->spans[ROUNDS / 2] / 1e3;
    out[1] = (double)b->spans[ROUNDS / 100 * 99] / 1e3;
    b->plugin->backend->stop(b->plugin, CCB_SECOND);
    ccb_plugin_unref(b->plugin);
    ccb_loop_close(&b->loop, NULL);
}

int main(int argc, char **argv)
{
    static struct bench b;
    double here[2], there[2];

    if (argc != 5) {
        fprintf(stderr, "usage: %s RUNNER PLUGIN.so MESSAGE FACTS\n", argv[0]);
        return 2;
    }
    b.options = (struct ccb_plugin_call_options){
        .function = CCB_PLUGIN_STAGING_RECIPE,
        .guid = CCB_LIT("bench"),
        .message = read_text(0, argv[3]),
        .facts = read_text(1, argv[4]),
        .arena = ccb_arena_create(),
        .on_done = on_done,
        .user = &b,
    };
    measure(&b, argv[2], NULL, here);
    measure(&b, argv[2], argv[1], there);
    printf("in-process p50 %.1f us, p99 %.1f us; isolated p50 %.1f us, p99 "
           "%.1f us; more by %.1f us\n",
           here[0], here[1], there[0], there[1], there[0] - here[0]);
    return 0;
}
