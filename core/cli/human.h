/* Sizes, ages and times as people write and read them. */
#ifndef CCB_CLI_HUMAN_H
#define CCB_CLI_HUMAN_H

#include <stddef.h>
#include <stdint.h>

/* "0 B", "999 B", "1.5 KB", "256 MB", "1 GB": powers of 1024, one decimal
 * below ten unless it is zero. `out` of 16 bytes is enough for any. */
void ccb_cli_format_size(uint64_t bytes, char *out, size_t size);

/* "256M", "1G", "1GB", "512": megabytes without a unit. 0 and out, or
 * CCB_INVALID for anything else, 0, or more than 2^31 - 1 MB. */
int ccb_cli_parse_megabytes(const char *text, int64_t *megabytes);

/* Seconds as "12s", "3m 5s", "2h 7m", "4d 1h"; negative as "0s". */
void ccb_cli_format_age(int64_t seconds, char *out, size_t size);

/* RFC 3339 with or without a fraction, in UTC or with an offset, as
 * nanoseconds since 1970. 0 or CCB_INVALID. */
int ccb_cli_parse_time(const char *text, int64_t *nanoseconds);

/* Local time to the millisecond: "2026-01-31T12:00:00.123+0100". */
void ccb_cli_format_time(int64_t nanoseconds, char *out, size_t size);

#endif
