/* Prints what nobody counts, but what can be asked for (figures.h). */
#include "daemon/figures.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "daemon/proc.h"
#include "net/http_meter.h"

/* ---- the process -------------------------------------------------------- */

static void put_build(struct ccb_buf *out, const char *name, void *user)
{
    (void)user;
    ccb_buf_put(out, name);
    ccb_metrics_label(out, "{version", CCB_VERSION);
    ccb_buf_put(out, "} 1\n");
}

static void put_number(struct ccb_buf *out, const char *name, int64_t number)
{
    ccb_buf_printf(out, "%s %" PRId64 "\n", name, number);
}

static void put_cpu(struct ccb_buf *out, const char *name, void *user)
{
    struct timespec used = {0};
    (void)user;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    ccb_buf_printf(out, "%s %lld.%09ld\n", name, (long long)used.tv_sec,
                   used.tv_nsec);
}

/* Field 22 of /proc/self/stat, in ticks since the machine came up; the fields
 * are counted behind the name, which may hold anything. */
static void put_start(struct ccb_buf *out, const char *name, void *user)
{
    struct ccb_buf stat = {0};
    struct timespec up = {0};
    const char *at;
    int field = 2;
    (void)user;
    ccb_proc_read(&stat, "/proc/self/stat");
    ccb_buf_putc(&stat, '\0');
    (void)clock_gettime(CLOCK_BOOTTIME, &up);
    at = stat.failed ? NULL : strrchr(stat.data, ')');
    for (; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at)
        ccb_buf_printf(out, "%s %.2f\n", name,
                       (double)(ccb_clock_wall() / CCB_SECOND) -
                           (double)up.tv_sec +
                           strtod(at, NULL) / (double)sysconf(_SC_CLK_TCK));
    ccb_buf_destroy(&stat);
}

/* "VmRSS:\t  1234 kB" of /proc/self/status, in bytes. */
static void put_status(struct ccb_buf *out, const char *name, const char *key,
                       int64_t unit)
{
    struct ccb_buf status = {0};
    const char *at;
    ccb_proc_read(&status, "/proc/self/status");
    ccb_buf_putc(&status, '\0');
    at = status.failed ? NULL : strstr(status.data, key);
    if (at)
        put_number(out, name, strtoll(at + strlen(key), NULL, 10) * unit);
    ccb_buf_destroy(&status);
}

static void put_memory(struct ccb_buf *out, const char *name, void *user)
{
    (void)user;
    put_status(out, name, "\nVmRSS:", 1024);
}

static void put_private(struct ccb_buf *out, const char *name, void *user)
{
    (void)user;
    put_status(out, name, "\nRssAnon:", 1024);
}

static void put_threads(struct ccb_buf *out, const char *name, void *user)
{
    (void)user;
    put_status(out, name, "\nThreads:", 1);
}

/* But for the one that is open to look. */
static void put_fds(struct ccb_buf *out, const char *name, void *user)
{
    DIR *dir = opendir("/proc/self/fd");
    int64_t count = -3; /* ".", ".." and this one */
    (void)user;
    if (!dir)
        return;
    while (readdir(dir))
        count++;
    closedir(dir);
    put_number(out, name, count);
}

static void put_max_fds(struct ccb_buf *out, const char *name, void *user)
{
    struct rlimit most;
    (void)user;
    if (getrlimit(RLIMIT_NOFILE, &most) == 0)
        put_number(out, name, (int64_t)most.rlim_cur);
}

/* ---- plugins ------------------------------------------------------------ */

static void put_outcomes(struct ccb_buf *out, const char *name, void *user)
{
    ccb_plugins_put_outcomes(user, out, name);
}

static void put_crashes(struct ccb_buf *out, const char *name, void *user)
{
    ccb_plugins_put_crashes(user, out, name);
}

static void put_quarantined(struct ccb_buf *out, const char *name, void *user)
{
    ccb_plugins_put_quarantined(user, out, name);
}

/* ---- all of them -------------------------------------------------------- */

static const struct {
    enum ccb_metric_family family;
    void (*put)(struct ccb_buf *out, const char *name, void *user);
    bool of_plugins;
} rows[] = {
    {CCB_FAMILY_BUILD_INFO, put_build, false},
    {CCB_FAMILY_HTTP_ANSWERS, ccb_http_meters_put_answers, false},
    {CCB_FAMILY_HTTP_DURATION, ccb_http_meters_put_durations, false},
    {CCB_FAMILY_HTTP_IN_FLIGHT, ccb_http_meters_put_in_flight, false},
    {CCB_FAMILY_PLUGIN_OUTCOMES, put_outcomes, true},
    {CCB_FAMILY_PLUGIN_CRASHES, put_crashes, true},
    {CCB_FAMILY_PLUGIN_QUARANTINED, put_quarantined, true},
    {CCB_FAMILY_PROCESS_CPU, put_cpu, false},
    {CCB_FAMILY_PROCESS_START, put_start, false},
    {CCB_FAMILY_PROCESS_MEMORY, put_memory, false},
    {CCB_FAMILY_PROCESS_PRIVATE, put_private, false},
    {CCB_FAMILY_PROCESS_FDS, put_fds, false},
    {CCB_FAMILY_PROCESS_MAX_FDS, put_max_fds, false},
    {CCB_FAMILY_PROCESS_THREADS, put_threads, false},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

void ccb_figures_provide(const struct ccb_plugins *plugins)
{
    size_t i;
    for (i = 0; i < ROWS; i++)
        if (plugins || !rows[i].of_plugins)
            ccb_metrics_provide(rows[i].family, rows[i].put, (void *)plugins);
}

void ccb_figures_end(void)
{
    size_t i;
    for (i = 0; i < ROWS; i++)
        ccb_metrics_provide(rows[i].family, NULL, NULL);
}

int ccb_metrics_command(int argc, char **argv)
{
    struct ccb_buf out = {0};
    int status;
    (void)argc;
    (void)argv;
    ccb_metrics_describe(&out);
    status = out.failed ? 1 : 0;
    if (status == 0)
        fwrite(out.data, 1, out.len, stdout);
    ccb_buf_destroy(&out);
    return status;
}
