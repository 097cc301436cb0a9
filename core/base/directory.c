/* Making directories (directory.h). */
#include "base/directory.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int ccb_directory_make(const char *path, struct ccb_error *err)
{
    char part[PATH_MAX];
    char *slash = part;

    if (path[0] == '\0')
        return ccb_error_set(err, CCB_IO, "cannot make a directory of no name");
    if ((size_t)snprintf(part, sizeof(part), "%s", path) >= sizeof(part))
        return ccb_error_set(err, CCB_TOO_LARGE, "cannot make %.100s...: %s",
                             path, strerror(ENAMETOOLONG));
    do {
        slash = strchr(slash + 1, '/');
        if (slash)
            *slash = '\0';
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return ccb_error_set(err, CCB_IO, "cannot make %s: %s", part,
                                 strerror(errno));
        if (slash)
            *slash = '/';
    } while (slash);
    return 0;
}
