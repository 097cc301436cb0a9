/*
 * Where a container's parts may lie, and that no mount of theirs is ever the
 * host's: state directory, init, bubblewrap and root file system below a
 * directory that only root may pass.
 */
#include "container_bed.h"

#include <fcntl.h>
#include <sys/wait.h>

static char hidden[64];

/* The host's mounts, as this process sees them. */
static void read_mounts(struct ccb_buf *out)
{
    char bytes[4096];
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    ssize_t n;

    assert_true(fd >= 0);
    ccb_buf_reset(out);
    while ((n = read(fd, bytes, sizeof(bytes))) > 0)
        (void)ccb_buf_append(out, bytes, (size_t)n);
    (void)close(fd);
    (void)run_text(out);
}

static void copy_program(const char *from, const char *name)
{
    char to[128], bytes[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC), out;
    ssize_t n;

    (void)snprintf(to, sizeof(to), "%s/%s", hidden, name);
    out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_true(in >= 0 && out >= 0);
    while ((n = read(in, bytes, sizeof(bytes))) > 0)
        assert_int_equal(write(out, bytes, (size_t)n), n);
    (void)close(in);
    (void)close(out);
}

static const char *below(const char *name, char path[128])
{
    (void)snprintf(path, 128, "%s/%s", hidden, name);
    return path;
}

static void make_below(const char *name)
{
    char path[128];

    assert_int_equal(mkdir(below(name, path), 0755), 0);
}

static int hidden_open(void **state)
{
    char path[128];

    if (bed_open(state) != 0)
        return -1;
    (void)snprintf(hidden, sizeof(hidden), "/tmp/ccb-cell-XXXXXX");
    assert_non_null(mkdtemp(hidden)); /* mode 0700 */
    make_below("state");
    make_below("rootfs");
    make_below("rootfs/bin");
    copy_program(BED_INIT, "init");
    copy_program("/usr/bin/bwrap", "bwrap");
    copy_program(BED_INIT, "rootfs/bin/tool"); /* the one static program */
    assert_int_equal(chmod(below("state", path), 0700), 0);
    return 0;
}

static int hidden_close(void **state)
{
    static const char *const files[] = {"init", "bwrap", "rootfs/bin/tool"};
    static const char *const dirs[] = {"rootfs/bin", "rootfs", "state"};
    char path[128];

    for (int i = 0; i < 3; i++)
        assert_int_equal(unlink(below(files[i], path)), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rmdir(below(dirs[i], path)), 0);
    assert_int_equal(rmdir(hidden), 0);
    return bed_close(state);
}

static void open_hidden(struct box *box, const char *rootfs)
{
    static char dir[128], init[128], bwrap[128];
    struct ccb_container_options options = box_options(box, 0);

    options.directory = below("state", dir);
    options.init = below("init", init);
    options.bwrap = below("bwrap", bwrap);
    options.rootfs = rootfs;
    box_create(box, &options);
    assert_string_equal(box->err.message, "");
}

static void test_all_may_lie_where_only_root_may_pass(void **state)
{
    struct box box = {.bed = *state};
    struct ccb_buf before = {0}, after = {0};

    read_mounts(&before);
    open_hidden(&box, "/");
    read_mounts(&after);
    assert_string_equal(before.data, after.data);
    run_says(&box, "vcap", "echo x > /app/f; cat /app/f; ls -A /tmp",
             "x\n"); /* nothing of the launcher's place */
    box_close(&box);
    read_mounts(&after);
    assert_string_equal(before.data, after.data);
    ccb_buf_destroy(&before);
    ccb_buf_destroy(&after);
}

static void test_a_hidden_root_file_system_is_shown(void **state)
{
    struct box box = {.bed = *state};
    char rootfs[128];
    struct run run;
    struct ccb_step step = run_step(&run, "vcap", NULL, 0);

    open_hidden(&box, below("rootfs", rootfs));
    step.path = "/bin/tool";
    run_start(&run, &box, &step);
    bed_wait(box.bed, &run.closed);
    assert_string_equal(run.exit.err.message, "");
    assert_string_equal(run_text(&run.err),
                        "ccbridge-init is started by ccbridged only\n");
    run_free(&run);
    box_close(&box);
}

/* The child stands for a daemon with a container; it never ends by itself. */
static void live_as_daemon(struct bed *bed, int told)
{
    struct box box = {.bed = bed};

    open_hidden(&box, "/");
    (void)!write(told, "!", 1);
    for (;;)
        (void)uv_run(&bed->loop.uv, UV_RUN_ONCE);
}

static void test_no_mount_outlives_a_killed_daemon(void **state)
{
    struct ccb_buf before = {0}, after = {0};
    struct box box = {.bed = *state};
    char dir[128], byte;
    int pipes[2];
    pid_t child;

    read_mounts(&before);
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        struct bed *bed = NULL;

        (void)bed_open((void **)&bed);
        (void)rmdir(bed->directory); /* not used */
        live_as_daemon(bed, pipes[1]);
    }
    (void)close(pipes[1]);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(pipes[0]);
    read_mounts(&after);
    assert_string_equal(before.data, after.data);
    assert_int_equal(ccb_container_sweep(&box.bed->loop, below("state", dir),
                                         on_box_destroyed, &box, NULL),
                     CCB_OK);
    bed_wait(box.bed, &box.destroyed);
    read_mounts(&after);
    assert_string_equal(before.data, after.data);
    ccb_buf_destroy(&before);
    ccb_buf_destroy(&after);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, hidden_open, hidden_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_may_lie_where_only_root_may_pass),
        TEST(test_a_hidden_root_file_system_is_shown),
        TEST(test_no_mount_outlives_a_killed_daemon),
    };

    if (bed_missing())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
