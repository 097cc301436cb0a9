/*
 * The text of one log line: bytes that grow on the stack first, and JSON
 * strings by the rules of contract/stager.md A8. Inside base only.
 */
#ifndef CCB_BASE_LOG_LINE_H
#define CCB_BASE_LOG_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "ccbridge/slice.h"

/* Usual lines are 200 to 600 bytes; only longer ones ask the heap. */
#define CCB_LOG_LINE_SMALL 3072

struct ccb_log_line {
    char *data; /* `small`, or the heap */
    size_t len, cap;
    int failed; /* no memory: the line must not be written */
    char small[CCB_LOG_LINE_SMALL];
};

void ccb_log_line_init(struct ccb_log_line *line);
void ccb_log_line_destroy(struct ccb_log_line *line);

void ccb_log_line_put(struct ccb_log_line *line, const char *bytes, size_t len);
void ccb_log_line_put_uint(struct ccb_log_line *line, uint64_t number);
void ccb_log_line_put_int(struct ccb_log_line *line, int64_t number);
/* "SECONDS.NANOSECONDS", nine digits behind the point. */
void ccb_log_line_put_time(struct ccb_log_line *line, int64_t nanoseconds);
/* The inside of a JSON string, without quotes. */
void ccb_log_line_put_escaped(struct ccb_log_line *line, struct ccb_slice text);

#define CCB_LOG_LINE_LIT(line, literal)                                        \
    ccb_log_line_put(line, literal, sizeof(literal) - 1)

#endif
