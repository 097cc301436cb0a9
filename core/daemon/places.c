/* Finds places beside the running program, or as configured. */
#include "daemon/places.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* As seen from the program's folder: in a build tree, and where both were
 * installed together, under whatever prefix; and as configured. */
static const struct {
    const char *what, *beside, *installed, *configured;
} places[] = {
    {"plugins", "../plugins", "../" CCB_LIB_DIR "/ccbridge/plugins",
     CCB_FULL_LIB_DIR "/ccbridge/plugins"},
    {"plugins.d", "../plugins.d", "../etc/ccbridge/plugins.d",
     CCB_FULL_CONFIG_DIR "/ccbridge/plugins.d"},
    {"bundles", "../bundles", "../" CCB_LIB_DIR "/ccbridge/bundles",
     CCB_FULL_LIB_DIR "/ccbridge/bundles"},
    {"buildpacks", "../buildpacks", "../" CCB_DATA_DIR "/ccbridge/buildpacks",
     CCB_FULL_DATA_DIR "/ccbridge/buildpacks"},
};

static bool find_program(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    char *slash;
    if (n <= 0)
        return false;
    out[n] = '\0';
    slash = strrchr(out, '/');
    if (slash)
        *slash = '\0';
    return slash != NULL;
}

/* One that can't be read is there, too: its reader says why, rather than that
 * another one is taken in silence. */
static bool is_there(const char *program, const char *relative, char *out,
                     size_t size)
{
    int n = snprintf(out, size, "%s/%s", program, relative);
    return n > 0 && (size_t)n < size &&
           (access(out, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR));
}

static void find(size_t place, char *out, size_t size)
{
    char program[PATH_MAX];
    if (find_program(program, sizeof(program)) &&
        (is_there(program, places[place].beside, out, size) ||
         is_there(program, places[place].installed, out, size)))
        return;
    snprintf(out, size, "%s", places[place].configured);
}

void ccb_place_find(const char *what, char *out, size_t size)
{
    size_t i;
    for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (strcmp(places[i].what, what) == 0)
            find(i, out, size);
}
