/*
 * What a process is started with: options, program, arguments, environment
 * (proc.h).
 *
 * Invariant: everything is copied into the process's own pool.
 */
#include "proc_internal.h"

#include <string.h>
#include <unistd.h>

struct launch {
    struct ccb_proc *p;
    const char *vars[64];
    size_t var_count;
};

static int take_env(struct ccb_args *a, void *target)
{
    struct launch *l = target;
    if (l->var_count == 64)
        return ccb_fail(a->ctx, "at most 64 additions to the environment");
    if (ccb_args_text(a, &l->vars[l->var_count], "NAME=VALUE") < 0)
        return -1;
    if (strchr(l->vars[l->var_count++], '=') == NULL)
        return ccb_fail(a->ctx, "env takes NAME=VALUE");
    return 0;
}

static int take_cwd(struct ccb_args *a, void *target)
{
    return ccb_args_text(a, &((struct launch *)target)->p->cwd,
                         "the directory");
}

static int take_stdin(struct ccb_args *a, void *target)
{
    struct ccb_value v;
    struct ccb_proc *p = ((struct launch *)target)->p;
    if (ccb_args_value(a, &v, "the input") < 0)
        return -1;
    if (v.len > 65536)
        return ccb_fail(a->ctx, "stdin takes at most 64 KiB");
    p->input = v.ptr;
    p->input_len = v.len;
    return 0;
}

static int take_exits(struct ccb_args *a, void *target)
{
    return ccb_proc_take_ending(a, ((struct launch *)target)->p);
}

static int take_reports(struct ccb_args *a, void *target)
{
    (void)a;
    ((struct launch *)target)->p->may_report = 1;
    return 0;
}

static int take_within(struct ccb_args *a, void *target)
{
    long long ms;
    (void)target;
    return ccb_args_duration(a, &ms);
}

static const struct ccb_keyword options[] = {{"env", take_env},
                                             {"cwd", take_cwd},
                                             {"stdin", take_stdin},
                                             {"exits", take_exits},
                                             {"may-report", take_reports},
                                             {"within", take_within}};

/* A plain name is a program of ${bin} if there is one, else of PATH. */
static char *program_path(struct ccb_args *a, const char *name)
{
    struct ccb_text path = {0};
    ccb_text_addf(&path, "%s/%s", a->ctx->run->bin, name);
    int ours = strchr(name, '/') == NULL && access(path.ptr, X_OK) == 0;
    const char *use = ours ? path.ptr : name;
    char *copy = ccb_pool_copy(a->pool, use, strlen(use));
    ccb_text_free(&path);
    return copy;
}

static void add_environment(struct launch *l)
{
    size_t count = 0, n = 0;
    while (environ[count] != NULL)
        count++;
    char **env =
        ccb_pool_alloc(&l->p->pool, (count + l->var_count + 1) * sizeof(*env));
    for (size_t i = 0; i < count; i++) {
        int replaced = 0;
        for (size_t k = 0; k < l->var_count; k++) {
            size_t len = (size_t)(strchr(l->vars[k], '=') - l->vars[k]) + 1;
            replaced |= strncmp(environ[i], l->vars[k], len) == 0;
        }
        if (!replaced)
            env[n++] = environ[i];
    }
    for (size_t k = 0; k < l->var_count; k++)
        env[n++] = ccb_pool_copy(&l->p->pool, l->vars[k], strlen(l->vars[k]));
    l->p->envp = env;
}

static void add_argument(struct ccb_proc *p, size_t *count, const char *text,
                         size_t len)
{
    char **more = ccb_pool_alloc(&p->pool, (*count + 2) * sizeof(*more));
    if (*count > 0)
        memcpy(more, p->argv, *count * sizeof(*more));
    more[(*count)++] = ccb_pool_copy(&p->pool, text, len);
    p->argv = more;
}

/* A bare word with variables gives as many arguments as it has words in the
 * end, perhaps none; every other word is exactly one. */
static int take_arguments(struct ccb_args *a, struct ccb_proc *p,
                          const char *program)
{
    size_t count = 0;
    add_argument(p, &count, program, strlen(program));
    while (ccb_args_more(a)) {
        const struct ccb_word *w = &a->stmt->words[a->next];
        int split = w->kind == CCB_WORD_BARE && strstr(w->text, "${") != NULL;
        struct ccb_value v;
        if (ccb_args_value(a, &v, "an argument") < 0)
            return -1;
        if (!split)
            add_argument(p, &count, v.ptr, v.len);
        for (const char *at = v.ptr + strspn(v.ptr, " \n");
             split && *at != '\0'; at += strspn(at, " \n")) {
            size_t len = strcspn(at, " \n");
            add_argument(p, &count, at, len);
            at += len;
        }
    }
    return 0;
}

/* [OPTIONS] PROGRAM ARG... into a process that is not started yet. */
int ccb_proc_take_program(struct ccb_args *a, struct ccb_proc *p)
{
    struct launch l = {.p = p};
    const char *name;
    int code = 1;
    p->cwd = a->ctx->run->tmp;
    while (code > 0)
        code =
            ccb_args_take(a, options, sizeof(options) / sizeof(*options), &l);
    if (code < 0 || ccb_args_text(a, &name, "the program") < 0)
        return -1;
    if (take_arguments(a, p, program_path(a, name)) < 0)
        return -1;
    add_environment(&l);
    return 0;
}
