/*
 * Runs statements: the table of all of them, blocks, files, and `expect`
 * (run.h; docs/testing.md).
 *
 * Invariant: a statement is one row of the table; the first failure ends the
 * script.
 */
#include "run.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "match.h"
#include "peer.h"
#include "proc.h"
#include "tools.h"

int ccb_fail(struct ccb_ctx *ctx, const char *format, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    if (ctx->failure.len > 0)
        ccb_text_adds(&ctx->failure, "\nand then ");
    if (ctx->at != NULL)
        ccb_text_addf(&ctx->failure, "%s:%d: ", ctx->at->file,
                      ctx->line ? ctx->line : ctx->at->line);
    ccb_text_adds(&ctx->failure, text ? text : "out of memory");
    free(text);
    return -1;
}

/* ---- expect ------------------------------------------------------------- */

static int expect_output(struct ccb_args *a, int is_stderr)
{
    struct ccb_text text = {0};
    if (ccb_proc_output(a->ctx->run, is_stderr, &text) < 0)
        return ccb_fail(a->ctx, "nothing was run: `run` first");
    struct ccb_subject s = ccb_match_bytes(
        is_stderr ? "the stderr of what was run" : "the stdout of what was run",
        text.ptr, text.len);
    int code = ccb_match_body(a, &s);
    ccb_text_free(&text);
    return code;
}

static int expect_stdout(struct ccb_args *a)
{
    return expect_output(a, 0);
}

static int expect_stderr(struct ccb_args *a)
{
    return expect_output(a, 1);
}

static int expect_log(struct ccb_args *a)
{
    return ccb_proc_expect_log(a);
}

/* expect NAME ...: a peer, a process, a connection, a background request */
static int expect_name(struct ccb_args *a)
{
    const char *name;
    if (ccb_args_text(a, &name, "what is expected") < 0)
        return -1;
    struct ccb_peer *peer = ccb_peer_find(a->ctx->run, name);
    if (peer != NULL)
        return ccb_peer_expect(peer, a);
    struct ccb_proc *proc = ccb_proc_find(a->ctx->run, name);
    if (proc != NULL)
        return ccb_proc_expect(proc, a);
    struct ccb_conn *conn = ccb_raw_find(a->ctx, name);
    if (conn != NULL)
        return ccb_raw_expect(conn, a);
    struct ccb_background *b = ccb_client_find(a->ctx->run, name);
    if (b != NULL)
        return ccb_client_expect_background(b, a);
    return ccb_fail(a->ctx,
                    "`%s` is no peer, process, connection or background "
                    "request, and no clause on the last reply",
                    name);
}

static const struct {
    const char *name;
    int keep; /* the word is a clause itself */
    int (*expect)(struct ccb_args *);
} expects[] = {
    {"status", 1, ccb_client_expect}, {"header", 1, ccb_client_expect},
    {"no", 1, ccb_client_expect},     {"body", 1, ccb_client_expect},
    {"json", 1, ccb_client_expect},   {"reused", 1, ccb_client_expect},
    {"stdout", 0, expect_stdout},     {"stderr", 0, expect_stderr},
    {"log", 0, expect_log},           {"file", 0, ccb_tools_expect_file},
};

int ccb_run_check_name(struct ccb_ctx *ctx, const char *name)
{
    for (size_t i = 0; i < sizeof(expects) / sizeof(*expects); i++)
        if (strcmp(expects[i].name, name) == 0)
            return ccb_fail(ctx, "`%s` is a word of `expect` and no name",
                            name);
    if (ccb_peer_find(ctx->run, name) != NULL ||
        ccb_raw_find(ctx, name) != NULL ||
        ccb_client_find(ctx->run, name) != NULL)
        return ccb_fail(ctx, "something else is called %s", name);
    return 0;
}

static int expect(struct ccb_args *a)
{
    struct ccb_args look = *a;
    if (ccb_args_keyword(&look, "no") && ccb_args_keyword(&look, "reply")) {
        *a = look;
        return ccb_client_expect_none(a);
    }
    for (size_t i = 0; i < sizeof(expects) / sizeof(*expects); i++) {
        if (!ccb_args_peek(a, expects[i].name))
            continue;
        if (!expects[i].keep)
            a->next++;
        return expects[i].expect(a);
    }
    return expect_name(a);
}

static int run_expect(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_pool pool = {0};
    struct ccb_args a = ccb_args_begin(ctx, s, &pool);
    a.next = 1;
    int code = expect(&a);
    ccb_pool_free(&pool);
    return code;
}

/* ---- blocks ------------------------------------------------------------- */

static void set_number(struct ccb_ctx *ctx, const char *name, long long n)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", n);
    ccb_vars_set(ctx, name, text, strlen(text));
}

/* repeat N [as NAME] */
static int run_repeat(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_pool pool = {0};
    struct ccb_args a = ccb_args_begin(ctx, s, &pool);
    const char *name = "i";
    long long n;
    a.next = 1;
    int code = ccb_args_number(&a, &n, "how often");
    if (code == 0 && ccb_args_keyword(&a, "as"))
        code = ccb_args_text(&a, &name, "the variable's name");
    if (code == 0)
        code = ccb_args_end(&a);
    for (long long i = 1; i <= n && code == 0; i++) {
        set_number(ctx, name, i);
        code = ccb_run_block(ctx, s);
    }
    ccb_pool_free(&pool);
    return code;
}

/* for NAME in VALUE... */
static int run_for(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_pool pool = {0};
    struct ccb_args a = ccb_args_begin(ctx, s, &pool);
    const char *name;
    a.next = 1;
    int code = ccb_args_text(&a, &name, "the variable's name");
    if (code == 0 && !ccb_args_keyword(&a, "in"))
        code = ccb_args_unknown(&a, "`in`");
    if (code == 0 && !ccb_args_more(&a))
        code = ccb_fail(ctx, "`for` without values: they stand on its line, "
                             "what is deeper is its block");
    while (code == 0 && ccb_args_more(&a)) {
        struct ccb_value v;
        code = ccb_args_value(&a, &v, "a value");
        if (code == 0) {
            ccb_vars_set(ctx, name, v.ptr, v.len);
            code = ccb_run_block(ctx, s);
        }
    }
    ccb_pool_free(&pool);
    return code;
}

/* eventually [within D]: the block again and again until it holds. For state
 * that can only be asked for; whatever is told is to be waited for. */
static int run_eventually(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_args a = ccb_args_begin(ctx, s, NULL);
    struct ccb_pool pool = {0};
    long long deadline;
    a.pool = &pool;
    a.next = 1;
    int code = ccb_args_deadline(&a, &deadline);
    ccb_pool_free(&pool);
    while (code == 0) {
        code = ccb_run_block(ctx, s);
        if (code == 0 || ctx->skipped || ccb_tool_now() >= deadline)
            break;
        ccb_text_clear(&ctx->failure);
        code = 0;
        long long pause = ccb_tool_now() + 20;
        ccb_event_lock();
        while (ccb_event_wait(pause) == 0)
            continue;
        ccb_event_unlock();
    }
    return code;
}

struct worker {
    struct ccb_ctx ctx;
    const struct ccb_stmt *block;
    long long number, rounds;
    pthread_t thread;
    int code;
};

static void *on_worker(void *arg)
{
    struct worker *w = arg;
    set_number(&w->ctx, "worker", w->number);
    for (long long i = 1; i <= w->rounds && w->code == 0; i++) {
        set_number(&w->ctx, "i", i);
        w->code = ccb_run_block(&w->ctx, w->block);
    }
    if (w->code == 0)
        w->code = ccb_client_settle(&w->ctx);
    return NULL;
}

static int run_workers(struct ccb_ctx *ctx, const struct ccb_stmt *s,
                       long long count, long long rounds)
{
    struct worker *all = ccb_tool_alloc((size_t)count * sizeof(*all));
    int code = 0;
    for (long long i = 0; i < count; i++) {
        all[i] = (struct worker){.block = s,
                                 .number = i + 1,
                                 .rounds = rounds,
                                 .ctx = {.run = ctx->run, .parent = ctx}};
        if (pthread_create(&all[i].thread, NULL, on_worker, &all[i]) != 0) {
            code = ccb_fail(ctx, "no thread for worker %lld", i + 1);
            count = i;
        }
    }
    for (long long i = 0; i < count; i++) {
        pthread_join(all[i].thread, NULL);
        if (all[i].code < 0 && code == 0) {
            ccb_text_add(&ctx->failure, all[i].ctx.failure.ptr,
                         all[i].ctx.failure.len);
            code = -1;
        }
        ccb_client_free_reply(all[i].ctx.reply);
        ccb_raw_free_all(&all[i].ctx);
        ccb_vars_free(&all[i].ctx);
        ccb_text_free(&all[i].ctx.failure);
    }
    free(all);
    return code;
}

/* parallel N [repeat M] */
static int run_parallel(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_pool pool = {0};
    struct ccb_args a = ccb_args_begin(ctx, s, &pool);
    long long count, rounds = 1;
    a.next = 1;
    int code = ccb_args_number(&a, &count, "how many");
    if (code == 0 && ccb_args_keyword(&a, "repeat"))
        code = ccb_args_number(&a, &rounds, "how often");
    if (code == 0)
        code = ccb_args_end(&a);
    if (code == 0 && (count < 1 || count > 256))
        code = ccb_fail(ctx, "parallel takes 1 to 256, found %lld", count);
    ccb_pool_free(&pool);
    return code == 0 ? run_workers(ctx, s, count, rounds) : -1;
}

/* ---- files -------------------------------------------------------------- */

static int run_include(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_pool pool = {0};
    struct ccb_args a = ccb_args_begin(ctx, s, &pool);
    struct ccb_text path = {0};
    const char *file;
    a.next = 1;
    int code = ccb_args_text(&a, &file, "the file");
    if (code == 0)
        ccb_vars_path(ctx, file, &path);
    while (code == 0 && ccb_args_more(&a)) {
        const char *text, *equal;
        code = ccb_args_text(&a, &text, "NAME=VALUE");
        equal = code == 0 ? strchr(text, '=') : NULL;
        if (code == 0 && equal == NULL) {
            code = ccb_fail(ctx, "include takes NAME=VALUE, found %s", text);
        } else if (code == 0) {
            char *name = ccb_pool_copy(&pool, text, (size_t)(equal - text));
            ccb_vars_set(ctx, name, equal + 1, strlen(equal + 1));
        }
    }
    if (code == 0 && ctx->include_depth == 16)
        code = ccb_fail(ctx, "files are included too deep");
    ctx->include_depth++;
    if (code == 0)
        code = ccb_run_file(ctx, path.ptr);
    ctx->include_depth--;
    ccb_text_free(&path);
    ccb_pool_free(&pool);
    return code;
}

int ccb_run_file(struct ccb_ctx *ctx, const char *path)
{
    struct ccb_run *run = ctx->run;
    struct ccb_text why = {0};
    const char *name = ccb_pool_copy(&run->pool, path, strlen(path));
    struct ccb_stmt *tree = ccb_script_parse(name, &why);
    if (tree == NULL) {
        ctx->at = NULL;
        ccb_fail(ctx, "%s", why.ptr);
        ccb_text_free(&why);
        return -1;
    }
    struct ccb_stmt **more =
        ccb_tool_alloc((run->tree_count + 1) * sizeof(*more));
    if (run->tree_count > 0)
        memcpy(more, run->trees, run->tree_count * sizeof(*more));
    free(run->trees);
    run->trees = more;
    run->trees[run->tree_count++] = tree;
    return ccb_run_block(ctx, tree);
}

static const struct {
    const char *name;
    int (*run)(struct ccb_ctx *, const struct ccb_stmt *);
} statements[] = {
    {"set", ccb_tools_set},
    {"default", ccb_tools_default},
    {"include", run_include},
    {"skip", ccb_tools_skip},
    {"deadline", ccb_tools_deadline},
    {"say", ccb_tools_say},
    {"check", ccb_tools_check},
    {"write", ccb_tools_write},
    {"remove", ccb_tools_remove},
    {"certificate", ccb_tools_certificate},
    {"peer", ccb_peer_statement},
    {"request", ccb_client_request},
    {"background", ccb_client_background},
    {"await", ccb_client_await},
    {"connect", ccb_raw_connect},
    {"send", ccb_raw_send},
    {"receive", ccb_raw_receive},
    {"close", ccb_raw_close},
    {"half-close", ccb_raw_half_close},
    {"reset", ccb_raw_reset},
    {"start", ccb_proc_start},
    {"run", ccb_proc_run},
    {"wait", ccb_proc_wait},
    {"signal", ccb_proc_signal},
    {"stop", ccb_proc_stop},
    {"restart", ccb_proc_restart},
    {"never", ccb_proc_never},
    {"expect", run_expect},
    {"repeat", run_repeat},
    {"for", run_for},
    {"eventually", run_eventually},
    {"parallel", run_parallel},
};

static int run_statement(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    ctx->at = s;
    ctx->line = s->line;
    if (s->words[0].kind == CCB_WORD_BARE) {
        ccb_trace("script", s->words[0].text, "", 0);
        for (size_t i = 0; i < sizeof(statements) / sizeof(*statements); i++)
            if (strcmp(s->words[0].text, statements[i].name) == 0)
                return statements[i].run(ctx, s);
    }
    return ccb_fail(ctx, "`%s` is no statement", s->words[0].text);
}

int ccb_run_block(struct ccb_ctx *ctx, const struct ccb_stmt *block)
{
    for (size_t i = 0; i < block->below_count; i++)
        if (run_statement(ctx, block->below[i]) < 0 || ctx->skipped)
            return ctx->skipped ? 0 : -1;
    return 0;
}

int ccb_run_finish(struct ccb_ctx *ctx)
{
    int code = ccb_client_settle(ctx);
    ctx->at = NULL;
    ccb_raw_free_all(ctx);
    return ccb_proc_finish(ctx) < 0 ? -1 : code;
}

void ccb_run_free(struct ccb_ctx *ctx)
{
    struct ccb_run *run = ctx->run;
    ccb_client_free_reply(ctx->reply);
    ccb_raw_free_all(ctx);
    ccb_proc_free_all(run);
    ccb_peer_free_all(run);
    ccb_client_free_backgrounds(run);
    ccb_ports_free(run);
    ccb_vars_free(ctx);
    ccb_text_free(&ctx->failure);
    for (size_t i = 0; i < run->tree_count; i++)
        ccb_script_free(run->trees[i]);
    free(run->trees);
    ccb_pool_free(&run->pool);
}
