/*
 * The memory group of a container (contract/actions.md 5.4): cgroup v1 only.
 * What is not there is said in words and never guessed.
 */
#include "cell/container_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOUNT "/sys/fs/cgroup/memory"
#define OWN_MAX 256

/* The path of our own memory group from a line `4:memory:/path`. */
static int own_group(char own[OWN_MAX])
{
    char line[512];
    FILE *file = fopen("/proc/self/cgroup", "re");
    int found = 0;

    if (file == NULL)
        return 0;
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        char *path = strstr(line, ":memory:/");

        if (path == NULL || strchr(line, '\n') == NULL)
            continue;
        path += strlen(":memory:");
        path[strcspn(path, "\n")] = '\0';
        found = snprintf(own, OWN_MAX, "%s", path[1] ? path : "") < OWN_MAX;
    }
    (void)fclose(file);
    return found;
}

int ccb_cgroup_path(char path[CCB_CGROUP_PATH], const char *guid,
                    struct ccb_error *err)
{
    char own[OWN_MAX];
    int len;

    if (!own_group(own))
        return ccb_error_set(err, CCB_UNSUPPORTED,
                             "no cgroup v1 memory controller: memory limits "
                             "are not enforced");
    len = snprintf(path, CCB_CGROUP_PATH, MOUNT "%s", own);
    if (access(path, W_OK) != 0)
        return ccb_error_set(err, CCB_UNSUPPORTED,
                             "%s can't be written (%s): memory limits are not "
                             "enforced",
                             path, strerror(errno));
    len +=
        snprintf(path + len, (size_t)(CCB_CGROUP_PATH - len), "/ccb-%s", guid);
    if (len >= CCB_CGROUP_PATH)
        return ccb_error_set(err, CCB_TOO_LARGE, "guid %s is too long", guid);
    return CCB_OK;
}

static int write_file(const char *group, const char *name, uint64_t number,
                      struct ccb_error *err)
{
    char path[CCB_CGROUP_PATH + 64], text[32];
    int len = snprintf(text, sizeof(text), "%" PRIu64, number);
    int fd, code = CCB_OK;

    (void)snprintf(path, sizeof(path), "%s/%s", group, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, (size_t)len) != len)
        code = ccb_error_set(err, CCB_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return code;
}

int ccb_cgroup_enter(const char *path, uint32_t memory_mb,
                     struct ccb_error *err)
{
    char swap[CCB_CGROUP_PATH + 64];
    uint64_t bytes = (uint64_t)memory_mb << 20;
    int code;

    if (mkdir(path, 0755) != 0)
        return ccb_error_set(err, CCB_IO, "memory group %s: %s", path,
                             strerror(errno));
    code = write_file(path, "memory.limit_in_bytes", bytes, err);
    (void)snprintf(swap, sizeof(swap), "%s/memory.memsw.limit_in_bytes", path);
    if (code == CCB_OK && access(swap, W_OK) == 0)
        code = write_file(path, "memory.memsw.limit_in_bytes", bytes, err);
    if (code == CCB_OK)
        code = write_file(path, "cgroup.procs", (uint64_t)getpid(), err);
    return code;
}

uint64_t ccb_cgroup_ooms(const char *path)
{
    char name[CCB_CGROUP_PATH + 64], line[128];
    uint64_t kills = 0;
    FILE *file;

    (void)snprintf(name, sizeof(name), "%s/memory.oom_control", path);
    file = fopen(name, "re");
    if (file == NULL)
        return 0; /* no group, no count */
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "oom_kill ", 9) == 0)
            kills = strtoull(line + 9, NULL, 10);
    (void)fclose(file);
    return kills;
}

int ccb_cgroup_remove(const char *path, struct ccb_error *err)
{
    if (rmdir(path) != 0 && errno != ENOENT)
        return ccb_error_set(err, CCB_IO, "memory group %s: %s", path,
                             strerror(errno));
    return CCB_OK;
}
