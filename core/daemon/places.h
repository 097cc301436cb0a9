/* Where the parts of ccbridge lie: beside the running program, as in a build
 * tree, or where they were installed. */
#ifndef CCB_DAEMON_PLACES_H
#define CCB_DAEMON_PLACES_H

#include <stddef.h>

/* "plugins", "plugins.d", "bundles" or "buildpacks"; in `out`, of at least
 * PATH_MAX. */
void ccb_place_find(const char *what, char *out, size_t size);

#endif
