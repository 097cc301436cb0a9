/*
 * What is left of a container: nothing after destroy, no process after the
 * daemon is killed in the middle, nothing on disk after the next sweep; and a
 * container that dies by itself is told.
 */
#include "container_bed.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cell/container_cgroup.h"

static int exists(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static int exists(const char *format, ...)
{
    char path[600];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    return access(path, F_OK) == 0;
}

/* Whether the process of that /proc entry has `mark` on its command line. */
static int is_marked(const char *entry, const char *mark)
{
    char path[300], line[4096];
    FILE *file;
    size_t n;

    (void)snprintf(path, sizeof(path), "/proc/%s/cmdline", entry);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    n = fread(line, 1, sizeof(line), file);
    (void)fclose(file);
    return memmem(line, n, mark, strlen(mark)) != NULL;
}

/* The processes of the host that have `mark` on their command line. */
static size_t find_marked(const char *mark, pid_t *pids, size_t max)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(proc);
    while ((entry = readdir(proc)) != NULL && count < max)
        if (is_marked(entry->d_name, mark))
            pids[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
    (void)closedir(proc);
    return count;
}

static size_t count_marked(const char *mark)
{
    pid_t pids[16];

    return find_marked(mark, pids, 16);
}

/* A tree that stays when its shell ends: double forks, own sessions. */
#define STAYERS                                                                \
    "setsid sh -c ': %s; trap \"\" TERM HUP; echo > /tmp/up; "                 \
    "while :; do read x < /tmp/never; done' & read x < /tmp/up"

static void start_stayers(struct box *box, struct run *run, char *mark,
                          size_t size)
{
    char script[300];

    (void)snprintf(mark, size, "mark-%d-%s", (int)getpid(),
                   strrchr(box->bed->directory, '-') + 1);
    (void)snprintf(script, sizeof(script), STAYERS, mark);
    run_says(box, "vcap", "mkfifo /tmp/never /tmp/up", "");
    run_script(run, box, "vcap", script);
    bed_wait(box->bed, &run->exited);
    assert_int_equal(count_marked(mark), 1);
}

static int same_mounts(const char *directory)
{
    char line[4096];
    FILE *file = fopen("/proc/self/mountinfo", "re");
    int seen = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        seen |= strstr(line, directory) != NULL;
    (void)fclose(file);
    return !seen;
}

static void test_destroy_leaves_nothing(void **state)
{
    struct box box = {.bed = *state};
    struct ccb_container_options options = box_options(&box, 0);
    static const uint16_t ports[] = {8080};
    char group[CCB_CGROUP_PATH], mark[64];
    struct run run;
    int grouped;

    options.memory_mb = 64;
    options.ports = ports;
    options.port_count = 1;
    box_create(&box, &options);
    assert_string_equal(box.err.message, "");
    grouped = ccb_cgroup_path(group, options.guid, NULL) == CCB_OK;
    start_stayers(&box, &run, mark, sizeof(mark));
    run_says(&box, "root", "mkdir -p /tmp/a/b; chmod 0 /tmp/a/b /tmp/a", "");
    assert_true(exists("%s/%s/tmp", box.bed->directory, options.guid));
    assert_true(!grouped || exists("%s", group));
    box_close(&box);
    assert_int_equal(count_marked(mark), 0);
    assert_int_equal(count_marked(options.guid), 0); /* bubblewrap is gone */
    assert_false(exists("%s/%s", box.bed->directory, options.guid));
    assert_false(grouped && exists("%s", group));
    assert_true(same_mounts(box.bed->directory));
    run_free(&run);
}

static void test_a_container_that_dies_is_told(void **state)
{
    struct box box;
    struct run run;
    struct ccb_step step = run_step(&run, "vcap", NULL, 0);
    struct ccb_error err;
    char line[32];
    pid_t pid = 0;

    box_open(&box, *state);
    run_script(&run, &box, "vcap", "while :; do :; done");
    (void)snprintf(line, sizeof(line), "app-%d-0", (int)getpid());
    assert_int_equal(find_marked(line, &pid, 1), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    bed_wait(box.bed, &box.lost);
    assert_true(run.closed);
    assert_int_equal(run.exit.kind, CCB_EXIT_LOST);
    assert_int_equal(
        ccb_container_spawn(&run.process, box.container, &step, &err),
        CCB_CONFLICT);
    box_close(&box);
}

/* ---- kill -9 of the daemon ----------------------------------------------- */

/* The test program started again: a daemon that stands until it is killed. It
 * says on standard output how its container is marked. */
static int be_daemon(const char *directory)
{
    struct bed bed = {.loop = {.open = 0}};
    struct ccb_container_options options;
    struct box box = {.bed = &bed};
    struct run run;
    char mark[64] = "";

    (void)snprintf(bed.directory, sizeof(bed.directory), "%s", directory);
    assert_int_equal(ccb_loop_open(&bed.loop, NULL), CCB_OK);
    options = box_options(&box, 0);
    options.memory_mb = 64;
    box_create(&box, &options);
    start_stayers(&box, &run, mark, sizeof(mark));
    assert_int_equal(write(1, mark, sizeof(mark)), sizeof(mark));
    while (!box.lost)
        (void)uv_run(&bed.loop.uv, UV_RUN_ONCE);
    return 1;
}

/* Its pid; `mark` is filled when its container stands. */
static pid_t start_daemon(const char *directory, char *mark, ssize_t size)
{
    int ready[2];
    pid_t daemon;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    daemon = fork();
    if (daemon == 0) {
        (void)dup2(ready[1], 1);
        (void)execl("/proc/self/exe", "end_test", "daemon", directory,
                    (char *)NULL);
        _exit(127);
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], mark, (size_t)size), size);
    (void)close(ready[0]);
    return daemon;
}

static void on_swept(void *ctx, const struct ccb_error *err)
{
    if (err != NULL)
        fail_msg("sweep: %s", err->message);
    *(int *)ctx = 1;
}

/* Descriptors of every process that has the mark: they tell of their end. */
static size_t watch_marked(const char *mark, struct pollfd *fds, size_t max)
{
    pid_t pids[8];
    size_t count = find_marked(mark, pids, max);

    for (size_t i = 0; i < count; i++) {
        fds[i].fd = (int)syscall(SYS_pidfd_open, pids[i], 0);
        fds[i].events = POLLIN;
        assert_true(fds[i].fd >= 0);
    }
    return count;
}

static void wait_gone(const struct pollfd *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pollfd one = fds[i];

        assert_int_equal(poll(&one, 1, 20000), 1);
        (void)close(one.fd);
    }
}

static void test_kill_9_of_the_daemon_leaves_nothing(void **state)
{
    struct bed *bed = *state;
    struct pollfd fds[8];
    char mark[64] = "", guid[64], group[CCB_CGROUP_PATH];
    int swept = 0;
    size_t count;
    pid_t daemon = start_daemon(bed->directory, mark, sizeof(mark));

    (void)snprintf(guid, sizeof(guid), "app-%d-0", (int)daemon);
    count = watch_marked(mark, fds, 4);
    assert_int_equal(count, 1);
    count += watch_marked(guid, fds + count, 4);
    assert_int_equal(count, 2);
    assert_int_equal(kill(daemon, SIGKILL), 0);
    assert_int_equal(waitpid(daemon, NULL, 0), daemon);
    wait_gone(fds, count);
    assert_int_equal(count_marked(mark), 0);
    assert_true(same_mounts(bed->directory));
    /* Only files are left, and the next start removes them. */
    assert_true(exists("%s/%s", bed->directory, guid));
    assert_int_equal(
        ccb_container_sweep(&bed->loop, bed->directory, on_swept, &swept, NULL),
        CCB_OK);
    bed_wait(bed, &swept);
    assert_false(exists("%s/%s", bed->directory, guid));
    assert_false(ccb_cgroup_path(group, guid, NULL) == CCB_OK &&
                 exists("%s", group));
}

static void test_a_sweep_of_nothing_is_fine(void **state)
{
    struct bed *bed = *state;
    int swept = 0;

    assert_int_equal(ccb_container_sweep(&bed->loop, "/no/such/directory",
                                         on_swept, &swept, NULL),
                     CCB_OK);
    bed_wait(bed, &swept);
}

static void test_a_guid_can_be_used_again_after_destroy(void **state)
{
    struct box box;

    for (int i = 0; i < 3; i++) {
        box_open(&box, *state);
        box_close(&box);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_open, bed_close)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_destroy_leaves_nothing),
        TEST(test_a_container_that_dies_is_told),
        TEST(test_kill_9_of_the_daemon_leaves_nothing),
        TEST(test_a_sweep_of_nothing_is_fine),
        TEST(test_a_guid_can_be_used_again_after_destroy),
    };

    if (argc == 3 && strcmp(argv[1], "daemon") == 0)
        return be_daemon(argv[2]);
    if (bed_missing())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
