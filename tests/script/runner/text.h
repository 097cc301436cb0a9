/*
 * The small things every part of ccb-script stands on: growing text, memory
 * that is freed in one stroke, patterns, amounts, time, and the lock with
 * which everything that happens outside the script is waited for.
 *
 * Invariant: a wait is always for an event (ccb_event_wait) with a deadline,
 * never for time to pass. Memory is never short: the tool ends when it is.
 */
#ifndef CCB_SCRIPT_TEXT_H
#define CCB_SCRIPT_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Growing bytes, always followed by a NUL; zero-initialise. */
struct ccb_text {
    char *ptr;
    size_t len, cap;
};
void ccb_text_add(struct ccb_text *t, const void *bytes, size_t len);
void ccb_text_adds(struct ccb_text *t, const char *cstr);
void ccb_text_addf(struct ccb_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* At most `max` bytes of text, with control characters made visible. */
void ccb_text_show(struct ccb_text *t, const char *bytes, size_t len,
                   size_t max);
void ccb_text_clear(struct ccb_text *t);
void ccb_text_free(struct ccb_text *t);
/* A file's bytes; 0 or -1 with errno. */
int ccb_text_read_file(struct ccb_text *t, const char *path);

/* Zeroed memory; ends the program when there is none. */
void *ccb_tool_alloc(size_t size);
char *ccb_tool_copy(const char *bytes, size_t len);

/* Memory freed in one stroke; zero-initialise. */
struct ccb_pool {
    struct ccb_pool_block *first;
};
void *ccb_pool_alloc(struct ccb_pool *pool, size_t size);
char *ccb_pool_copy(struct ccb_pool *pool, const char *bytes, size_t len);
void ccb_pool_free(struct ccb_pool *pool);

/* `*` stands for any run of characters, also none and also `/`. */
int ccb_tool_like(const char *pattern, const char *text);
/* `needle` in `hay`, bytes; NULL when it is not there. */
const char *ccb_tool_find(const char *hay, size_t len, const char *needle,
                          size_t needle_len);
/* 20ms, 3s, 2m -> milliseconds; 10, 64k, 5M, 4G -> bytes (powers of 1024).
 * 0 or -1. */
int ccb_tool_duration(const char *text, long long *ms);
int ccb_tool_size(const char *text, uint64_t *bytes);
long long ccb_tool_now(void); /* milliseconds, monotonic */

/* The generated content: `len` bytes from `offset` of an endless pattern in
 * which no two 8-byte words are equal, so a lost or doubled piece shows. */
void ccb_tool_generate(char *out, uint64_t offset, size_t len);
/* MD5, in hex, of the pattern's first `len` bytes. */
void ccb_tool_generated_md5(uint64_t len, char hex[33]);

struct ccb_md5; /* a running digest */
struct ccb_md5 *ccb_md5_create(void);
void ccb_md5_add(struct ccb_md5 *md5, const void *bytes, size_t len);
/* Also frees it; `hex` may be NULL. */
void ccb_md5_finish(struct ccb_md5 *md5, char hex[33]);

/* The one lock over everything peers, processes and background requests
 * record, and its condition. */
void ccb_event_lock(void);
void ccb_event_unlock(void);
void ccb_event_happened(void); /* lock held */
/* Waits, lock held, for the next event; -1 when the deadline has passed. */
int ccb_event_wait(long long deadline);

/* With -v, one line of what goes on: who, direction, bytes. */
extern int ccb_trace_on;
void ccb_trace(const char *who, const char *what, const char *bytes,
               size_t len);

#endif
