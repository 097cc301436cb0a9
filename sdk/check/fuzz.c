/*
 * --fuzz: cases in children, batch by batch. Invariant: a case is its number
 * (and the file, and the requests): it never depends on the one before.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "child.h"
#include "process.h"
#include "snapshot.h"

enum { BATCH = 2000 };

/* What parent and child share. */
struct shared {
    volatile int64_t current, done;
};

/* ---- in the child ------------------------------------------------------- */

static struct shared *map_shared(int fd)
{
    void *memory = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED, fd, 0);

    if (memory == MAP_FAILED)
        return NULL;
    return memory;
}

/* The request that a case begins with. NULL: the plugin has no function. */
static const struct ccb_check_request *pick(const struct ccb_check_subject *s,
                                            struct ccb_check_random *random)
{
    size_t start;

    if (s->requests.count == 0)
        return NULL;
    start = ccb_check_random_below(random, s->requests.count);
    for (size_t i = 0; i < s->requests.count; i++) {
        const struct ccb_check_request *request =
            &s->requests.items[(start + i) % s->requests.count];

        if (s->functions[request->function])
            return request;
    }
    return NULL;
}

static void run_case(struct ccb_check_subject *s, int64_t number,
                     struct ccb_buf *message, struct ccb_check_outcome *out)
{
    struct ccb_check_random random = {(uint64_t)number};
    const struct ccb_check_request *from = pick(s, &random);
    struct ccb_check_request request;
    struct ccb_check_answer first, answer;

    if (!from)
        return;
    request = *from;
    ccb_check_mutate(message, from->message, &random);
    request.message = ccb_buf_slice(message);
    if (ccb_check_random_below(&random, 4) == 0)
        s->host.test.fail_alloc_at = 1 + ccb_check_random_below(&random, 40);
    ccb_check_request_call(s, &request, &first);
    /* What is no secret by its form any more can't be blotted out. */
    s->host.secret_logged = false;
    ccb_check_answer_is_sound(out, &s->host, &first, &request, ", changed");
    ccb_check_request_call(s, &request, &answer);
    s->host.test.fail_alloc_at = 0;
    if (answer.hash != first.hash)
        ccb_check_fail(out, CCB_RULE_31, "the same answer again",
                       "%s, changed: another one", request.name);
}

void ccb_check_fuzz_run(const struct ccb_check_options *options,
                        struct ccb_check_outcome *out)
{
    struct ccb_check_subject s = {.file = options->files[0],
                                  .requests_directory = options->requests,
                                  .facts_file = options->facts};
    struct shared *shared = map_shared(CCB_CHECK_SHARED_FD);
    struct ccb_check_snapshot before;
    struct ccb_buf message = {0};
    char words[200];

    close(CCB_CHECK_SHARED_FD);
    if (!shared) {
        ccb_check_fail(out, CCB_RULE_26, "memory to share", "none");
        return;
    }
    if (!ccb_check_subject_open(&s, CCB_CHECK_CREATED, out)) {
        munmap(shared, sizeof(*shared));
        return;
    }
    ccb_check_snapshot_take(&before);
    for (int64_t i = 0; i < options->cases; i++) {
        shared->current = options->seed + i;
        run_case(&s, shared->current, &message, out);
        if (ccb_check_status_is_bad(out->status))
            break;
        shared->done++;
    }
    if (!ccb_check_snapshot_is(&before, words, sizeof(words)))
        ccb_check_fail(out, CCB_RULE_46, "a process as it was", "%s", words);
    ccb_buf_destroy(&message);
    ccb_check_subject_close(&s);
    munmap(shared, sizeof(*shared));
}

/* ---- in the parent ------------------------------------------------------ */

struct fuzzing {
    const struct ccb_check_options *options;
    const char *file;
    struct shared *shared;
    int shared_fd;
    int64_t done;
};

/* The words for a batch that went wrong; "" for one that did not. */
static void describe(const struct ccb_check_run *run, char *words, size_t size)
{
    struct ccb_check_outcome outcome;
    struct ccb_error err;
    char end[120];

    ccb_check_describe_end(run, end, sizeof(end));
    words[0] = '\0';
    if (run->timed_out || ccb_check_outcome_decode(
                              &outcome, ccb_buf_slice(&run->result), &err) < 0)
        snprintf(words, size, "%s: its process %s",
                 run->timed_out ? "CCB-P-050" : "CCB-P-035", end);
    else if (ccb_check_status_is_bad(outcome.status))
        snprintf(words, size, "CCB-P-%03d: expected %s, found %s", outcome.rule,
                 outcome.expected, outcome.found);
    else if (run->left_over > 0)
        snprintf(words, size, "CCB-P-049: %u processes left behind",
                 run->left_over);
}

/* True: a case failed, and was told of. */
static bool run_batch(struct fuzzing *f, int64_t first, int64_t cases)
{
    struct ccb_check_options options = *f->options;
    struct ccb_check_child_argv child;
    struct ccb_check_run run = {.timeout = options.timeout,
                                .shared_fd = f->shared_fd};
    char words[1200] = "";
    struct ccb_error err;

    options.seed = first;
    options.cases = cases;
    f->shared->current = first;
    f->shared->done = 0;
    ccb_check_child_argv(&child, &options, CCB_CHECK_FUZZ, f->file);
    run.argv = child.argv;
    if (ccb_check_run(&run, &err) < 0)
        snprintf(words, sizeof(words), "%s", err.message);
    else
        describe(&run, words, sizeof(words));
    f->done += f->shared->done;
    if (words[0])
        printf("FAILED  %s\n        case %lld: %s\n%.*s%s"
               "        again:  ccbridge-plugin-check --reproduce %lld %s\n",
               f->file, (long long)f->shared->current, words,
               (int)run.printed.len, run.printed.data ? run.printed.data : "",
               run.printed.len ? "\n" : "", (long long)f->shared->current,
               f->file);
    ccb_buf_destroy(&run.result);
    ccb_buf_destroy(&run.printed);
    return words[0] != '\0';
}

static int64_t choose_seed(const struct ccb_check_options *options)
{
    uint32_t chance = 1;

    if (options->seed >= 0)
        return options->seed;
    if (ccb_random_bytes(&chance, sizeof(chance), NULL) < 0)
        chance = (uint32_t)getpid();
    return (int64_t)chance << 16; /* neighbours are other cases */
}

static bool fuzz_on(struct fuzzing *f, int64_t seed)
{
    int64_t deadline = ccb_clock_monotonic() + f->options->fuzz_time;
    bool bad = false;

    printf("fuzzing %s, --seed %lld\n", f->file, (long long)seed);
    fflush(stdout);
    for (int64_t at = seed; !bad && ccb_clock_monotonic() < deadline;
         at += BATCH)
        bad = run_batch(f, at, BATCH);
    if (!bad)
        printf("ok      %lld cases\n", (long long)f->done);
    return bad;
}

/* Above the numbers that a child's own descriptors get. -1: none. */
static int open_shared(void)
{
    int low = memfd_create("ccb-check", MFD_CLOEXEC);
    int fd = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, 10);

    if (low >= 0)
        close(low);
    if (fd >= 0 && ftruncate(fd, sizeof(struct shared)) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

bool ccb_check_fuzz(const struct ccb_check_options *options, const char *file)
{
    struct fuzzing f = {.options = options, .file = file};
    bool bad = true;

    f.shared_fd = open_shared();
    if (f.shared_fd >= 0)
        f.shared = map_shared(f.shared_fd);
    if (!f.shared) {
        printf("FAILED  %s: no memory to share\n", file);
    } else if (options->reproduce >= 0) {
        bad = run_batch(&f, options->reproduce, 1);
        if (!bad)
            printf("ok      case %lld\n", (long long)options->reproduce);
    } else {
        bad = fuzz_on(&f, choose_seed(options));
    }
    if (f.shared)
        munmap(f.shared, sizeof(*f.shared));
    if (f.shared_fd >= 0)
        close(f.shared_fd);
    return bad;
}
