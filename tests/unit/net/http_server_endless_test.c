/*
 * Answers without a length, whose next piece may be long in coming: a peer
 * that leaves one is noticed at once (net/http_server.h).
 */
#include "http_bed.h"

/* Begins an answer whose next piece may never come; the test ends it. */
static void on_endless(struct ccb_http_request *request, void *user)
{
    ccb_http_respond_start(request, 200, NULL, 0, -1);
    on_park(request, user);
}

static void start_parked(void *unused)
{
    (void)unused;
    ccb_http_respond_start(bed.parked, 200, NULL, 0, -1);
}

static void start_sized_parked(void *unused)
{
    (void)unused;
    ccb_http_respond_start(bed.parked, 200, NULL, 0, 5);
}

/* More than any socket takes. */
static void flood_parked(void *unused)
{
    static char piece[1 << 20];

    (void)unused;
    for (int i = 0; i < 16; i++)
        (void)ccb_http_write(bed.parked, ccb_slice_make(piece, sizeof(piece)));
}

static void write_parked(void *text)
{
    (void)ccb_http_write(bed.parked, ccb_slice_of(text));
}

static void finish_parked(void *unused)
{
    (void)unused;
    ccb_http_finish(bed.parked);
}

static const struct ccb_http_route routes[] = {
    {.method = "GET", .path = "/endless", .on_request = on_endless},
    {.method = "PUT", .path = "/park", .on_request = on_park},
};

static int setup(void **state)
{
    (void)state;
    bed_open(routes, sizeof(routes) / sizeof(routes[0]), &usual_limits);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bed_close();
    return 0;
}

#define H " HTTP/1.1\r\nHost: h\r\n"

static int dial_endless(void)
{
    int fd = dial();

    say(fd, "GET /endless" H "\r\n");
    hear_head(fd);
    (void)bed_parked();
    return fd;
}

static void assert_left(int before)
{
    uv_sem_wait(&bed.aborted_there);
    assert_int_equal(bed.aborted, before + 1);
    bed_call(finish_parked, NULL);
}

static void a_peer_that_closes_has_left_an_endless_answer(void **state)
{
    int before = bed.aborted, fd = dial_endless();

    (void)state;
    (void)close(fd);
    assert_left(before);
}

static void a_half_closed_peer_has_left_it_too(void **state)
{
    int before = bed.aborted, fd = dial_endless();

    (void)state;
    (void)shutdown(fd, SHUT_WR);
    assert_left(before);
    (void)hear_all(fd);
    assert_int_equal(heard_len, 0); /* no last chunk: it does not look whole */
    (void)close(fd);
}

static void even_behind_bytes_that_nobody_reads(void **state)
{
    int before = bed.aborted, fd = dial_endless();

    (void)state;
    say(fd, "GET /chunked" H "\r\n");
    bed_call(write_parked, (void *)(uintptr_t) "so far");
    (void)shutdown(fd, SHUT_WR);
    assert_left(before);
    (void)close(fd);
}

static void even_while_much_waits_for_it(void **state)
{
    int before = bed.aborted, fd = dial_endless();

    (void)state;
    bed_call(flood_parked, NULL);
    (void)shutdown(fd, SHUT_WR);
    assert_left(before);
    (void)close(fd);
}

static void who_left_before_it_began_has_left(void **state)
{
    int before = bed.aborted, fd = dial();

    (void)state;
    say(fd, "PUT /park" H "\r\n");
    (void)shutdown(fd, SHUT_WR);
    (void)bed_parked();
    bed_call(start_parked, NULL);
    assert_left(before);
    (void)close(fd);
}

static void a_half_closed_peer_gets_pieces_of_known_length(void **state)
{
    int before = bed.aborted, fd = dial();

    (void)state;
    say(fd, "PUT /park" H "\r\n");
    (void)bed_parked();
    bed_call(start_sized_parked, NULL);
    hear_head(fd);
    (void)shutdown(fd, SHUT_WR);
    bed_call(write_parked, (void *)(uintptr_t) "he");
    assert_true(hear_bytes(fd, 2));
    bed_call(write_parked, (void *)(uintptr_t) "llo");
    bed_call(finish_parked, NULL);
    assert_int_equal(hear_all(fd), 0);
    assert_string_equal(heard, "llo");
    assert_int_equal(bed.aborted, before);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_closes_has_left_an_endless_answer),
        cmocka_unit_test(a_half_closed_peer_has_left_it_too),
        cmocka_unit_test(even_behind_bytes_that_nobody_reads),
        cmocka_unit_test(even_while_much_waits_for_it),
        cmocka_unit_test(who_left_before_it_began_has_left),
        cmocka_unit_test(a_half_closed_peer_gets_pieces_of_known_length),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
