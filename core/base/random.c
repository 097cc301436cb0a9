/* Random bytes and guids (random.h). */
#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/hex.h"

int ccb_random_bytes(void *out, size_t len, struct ccb_error *err)
{
    ssize_t got = getrandom(out, len, 0);

    if (got == (ssize_t)len)
        return 0;
    return ccb_error_set(err, CCB_IO, "the system gives no random bytes: %s",
                         got < 0 ? strerror(errno) : "too few");
}

int ccb_guid_make(char out[CCB_GUID_SIZE], struct ccb_error *err)
{
    static const size_t ends[] = {4, 6, 8, 10,
                                  16}; /* of the groups, in bytes */
    unsigned char b[16];
    size_t from = 0;
    int code = ccb_random_bytes(b, sizeof(b), err);

    if (code < 0)
        return code;
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        ccb_hex_format(out + 2 * from + i, b + from, ends[i] - from);
        from = ends[i];
        out[2 * from + i] = i + 1 < sizeof(ends) / sizeof(ends[0]) ? '-' : '\0';
    }
    return 0;
}
