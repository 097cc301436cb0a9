/* The known word that was probably meant by a mistyped one. */
#ifndef CCB_BASE_NEAREST_H
#define CCB_BASE_NEAREST_H

#include <stddef.h>

/* How many letters must be added, taken away, changed or swapped with their
 * neighbour. Words over 31 bytes count as far from everything. */
size_t ccb_nearest_distance(const char *a, const char *b);

/* Among words one by one: keep `best` NULL at first. A word counts only when
 * at most a third of it (and one letter at least) is wrong; of equally near
 * ones the one that begins as typed, else the first. */
struct ccb_nearest {
    const char *typed, *best;
    size_t distance;
};
void ccb_nearest_try(struct ccb_nearest *nearest, const char *known);

#endif
