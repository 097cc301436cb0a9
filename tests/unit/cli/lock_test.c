/*
 * Who holds a state directory, and what a failed start says (core/cli/lock.h,
 * launch.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/launch.h"
#include "cli/lock.h"

static char dir[64];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/ccb-lock-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"ccbridged.lock", "ccbridged.pid",
                                        "ccbridged.log", "ccbridged.log.1"};
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

struct holder {
    pid_t pid;
    int hold; /* closing it ends the holder */
};

/* A process that holds the lock; as the daemon, over exec (`exec_cat`). */
static struct holder start_holder(int exec_cat)
{
    struct holder holder;
    int hold[2], ready[2];
    char byte = 0;

    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    holder.pid = fork();
    if (holder.pid == 0) {
        int code = ccb_lock_take(dir, NULL);

        if (code == 0)
            code = ccb_lock_write_pid(dir, getpid(), NULL);
        if (exec_cat && code == 0) {
            /* cat repeats the byte: then it is that program. */
            dup2(hold[0], 0);
            dup2(ready[1], 1);
            execlp("cat", "cat", (char *)NULL);
        }
        byte = (char)code;
        if (write(ready[1], &byte, 1) == 1) {
            close(hold[1]);
            while (read(hold[0], &byte, 1) > 0)
                ;
        }
        _exit(0);
    }
    close(hold[0]);
    close(ready[1]);
    if (exec_cat)
        assert_int_equal(write(hold[1], "", 1), 1);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 0);
    close(ready[0]);
    holder.hold = hold[1];
    return holder;
}

static void end_holder(struct holder holder)
{
    close(holder.hold);
    assert_int_equal(waitpid(holder.pid, NULL, 0), holder.pid);
}

static pid_t find(void)
{
    struct ccb_error err;
    pid_t pid = -1;

    assert_int_equal(ccb_lock_find(dir, &pid, &err), 0);
    return pid;
}

static void test_nobody_holds_what_is_not_there(void **state)
{
    struct ccb_error err;
    pid_t pid = -1;

    (void)state;
    assert_int_equal(ccb_lock_find("/nowhere/at/all", &pid, &err), 0);
    assert_int_equal(pid, 0);
    assert_int_equal(find(), 0);
}

static void test_the_holder_is_found_until_it_ends(void **state)
{
    (void)state;
    for (int exec_cat = 0; exec_cat < 2; exec_cat++) {
        struct holder holder = start_holder(exec_cat);

        assert_int_equal(find(), holder.pid);
        end_holder(holder);
        assert_int_equal(find(), 0);
    }
}

static void test_a_second_one_is_refused(void **state)
{
    struct holder holder = start_holder(0);
    struct ccb_error err;

    (void)state;
    assert_int_equal(ccb_lock_take(dir, &err), CCB_CONFLICT);
    assert_non_null(strstr(err.message, dir));
    end_holder(holder);
}

/* A pid file alone says nothing, whatever number it has. */
static void test_a_stale_pid_file_counts_for_nothing(void **state)
{
    (void)state;
    assert_int_equal(ccb_lock_write_pid(dir, getpid(), NULL), 0);
    assert_int_equal(find(), 0);
}

static void test_the_pid_file_is_whole(void **state)
{
    char path[128], text[32] = "";
    struct stat st;
    FILE *file;

    (void)state;
    assert_int_equal(ccb_lock_write_pid(dir, 123456, NULL), 0);
    assert_int_equal(ccb_lock_write_pid(dir, 99, NULL), 0);
    (void)snprintf(path, sizeof(path), "%s/ccbridged.pid", dir);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof(text), file), 3);
    (void)fclose(file);
    assert_string_equal(text, "99\n");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* ---- the log ---------------------------------------------------------------
 */

static void explains(const char *log, const char *wanted)
{
    struct ccb_buf out = {0};

    ccb_cli_explain_log(ccb_slice_of(log), &out);
    ccb_buf_putc(&out, '\0');
    assert_string_equal(out.data, wanted);
    ccb_buf_destroy(&out);
}

static void test_explains_the_errors_of_a_log(void **state)
{
    (void)state;
    explains("{\"message\":\"a.started\",\"log_level\":1,\"data\":{}}\n"
             "{\"message\":\"a.failed\",\"log_level\":2,\"data\":"
             "{\"error\":\"port 80 is taken\"}}\n"
             "usage: more\n"
             "{\"message\":\"a.gave-up\",\"log_level\":3,\"data\":{}}\n",
             "port 80 is taken\na.gave-up\n");
    explains("one\ntwo\n{\"message\":\"m\",\"log_level\":1}\nthree",
             "one\ntwo\nthree\n");
    explains("1\n2\n3\n4\n5\n6\n7\n", "3\n4\n5\n6\n7\n");
    explains("flag -x is not known\nUsage of all:\n  -a\n  -b\n",
             "flag -x is not known\n");
    explains("", "");
}

static void test_a_large_log_is_turned(void **state)
{
    char path[128], old[128];
    struct stat st;
    long start = -1;
    int fd = ccb_cli_open_log(dir, &start, NULL);

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/ccbridged.log", dir);
    (void)snprintf(old, sizeof(old), "%s/ccbridged.log.1", dir);
    assert_true(fd >= 0);
    assert_int_equal(start, 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(ftruncate(fd, CCB_CLI_MAX_LOG), 0);
    close(fd);
    fd = ccb_cli_open_log(dir, &start, NULL);
    assert_int_equal(start, CCB_CLI_MAX_LOG);
    assert_int_equal(stat(old, &st), -1);
    assert_int_equal(ftruncate(fd, CCB_CLI_MAX_LOG + 1), 0);
    close(fd);
    fd = ccb_cli_open_log(dir, &start, NULL);
    assert_int_equal(start, 0);
    assert_int_equal(stat(old, &st), 0);
    assert_int_equal(st.st_size, CCB_CLI_MAX_LOG + 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_holds_what_is_not_there),
        cmocka_unit_test(test_the_holder_is_found_until_it_ends),
        cmocka_unit_test(test_a_second_one_is_refused),
        cmocka_unit_test(test_a_stale_pid_file_counts_for_nothing),
        cmocka_unit_test(test_the_pid_file_is_whole),
        cmocka_unit_test(test_explains_the_errors_of_a_log),
        cmocka_unit_test(test_a_large_log_is_turned),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
