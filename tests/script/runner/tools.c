/*
 * Statements about the script itself: files, certificates, skipping
 * (tools.h).
 *
 * Invariant: a path that is written to is absolute or lies in ${tmp}.
 */
#include "tools.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "match.h"

static int with_args(struct ccb_ctx *ctx, const struct ccb_stmt *s,
                     int (*act)(struct ccb_args *))
{
    struct ccb_pool pool = {0};
    struct ccb_args a = ccb_args_begin(ctx, s, &pool);
    a.next = 1;
    int code = act(&a);
    ccb_pool_free(&pool);
    return code;
}

/* ---- skip if|unless CONDITION ------------------------------------------- */

static int has_file(const char *path)
{
    return access(path, F_OK) == 0;
}

static int has_program(const char *name)
{
    const char *path = getenv("PATH");
    struct ccb_text full = {0};
    int found = strchr(name, '/') != NULL && access(name, X_OK) == 0;
    while (!found && path != NULL && *path != '\0') {
        size_t len = strcspn(path, ":");
        ccb_text_clear(&full);
        ccb_text_add(&full, path, len);
        ccb_text_addf(&full, "/%s", name);
        found = access(full.ptr, X_OK) == 0;
        path += len + (path[len] == ':');
    }
    ccb_text_free(&full);
    return found;
}

static int has_env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0';
}

static const struct {
    const char *name;
    int (*holds)(const char *);
} conditions[] = {
    {"file", has_file}, {"program", has_program}, {"env", has_env}};

static int take_condition(struct ccb_args *a, int *holds)
{
    const char *value;
    if (ccb_args_keyword(a, "root")) {
        *holds = geteuid() == 0;
        return 0;
    }
    for (size_t i = 0; i < sizeof(conditions) / sizeof(*conditions); i++) {
        if (!ccb_args_keyword(a, conditions[i].name))
            continue;
        if (ccb_args_text(a, &value, "its name") < 0)
            return -1;
        *holds = conditions[i].holds(value);
        return 0;
    }
    return ccb_args_unknown(a, "a condition (file, program, env, root)");
}

static int skip(struct ccb_args *a)
{
    int unless = ccb_args_keyword(a, "unless"), holds = 0;
    if (!unless && !ccb_args_keyword(a, "if"))
        return ccb_args_unknown(a, "`if` or `unless`");
    if (take_condition(a, &holds) < 0 || ccb_args_end(a) < 0)
        return -1;
    a->ctx->skipped = holds != unless;
    if (a->ctx->skipped)
        printf("%s:%d: skipped\n", a->stmt->file, a->stmt->line);
    return 0;
}

int ccb_tools_skip(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    return with_args(ctx, s, skip);
}

/* ---- deadline, say, check ----------------------------------------------- */

static int deadline(struct ccb_args *a)
{
    if (ccb_args_duration(a, &a->ctx->run->deadline) < 0)
        return -1;
    return ccb_args_end(a);
}

int ccb_tools_deadline(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    return with_args(ctx, s, deadline);
}

static int say(struct ccb_args *a)
{
    const char *text;
    if (ccb_args_text(a, &text, "the text") < 0 || ccb_args_end(a) < 0)
        return -1;
    printf("%s\n", text);
    return 0;
}

int ccb_tools_say(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    return with_args(ctx, s, say);
}

/* check VALUE [OPERATOR] VALUE */
static int check(struct ccb_args *a)
{
    struct ccb_value v;
    struct ccb_text why = {0};
    if (ccb_args_value(a, &v, "the value") < 0)
        return -1;
    int holds = ccb_match_text(a, v.ptr, v.len, &why);
    if (holds == 0)
        ccb_fail(a->ctx, "%s", why.ptr);
    ccb_text_free(&why);
    return holds == 1 ? ccb_args_end(a) : -1;
}

int ccb_tools_check(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    return with_args(ctx, s, check);
}

/* ---- files -------------------------------------------------------------- */

static char *tmp_path(struct ccb_args *a, const char *path)
{
    struct ccb_text full = {0};
    if (path[0] != '/')
        ccb_text_addf(&full, "%s/", a->ctx->run->tmp);
    ccb_text_adds(&full, path);
    char *copy = ccb_pool_copy(a->pool, full.ptr, full.len);
    ccb_text_free(&full);
    return copy;
}

static void make_parents(char *path)
{
    for (char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        mkdir(path, 0755);
        *p = '/';
    }
}

static int write_out(struct ccb_args *a, const char *path,
                     const struct ccb_content *c, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    char block[16384];
    if (f == NULL)
        return ccb_fail(a->ctx, "%s can't be written: %s", path,
                        strerror(errno));
    size_t bad = fwrite(c->ptr ? c->ptr : "", 1, c->len, f) != c->len;
    for (uint64_t at = 0; at < c->generated && !bad; at += sizeof(block)) {
        size_t n = c->generated - at < sizeof(block)
                       ? (size_t)(c->generated - at)
                       : sizeof(block);
        ccb_tool_generate(block, at, n);
        bad = fwrite(block, 1, n, f) != n;
    }
    fchmod(fd, mode);
    bad |= fclose(f) != 0;
    return bad ? ccb_fail(a->ctx, "%s can't be written", path) : 0;
}

/* write PATH TEXT | write PATH bytes N | write PATH directory, [mode M] */
static int write_file(struct ccb_args *a)
{
    const char *name, *mode = "0644";
    struct ccb_content content = {0};
    if (ccb_args_text(a, &name, "the path") < 0)
        return -1;
    char *path = tmp_path(a, name);
    make_parents(path);
    int directory = ccb_args_keyword(a, "directory"), code = 0;
    if (directory)
        mode = "0755";
    else if (ccb_args_keyword(a, "bytes"))
        code = ccb_content_bytes(a, &content);
    else
        code = ccb_content_text(a, &content);
    if (code == 0 && ccb_args_keyword(a, "mode"))
        code = ccb_args_text(a, &mode, "the mode");
    if (code < 0 || ccb_args_end(a) < 0)
        return -1;
    mode_t bits = (mode_t)strtoul(mode, NULL, 8);
    if (!directory)
        return write_out(a, path, &content, bits);
    if (mkdir(path, bits) < 0 && errno != EEXIST)
        return ccb_fail(a->ctx, "%s can't be made: %s", path, strerror(errno));
    return chmod(path, bits) < 0 ? ccb_fail(a->ctx, "mode of %s", path) : 0;
}

int ccb_tools_write(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    return with_args(ctx, s, write_file);
}

static int remove_file(struct ccb_args *a)
{
    const char *name;
    if (ccb_args_text(a, &name, "the path") < 0 || ccb_args_end(a) < 0)
        return -1;
    const char *path = tmp_path(a, name);
    if (remove(path) < 0)
        return ccb_fail(a->ctx, "%s can't be removed: %s", path,
                        strerror(errno));
    return 0;
}

int ccb_tools_remove(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    return with_args(ctx, s, remove_file);
}

int ccb_tools_expect_file(struct ccb_args *a)
{
    const char *name;
    struct ccb_text text = {0};
    if (ccb_args_text(a, &name, "the path") < 0)
        return -1;
    const char *path = tmp_path(a, name);
    if (ccb_args_keyword(a, "absent"))
        return has_file(path) ? ccb_fail(a->ctx, "%s is there", path)
                              : ccb_args_end(a);
    if (!has_file(path))
        return ccb_fail(a->ctx, "%s is not there", path);
    if (!ccb_args_more(a))
        return 0;
    if (ccb_text_read_file(&text, path) < 0) {
        ccb_text_free(&text);
        return ccb_fail(a->ctx, "%s can't be read: %s", path, strerror(errno));
    }
    struct ccb_subject s = ccb_match_bytes(path, text.ptr, text.len);
    int code = ccb_match_body(a, &s);
    ccb_text_free(&text);
    return code;
}

/* ---- certificate NAME [ca] [by NAME] [names ALT] [expired] -------------- */

static int certificate(struct ccb_args *a)
{
    struct ccb_certificate c = {.names = "IP:127.0.0.1,DNS:localhost",
                                .days = 2};
    struct ccb_text why = {0};
    int code = ccb_args_text(a, &c.name, "the certificate's name");
    if (code == 0)
        c.path = tmp_path(a, c.name);
    if (code == 0 && ccb_args_keyword(a, "ca"))
        c.ca = 1;
    if (code == 0 && ccb_args_keyword(a, "by")) {
        const char *issuer;
        code = ccb_args_text(a, &issuer, "the issuer's name");
        c.issuer = code == 0 ? tmp_path(a, issuer) : NULL;
    }
    if (code == 0 && ccb_args_keyword(a, "names"))
        code = ccb_args_text(a, &c.names, "the names (IP:..,DNS:..)");
    if (code == 0 && ccb_args_keyword(a, "expired"))
        c.days = -1;
    if (code == 0)
        code = ccb_args_end(a);
    if (code == 0 && ccb_tls_make(&c, &why) < 0)
        code = ccb_fail(a->ctx, "%s", why.ptr);
    ccb_text_free(&why);
    return code;
}

int ccb_tools_certificate(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    return with_args(ctx, s, certificate);
}
