/*
 * Which names say that what they name is a secret. Used for members of JSON,
 * for arguments of commands and for parameters of URLs alike.
 */
#include "base/redact_name.h"

#include <stdint.h>
#include <string.h>

int ccb_redact_fold(struct ccb_slice name, char *out, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (c == '_' || c == '-')
            continue;
        if (name.len - i >= 2 && memcmp(name.ptr + i, "\xc5\xbf", 2) == 0) {
            c = 's';
            i += 1;
        } else if (name.len - i >= 3 &&
                   memcmp(name.ptr + i, "\xe2\x84\xaa", 3) == 0) {
            c = 'k';
            i += 2;
        } else if (c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        }
        if (used + 1 >= size)
            return 0;
        out[used++] = c == '\0' ? ' ' : c; /* a NUL must not hide the rest */
    }
    out[used] = '\0';
    return 1;
}

/* Every key of a message comes by here; a first letter in a set of seven is a
 * cheaper question than ten searches. */
int ccb_redact_names_secret(const char *folded)
{
    static const char *const parts[] = {
        "password", "passwd",     "secret",        "token",     "privatekey",
        "hostkey",  "credential", "authorization", "signature", "dockeremail"};
    const uint32_t firsts = 1u << ('p' - 'a') | 1u << ('s' - 'a') |
                            1u << ('t' - 'a') | 1u << ('h' - 'a') |
                            1u << ('c' - 'a') | 1u << ('a' - 'a') |
                            1u << ('d' - 'a');

    for (; *folded != '\0'; folded++) {
        unsigned letter = (unsigned char)*folded - (unsigned)'a';

        if (letter > 25 || !(firsts >> letter & 1))
            continue;
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
            if (folded[0] == parts[i][0] && folded[1] == parts[i][1] &&
                strncmp(folded, parts[i], strlen(parts[i])) == 0)
                return 1;
        }
    }
    return 0;
}
