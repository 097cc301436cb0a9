/*
 * What goes over the wire for a counter and for a value, byte for byte, and
 * how many system calls that takes (core/base/dropsonde.h; contract/stager.md
 * A6). The receiver is a socket of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dropsonde.h"
#include "base/mem.h"
#include "base/metrics.h"

#define STAMP 9 /* bytes of a time of this century */

static struct sockaddr_in agent;
static int receiver = -1;
static unsigned calls;

/* In place of the C library's, to count. */
int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    calls++;
    assert_true(flags & MSG_DONTWAIT);
    return (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
}

static void listen_again(void)
{
    socklen_t length = sizeof(agent);

    receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(receiver, (struct sockaddr *)&agent, length), 0);
    assert_int_equal(getsockname(receiver, (struct sockaddr *)&agent, &length),
                     0);
}

static int setup(void **state)
{
    struct ccb_error err;

    (void)state;
    agent = (struct sockaddr_in){.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listen_again();
    assert_int_equal(
        ccb_dropsonde_open((struct sockaddr *)&agent, sizeof(agent), &err), 0);
    calls = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ccb_dropsonde_hold(0);
    ccb_dropsonde_close();
    (void)close(receiver);
    return 0;
}

/* The next datagram's length; 0: there is none. A datagram over loopback is
 * there when its sender returns. */
static size_t receive(unsigned char *bytes, size_t size)
{
    ssize_t n = recv(receiver, bytes, size, MSG_DONTWAIT);

    assert_true(n > 0 || errno == EAGAIN);
    return n > 0 ? (size_t)n : 0;
}

/* Takes the timestamp out of its place and looks whether it is now. */
static size_t cut_stamp(unsigned char *bytes, size_t len, size_t at)
{
    int64_t stamp = 0, now = ccb_clock_wall();

    for (size_t i = STAMP; i > 0; i--)
        stamp = stamp << 7 | (bytes[at + i - 1] & 0x7f);
    assert_true(stamp <= now && stamp > now - 60 * CCB_SECOND);
    memmove(bytes + at, bytes + at + STAMP, len - at - STAMP);
    return len - STAMP;
}

static void test_a_counter_is_these_bytes(void **state)
{
    static const char expected[] = "\x0a\x06stager" /* origin */
                                   "\x10\x07"       /* a CounterEvent */
                                   "\x30"           /* timestamp: cut out */
                                   "\x52\x07"       /* the event */
                                   "\x0a\x03Ups"
                                   "\x10\x01";
    unsigned char bytes[256];
    size_t len;

    (void)state;
    ccb_dropsonde_count("stager", "Ups", 1);
    len = receive(bytes, sizeof(bytes));
    assert_int_equal(len, sizeof(expected) - 1 + STAMP);
    len = cut_stamp(bytes, len, 11);
    assert_memory_equal(bytes, expected, len);
}

static void test_a_value_is_these_bytes(void **state)
{
    static const char expected[] = "\x0a\x06stager"
                                   "\x10\x06" /* a ValueMetric */
                                   "\x30"
                                   "\x4a\x15"
                                   "\x0a\x03Ups"
                                   "\x11\0\0\0\0\0\0\xf8\xbf" /* -1.5 */
                                   "\x1a\x05nanos";
    unsigned char bytes[256];
    size_t len;

    (void)state;
    ccb_dropsonde_value("stager", "Ups", -1.5, "nanos");
    len = receive(bytes, sizeof(bytes));
    assert_int_equal(len, sizeof(expected) - 1 + STAMP);
    len = cut_stamp(bytes, len, 11);
    assert_memory_equal(bytes, expected, len);
}

static void test_a_delta_takes_several_bytes(void **state)
{
    unsigned char bytes[256];
    size_t len;

    (void)state;
    ccb_dropsonde_count("o", "n", 300);
    len = receive(bytes, sizeof(bytes));
    assert_memory_equal(bytes + len - 3, "\x10\xac\x02", 3);
}

static void expect_deltas(unsigned first, unsigned last)
{
    unsigned char bytes[256];

    for (unsigned i = first; i <= last; i++) {
        size_t len = receive(bytes, sizeof(bytes));

        assert_true(len > 0);
        assert_int_equal(bytes[len - 1], i);
    }
    assert_int_equal(receive(bytes, sizeof(bytes)), 0);
}

static void test_without_hold_each_is_sent_at_once(void **state)
{
    (void)state;
    ccb_dropsonde_count("o", "n", 1);
    ccb_dropsonde_count("o", "n", 2);
    assert_int_equal(calls, 2);
    expect_deltas(1, 2);
}

static void test_held_ones_take_one_call_in_order(void **state)
{
    (void)state;
    ccb_dropsonde_hold(1);
    for (unsigned i = 1; i <= 10; i++)
        ccb_dropsonde_count("o", "n", i);
    expect_deltas(1, 0);
    ccb_dropsonde_flush();
    assert_int_equal(calls, 1);
    expect_deltas(1, 10);
    ccb_dropsonde_flush();
    assert_int_equal(calls, 1);
    ccb_dropsonde_count("o", "n", 11);
    ccb_dropsonde_hold(0);
    expect_deltas(11, 11);
}

static void test_a_full_hold_is_sent(void **state)
{
    (void)state;
    ccb_dropsonde_hold(1);
    for (unsigned i = 1; i <= CCB_DROPSONDE_HELD + 1; i++)
        ccb_dropsonde_count("o", "n", i);
    assert_int_equal(calls, 1);
    expect_deltas(1, CCB_DROPSONDE_HELD);
    ccb_dropsonde_flush();
    expect_deltas(CCB_DROPSONDE_HELD + 1, CCB_DROPSONDE_HELD + 1);
}

/* The agent may start later than we, and again: all that is lost is what was
 * sent while it was away. */
static void test_nobody_listening_changes_nothing(void **state)
{
    (void)state;
    (void)close(receiver);
    ccb_dropsonde_count("o", "n", 1);
    ccb_dropsonde_hold(1);
    ccb_dropsonde_count("o", "n", 2);
    ccb_dropsonde_count("o", "n", 3);
    ccb_dropsonde_flush();
    assert_int_equal(calls, 2);
    listen_again();
    ccb_dropsonde_count("o", "n", 4);
    ccb_dropsonde_count("o", "n", 5);
    ccb_dropsonde_flush();
    expect_deltas(4, 5);
}

static void test_what_is_too_long_is_left_out(void **state)
{
    char name[200];

    (void)state;
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    ccb_dropsonde_count("o", name, 1);
    ccb_dropsonde_count(name, "n", 1);
    ccb_dropsonde_value("o", "n", 1, name);
    name[110] = '\0'; /* an event that fits, an envelope that does not */
    ccb_dropsonde_count("o", name, 1);
    assert_int_equal(calls, 0);
    name[106] = '\0'; /* 128 bytes */
    ccb_dropsonde_count("o", name, 7);
    expect_deltas(7, 7);
}

static void test_closed_nothing_is_sent(void **state)
{
    (void)state;
    ccb_dropsonde_close();
    ccb_dropsonde_count("o", "n", 1);
    ccb_dropsonde_value("o", "n", 1, "u");
    assert_int_equal(calls, 0);
}

static void test_an_unknown_family_is_an_error(void **state)
{
    struct sockaddr unknown = {.sa_family = AF_UNSPEC};
    struct ccb_error err;

    (void)state;
    assert_int_equal(ccb_dropsonde_open(&unknown, sizeof(unknown), &err),
                     CCB_IO);
    assert_non_null(strstr(err.message, "udp socket: "));
}

/* Rows with a historic name are sent, all others not; without memory too. */
static void test_metrics_send_what_is_historic(void **state)
{
    unsigned char bytes[256];
    static const char tail[] = "\x0a\x0bLRPsDesired\x10\x01";
    static const char origin[] = "\x0a\x0ensync_listener";
    size_t len;

    (void)state;
    (void)ccb_mem_fail_at(1, 1);
    ccb_metric_add(CCB_METRIC_HTTP_REQUESTS, 1);
    assert_int_equal(calls, 0);
    ccb_metric_add(CCB_METRIC_LRPS_DESIRED, 1);
    len = receive(bytes, sizeof(bytes));
    (void)ccb_mem_fail_at(0, 0);
    assert_memory_equal(bytes, origin, sizeof(origin) - 1);
    assert_memory_equal(bytes + len - (sizeof(tail) - 1), tail,
                        sizeof(tail) - 1);
    ccb_metric_time(CCB_METRIC_LRP_SYNC_TIME, 1500);
    len = receive(bytes, sizeof(bytes));
    assert_memory_equal(bytes + len - 16,
                        "\x11\0\0\0\0\0\x70\x97\x40\x1a\x05nanos", 16);
    assert_int_equal(ccb_metric_values[CCB_METRIC_LRP_SYNC_TIME], 1500);
}

#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_counter_is_these_bytes),
        TEST(test_a_value_is_these_bytes),
        TEST(test_a_delta_takes_several_bytes),
        TEST(test_without_hold_each_is_sent_at_once),
        TEST(test_held_ones_take_one_call_in_order),
        TEST(test_a_full_hold_is_sent),
        TEST(test_nobody_listening_changes_nothing),
        TEST(test_what_is_too_long_is_left_out),
        TEST(test_closed_nothing_is_sent),
        TEST(test_an_unknown_family_is_an_error),
        TEST(test_metrics_send_what_is_historic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
