/* Bytes as hexadecimal digits, and digits as values. No state. */
#ifndef CCB_BASE_HEX_H
#define CCB_BASE_HEX_H

#include <stddef.h>

/* Lower case, 2 * len digits and a NUL. */
void ccb_hex_format(char *out, const void *bytes, size_t len);
/* 0 to 15 of a digit in any case; -1: it is none. */
int ccb_hex_digit(char c);

#endif
