/*
 * Time, the event lock, the trace, generated content and digests (text.h).
 *
 * Invariant: whatever a thread records, it records under the event lock and
 * then says so, so that a waiting statement sees it at once.
 */
#include "text.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int ccb_trace_on;

static pthread_mutex_t event_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t event_cond;
static pthread_once_t event_once = PTHREAD_ONCE_INIT;

static void make_cond(void)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&event_cond, &attr);
    pthread_condattr_destroy(&attr);
}

long long ccb_tool_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void ccb_event_lock(void)
{
    pthread_once(&event_once, make_cond);
    pthread_mutex_lock(&event_lock);
}

void ccb_event_unlock(void)
{
    pthread_mutex_unlock(&event_lock);
}

void ccb_event_happened(void)
{
    pthread_cond_broadcast(&event_cond);
}

int ccb_event_wait(long long deadline)
{
    if (ccb_tool_now() >= deadline)
        return -1;
    struct timespec t = {.tv_sec = (time_t)(deadline / 1000),
                         .tv_nsec = (long)(deadline % 1000) * 1000000};
    pthread_cond_timedwait(&event_cond, &event_lock, &t);
    return 0;
}

void ccb_trace(const char *who, const char *what, const char *bytes, size_t len)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static long long started;
    if (!ccb_trace_on)
        return;
    struct ccb_text line = {0};
    ccb_text_show(&line, bytes, len, 2000);
    pthread_mutex_lock(&lock);
    if (started == 0)
        started = ccb_tool_now();
    fprintf(stderr, "%6lld ms  %-10s %s %s\n", ccb_tool_now() - started, who,
            what, line.ptr ? line.ptr : "");
    pthread_mutex_unlock(&lock);
    ccb_text_free(&line);
}

void ccb_tool_generate(char *out, uint64_t offset, size_t len)
{
    while (len > 0) {
        uint64_t word = (offset / 8 + 1) * 0x9e3779b97f4a7c15u;
        char bytes[8];
        size_t from = offset % 8, n = 8 - from < len ? 8 - from : len;
        memcpy(bytes, &word, 8);
        memcpy(out, bytes + from, n);
        out += n;
        offset += n;
        len -= n;
    }
}

void ccb_tool_generated_md5(uint64_t len, char hex[33])
{
    char block[16384];
    struct ccb_md5 *md5 = ccb_md5_create();
    for (uint64_t at = 0; at < len; at += sizeof(block)) {
        size_t n = len - at < sizeof(block) ? len - at : sizeof(block);
        ccb_tool_generate(block, at, n);
        ccb_md5_add(md5, block, n);
    }
    ccb_md5_finish(md5, hex);
}

struct ccb_md5 {
    EVP_MD_CTX *ctx;
};

struct ccb_md5 *ccb_md5_create(void)
{
    struct ccb_md5 *md5 = ccb_tool_alloc(sizeof(*md5));
    md5->ctx = EVP_MD_CTX_new();
    if (md5->ctx == NULL || EVP_DigestInit_ex(md5->ctx, EVP_md5(), NULL) != 1) {
        fputs("ccb-script: OpenSSL offers no MD5\n", stderr);
        abort();
    }
    return md5;
}

void ccb_md5_add(struct ccb_md5 *md5, const void *bytes, size_t len)
{
    EVP_DigestUpdate(md5->ctx, bytes, len);
}

void ccb_md5_finish(struct ccb_md5 *md5, char hex[33])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_DigestFinal_ex(md5->ctx, digest, &len);
    for (unsigned i = 0; hex != NULL && i < len && i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    EVP_MD_CTX_free(md5->ctx);
    free(md5);
}
