/* Time: nanoseconds since 1970, and a clock that only goes forward. */
#ifndef CCB_BASE_CLOCK_H
#define CCB_BASE_CLOCK_H

#include <stdint.h>

#define CCB_MILLISECOND INT64_C(1000000)
#define CCB_SECOND INT64_C(1000000000)

int64_t ccb_clock_wall(void);      /* ns since 1970 */
int64_t ccb_clock_monotonic(void); /* ns since some moment */

/* "2015-08-28T14:18:16.123456789Z" into 40 bytes. */
void ccb_time_format(int64_t time, char *out);

#endif
