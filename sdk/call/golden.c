/*
 * Runs golden tests (golden.h).
 *
 * Invariant: a request fails unless something was expected of it and just that
 * came, twice; only CCB_GOLDEN_UPDATE writes, and only into DIR/expected.
 */
#include "golden.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "json_diff.h"
#include "pretty.h"

#define SUFFIX ".json"
#define ERROR_SUFFIX ".error"

struct run {
    struct ccb_caller *caller;
    const char *dir;
    enum ccb_golden_mode mode;
    struct ccb_golden_count *count;
    struct ccb_slice facts;
};

struct golden {
    struct run *run;
    int stem;         /* the length of FUNCTION-NAME in `file` */
    const char *file; /* FUNCTION-NAME.json */
    struct ccb_slice message, gathered, document, failure;
    int code; /* what the plugin answered */
};

static int complain(const struct golden *g, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int complain(const struct golden *g, const char *format, ...)
{
    va_list args;

    printf("FAIL %.*s: ", g->stem, g->file);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    return 1;
}

/* ---- files -------------------------------------------------------------- */

static void make_path(const struct golden *g, const char *folder,
                      const char *suffix, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s/%.*s%s", g->run->dir, folder, g->stem,
             g->file, suffix);
}

/* A file that need not be there. Whether it could be read or is absent. */
static int read_optional(const char *path, struct ccb_slice *out,
                         struct ccb_error *err)
{
    return ccb_caller_read_file(out, path, err) == 0 ||
           err->code == CCB_NOT_FOUND;
}

static int load(struct golden *g, struct ccb_error *err)
{
    const struct {
        const char *folder, *suffix;
        struct ccb_slice *out;
    } files[] = {
        {"requests", SUFFIX, &g->message},
        {"gathered", SUFFIX, &g->gathered},
        {"expected", SUFFIX, &g->document},
        {"expected", ERROR_SUFFIX, &g->failure},
    };
    char path[PATH_MAX];
    size_t i;

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        make_path(g, files[i].folder, files[i].suffix, path);
        if (!read_optional(path, files[i].out, err))
            return err->code;
    }
    return 0;
}

static void unload(struct golden *g)
{
    ccb_free((void *)(uintptr_t)g->message.ptr);
    ccb_free((void *)(uintptr_t)g->gathered.ptr);
    ccb_free((void *)(uintptr_t)g->document.ptr);
    ccb_free((void *)(uintptr_t)g->failure.ptr);
}

/* ---- the answer --------------------------------------------------------- */

/* What a failure says: its words, or the names of the facts it asks for. */
static const char *find_words(const struct golden *g)
{
    const struct ccb_test_host *host = &g->run->caller->host;

    return g->code == CCB_NEED_FACTS ? host->facts : host->error;
}

/* Asks, and asks again; the second answer is the one that stands. */
static int ask(struct golden *g)
{
    struct ccb_test_host *host = &g->run->caller->host;
    struct ccb_caller_request request = {
        .message = g->message, .facts = g->run->facts, .gathered = g->gathered};
    struct ccb_error err;
    struct ccb_slice name = ccb_slice_make(g->file, strcspn(g->file, "-."));
    char *first;
    size_t len;
    int code, alike;

    request.function = ccb_caller_find(g->run->caller, name, &err);
    if (!request.function)
        return complain(g, "%s", err.message);
    code = ccb_caller_ask(g->run->caller, &request);
    len = host->result.len;
    first = ccb_malloc(len + 1);
    if (!first)
        return complain(g, "out of memory");
    memcpy(first, host->result.ptr, len);
    g->code = ccb_caller_ask(g->run->caller, &request);
    alike = g->code == code && host->result.len == len &&
            memcmp(host->result.ptr, first, len) == 0;
    ccb_free(first);
    return alike ? 0 : complain(g, "the second call answers something else");
}

/* ---- comparing ---------------------------------------------------------- */

void ccb_golden_compare(struct ccb_slice expected, struct ccb_slice found,
                        char *difference, size_t size)
{
    struct ccb_json a, b;
    struct ccb_error err;

    if (ccb_json_parse(&a, expected, CCB_JSON_WHOLE, &err) < 0)
        snprintf(difference, size, "what is expected: %s", err.message);
    else if (ccb_json_parse(&b, found, CCB_JSON_WHOLE, &err) < 0)
        snprintf(difference, size, "the result: %s", err.message);
    else
        json_diff(a, b, difference, size);
}

static void make_failure(const struct golden *g, char *out, size_t size)
{
    snprintf(out, size, "%s\n%s\n", ccb_error_name(g->code), find_words(g));
}

static int compare(const struct golden *g)
{
    char text[2048];

    if (g->document.ptr && g->failure.ptr)
        return complain(g, "both " SUFFIX " and " ERROR_SUFFIX " are expected");
    if (!g->document.ptr && !g->failure.ptr)
        return complain(g, "nothing is expected yet: --update writes what "
                           "comes out now");
    if (g->document.ptr && g->code < 0)
        return complain(g, "%s: %s", ccb_error_name(g->code), find_words(g));
    if (g->document.ptr) {
        ccb_golden_compare(g->document, g->run->caller->host.result, text,
                           sizeof(text));
        return text[0] ? complain(g, "%s", text) : 0;
    }
    if (g->code == 0)
        return complain(g, "expected a failure, found a result");
    make_failure(g, text, sizeof(text));
    if (!ccb_slice_is(g->failure, text))
        return complain(g, "expected\n%.*sfound\n%s", (int)g->failure.len,
                        g->failure.ptr, text);
    return 0;
}

/* ---- writing ------------------------------------------------------------ */

static void put_answer(const struct golden *g, FILE *file,
                       struct ccb_json document)
{
    char text[2048];

    if (g->code == 0) {
        ccb_pretty_print(file, document);
        return;
    }
    make_failure(g, text, sizeof(text));
    fputs(text, file);
}

static int write_answer(const struct golden *g)
{
    struct ccb_json document = {CCB_JSON_NONE, {"", 0}};
    char path[PATH_MAX], other[PATH_MAX];
    struct ccb_error err;
    FILE *file;

    if (g->code == 0 && ccb_json_parse(&document, g->run->caller->host.result,
                                       CCB_JSON_WHOLE, &err) < 0)
        return complain(g, "the result: %s", err.message);
    snprintf(path, sizeof(path), "%s/expected", g->run->dir);
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        return complain(g, "%s: %s", path, strerror(errno));
    make_path(g, "expected", g->code == 0 ? SUFFIX : ERROR_SUFFIX, path);
    make_path(g, "expected", g->code == 0 ? ERROR_SUFFIX : SUFFIX, other);
    file = fopen(path, "w");
    if (!file)
        return complain(g, "%s: %s", path, strerror(errno));
    put_answer(g, file, document);
    if (fclose(file) != 0)
        return complain(g, "%s: %s", path, strerror(errno));
    if (unlink(other) < 0 && errno != ENOENT)
        return complain(g, "%s: %s", other, strerror(errno));
    printf("wrote %s\n", path);
    return 0;
}

/* What is there stays when it says the same. */
static int update(const struct golden *g)
{
    char text[2048];

    make_failure(g, text, sizeof(text));
    if (g->code < 0 && !g->document.ptr && ccb_slice_is(g->failure, text))
        return 0;
    if (g->code == 0 && g->document.ptr && !g->failure.ptr) {
        ccb_golden_compare(g->document, g->run->caller->host.result, text,
                           sizeof(text));
        if (!text[0])
            return 0;
    }
    g->run->count->written++;
    return write_answer(g);
}

/* ---- all ---------------------------------------------------------------- */

static void run_one(struct run *run, const char *file)
{
    struct golden g = {
        .run = run, .stem = (int)(strlen(file) - strlen(SUFFIX)), .file = file};
    struct ccb_error err;
    int failed = load(&g, &err) < 0;

    if (failed)
        complain(&g, "%s", err.message);
    failed = failed || ask(&g);
    if (!failed)
        failed = run->mode == CCB_GOLDEN_UPDATE ? update(&g) : compare(&g);
    if (!failed)
        printf("ok   %.*s\n", g.stem, g.file);
    run->count->done++;
    run->count->failed += failed ? 1 : 0;
    unload(&g);
}

static int is_request(const struct dirent *entry)
{
    return entry->d_name[0] != '.' &&
           ccb_slice_ends(ccb_slice_of(entry->d_name), SUFFIX);
}

static int run_all(struct run *run, struct ccb_error *err)
{
    struct dirent **entries = NULL;
    char path[PATH_MAX];
    int count, i;

    snprintf(path, sizeof(path), "%s/requests", run->dir);
    count = scandir(path, &entries, is_request, alphasort);
    if (count < 0)
        return ccb_error_set(err, CCB_IO, "%s: %s", path, strerror(errno));
    for (i = 0; i < count; i++) {
        run_one(run, entries[i]->d_name);
        ccb_free(entries[i]);
    }
    ccb_free(entries);
    if (count == 0)
        return ccb_error_set(err, CCB_NOT_FOUND,
                             "%s holds no FUNCTION-NAME.json", path);
    return 0;
}

int ccb_golden_run(struct ccb_caller *caller, const char *dir,
                   enum ccb_golden_mode mode, struct ccb_golden_count *count,
                   struct ccb_error *err)
{
    struct run run = {
        .caller = caller, .dir = dir, .mode = mode, .count = count};
    char path[PATH_MAX];
    int code;

    memset(count, 0, sizeof(*count));
    snprintf(path, sizeof(path), "%s/facts.json", dir);
    if (!read_optional(path, &run.facts, err))
        return err->code;
    code = run_all(&run, err);
    ccb_free((void *)(uintptr_t)run.facts.ptr);
    return code;
}
