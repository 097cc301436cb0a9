/* Whole numbers in text (number.h). */
#include "base/number.h"

#include <stdbool.h>

#include "ccbridge/error.h"

int ccb_number_parse(struct ccb_slice text, int64_t *out)
{
    bool negative = text.len > 0 && text.ptr[0] == '-', large = false;
    size_t i = text.len > 0 && (negative || text.ptr[0] == '+');
    int64_t value = 0;

    if (i == text.len)
        return CCB_INVALID;
    for (; i < text.len; i++) {
        int digit = text.ptr[i] - '0';

        if (digit < 0 || digit > 9)
            return CCB_INVALID;
        large = large || __builtin_mul_overflow(value, 10, &value) ||
                __builtin_sub_overflow(value, digit, &value);
    }
    /* The value was built negative, since that side reaches one further. */
    if (!negative)
        large = large || __builtin_sub_overflow(0, value, &value);
    if (large)
        return CCB_TOO_LARGE;
    *out = value;
    return 0;
}
