/* XXH64 with the seed 0, by which the CNB builder finds the system buildpacks
 * (contract: the folder's name is the hash of the buildpack's key). */
#ifndef CNB_XXHASH_H
#define CNB_XXHASH_H

#include "ccbridge/slice.h"

/* Sixteen lower-case hex digits and a NUL. */
void cnb_xxhash_hex(struct ccb_slice text, char out[17]);

#endif
