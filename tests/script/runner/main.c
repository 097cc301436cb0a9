/*
 * ccb-script: runs one declarative test (docs/testing.md).
 *
 * Invariant: exit status 0 passed, 1 failed, 2 called wrongly, 77 skipped;
 * the script's directory for temporary files is removed unless it failed.
 */
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"
#include "proc.h"
#include "run.h"

static int on_entry(const char *path, const struct stat *st, int kind,
                    struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void set_var(struct ccb_ctx *ctx, const char *name, const char *value)
{
    ccb_vars_set(ctx, name, value, strlen(value));
}

static void report(const struct ccb_ctx *ctx)
{
    struct ccb_text text = {0};
    ccb_text_addf(&text, "FAILED %s\n",
                  ctx->failure.ptr ? ctx->failure.ptr : "");
    ccb_event_lock();
    ccb_proc_describe(ctx->run, &text);
    for (const struct ccb_peer *p = ctx->run->peers; p != NULL; p = p->next)
        ccb_peer_describe(p, &text);
    ccb_event_unlock();
    ccb_text_addf(&text, "---- files are kept in %s\n", ctx->run->tmp);
    fflush(stdout);
    fputs(text.ptr, stderr);
    ccb_text_free(&text);
}

static int run_script(struct ccb_run *run)
{
    struct ccb_ctx ctx = {.run = run};
    set_var(&ctx, "tmp", run->tmp);
    set_var(&ctx, "bin", run->bin);
    set_var(&ctx, "plugins", run->plugins);
    set_var(&ctx, "src", run->src);
    int code = ccb_run_file(&ctx, run->script);
    if (ccb_run_finish(&ctx) < 0)
        code = -1;
    if (code < 0)
        report(&ctx);
    else
        nftw(run->tmp, on_entry, 16, FTW_DEPTH | FTW_PHYS);
    int skipped = ctx.skipped;
    ccb_run_free(&ctx);
    return code < 0 ? 1 : skipped ? 77 : 0;
}

static const char usage[] =
    "usage: ccb-script [-v] [-bin DIR] [-plugins DIR] [-src DIR] FILE\n"
    "  -v        show all that crosses the wire, and every output line\n"
    "  -bin      where the programs are: ${bin}\n"
    "  -plugins  where the plugins are: ${plugins}\n"
    "  -src      the source tree: ${src}\n"
    "exit status: 0 passed, 1 failed, 77 skipped\n";

static int parse_options(struct ccb_run *run, int argc, char **argv)
{
    struct {
        const char *name;
        const char **value;
    } options[] = {
        {"-bin", &run->bin}, {"-plugins", &run->plugins}, {"-src", &run->src}};
    for (int i = 1; i < argc; i++) {
        size_t k = 0;
        while (k < 3 && strcmp(argv[i], options[k].name) != 0)
            k++;
        if (k < 3 && i + 1 < argc)
            *options[k].value = argv[++i];
        else if (strcmp(argv[i], "-v") == 0)
            ccb_trace_on = 1;
        else if (argv[i][0] != '-' && run->script == NULL)
            run->script = argv[i];
        else
            return -1;
    }
    return run->script ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct ccb_run run = {
        .bin = ".", .plugins = ".", .src = ".", .deadline = 10000};
    const char *base = getenv("TMPDIR");
    if (parse_options(&run, argc, argv) < 0) {
        fputs(usage, stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    snprintf(run.tmp, sizeof(run.tmp), "%s/ccb-script-XXXXXX",
             base != NULL && strlen(base) < 40 ? base : "/tmp");
    if (mkdtemp(run.tmp) == NULL) {
        perror(run.tmp);
        return 1;
    }
    return run_script(&run);
}
