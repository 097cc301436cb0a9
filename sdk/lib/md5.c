/*
 * MD5 (RFC 1321), only because the names of buildpack directories are made
 * with it (contract/stager.md C4, 2b) and a plugin should need no library for
 * that. Not for anything that has to withstand an attacker.
 *
 * Invariant: no state outside the stack, no allocation, any input length.
 */
#include "ccbridge/sdk.h"

#include <string.h>

#define BLOCK 64

/* floor(2^32 * |sin(i + 1)|), RFC 1321 3.4 */
static const uint32_t sines[BLOCK] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a,
    0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
    0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340,
    0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
    0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c,
    0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
    0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92,
    0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
    0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

/* How far each of the four steps of a round turns, and where the words of the
 * block are taken: word (first + step * i) mod 16. */
static const struct {
    unsigned char turns[4], step, first;
} rounds[4] = {
    {{7, 12, 17, 22}, 1, 0},
    {{5, 9, 14, 20}, 5, 1},
    {{4, 11, 16, 23}, 3, 5},
    {{6, 10, 15, 21}, 7, 0},
};

static uint32_t mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
    switch (round) {
    case 0:
        return (b & c) | (~b & d);
    case 1:
        return (d & b) | (~d & c);
    case 2:
        return b ^ c ^ d;
    default:
        return c ^ (b | ~d);
    }
}

static uint32_t word_at(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}

static void digest_block(uint32_t state[4], const unsigned char *block)
{
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    unsigned i;

    for (i = 0; i < BLOCK; i++) {
        unsigned round = i / 16;
        unsigned turn = rounds[round].turns[i % 4];
        unsigned word = (rounds[round].first + rounds[round].step * i) % 16;
        uint32_t sum =
            a + mix(round, b, c, d) + word_at(block + 4 * word) + sines[i];
        a = d;
        d = c;
        c = b;
        b += sum << turn | sum >> (32 - turn);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void ccb_md5_hex(struct ccb_slice text, char out[33])
{
    static const char hex[] = "0123456789abcdef";
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    unsigned char tail[2 * BLOCK] = {0};
    uint64_t bits = (uint64_t)text.len * 8;
    size_t rest = text.len % BLOCK, end, i;

    for (i = 0; i + BLOCK <= text.len; i += BLOCK)
        digest_block(state, bytes + i);
    if (rest > 0)
        memcpy(tail, bytes + i, rest);
    tail[rest] = 0x80;
    end = rest < BLOCK - 8 ? BLOCK : 2 * BLOCK;
    for (i = 0; i < 8; i++)
        tail[end - 8 + i] = (unsigned char)(bits >> (8 * i));
    for (i = 0; i < end; i += BLOCK)
        digest_block(state, tail + i);
    for (i = 0; i < 16; i++) {
        unsigned byte = state[i / 4] >> (8 * (i % 4)) & 0xff;
        out[2 * i] = hex[byte >> 4];
        out[2 * i + 1] = hex[byte & 15];
    }
    out[32] = '\0';
}
