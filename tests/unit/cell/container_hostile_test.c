/*
 * An init that lies: the daemon's side must survive every word of it and tell
 * the container's end. The test program itself plays init: the daemon starts
 * it with "launch", and the container's guid picks the lie.
 */
#include "container_bed.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cell/container_frame.h"

#define CONTROL 3

static void send_frame(enum ccb_frame_type type, uint32_t id, const int *fds,
                       unsigned count)
{
    char control[CMSG_SPACE(sizeof(int) * 32)] = {0};
    struct ccb_buf frame = {0};
    struct iovec bytes;
    struct msghdr msg = {.msg_iov = &bytes, .msg_iovlen = 1};
    struct cmsghdr *head;

    (void)ccb_frame_put(
        &frame, type, id,
        ccb_slice_make("\0\0\0", type == CCB_FRAME_EXITED ? 4 : 0));
    bytes = (struct iovec){frame.data, frame.len};
    if (count > 0) {
        msg.msg_control = control;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        head = CMSG_FIRSTHDR(&msg);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(head), fds, sizeof(int) * count);
    }
    (void)sendmsg(CONTROL, &msg, MSG_NOSIGNAL);
    ccb_buf_destroy(&frame);
}

static void say(enum ccb_frame_type type, uint32_t id)
{
    send_frame(type, id, NULL, 0);
}

/* Waits until the daemon has sent something, or has hung up. */
static void listen_once(void)
{
    char bytes[65536];

    (void)!read(CONTROL, bytes, sizeof(bytes));
}

/* ---- the lies ------------------------------------------------------------ */

static void nonsense(void)
{
    (void)!write(CONTROL, "this is no frame at all", 23);
    listen_once();
}

static void wrong_direction(void)
{
    say(CCB_FRAME_READY, 0);
    say(CCB_FRAME_SOCKET, 1);
    listen_once();
}

static void missing_descriptors(void)
{
    say(CCB_FRAME_READY, 0);
    say(CCB_FRAME_STARTED, 1);
    listen_once();
}

static void too_many_descriptors(void)
{
    int fds[32];

    for (int i = 0; i < 32; i++)
        fds[i] = 0;
    send_frame(CCB_FRAME_READY, 0, fds, 32);
    listen_once();
}

/* Answers for what nobody asked, twice, and in the wrong order. */
static void unasked(void)
{
    int fds[2] = {0, 0};

    say(CCB_FRAME_EXITED, 1);
    say(CCB_FRAME_READY, 0);
    say(CCB_FRAME_READY, 0);
    say(CCB_FRAME_EXITED, 77);
    say(CCB_FRAME_FAILED, 77);
    send_frame(CCB_FRAME_STARTED, 77, fds, 2);
    send_frame(CCB_FRAME_SOCKETS, 77, fds, 1);
}

/* Files instead of pipes for the first step, and its exit twice. */
static void not_pipes(void)
{
    int fds[2] = {0, 0};

    say(CCB_FRAME_READY, 0);
    listen_once();
    fds[0] = fds[1] = open("/dev/zero", O_RDWR | O_CLOEXEC);
    send_frame(CCB_FRAME_STARTED, 1, fds, 2);
    send_frame(CCB_FRAME_STARTED, 1, fds, 2);
    say(CCB_FRAME_EXITED, 1);
    say(CCB_FRAME_EXITED, 1);
    send_frame(CCB_FRAME_STARTED, 1, fds, 2);
}

/* Stands, and neither hears nor ends. */
static void deaf(void)
{
    say(CCB_FRAME_READY, 0);
    for (;;)
        (void)pause();
}

static const struct {
    const char *guid;
    void (*lie)(void);
    int created; /* it was READY before */
    const char *words;
} lies[] = {
    {"nonsense", nonsense, 0, "the mark is missing"},
    {"wrong-direction", wrong_direction, 1, ""},
    {"missing", missing_descriptors, 1, ""},
    {"too-many", too_many_descriptors, 0, "more descriptors than announced"},
    {"unasked", unasked, 1, ""},
    {"not-pipes", not_pipes, 1, ""},
    {"deaf", deaf, 1, ""},
};
#define LIES (sizeof(lies) / sizeof(lies[0]))

static int play_init(const char *guid)
{
    for (size_t i = 0; i < LIES; i++)
        if (strcmp(lies[i].guid, guid) == 0)
            lies[i].lie();
    return 0;
}

/* ---- the tests ----------------------------------------------------------- */

static void open_liar(struct box *box, size_t i)
{
    static char self[512];
    struct ccb_container_options options = box_options(box, 0);
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    assert_true(len > 0);
    self[len] = '\0';
    options.init = self;
    options.guid = lies[i].guid;
    box_create(box, &options);
    assert_int_equal(box->err.message[0] == '\0', lies[i].created);
}

static void test_lies_end_the_container_and_nothing_else(void **state)
{
    for (size_t i = 0; i + 2 < LIES; i++) {
        struct box box = {.bed = *state};

        open_liar(&box, i);
        assert_non_null(strstr(box.err.message, lies[i].words));
        if (lies[i].created)
            bed_wait(box.bed, &box.lost);
        box_close(&box);
    }
}

static void test_only_pipes_are_taken_as_streams(void **state)
{
    struct box box = {.bed = *state};
    struct run run;

    open_liar(&box, LIES - 2);
    run_script(&run, &box, "vcap", "exit 0");
    bed_wait(box.bed, &run.closed);
    assert_int_equal(run.out.len, 0);
    assert_int_equal(run.exit.kind, CCB_EXIT_STATUS);
    box_close(&box);
}

/* It is killed from outside when it does not end by itself. */
static void test_a_deaf_init_is_killed(void **state)
{
    struct box box = {.bed = *state};

    open_liar(&box, LIES - 1);
    box_close(&box);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_open, bed_close)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lies_end_the_container_and_nothing_else),
        TEST(test_only_pipes_are_taken_as_streams),
        TEST(test_a_deaf_init_is_killed),
    };

    if (argc > 5 && strcmp(argv[1], "launch") == 0)
        return play_init(argv[5]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
