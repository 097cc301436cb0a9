/* Looks at the process through libc and /proc. */
#include "snapshot.h"

#include <dirent.h>
#include <locale.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define THREAD_GRACE (100 * CCB_MILLISECOND)

extern char **environ;

static void each_number(const char *path, void (*on_number)(void *user, long n),
                        void *user)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    if (!dir)
        return;
    for (entry = readdir(dir); entry; entry = readdir(dir)) {
        long number;

        if (sscanf(entry->d_name, "%ld", &number) == 1 && number != dirfd(dir))
            on_number(user, number);
    }
    closedir(dir);
}

static void add_fd(void *user, long n)
{
    uint64_t *fds = user;

    if (n >= 0 && n < 1024)
        fds[n / 64] |= UINT64_C(1) << (n % 64);
}

static void count_thread(void *user, long n)
{
    unsigned *count = user;

    (void)n;
    ++*count;
}

static unsigned count_threads(void)
{
    unsigned count = 0;

    each_number("/proc/self/task", count_thread, &count);
    return count;
}

static uint64_t hash_environment(void)
{
    uint64_t hash = 1;

    for (char **at = environ; at && *at; at++)
        for (const char *c = *at; *c; c++)
            hash = hash * 31 + (unsigned char)*c;
    return hash;
}

void ccb_check_snapshot_take(struct ccb_check_snapshot *out)
{
    const char *locale = setlocale(LC_ALL, NULL);

    memset(out, 0, sizeof(*out));
    each_number("/proc/self/fd", add_fd, out->fds);
    out->threads = count_threads();
    out->mask = umask(0);
    umask((mode_t)out->mask);
    out->environment = hash_environment();
    if (!getcwd(out->directory, sizeof(out->directory)))
        out->directory[0] = '\0';
    snprintf(out->locale, sizeof(out->locale), "%s", locale ? locale : "");
    for (int n = 1; n <= 64; n++) {
        struct sigaction action;

        if (sigaction(n, NULL, &action) == 0)
            out->handlers[n] = action.sa_handler;
    }
    sigprocmask(SIG_BLOCK, NULL, &out->blocked);
}

static int find_fd(const struct ccb_check_snapshot *before,
                   const struct ccb_check_snapshot *after, bool opened)
{
    for (int fd = 0; fd < 1024; fd++) {
        uint64_t bit = UINT64_C(1) << (fd % 64);
        bool was = before->fds[fd / 64] & bit, is = after->fds[fd / 64] & bit;

        if (opened ? is && !was : was && !is)
            return fd;
    }
    return -1;
}

static int find_signal(const struct ccb_check_snapshot *before,
                       const struct ccb_check_snapshot *after)
{
    for (int n = 1; n <= 64; n++)
        if (before->handlers[n] != after->handlers[n] ||
            sigismember(&before->blocked, n) != sigismember(&after->blocked, n))
            return n;
    return 0;
}

/* A thread that was joined may still be listed for a moment. */
static unsigned settled_threads(unsigned before)
{
    int64_t deadline = ccb_clock_monotonic() + THREAD_GRACE;
    unsigned count = count_threads();

    while (count > before && ccb_clock_monotonic() < deadline) {
        sched_yield();
        count = count_threads();
    }
    return count;
}

bool ccb_check_snapshot_is(const struct ccb_check_snapshot *before, char *words,
                           size_t size)
{
    struct ccb_check_snapshot after;
    int fd, n;

    ccb_check_snapshot_take(&after);
    words[0] = '\0';
    fd = find_fd(before, &after, true);
    if (fd >= 0)
        snprintf(words, size, "descriptor %d was opened and left open", fd);
    fd = find_fd(before, &after, false);
    if (fd >= 0)
        snprintf(words, size, "descriptor %d was closed", fd);
    if (after.threads > before->threads)
        after.threads = settled_threads(before->threads);
    if (after.threads > before->threads)
        snprintf(words, size, "%u threads instead of %u", after.threads,
                 before->threads);
    if (after.environment != before->environment)
        snprintf(words, size, "the environment was changed");
    if (strcmp(after.directory, before->directory) != 0)
        snprintf(words, size, "the directory is now %.100s", after.directory);
    if (after.mask != before->mask)
        snprintf(words, size, "the umask is now %03o", after.mask);
    if (strcmp(after.locale, before->locale) != 0)
        snprintf(words, size, "the locale is now %.100s", after.locale);
    n = find_signal(before, &after);
    if (n > 0)
        snprintf(words, size, "what happens at signal %d (%s) was changed", n,
                 strsignal(n));
    return words[0] == '\0';
}
