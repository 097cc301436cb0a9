/*
 * [OPERATOR] VALUE against a text (match.h).
 *
 * Invariant: no operator means equality; what does not hold is described with
 * both texts.
 */
#include "match.h"

#include <stdlib.h>
#include <string.h>

struct texts {
    const char *found, *expected;
    size_t found_len, expected_len;
};

static int is_equal(const struct texts *t)
{
    return t->found_len == t->expected_len &&
           (t->found_len == 0 ||
            memcmp(t->found, t->expected, t->found_len) == 0);
}

static int is_other(const struct texts *t)
{
    return !is_equal(t);
}

static int is_like(const struct texts *t)
{
    return ccb_tool_like(t->expected, t->found);
}

static int has(const struct texts *t)
{
    return ccb_tool_find(t->found, t->found_len, t->expected,
                         t->expected_len) != NULL;
}

static int lacks(const struct texts *t)
{
    return !has(t);
}

static int starts(const struct texts *t)
{
    return t->found_len >= t->expected_len &&
           memcmp(t->found, t->expected, t->expected_len) == 0;
}

static int ends(const struct texts *t)
{
    return t->found_len >= t->expected_len &&
           memcmp(t->found + t->found_len - t->expected_len, t->expected,
                  t->expected_len) == 0;
}

static long long order(const struct texts *t)
{
    long long a = strtoll(t->found, NULL, 10);
    long long b = strtoll(t->expected, NULL, 10);
    return a < b ? -1 : a > b;
}

static int is_less(const struct texts *t)
{
    return order(t) < 0;
}

static int is_at_most(const struct texts *t)
{
    return order(t) <= 0;
}

static int is_more(const struct texts *t)
{
    return order(t) > 0;
}

static int is_at_least(const struct texts *t)
{
    return order(t) >= 0;
}

static const struct {
    const char *name;
    int (*holds)(const struct texts *t);
} operators[] = {
    {"==", is_equal},  {"!=", is_other},    {"like", is_like},
    {"contains", has}, {"lacks", lacks},    {"starts", starts},
    {"ends", ends},    {"<", is_less},      {"<=", is_at_most},
    {">", is_more},    {">=", is_at_least},
};

static size_t take_operator(struct ccb_args *a)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++)
        if (ccb_args_keyword(a, operators[i].name))
            return i;
    return 0;
}

int ccb_match_text(struct ccb_args *a, const char *text, size_t len,
                   struct ccb_text *why)
{
    size_t op = take_operator(a);
    struct ccb_value v;
    if (ccb_args_value(a, &v, "the expected value") < 0)
        return -1;
    struct texts t = {.found = text,
                      .found_len = len,
                      .expected = v.ptr,
                      .expected_len = v.len};
    if (operators[op].holds(&t))
        return 1;
    ccb_text_addf(why, "expected %s ", operators[op].name);
    ccb_text_show(why, v.ptr, v.len, 1000);
    ccb_text_adds(why, "\n    found ");
    ccb_text_show(why, text, len, 1000);
    return 0;
}
