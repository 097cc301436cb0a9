/*
 * Numbers as they pass through VCAP_APPLICATION: doubles, printed with the
 * fewest digits that give the same double back (contract/lifecycle-buildpack.md
 * A10, 4). Invariant: the text is JSON.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher.h"

/* Digits d1 d2 ... with the value d1.d2... times ten to the power. */
struct decimal {
    char digits[20];
    size_t count;
    int power;
};

static void take_apart(double number, struct decimal *out)
{
    char text[40];
    const char *c = text;

    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*e", digits - 1, number);
        if (strtod(text, NULL) == number)
            break;
    }
    out->count = 0;
    for (; *c != 'e' && *c != '\0'; c++) {
        if (*c != '.' && out->count < sizeof(out->digits))
            out->digits[out->count++] = *c;
    }
    out->power = *c == 'e' ? (int)strtol(c + 1, NULL, 10) : 0;
    while (out->count > 1 && out->digits[out->count - 1] == '0')
        out->count--;
}

static void put_exponent(struct ccb_buf *out, const struct decimal *decimal)
{
    (void)ccb_buf_putc(out, decimal->digits[0]);
    if (decimal->count > 1) {
        (void)ccb_buf_putc(out, '.');
        (void)ccb_buf_append(out, decimal->digits + 1, decimal->count - 1);
    }
    /* Above zero at least two digits: but from 21 on it has them anyway. */
    (void)ccb_buf_printf(out, "e%+d", decimal->power);
}

static void put_zeros(struct ccb_buf *out, int count)
{
    while (count-- > 0)
        (void)ccb_buf_putc(out, '0');
}

static void put_fixed(struct ccb_buf *out, const struct decimal *decimal)
{
    int count = (int)decimal->count, whole = decimal->power + 1;

    if (whole <= 0) {
        (void)ccb_buf_put(out, "0.");
        put_zeros(out, -whole);
        (void)ccb_buf_append(out, decimal->digits, decimal->count);
    } else if (count <= whole) {
        (void)ccb_buf_append(out, decimal->digits, decimal->count);
        put_zeros(out, whole - count);
    } else {
        (void)ccb_buf_append(out, decimal->digits, (size_t)whole);
        (void)ccb_buf_putc(out, '.');
        (void)ccb_buf_append(out, decimal->digits + whole,
                             decimal->count - (size_t)whole);
    }
}

size_t ccb_vcap_format_number(double number, char *out, size_t size)
{
    struct ccb_buf text = {0};
    struct decimal decimal;
    double magnitude = fabs(number);
    size_t len;

    take_apart(magnitude, &decimal);
    if (signbit(number))
        (void)ccb_buf_putc(&text, '-');
    if (magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21))
        put_exponent(&text, &decimal);
    else
        put_fixed(&text, &decimal);
    len = text.failed || text.len >= size ? 0 : text.len;
    if (len > 0)
        memcpy(out, text.data, len);
    out[len] = '\0';
    ccb_buf_destroy(&text);
    return len;
}

bool ccb_vcap_parse_integer(const char *text, int64_t *out)
{
    bool negative = *text == '-';
    int64_t value = 0;

    text += *text == '-' || *text == '+';
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        int digit = *text - '0';

        if (digit < 0 || digit > 9 ||
            __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return false;
    }
    /* Summed up below zero, where there is one more. */
    if (!negative && value == INT64_MIN)
        return false;
    *out = negative ? value : -value;
    return true;
}
