/*
 * Goldens of the lifecycle plugins: each folder of tests/fixtures/recipes is
 * one request and what must come of it, in a host without a daemon.
 *
 *   plugin_recipes PLUGINS FIXTURES [CASE]
 *   plugin_recipes -n COUNT PLUGINS FIXTURES CASE    time per call
 *
 * The folder's name says the function (stage-, respond-, run-, ports-,
 * convert-, cache-). In it:
 *   plugin.txt     who is asked: PLUGINS/NAME.so; without it "buildpack"
 *   request.json   the message
 *   facts.json     the facts; without it those of FIXTURES/facts.json
 *   gathered.json  what is given when the plugin asks for facts
 *   recipe.json    the document that must come out, or
 *   error.txt      the code's name, and the text ("~ " before it: a part)
 *   log.txt        the log lines; without it there must be none
 *
 * Beyond the golden every case is run out of memory at each allocation, with
 * too little room for its result, and twice: purity is part of the contract.
 */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "golden.h"

#define SECRET "s3cret" /* the password in the fixtures' URLs */

struct golden {
    char name[256], dir[1024];
    struct ccb_slice plugin, request, facts, gathered, recipe, error, log;
};

static char first[CCB_CALLER_OUTPUT];

/* ---- the case ----------------------------------------------------------- */

/* A missing file is an empty slice without memory. */
static struct ccb_slice read_file(const char *dir, const char *name)
{
    struct ccb_slice text;
    struct ccb_error err;
    char path[1400];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (ccb_caller_read_file(&text, path, &err) < 0 &&
        err.code != CCB_NOT_FOUND) {
        fprintf(stderr, "%s\n", err.message);
        exit(2);
    }
    return text;
}

static void load_golden(struct golden *g, const char *fixtures,
                        const char *name)
{
    snprintf(g->name, sizeof(g->name), "%s", name);
    snprintf(g->dir, sizeof(g->dir), "%s/%s", fixtures, name);
    g->plugin = read_file(g->dir, "plugin.txt");
    g->request = read_file(g->dir, "request.json");
    g->facts = read_file(g->dir, "facts.json");
    if (!g->facts.ptr)
        g->facts = read_file(fixtures, "facts.json");
    g->gathered = read_file(g->dir, "gathered.json");
    g->recipe = read_file(g->dir, "recipe.json");
    g->error = read_file(g->dir, "error.txt");
    g->log = read_file(g->dir, "log.txt");
}

static void free_golden(struct golden *g)
{
    struct ccb_slice *all[] = {&g->plugin, &g->request, &g->facts, &g->gathered,
                               &g->recipe, &g->error,   &g->log};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        ccb_free((void *)(uintptr_t)all[i]->ptr);
}

static ccb_test_function find_function(struct ccb_caller *p, const char *name)
{
    static const struct {
        const char *prefix, *function;
    } rows[] = {
        {"stage-", "build_recipe"},  {"respond-", "build_response"},
        {"run-", "build_lrp"},       {"ports-", "extract"},
        {"convert-", "convert_uri"}, {"cache-", "cache_args"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (ccb_slice_starts(ccb_slice_of(name), rows[i].prefix))
            return ccb_caller_find(p, ccb_slice_of(rows[i].function), NULL);
    return NULL;
}

static int call(struct ccb_caller *p, const struct golden *g)
{
    const struct ccb_caller_request request = {
        find_function(p, g->name), g->request, g->facts, g->gathered};

    return ccb_caller_ask(p, &request);
}

/* ---- the verdicts ------------------------------------------------------- */

static int complain(const struct golden *g, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int complain(const struct golden *g, const char *format, ...)
{
    va_list args;

    printf("FAIL %s: ", g->name);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    return 1;
}

static int check_recipe(struct ccb_caller *p, const struct golden *g, int code)
{
    char difference[2048];

    if (code != 0)
        return complain(g, "%s: %s", ccb_error_name(code), p->host.error);
    ccb_golden_compare(g->recipe, p->host.result, difference,
                       sizeof(difference));
    return difference[0] ? complain(g, "%s", difference) : 0;
}

static int check_error(struct ccb_caller *p, const struct golden *g, int code)
{
    const char *text = p->host.facts[0] ? p->host.facts : p->host.error;
    char lines[1024], *expected, *end;

    snprintf(lines, sizeof(lines), "%.*s", (int)g->error.len, g->error.ptr);
    expected = strchr(lines, '\n');
    if (!expected)
        return complain(g, "error.txt holds no two lines");
    *expected++ = '\0';
    end = strchr(expected, '\n');
    if (end)
        *end = '\0';
    if (strcmp(ccb_error_name(code), lines) != 0)
        return complain(g, "expected \"%s\", found \"%s\" (%s)", lines,
                        ccb_error_name(code), text);
    if (code != CCB_NEED_FACTS && p->host.code != code)
        return complain(g, "returned %d, but fail() was told %d", code,
                        p->host.code);
    if (p->host.error_id[0])
        return complain(g, "unexpected error id %s", p->host.error_id);
    if (strncmp(expected, "~ ", 2) == 0 ? !strstr(text, expected + 2)
                                        : strcmp(text, expected) != 0)
        return complain(g, "expected text \"%s\", found \"%s\"", expected,
                        text);
    return 0;
}

static int check_log(struct ccb_caller *p, const struct golden *g)
{
    struct ccb_slice found = ccb_slice_make(p->host.log, p->host.log_len);

    if (!ccb_slice_equal(g->log, found))
        return complain(g, "expected log lines\n%.*sfound\n%s", (int)g->log.len,
                        g->log.ptr ? g->log.ptr : "", p->host.log);
    if (strstr(p->host.error, SECRET))
        return complain(g, "a password in the error: %s", p->host.error);
    return 0;
}

/* Whether the last call did just what the first one did. */
static int as_before(struct ccb_caller *p, int code, int got, size_t len)
{
    return got == code && p->host.result.len == len &&
           memcmp(p->host.result.ptr, first, len) == 0;
}

/* Without the n-th allocation: never a crash, and never a lesser result. (A
 * log line without its data is allowed.) */
static int check_memory(struct ccb_caller *p, const struct golden *g, int code,
                        size_t len)
{
    size_t allocations = p->host.allocations;

    for (size_t n = 1; n <= allocations; n++) {
        int got;
        p->host.fail_alloc_at = n;
        got = call(p, g);
        p->host.fail_alloc_at = 0;
        if (!as_before(p, code, got, len) &&
            (got != CCB_NO_MEMORY || p->host.code != got))
            return complain(g, "without allocation %zu: %s, fail() %d", n,
                            ccb_error_name(got), p->host.code);
    }
    return 0;
}

static int check_cap(struct ccb_caller *p, const struct golden *g, size_t len)
{
    int got;

    p->host.output_size = len - 1;
    got = call(p, g);
    p->host.output_size = CCB_CALLER_OUTPUT;
    if (got != CCB_TOO_LARGE || p->host.code != got)
        return complain(g, "at the result's cap: %s, fail() %d",
                        ccb_error_name(got), p->host.code);
    return 0;
}

static int check_purity(struct ccb_caller *p, const struct golden *g, int code)
{
    size_t len = p->host.result.len;

    memcpy(first, p->host.result.ptr, len);
    if (code == 0 && check_cap(p, g, len))
        return 1;
    if (!as_before(p, code, call(p, g), len))
        return complain(g, "the second call gives something else");
    return check_memory(p, g, code, len);
}

/* ---- the plugin --------------------------------------------------------- */

static size_t line_length(struct ccb_slice text)
{
    const char *end = memchr(text.ptr, '\n', text.len);

    return end ? (size_t)(end - text.ptr) : text.len;
}

/* NAME.so of the folder; an image that was opened before is the same again. */
static int open_plugin(struct ccb_caller *p, const char *plugins,
                       const struct golden *g)
{
    struct ccb_error err;
    char path[1024];

    if (g->plugin.ptr)
        snprintf(path, sizeof(path), "%s/%.*s.so", plugins,
                 (int)line_length(g->plugin), g->plugin.ptr);
    else
        snprintf(path, sizeof(path), "%s/buildpack.so", plugins);
    if (ccb_caller_open(p, path, ccb_slice_of(""), &err) == 0)
        return 0;
    ccb_caller_close(p);
    return complain(g, "%s", err.message);
}

static int check(const char *plugins, const struct golden *g)
{
    static struct ccb_caller p;
    int code, failed;

    if (open_plugin(&p, plugins, g))
        return 1;
    if (!find_function(&p, g->name))
        return complain(g, "no such function, or the plugin has it not");
    if (!g->request.ptr || (!g->recipe.ptr && !g->error.ptr))
        return complain(g, "a file is missing");
    code = call(&p, g);
    failed =
        g->recipe.ptr ? check_recipe(&p, g, code) : check_error(&p, g, code);
    failed = failed || check_log(&p, g) || check_purity(&p, g, code);
    ccb_caller_close(&p);
    if (!failed)
        printf("ok   %s\n", g->name);
    return failed;
}

/* ---- the program -------------------------------------------------------- */

static int is_case(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && !strchr(entry->d_name, '.');
}

static int check_all(const char *plugins, const char *fixtures,
                     const char *only)
{
    struct dirent **entries;
    int count = scandir(fixtures, &entries, is_case, alphasort);
    int failed = 0, done = 0;

    for (int i = 0; i < count; i++) {
        struct golden g;
        if (!only || strcmp(only, entries[i]->d_name) == 0) {
            load_golden(&g, fixtures, entries[i]->d_name);
            failed += check(plugins, &g);
            done++;
            free_golden(&g);
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    printf("%d cases, %d failed\n", done, failed);
    return done == 0 || failed > 0;
}

static int measure(const char *plugins, const char *fixtures, const char *name,
                   long count)
{
    static struct ccb_caller p;
    struct timespec from, to;
    struct golden g;
    double ns;

    load_golden(&g, fixtures, name);
    if (open_plugin(&p, plugins, &g))
        return 1;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (long i = 0; i < count; i++)
        call(&p, &g);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    ns = (double)(to.tv_sec - from.tv_sec) * 1e9 +
         (double)(to.tv_nsec - from.tv_nsec);
    printf("%s: %.0f ns a call, %zu bytes in, %zu out, %zu allocations, %zu "
           "emits\n",
           name, ns / (double)count, g.request.len, p.host.result.len,
           p.host.allocations, p.host.emits);
    ccb_caller_close(&p);
    free_golden(&g);
    return 0;
}

int main(int argc, char **argv)
{
    long count = 0;

    if (argc == 6 && strcmp(argv[1], "-n") == 0) {
        count = strtol(argv[2], NULL, 10);
        argv += 2;
        argc -= 2;
    }
    if (argc < 3) {
        fprintf(stderr, "usage: plugin_recipes [-n COUNT] PLUGINS FIXTURES "
                        "[CASE]\n");
        return 2;
    }
    if (count > 0)
        return measure(argv[1], argv[2], argv[3], count);
    return check_all(argv[1], argv[2], argc > 3 ? argv[3] : NULL);
}
