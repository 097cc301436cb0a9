/* Reads /proc/self (proc(5)) and asks the C library about its heap. */
#include "daemon/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE 4096

void ccb_proc_read(struct ccb_buf *out, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : 1;
    while (n > 0) {
        char *room = ccb_buf_reserve(out, PIECE);
        n = room ? read(fd, room, PIECE) : 0;
        if (n > 0)
            out->len += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
}

/* The number behind "\nNAME:" in /proc/self/status. */
static int64_t find_number(const char *status, const char *name)
{
    const char *at = strstr(status, name);
    return at ? strtoll(at + strlen(name), NULL, 10) : 0;
}

void ccb_proc_usage(struct ccb_proc_usage *out)
{
    struct mallinfo2 heap = mallinfo2();
    struct ccb_buf status = {0};
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    memset(out, 0, sizeof(*out));
    out->cpus = cpus > 0 ? cpus : 0;
    out->heap = (int64_t)(heap.uordblks + heap.hblkhd);
    ccb_proc_read(&status, "/proc/self/status");
    if (ccb_buf_putc(&status, '\0') == 0) {
        out->threads = find_number(status.data, "\nThreads:");
        out->stack = 1024 * find_number(status.data, "\nVmStk:");
    }
    ccb_buf_destroy(&status);
}

/* "12 (name of the thread) S ...": the name may hold anything. */
static void tell_thread(const char *id, char *stat,
                        void (*each)(void *user, const char *id,
                                     const char *name, char state),
                        void *user)
{
    char *name = strchr(stat, '('), *end = strrchr(stat, ')');
    if (!name || !end || end[1] != ' ')
        return;
    *end = '\0';
    each(user, id, name + 1, end[2]);
}

size_t ccb_proc_each_thread(void (*each)(void *user, const char *id,
                                         const char *name, char state),
                            void *user)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry = tasks ? readdir(tasks) : NULL;
    size_t count = 0;
    for (; entry; entry = readdir(tasks)) {
        struct ccb_buf stat = {0};
        char path[64];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/self/task/%.20s/stat",
                 entry->d_name);
        ccb_proc_read(&stat, path);
        if (stat.len > 0 && ccb_buf_putc(&stat, '\0') == 0) {
            tell_thread(entry->d_name, stat.data, each, user);
            count++;
        }
        ccb_buf_destroy(&stat);
    }
    if (tasks)
        closedir(tasks);
    return count;
}
