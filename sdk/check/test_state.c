/*
 * Tests of what calls leave behind in their process: state, output, memory,
 * and other processes. (Whether a process is left over the parent sees.)
 */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "options.h"
#include "snapshot.h"
#include "test.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif

void ccb_test_state(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                    const struct ccb_check_options *options)
{
    (void)options;
    CCB_CHECK_EACH(s, request)
    {
        struct ccb_check_snapshot before;
        struct ccb_check_answer answer;
        char words[200];

        ccb_check_snapshot_take(&before);
        ccb_check_request_call(s, request, &answer);
        if (!ccb_check_snapshot_is(&before, words, sizeof(words)))
            ccb_check_fail(out, CCB_RULE_46, "a process as it was", "%s: %s",
                           request->name, words);
    }
}

/* ---- output ------------------------------------------------------------- */

/* Standard output and error go into a file until they come back. */
struct capture {
    int file, out, err;
};

static bool capture_start(struct capture *c)
{
    fflush(NULL);
    c->file = memfd_create("printed", MFD_CLOEXEC);
    c->out = fcntl(1, F_DUPFD_CLOEXEC, 600);
    c->err = fcntl(2, F_DUPFD_CLOEXEC, 600);
    return c->file >= 0 && c->out >= 0 && c->err >= 0 &&
           dup2(c->file, 1) == 1 && dup2(c->file, 2) == 2;
}

/* Returns how many bytes there are, and the first of them. */
static size_t capture_end(struct capture *c, char *text, size_t size)
{
    off_t end;
    ssize_t got;

    fflush(NULL);
    end = lseek(c->file, 0, SEEK_END);
    got = pread(c->file, text, size - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    dup2(c->out, 1);
    dup2(c->err, 2);
    close(c->out);
    close(c->err);
    close(c->file);
    return end > 0 ? (size_t)end : 0;
}

void ccb_test_prints(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                     const struct ccb_check_options *options)
{
    struct capture capture;
    char text[120];
    size_t len;

    (void)options;
    if (!capture_start(&capture)) {
        ccb_check_skip(out, "the output can't be caught");
        return;
    }
    /* Another instance, so that what create prints is seen, too. */
    if (ccb_check_subject_open(s, CCB_CHECK_CREATED, out)) {
        CCB_CHECK_EACH(s, request)
        {
            struct ccb_check_answer answer;

            ccb_check_request_call(s, request, &answer);
        }
        s->entry->destroy(s->self);
    }
    len = capture_end(&capture, text, sizeof(text));
    if (len > 0)
        ccb_check_fail(out, CCB_RULE_47, "nothing printed",
                       "%zu bytes, beginning with: %.100s", len, text);
}

/* ---- memory ------------------------------------------------------------- */

enum {
    WARM_UP = 200,
    CALLS = 10000,
    MAX_HEAP = 64 << 10, /* bytes that may stay: caches that fill once */
    MAX_PAGES = 4 << 20,
};

static size_t heap_in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static size_t pages_in_use(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long all, resident = 0;

    if (file) {
        if (fscanf(file, "%lu %lu", &all, &resident) != 2)
            resident = 0;
        fclose(file);
    }
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* Goes round the requests until there were so many calls, or it is late. */
static size_t call_many(struct ccb_check_subject *s, size_t count,
                        int64_t deadline)
{
    size_t calls = 0, before;

    do {
        before = calls;
        CCB_CHECK_EACH(s, request)
        {
            struct ccb_check_answer answer;

            if (calls < count)
                ccb_check_request_call(s, request, &answer);
            calls++;
        }
    } while (calls < count && calls > before &&
             ccb_clock_monotonic() < deadline);
    return calls < count ? calls : count;
}

void ccb_test_leaks(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                    const struct ccb_check_options *options)
{
    int64_t deadline = ccb_clock_monotonic() + options->timeout / 2;
    size_t heap, pages, calls;

#ifdef SANITIZED
    ccb_check_skip(out, "this build's sanitizer counts memory its own way");
    return;
#endif
    call_many(s, WARM_UP, deadline);
    heap = heap_in_use();
    pages = pages_in_use();
    calls = call_many(s, CALLS, deadline);
    heap = heap_in_use() > heap ? heap_in_use() - heap : 0;
    pages = pages_in_use() > pages ? pages_in_use() - pages : 0;
    if (heap > MAX_HEAP)
        ccb_check_fail(out, CCB_RULE_48, "no memory left behind",
                       "%zu bytes of heap after %zu calls", heap, calls);
    else if (pages > MAX_PAGES)
        ccb_check_fail(out, CCB_RULE_48, "no memory left behind",
                       "%zu bytes of pages after %zu calls", pages, calls);
    else
        ccb_check_remark(out, "%zu calls", calls);
}

/* ---- processes ---------------------------------------------------------- */

void ccb_test_leftovers(struct ccb_check_subject *s,
                        struct ccb_check_outcome *out,
                        const struct ccb_check_options *options)
{
    (void)out;
    (void)options;
    /* The parent looks at what is there when this child has ended. */
    CCB_CHECK_EACH(s, request)
    {
        struct ccb_check_answer answer;

        ccb_check_request_call(s, request, &answer);
    }
    s->entry->destroy(s->self);
}
