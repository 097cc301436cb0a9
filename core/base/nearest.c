/*
 * Nearest word, by the optimal string alignment distance. Three rows of fixed
 * size are enough, since command and flag names are short.
 */
#include "base/nearest.h"

#include <stdbool.h>
#include <string.h>

#define MAX_WORD 31
#define FAR 1000

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t ccb_nearest_distance(const char *a, const char *b)
{
    size_t rows[3][MAX_WORD + 1];
    size_t a_len = strlen(a), b_len = strlen(b), i, j;

    if (a_len > MAX_WORD || b_len > MAX_WORD)
        return FAR;
    for (j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (i = 1; i <= a_len; i++) {
        size_t *now = rows[i % 3], *last = rows[(i + 2) % 3];

        now[0] = i;
        for (j = 1; j <= b_len; j++) {
            now[j] = least(least(last[j], now[j - 1]) + 1,
                           last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], rows[(i + 1) % 3][j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

static bool begins(const char *known, const char *typed)
{
    return strncmp(known, typed, strlen(typed)) == 0;
}

void ccb_nearest_try(struct ccb_nearest *nearest, const char *known)
{
    size_t distance = ccb_nearest_distance(nearest->typed, known);
    size_t allowed = strlen(known) / 3;

    if (distance > (allowed > 0 ? allowed : 1))
        return;
    if (nearest->best && distance > nearest->distance)
        return;
    if (nearest->best && distance == nearest->distance &&
        !begins(known, nearest->typed))
        return;
    nearest->best = known;
    nearest->distance = distance;
}
