/*
 * A child of the tool. Invariant: the result's descriptor moves out of a
 * plugin's way before any code of it runs, and nothing runs after the result
 * was written: what a plugin registered for the end of the process is not
 * this test's matter.
 */
#include "child.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "process.h"

static void add(struct ccb_check_child_argv *out, const char *word,
                const char *value)
{
    if (!value || out->count + 3 > CCB_CHECK_MAX_ARGV)
        return;
    /* exec takes them as they are and does not write. */
    out->argv[out->count++] = (char *)(uintptr_t)word;
    out->argv[out->count++] = (char *)(uintptr_t)value;
    out->argv[out->count] = NULL;
}

void ccb_check_child_argv(struct ccb_check_child_argv *out,
                          const struct ccb_check_options *options,
                          const char *name, const char *file)
{
    static char program[] = "ccbridge-plugin-check";

    memset(out, 0, sizeof(*out));
    out->argv[out->count++] = program;
    add(out, "--child", name);
    add(out, "--facts", options->facts);
    add(out, "--requests", options->requests);
    add(out, "--runner", options->runner);
    if (options->seed >= 0) {
        snprintf(out->seed, sizeof(out->seed), "%lld",
                 (long long)options->seed);
        add(out, "--seed", out->seed);
    }
    snprintf(out->cases, sizeof(out->cases), "%lld", (long long)options->cases);
    add(out, "--cases", out->cases);
    add(out, "--", file);
}

void ccb_check_run_test(const struct ccb_check_test *test,
                        const struct ccb_check_options *options,
                        const char *file, struct ccb_check_outcome *out)
{
    struct ccb_check_subject s = {.file = file,
                                  .requests_directory = options->requests,
                                  .facts_file = options->facts};

    memset(out, 0, sizeof(*out));
    if (ccb_check_subject_open(&s, test->needs, out))
        test->run(&s, out, options);
    ccb_check_subject_close(&s);
}

/* ---- the result --------------------------------------------------------- */

/* A number that no plugin expects. */
static int move_result(void)
{
    int fd = fcntl(CCB_CHECK_RESULT_FD, F_DUPFD_CLOEXEC, 700);

    if (fd >= 0)
        close(CCB_CHECK_RESULT_FD);
    return fd;
}

static int write_all(int fd, struct ccb_slice text)
{
    while (text.len > 0) {
        ssize_t put = write(fd, text.ptr, text.len);

        if (put <= 0)
            return CCB_IO;
        text.ptr += put;
        text.len -= (size_t)put;
    }
    return 0;
}

static int write_outcome(int fd, const struct ccb_check_outcome *outcome)
{
    struct ccb_buf text = {0};
    int code;

    ccb_check_outcome_encode(&text, outcome);
    code = text.failed ? text.failed : write_all(fd, ccb_buf_slice(&text));
    ccb_buf_destroy(&text);
    return code;
}

/* ---- the kinds ---------------------------------------------------------- */

int ccb_check_write_hashes(struct ccb_check_subject *s, int fd)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < s->requests.count; i++) {
        struct ccb_check_answer answer;
        char line[24];

        if (!s->functions[s->requests.items[i].function])
            continue;
        ccb_check_request_call(s, &s->requests.items[i], &answer);
        snprintf(line, sizeof(line), "%016llx\n",
                 (unsigned long long)answer.hash);
        code = write_all(fd, ccb_slice_of(line));
    }
    return code;
}

static int run_hashes(const struct ccb_check_options *options, int fd)
{
    struct ccb_check_subject s = {.file = options->files[0],
                                  .requests_directory = options->requests,
                                  .facts_file = options->facts};
    struct ccb_check_outcome ignored = {0};

    setlocale(LC_ALL, "");
    tzset();
    if (!ccb_check_subject_open(&s, CCB_CHECK_CREATED, &ignored))
        return CCB_FAILED;
    return ccb_check_write_hashes(&s, fd);
}

static int run_test(const struct ccb_check_options *options, int fd)
{
    const struct ccb_check_test *test = ccb_check_find_test(options->child);
    struct ccb_check_outcome outcome;

    if (!test)
        return CCB_NOT_FOUND;
    ccb_check_run_test(test, options, options->files[0], &outcome);
    return write_outcome(fd, &outcome);
}

static int run_fuzz(const struct ccb_check_options *options, int fd)
{
    struct ccb_check_outcome outcome = {0};

    ccb_check_fuzz_run(options, &outcome);
    return write_outcome(fd, &outcome);
}

int ccb_check_child_main(const struct ccb_check_options *options)
{
    int fd = move_result();
    int code;

    if (fd < 0)
        return 3;
    if (strcmp(options->child, CCB_CHECK_HASHES) == 0)
        code = run_hashes(options, fd);
    else if (strcmp(options->child, CCB_CHECK_FUZZ) == 0)
        code = run_fuzz(options, fd);
    else
        code = run_test(options, fd);
    fflush(NULL);
    _exit(code == 0 ? 0 : 3);
}
