/*
 * One step through UTF-8, as strict as Go's decoder: no overlong forms, no
 * surrogates, nothing past U+10FFFF. Inside base only.
 */
#ifndef CCB_BASE_UTF8_H
#define CCB_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length of the character at `text` (len > 0) and its code point, or 0
 * when the first byte starts no valid character. */
static inline size_t ccb_utf8_next(const char *text, size_t len, uint32_t *rune)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *byte = (const unsigned char *)text;
    size_t size;
    uint32_t value;

    if (byte[0] < 0x80) {
        *rune = byte[0];
        return 1;
    }
    size = byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : 2;
    if (byte[0] < 0xc2 || byte[0] > 0xf4 || size > len)
        return 0;
    value = byte[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (byte[i] & 0x3fu);
    }
    if (value < least[size] || value > 0x10ffff ||
        (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *rune = value;
    return size;
}

#endif
