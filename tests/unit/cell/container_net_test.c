/*
 * Host port to container port: three containers on 8080 at once, a large
 * exchange whole, ends passed on, and nothing left when they go.
 */
#include "container_bed.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Listens on 8080 and echoes one connection after the other; the test
 * program is not visible inside, so perl, which is on every Debian, serves. */
#define SERVER                                                                 \
    "perl -MIO::Socket::INET -e '"                                             \
    "$s = IO::Socket::INET->new(LocalAddr=>\"0.0.0.0\",LocalPort=>8080,"       \
    "Listen=>9) or die; $|=1; print \"up\\n\"; while ($c = $s->accept) {"      \
    "print $c \"app %d\\n\"; while (sysread($c, $b, 9999)) {"                  \
    "$o=0; while ($o<length $b) { $o += syswrite($c, $b, 9999, $o) } }"        \
    "print $c \"end\"; close $c }'"

struct client {
    struct bed *bed;
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_shutdown_t shutdown;
    uv_write_t write;
    struct ccb_buf got;
    struct ccb_slice send;
    int failed, ended, closed;
};

static void on_client_closed(uv_handle_t *handle)
{
    ((struct client *)handle->data)->closed = 1;
}

static void on_client_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    static char room[65536];

    (void)handle;
    (void)wanted;
    *buf = uv_buf_init(room, sizeof(room));
}

static void on_client_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct client *client = stream->data;

    if (n > 0)
        (void)ccb_buf_append(&client->got, buf->base, (size_t)n);
    if (n >= 0)
        return;
    client->ended = 1;
    client->failed |= n != UV_EOF;
    uv_close((uv_handle_t *)stream, on_client_closed);
}

static void on_client_sent(uv_write_t *write, int status)
{
    struct client *client = write->handle->data;

    client->failed |= status != 0;
}

static void on_client_connected(uv_connect_t *connect, int status)
{
    struct client *client = connect->data;
    uv_stream_t *stream = (uv_stream_t *)&client->tcp;
    uv_buf_t bytes =
        uv_buf_init((char *)client->send.ptr, (unsigned)client->send.len);

    if (status != 0) { /* turned away before it was seen */
        client->failed = 1;
        uv_close((uv_handle_t *)stream, on_client_closed);
        return;
    }
    assert_int_equal(uv_read_start(stream, on_client_room, on_client_read), 0);
    assert_int_equal(
        uv_write(&client->write, stream, &bytes, 1, on_client_sent), 0);
    assert_int_equal(uv_shutdown(&client->shutdown, stream, NULL), 0);
}

static void client_open(struct client *client, struct box *box, uint16_t port,
                        struct ccb_slice send)
{
    struct sockaddr_in address;

    memset(client, 0, sizeof(*client));
    client->bed = box->bed;
    client->send = send;
    client->tcp.data = client->connect.data = client;
    assert_int_equal(uv_ip4_addr("127.0.0.1", port, &address), 0);
    assert_int_equal(uv_tcp_init(&box->bed->loop.uv, &client->tcp), 0);
    client->tcp.data = client;
    assert_int_equal(uv_tcp_connect(&client->connect, &client->tcp,
                                    (const struct sockaddr *)&address,
                                    on_client_connected),
                     0);
}

/* Sends, ends, and wants the answer to be exactly this. */
static void client_says(struct box *box, const char *send, const char *wanted)
{
    struct client client;

    client_open(&client, box, ccb_container_host_port(box->container, 0),
                ccb_slice_of(send));
    bed_wait(box->bed, &client.closed);
    assert_string_equal(run_text(&client.got), wanted);
    assert_false(client.failed);
    ccb_buf_destroy(&client.got);
}

static void on_up(void *ctx, enum ccb_stream stream, struct ccb_slice bytes)
{
    (void)stream;
    (void)bytes;
    ((struct run *)ctx)->err.failed = 1; /* "something came" */
}

/* A container that listens on 8080 inside. */
static void serve(struct box *box, struct run *run, unsigned number)
{
    static const uint16_t ports[] = {8080};
    struct ccb_container_options options = box_options(box, number);
    char script[600];
    const char *const args[] = {"-c", script};
    struct ccb_step step = run_step(run, "vcap", args, 2);

    options.ports = ports;
    options.port_count = 1;
    box_create(box, &options);
    assert_string_equal(box->err.message, "");
    (void)snprintf(script, sizeof(script), SERVER, number);
    step.on_output = on_up;
    run_start(run, box, &step);
    bed_wait(box->bed, &run->err.failed);
}

static void test_three_containers_listen_on_the_same_port(void **state)
{
    struct box boxes[3];
    struct run runs[3];

    for (unsigned i = 0; i < 3; i++) {
        memset(&boxes[i], 0, sizeof(boxes[i]));
        boxes[i].bed = *state;
        serve(&boxes[i], &runs[i], i);
    }
    assert_int_not_equal(ccb_container_host_port(boxes[0].container, 0),
                         ccb_container_host_port(boxes[1].container, 0));
    for (int again = 0; again < 2; again++) {
        client_says(&boxes[2], "two", "app 2\ntwoend");
        client_says(&boxes[0], "zero", "app 0\nzeroend");
        client_says(&boxes[1], "one", "app 1\noneend");
    }
    for (int i = 0; i < 3; i++)
        box_close(&boxes[i]);
}

static void test_a_large_exchange_comes_through_whole(void **state)
{
    struct box box = {.bed = *state};
    struct run run;
    struct client client;
    struct ccb_buf large = {0};

    for (uint32_t i = 0; i < 1000000; i++)
        (void)ccb_buf_append(&large, &i, sizeof(i));
    serve(&box, &run, 0);
    client_open(&client, &box, ccb_container_host_port(box.container, 0),
                ccb_buf_slice(&large));
    bed_wait(box.bed, &client.closed);
    assert_int_equal(client.got.len, large.len + 9);
    assert_memory_equal(client.got.data + 6, large.data, large.len);
    ccb_buf_destroy(&client.got);
    ccb_buf_destroy(&large);
    box_close(&box);
}

static void test_a_port_nobody_listens_on_is_closed_at_once(void **state)
{
    static const uint16_t ports[] = {8080, 9};
    struct box box = {.bed = *state};
    struct ccb_container_options options = box_options(&box, 0);
    struct client client;

    options.ports = ports;
    options.port_count = 2;
    box_create(&box, &options);
    client_open(&client, &box, ccb_container_host_port(box.container, 1),
                ccb_slice_of("x"));
    bed_wait(box.bed, &client.closed);
    assert_int_equal(client.got.len, 0);
    box_close(&box);
}

static void test_open_connections_end_with_the_container(void **state)
{
    struct box box = {.bed = *state};
    struct run run;
    struct client client;
    struct sockaddr_in address;
    int fd, code;

    serve(&box, &run, 0);
    client_says(&box, "a", "app 0\naend");
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)uv_ip4_addr("127.0.0.1", ccb_container_host_port(box.container, 0),
                      &address);
    code = connect(fd, (const struct sockaddr *)&address, sizeof(address));
    assert_int_equal(code, 0);
    client_open(&client, &box, ccb_container_host_port(box.container, 0),
                ccb_slice_of("waits behind the other"));
    box_close(&box);
    bed_wait(box.bed, &client.closed);
    ccb_buf_destroy(&client.got);
    (void)close(fd);
}

static void test_there_is_an_address_that_is_not_loopback(void **state)
{
    struct box box;

    box_open(&box, *state);
    run_says(&box, "vcap",
             "perl -MSocket -e 'socket(S,PF_INET,SOCK_DGRAM,0); "
             "print bind(S,sockaddr_in(0,inet_aton(\"10.254.0.2\"))) ? "
             "\"mine\\n\" : \"$!\\n\"'; "
             "perl -MSocket -e 'socket(S,PF_INET,SOCK_STREAM,0); "
             "connect(S,sockaddr_in(80,inet_aton(\"192.0.2.1\"))) or "
             "print \"$!\\n\"'",
             "mine\nNetwork is unreachable\n");
    box_close(&box);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_open, bed_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_three_containers_listen_on_the_same_port),
        TEST(test_a_large_exchange_comes_through_whole),
        TEST(test_a_port_nobody_listens_on_is_closed_at_once),
        TEST(test_open_connections_end_with_the_container),
        TEST(test_there_is_an_address_that_is_not_loopback),
    };

    if (bed_missing())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
