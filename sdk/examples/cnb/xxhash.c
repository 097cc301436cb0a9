/* XXH64 as its specification tells it: four lanes of 8 bytes, what is left in
 * steps of 8, 4 and 1, and a mix at the end. */
#include "xxhash.h"

#include <inttypes.h>
#include <stdio.h>

#define P1 UINT64_C(0x9E3779B185EBCA87)
#define P2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define P3 UINT64_C(0x165667B19E3779F9)
#define P4 UINT64_C(0x85EBCA77C2B2AE63)
#define P5 UINT64_C(0x27D4EB2F165667C5)

static uint64_t turn(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

/* Little-endian, wherever it lies. */
static uint64_t take(const unsigned char *at, int bytes)
{
    uint64_t x = 0;

    for (int i = bytes - 1; i >= 0; i--)
        x = x << 8 | at[i];
    return x;
}

static uint64_t mix(uint64_t lane, uint64_t input)
{
    return turn(lane + input * P2, 31) * P1;
}

/* The lanes over all blocks of 32 bytes; `at` goes behind them. */
static uint64_t hash_blocks(const unsigned char **at, const unsigned char *end)
{
    static const int bits[] = {1, 7, 12, 18};
    uint64_t lanes[] = {P1 + P2, P2, 0, 0 - P1}, hash = 0;

    for (; end - *at >= 32; *at += 32)
        for (int i = 0; i < 4; i++)
            lanes[i] = mix(lanes[i], take(*at + 8 * i, 8));
    for (int i = 0; i < 4; i++)
        hash += turn(lanes[i], bits[i]);
    for (int i = 0; i < 4; i++)
        hash = (hash ^ mix(0, lanes[i])) * P1 + P4;
    return hash;
}

static uint64_t hash_text(const unsigned char *at, size_t len)
{
    const unsigned char *end = at + len;
    uint64_t hash = len >= 32 ? hash_blocks(&at, end) : P5;

    hash += len;
    for (; end - at >= 8; at += 8)
        hash = turn(hash ^ mix(0, take(at, 8)), 27) * P1 + P4;
    if (end - at >= 4) {
        hash = turn(hash ^ take(at, 4) * P1, 23) * P2 + P3;
        at += 4;
    }
    for (; at < end; at++)
        hash = turn(hash ^ *at * P5, 11) * P1;
    hash = (hash ^ hash >> 33) * P2;
    hash = (hash ^ hash >> 29) * P3;
    return hash ^ hash >> 32;
}

void cnb_xxhash_hex(struct ccb_slice text, char out[17])
{
    snprintf(out, 17, "%016" PRIx64,
             hash_text((const unsigned char *)text.ptr, text.len));
}
