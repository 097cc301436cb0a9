/*
 * The system calls of a worker, as a table: what a pure function needs (memory,
 * time, its threads, the wire) and, while the plugin is opened, what the
 * dynamic linker needs to read files. All else raises SIGSYS; the handler notes
 * the call's number where the daemon can read it and answers EPERM, so that a
 * plugin that asks for a socket gets a refusal it can survive, and its author
 * the name of what was refused.
 *
 * Invariant: once loaded nothing is allowed again; the second stage only adds.
 * Follows anchors 3.6 and lifecycle.h, FORBIDDEN.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "plugin/runner/runner.h"

/* ---- the tables --------------------------------------------------------- */

struct row {
    int call;
    unsigned checks;
    struct scmp_arg_cmp check;
};

#define CALL(name)                                                             \
    {                                                                          \
        SCMP_SYS(name), 0,                                                     \
        {                                                                      \
            0                                                                  \
        }                                                                      \
    }
#define CALL_IF(name, arg, op, mask, value)                                    \
    {                                                                          \
        SCMP_SYS(name), 1,                                                     \
        {                                                                      \
            arg, op, mask, value                                               \
        }                                                                      \
    }

static const struct row always[] = {
    /* the wire, and printing */
    CALL(read),
    CALL(write),
    CALL(writev),
    CALL(close),
    CALL(lseek),
    CALL_IF(newfstatat, 3, SCMP_CMP_EQ, AT_EMPTY_PATH, 0),
    CALL(fstat),
    /* memory */
    CALL(brk),
    CALL(mmap),
    CALL(munmap),
    CALL(mremap),
    CALL(mprotect),
    CALL(madvise),
    CALL(sysinfo),
    /* threads, but no processes */
    CALL_IF(clone, 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD),
    CALL(futex),
    CALL(set_robust_list),
    CALL(rseq),
    CALL(gettid),
    CALL(getpid),
    CALL(sched_yield),
    CALL(sched_getaffinity),
    CALL_IF(prlimit64, 2, SCMP_CMP_EQ, 0, 0), /* only asks */
    CALL_IF(prctl, 0, SCMP_CMP_EQ, PR_SET_NAME, 0),
    CALL(exit),
    CALL(exit_group),
    CALL(restart_syscall),
    /* signals: masks, but no handlers */
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(sigaltstack),
    /* time, chance */
    CALL(clock_gettime),
    CALL(clock_getres),
    CALL(clock_nanosleep),
    CALL(gettimeofday),
    CALL(nanosleep),
    CALL(getrandom),
    CALL(getrusage),
    CALL(getcpu),
    CALL(uname),
};

/* Until the plugin is open: its libraries are read, nothing is written. */
static const struct row opening[] = {
    CALL_IF(openat, 2, SCMP_CMP_MASKED_EQ,
            O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND |
                (O_TMPFILE & ~O_DIRECTORY),
            O_RDONLY),
    CALL(newfstatat),
    CALL(pread64),
    CALL(readlinkat),
    CALL(faccessat),
    CALL(faccessat2),
    CALL(getcwd),
    CALL(seccomp), /* for the second stage */
    CALL_IF(prctl, 0, SCMP_CMP_EQ, PR_SET_NO_NEW_PRIVS, 0),
    CALL(rt_sigaction),
#ifdef __NR_readlink
    CALL(readlink),
    CALL(access),
#endif
};

/* What the second stage takes back of these. */
static const struct row closing[] = {
    CALL(openat),
    CALL(pread64),
    CALL(readlinkat),
    CALL(faccessat),
    CALL(faccessat2),
    CALL(getcwd),
    CALL(seccomp),
    CALL(rt_sigaction),
    CALL_IF(newfstatat, 3, SCMP_CMP_NE, AT_EMPTY_PATH, 0),
    CALL_IF(prctl, 0, SCMP_CMP_NE, PR_SET_NAME, 0),
#ifdef __NR_readlink
    CALL(readlink),
    CALL(access),
#endif
};

/* ---- what is denied ----------------------------------------------------- */

/* The handler of a signal has no other way to get at it. */
static struct ccb_wire_notice *notes;

static void set_result(void *context, long result)
{
    ucontext_t *at = context;

#if defined(__x86_64__)
    at->uc_mcontext.gregs[REG_RAX] = result;
#elif defined(__aarch64__)
    at->uc_mcontext.regs[0] = (unsigned long long)result;
#else
#error "say where a system call's result lies on this machine"
#endif
}

static void on_denied(int number, siginfo_t *info, void *context)
{
    unsigned call = (unsigned)info->si_syscall;

    (void)number;
    if (call < CCB_WIRE_DENIED_WORDS * CCB_WIRE_DENIED_BITS)
        atomic_fetch_or(&notes->denied[call / CCB_WIRE_DENIED_BITS],
                        UINT64_C(1) << call % CCB_WIRE_DENIED_BITS);
    set_result(context, -EPERM);
}

static int handle_denied(struct ccb_wire_notice *notice, struct ccb_error *err)
{
    struct sigaction action = {.sa_sigaction = on_denied,
                               .sa_flags = SA_SIGINFO | SA_NODEFER};

    notes = notice;
    if (sigaction(SIGSYS, &action, NULL) != 0)
        return ccb_error_set(err, CCB_IO, "sigaction: %s", strerror(errno));
    return 0;
}

/* ---- loading ------------------------------------------------------------ */

/* 0, or a negative errno as libseccomp has it. */
static int add_rows(scmp_filter_ctx filter, uint32_t action,
                    const struct row *rows, size_t count)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < count; i++)
        code = seccomp_rule_add_array(filter, action, rows[i].call,
                                      rows[i].checks, &rows[i].check);
    return code;
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static int fill_opening(scmp_filter_ctx filter)
{
    /* abort() and raise() are a process's own business. */
    const struct row own = CALL_IF(tgkill, 0, SCMP_CMP_EQ, getpid(), 0);
    int code = add_rows(filter, SCMP_ACT_ALLOW, always, COUNT(always));

    if (code == 0)
        code = add_rows(filter, SCMP_ACT_ALLOW, opening, COUNT(opening));
    if (code == 0)
        code = add_rows(filter, SCMP_ACT_ALLOW, &own, 1);
    /* Its flags lie in memory, out of a filter's sight; libc then takes clone.
     */
    if (code == 0)
        code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
                                SCMP_SYS(clone3), 0);
    return code;
}

static int load(enum ccb_runner_stage stage)
{
    bool first = stage == CCB_RUNNER_OPENING;
    scmp_filter_ctx filter =
        seccomp_init(first ? SCMP_ACT_TRAP : SCMP_ACT_ALLOW);
    int code = filter ? 0 : -ENOMEM;

    /* For all threads: a constructor may have started some. */
    if (code == 0)
        code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (code == 0 && first)
        code = fill_opening(filter);
    else if (code == 0)
        code = add_rows(filter, SCMP_ACT_TRAP, closing, COUNT(closing));
    if (code == 0)
        code = seccomp_load(filter);
    seccomp_release(filter);
    return code;
}

int ccb_runner_filter(enum ccb_runner_stage stage,
                      struct ccb_wire_notice *notice, struct ccb_error *err)
{
    int code = 0;

    if (stage == CCB_RUNNER_OPENING)
        code = handle_denied(notice, err);
    if (code)
        return code;
    code = load(stage);
    return code ? ccb_error_set(err, CCB_IO, "the system call filter: %s",
                                strerror(-code))
                : 0;
}
