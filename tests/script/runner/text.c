/*
 * Growing text, pools, patterns and amounts (text.h).
 *
 * Invariant: text is always followed by a NUL that is not counted.
 */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *ccb_tool_alloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (p == NULL) {
        fputs("ccb-script: out of memory\n", stderr);
        abort();
    }
    return p;
}

char *ccb_tool_copy(const char *bytes, size_t len)
{
    char *p = ccb_tool_alloc(len + 1);
    if (len > 0)
        memcpy(p, bytes, len);
    return p;
}

static void reserve(struct ccb_text *t, size_t more)
{
    size_t need = t->len + more + 1;
    if (need <= t->cap)
        return;
    size_t cap = t->cap ? t->cap : 64;
    while (cap < need)
        cap *= 2;
    char *p = realloc(t->ptr, cap);
    if (p == NULL) {
        fputs("ccb-script: out of memory\n", stderr);
        abort();
    }
    t->ptr = p;
    t->cap = cap;
}

void ccb_text_add(struct ccb_text *t, const void *bytes, size_t len)
{
    reserve(t, len);
    if (len > 0)
        memcpy(t->ptr + t->len, bytes, len);
    t->len += len;
    t->ptr[t->len] = '\0';
}

void ccb_text_adds(struct ccb_text *t, const char *cstr)
{
    ccb_text_add(t, cstr, strlen(cstr));
}

void ccb_text_addf(struct ccb_text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n > 0) {
        reserve(t, (size_t)n);
        vsnprintf(t->ptr + t->len, (size_t)n + 1, format, again);
        t->len += (size_t)n;
    }
    va_end(again);
}

void ccb_text_show(struct ccb_text *t, const char *bytes, size_t len,
                   size_t max)
{
    static const char escapes[] = "\r\n\t";
    static const char letters[] = "rnt";
    for (size_t i = 0; i < len && i < max; i++) {
        unsigned char c = (unsigned char)bytes[i];
        const char *e = c ? strchr(escapes, c) : NULL;
        if (e != NULL)
            ccb_text_addf(t, "\\%c", letters[e - escapes]);
        else if (c < 0x20 || c == 0x7f)
            ccb_text_addf(t, "\\x%02x", c);
        else
            ccb_text_add(t, bytes + i, 1);
    }
    if (len > max)
        ccb_text_addf(t, "... (%zu bytes)", len);
}

void ccb_text_clear(struct ccb_text *t)
{
    t->len = 0;
    if (t->ptr != NULL)
        t->ptr[0] = '\0';
}

void ccb_text_free(struct ccb_text *t)
{
    free(t->ptr);
    memset(t, 0, sizeof(*t));
}

int ccb_text_read_file(struct ccb_text *t, const char *path)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return -1;
    char buffer[16384];
    size_t n;
    ccb_text_add(t, "", 0);
    while ((n = fread(buffer, 1, sizeof(buffer), f)) > 0)
        ccb_text_add(t, buffer, n);
    int failed = ferror(f);
    fclose(f);
    return failed ? -1 : 0;
}

struct ccb_pool_block {
    struct ccb_pool_block *next;
    _Alignas(16) char bytes[];
};

void *ccb_pool_alloc(struct ccb_pool *pool, size_t size)
{
    struct ccb_pool_block *b = ccb_tool_alloc(sizeof(*b) + size);
    b->next = pool->first;
    pool->first = b;
    return b->bytes;
}

char *ccb_pool_copy(struct ccb_pool *pool, const char *bytes, size_t len)
{
    char *p = ccb_pool_alloc(pool, len + 1);
    if (len > 0)
        memcpy(p, bytes, len);
    return p;
}

void ccb_pool_free(struct ccb_pool *pool)
{
    while (pool->first != NULL) {
        struct ccb_pool_block *b = pool->first;
        pool->first = b->next;
        free(b);
    }
}

int ccb_tool_like(const char *pattern, const char *text)
{
    const char *star = NULL, *retry = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star;
            text = ++retry;
        } else {
            return 0;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

const char *ccb_tool_find(const char *hay, size_t len, const char *needle,
                          size_t needle_len)
{
    if (needle_len == 0)
        return hay ? hay : "";
    if (len < needle_len)
        return NULL;
    return memmem(hay, len, needle, needle_len);
}

/* A decimal number, then the rest; -1 when there is no number. */
static long long number(const char *text, const char **rest)
{
    if (!isdigit((unsigned char)*text))
        return -1;
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    *rest = end;
    return errno ? -1 : n;
}

int ccb_tool_duration(const char *text, long long *ms)
{
    static const struct {
        const char *unit;
        long long factor;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}};
    const char *rest;
    long long n = number(text, &rest);
    for (size_t i = 0; n >= 0 && i < sizeof(units) / sizeof(*units); i++) {
        if (strcmp(rest, units[i].unit) == 0) {
            *ms = n * units[i].factor;
            return 0;
        }
    }
    return -1;
}

int ccb_tool_size(const char *text, uint64_t *bytes)
{
    static const char units[] = "kMG";
    const char *rest;
    long long n = number(text, &rest);
    if (n < 0)
        return -1;
    *bytes = (uint64_t)n;
    if (*rest == '\0')
        return 0;
    const char *unit = strchr(units, *rest);
    if (unit == NULL || rest[1] != '\0')
        return -1;
    *bytes <<= 10 * (unit - units + 1);
    return 0;
}
