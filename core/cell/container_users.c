/*
 * The users of a container; see the header. Their PATHs are those of the cells
 * of the time, so that buildpacks and images find what they expect.
 */
#include "cell/container_users.h"

#include <string.h>

static const struct ccb_container_user users[] = {
    {"root", 0, "/root", "/bin/sh",
     "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
    {"vcap", 2000, "/home/vcap", "/bin/sh", "/usr/local/bin:/usr/bin:/bin"},
    {"nobody", 65534, "/", "/usr/sbin/nologin", "/usr/local/bin:/usr/bin:/bin"},
};

const struct ccb_container_user *ccb_container_user_find(const char *name)
{
    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
        if (strcmp(users[i].name, name) == 0)
            return &users[i];
    return NULL;
}

const struct ccb_container_user *ccb_container_user_at(size_t i)
{
    return i < sizeof(users) / sizeof(users[0]) ? &users[i] : NULL;
}
