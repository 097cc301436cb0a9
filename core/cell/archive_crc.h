/*
 * The CRC-32 of gzip (RFC 1952, 8), for what libarchive leaves unchecked.
 * Threads: any.
 */
#ifndef CCB_CELL_ARCHIVE_CRC_H
#define CCB_CELL_ARCHIVE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from `crc`, which is 0 at first. */
uint32_t ccb_archive_crc(uint32_t crc, const void *bytes, size_t len);

#endif
