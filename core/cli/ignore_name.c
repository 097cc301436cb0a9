/*
 * One name against one pattern: stars, question marks, brackets, backslashes.
 * Bytes, not characters, as git has it; a bracket or backslash that is left
 * open matches nothing.
 */
#include "cli/ignore.h"

#include <ctype.h>
#include <string.h>

/* What one step of a pattern takes: its length, and whether it fits a byte.
 * Length 0: the pattern is broken. */
struct step {
    size_t len;
    bool fits;
};

static const struct {
    const char *name;
    int (*is)(int c);
} classes[] = {
    {"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank},
    {"cntrl", iscntrl}, {"digit", isdigit}, {"graph", isgraph},
    {"lower", islower}, {"print", isprint}, {"punct", ispunct},
    {"space", isspace}, {"upper", isupper}, {"xdigit", isxdigit},
};

/* "[:name:]" at the front of p. */
static struct step match_class(struct ccb_slice p, unsigned char c)
{
    struct step step = {0, false};
    const char *end = NULL;
    size_t i, len;

    for (i = 2; i + 1 < p.len && !end; i++)
        if (p.ptr[i] == ':' && p.ptr[i + 1] == ']')
            end = p.ptr + i;
    if (!end)
        return step;
    len = (size_t)(end - p.ptr) - 2;
    for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (ccb_slice_is(ccb_slice_make(p.ptr + 2, len), classes[i].name)) {
            step.len = len + 4;
            step.fits = classes[i].is(c) != 0;
        }
    return step;
}

/* One literal character of a bracket, with its backslash. */
static size_t take_literal(struct ccb_slice p, size_t at, unsigned char *c)
{
    if (at < p.len && p.ptr[at] == '\\')
        at++;
    if (at >= p.len)
        return 0;
    *c = (unsigned char)p.ptr[at];
    return at + 1;
}

/* A character or a range "a-z" of a bracket at `at`. */
static struct step match_range(struct ccb_slice p, size_t at, unsigned char c)
{
    struct step step = {0, false};
    unsigned char low = 0, high;
    size_t next = take_literal(p, at, &low);

    high = low;
    if (next > 0 && next + 1 < p.len && p.ptr[next] == '-' &&
        p.ptr[next + 1] != ']')
        next = take_literal(p, next + 1, &high);
    if (next == 0)
        return step;
    step.len = next - at;
    step.fits = c >= low && c <= high;
    return step;
}

static struct step match_bracket(struct ccb_slice p, unsigned char c)
{
    struct step step = {0, false};
    bool negated = p.len > 1 && (p.ptr[1] == '!' || p.ptr[1] == '^');
    size_t first = negated ? 2 : 1, at = first;

    while (at < p.len && (p.ptr[at] != ']' || at == first)) {
        struct step part;

        if (p.ptr[at] == '[' && at + 1 < p.len && p.ptr[at + 1] == ':')
            part = match_class(ccb_slice_make(p.ptr + at, p.len - at), c);
        else
            part = match_range(p, at, c);
        if (part.len == 0)
            return step;
        step.fits |= part.fits;
        at += part.len;
    }
    if (at >= p.len)
        return step;
    step.fits ^= negated;
    step.len = at + 1;
    return step;
}

static struct step match_one(struct ccb_slice p, unsigned char c)
{
    struct step step = {1, false};

    switch (p.ptr[0]) {
    case '?':
        step.fits = true;
        break;
    case '[':
        return match_bracket(p, c);
    case '\\':
        step.len = p.len > 1 ? 2 : 0;
        step.fits = p.len > 1 && (unsigned char)p.ptr[1] == c;
        break;
    default:
        step.fits = (unsigned char)p.ptr[0] == c;
        break;
    }
    return step;
}

/* Where the pattern goes on behind its stars. */
static size_t skip_stars(struct ccb_slice pattern, size_t at)
{
    while (at < pattern.len && pattern.ptr[at] == '*')
        at++;
    return at;
}

bool ccb_ignore_match_name(struct ccb_slice pattern, struct ccb_slice name)
{
    size_t at = 0, i = 0, star = 0, star_i = 0;
    bool starred = false;

    while (i < name.len) {
        struct step step = {0, false};

        if (at < pattern.len && pattern.ptr[at] == '*') {
            at = star = skip_stars(pattern, at);
            star_i = i;
            starred = true;
            continue;
        }
        if (at < pattern.len)
            step = match_one(ccb_slice_make(pattern.ptr + at, pattern.len - at),
                             (unsigned char)name.ptr[i]);
        if (step.len > 0 && step.fits) {
            at += step.len;
            i++;
        } else if (starred) {
            at = star;
            i = ++star_i;
        } else {
            return false;
        }
    }
    return skip_stars(pattern, at) == pattern.len;
}
