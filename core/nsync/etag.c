/*
 * Which of two etags is newer. CC makes them of the time of the app's last
 * change, "1440417600.125"; they are compared digit by digit, as a double
 * would not tell later ones apart.
 */
#include "nsync/turn.h"

/* A decimal without leading zeros, in two runs of digits. */
struct decimal {
    struct ccb_slice whole, fraction;
};

static size_t count_digits(struct ccb_slice text)
{
    size_t count = 0;
    while (count < text.len && text.ptr[count] >= '0' && text.ptr[count] <= '9')
        count++;
    return count;
}

static struct ccb_slice skip(struct ccb_slice text, size_t count)
{
    return ccb_slice_make(text.ptr + count, text.len - count);
}

static bool read_decimal(struct ccb_slice text, struct decimal *out)
{
    size_t count = count_digits(text);
    if (count == 0)
        return false;
    out->whole = ccb_slice_make(text.ptr, count);
    while (out->whole.len > 0 && out->whole.ptr[0] == '0')
        out->whole = skip(out->whole, 1);
    text = skip(text, count);
    if (text.len == 0) {
        out->fraction = text;
        return true;
    }
    if (text.ptr[0] != '.')
        return false;
    out->fraction = skip(text, 1);
    count = count_digits(out->fraction);
    return count > 0 && count == out->fraction.len;
}

static int compare_whole(struct ccb_slice a, struct ccb_slice b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len ? memcmp(a.ptr, b.ptr, a.len) : 0;
}

/* Digits that are not there are zeros. */
static int compare_fraction(struct ccb_slice a, struct ccb_slice b)
{
    size_t i;
    for (i = 0; i < a.len || i < b.len; i++) {
        char in_a = i < a.len ? a.ptr[i] : '0';
        char in_b = i < b.len ? b.ptr[i] : '0';
        if (in_a != in_b)
            return in_a < in_b ? -1 : 1;
    }
    return 0;
}

bool ccb_etag_may_replace(struct ccb_slice mine, struct ccb_slice theirs)
{
    struct decimal a, b;
    int order;
    if (!read_decimal(mine, &a) || !read_decimal(theirs, &b))
        return true;
    order = compare_whole(a.whole, b.whole);
    if (order == 0)
        order = compare_fraction(a.fraction, b.fraction);
    return order >= 0;
}
