/*
 * Time. Both clocks are read without a system call (vDSO) and can't fail on
 * Linux, so there is no error to return.
 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * CCB_SECOND + now.tv_nsec;
}

int64_t ccb_clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t ccb_clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void ccb_time_format(int64_t time, char *out)
{
    time_t seconds = (time_t)(time / CCB_SECOND);
    struct tm tm;
    size_t len;

    (void)gmtime_r(&seconds, &tm);
    len = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + len, 40 - len, ".%09uZ",
                   (unsigned)(time % CCB_SECOND));
}
