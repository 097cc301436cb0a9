/*
 * CRC-32, eight bytes a turn over eight tables, for archives of gigabytes
 * (RFC 1952, 8). Invariant: the tables are made once, before the first sum.
 */
#include "cell/archive_crc.h"

#include <string.h>
#include <uv.h>

#define POLYNOMIAL 0xedb88320u

static uint32_t tables[8][256];
static uv_once_t tables_once = UV_ONCE_INIT;

static void make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t sum = i;

        for (int bit = 0; bit < 8; bit++)
            sum = (sum >> 1) ^ ((sum & 1) != 0 ? POLYNOMIAL : 0);
        tables[0][i] = sum;
    }
    for (size_t t = 1; t < 8; t++)
        for (size_t i = 0; i < 256; i++)
            tables[t][i] =
                (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xff];
}

static uint32_t load(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
           (uint32_t)at[3] << 24;
}

uint32_t ccb_archive_crc(uint32_t crc, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;

    uv_once(&tables_once, make_tables);
    crc = ~crc;
    for (; len >= 8; at += 8, len -= 8) {
        uint32_t low = crc ^ load(at), high = load(at + 4);

        crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^
              tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24] ^
              tables[3][high & 0xff] ^ tables[2][high >> 8 & 0xff] ^
              tables[1][high >> 16 & 0xff] ^ tables[0][high >> 24];
    }
    for (; len > 0; at++, len--)
        crc = (crc >> 8) ^ tables[0][(crc ^ *at) & 0xff];
    return ~crc;
}
