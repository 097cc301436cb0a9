/* Finds DIR/../WHAT of the running program, or the installed place. */
#include "daemon/places.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *what, *installed;
} places[] = {
    {"plugins", CCB_PLUGIN_DIR},
    {"bundles", CCB_BUNDLE_DIR},
    {"buildpacks", CCB_BUILDPACK_DIR},
};

static int find_beside(const char *what, char *out, size_t size)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;
    if (n <= 0)
        return 0;
    self[n] = '\0';
    slash = strrchr(self, '/');
    if (!slash)
        return 0;
    *slash = '\0';
    if ((size_t)snprintf(out, size, "%s/../%s", self, what) >= size)
        return 0;
    return access(out, R_OK | X_OK) == 0;
}

void ccb_place_find(const char *what, char *out, size_t size)
{
    size_t i;
    if (find_beside(what, out, size))
        return;
    for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (strcmp(places[i].what, what) == 0)
            snprintf(out, size, "%s", places[i].installed);
}
