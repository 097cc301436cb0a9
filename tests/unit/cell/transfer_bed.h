/*
 * What the tests of transfers share: one container, a peer on the same loop
 * that answers by a list and notes what it was asked, and a directory of their
 * own. Waits are for events, with the container bed's deadline.
 */
#ifndef CCB_TESTS_TRANSFER_BED_H
#define CCB_TESTS_TRANSFER_BED_H

#include "container_bed.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "cell/container_tree.h"
#include <openssl/evp.h>

#include "cell/upload.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "transfer_archives.h"

/* How the peer answers the i-th request; the last one for all that follow. */
struct peer_answer {
    int status;
    const char *etag, *modified;
    struct ccb_slice body;
    bool cut;          /* says more than it sends */
    bool stall;        /* ends never, after the head */
    bool mute;         /* never answers */
    const char *moved; /* Location */
};

struct peer_seen {
    char target[128], none_match[64], since[64], auth[64], md5[64], type[64];
    char length[32];
    struct ccb_buf body;
};

#define PEER_SEEN_MAX 16

struct peer {
    struct ccb_http_server *server;
    uint16_t port;
    const struct peer_answer *answers;
    size_t count;
    size_t asked;
    int asked_once, all_asked; /* all_asked: `expect` have come */
    size_t expect;
    struct peer_seen seen[PEER_SEEN_MAX];
    struct ccb_http_request *held[PEER_SEEN_MAX + 1]; /* the last: NULL */
    int closed;
};

static struct transfer_bed {
    struct bed *bed;
    struct box box;
    struct ccb_http_client *client;
    struct peer peer;
    char top[64], cache[96];
    struct ccb_downloads *downloads;
    struct ccb_uploads *uploads;
    struct ccb_log_session log;
    int log_fd;
    int closed;
} tb;

/* ---- the peer ----------------------------------------------------------- */

static inline void note(struct ccb_http_request *request, const char *name,
                        char *out, size_t size)
{
    struct ccb_slice value = ccb_http_request_header(request, name);

    (void)snprintf(out, size, "%.*s", (int)value.len,
                   value.len > 0 ? value.ptr : "");
}

static inline void on_peer_gone(struct ccb_http_request *request, void *user)
{
    struct peer *peer = user;

    for (size_t i = 0; i < PEER_SEEN_MAX; i++)
        if (peer->held[i] == request)
            peer->held[i] = NULL;
    ccb_http_abandon(request);
}

static inline void peer_reply(struct peer *peer,
                              struct ccb_http_request *request, size_t number)
{
    const struct peer_answer *answer =
        &peer->answers[number < peer->count ? number : peer->count - 1];
    struct ccb_http_header headers[3];
    size_t count = 0, slot = 0;

    if (answer->etag != NULL)
        headers[count++] = (struct ccb_http_header){CCB_LIT("ETag"),
                                                    ccb_slice_of(answer->etag)};
    if (answer->modified != NULL)
        headers[count++] = (struct ccb_http_header){
            CCB_LIT("Last-Modified"), ccb_slice_of(answer->modified)};
    if (answer->moved != NULL)
        headers[count++] = (struct ccb_http_header){
            CCB_LIT("Location"), ccb_slice_of(answer->moved)};
    if (answer->mute || answer->stall) {
        while (peer->held[slot] != NULL)
            slot++;
        assert_true(slot < PEER_SEEN_MAX);
        peer->held[slot] = request;
        ccb_http_on_abort(request, on_peer_gone, peer);
    }
    if (answer->mute)
        return;
    if (!answer->cut && !answer->stall) {
        ccb_http_respond_with(request, answer->status, headers, count,
                              answer->body);
        return;
    }
    ccb_http_respond_start(request, answer->status, headers, count,
                           (int64_t)answer->body.len + 10);
    (void)ccb_http_write(request, answer->body);
    if (answer->cut)
        ccb_http_abandon(request);
}

static inline void on_peer_request(struct ccb_http_request *request, void *user)
{
    const struct ccb_http_request_info *info = ccb_http_request_info(request);
    struct peer *peer = user;
    size_t number = peer->asked++;
    struct peer_seen *seen = &peer->seen[number % PEER_SEEN_MAX];

    (void)snprintf(seen->target, sizeof(seen->target), "%.*s",
                   (int)info->target.len, info->target.ptr);
    note(request, "If-None-Match", seen->none_match, sizeof(seen->none_match));
    note(request, "If-Modified-Since", seen->since, sizeof(seen->since));
    note(request, "Authorization", seen->auth, sizeof(seen->auth));
    note(request, "Content-MD5", seen->md5, sizeof(seen->md5));
    note(request, "Content-Type", seen->type, sizeof(seen->type));
    note(request, "Content-Length", seen->length, sizeof(seen->length));
    ccb_buf_reset(&seen->body);
    (void)ccb_buf_put_slice(&seen->body, info->body);
    peer->asked_once = 1;
    peer->all_asked = peer->asked >= peer->expect;
    peer_reply(peer, request, number);
}

static inline void on_peer_closed(void *user)
{
    ((struct peer *)user)->closed = 1;
}

static inline void peer_open(struct peer *peer)
{
    static const struct ccb_http_limits limits = {.max_body_bytes = 1 << 26,
                                                  .max_header_bytes = 65536,
                                                  .max_connections = 100};
    static const struct ccb_http_route routes[] = {
        {.method = "GET", .path = "/*", .on_request = on_peer_request},
        {.method = "POST", .path = "/*", .on_request = on_peer_request}};
    struct ccb_http_server_options options = {
        .routes = routes, .route_count = 2, .user = peer, .limits = &limits};
    struct ccb_error err = {0};
    int fd;

    if (ccb_http_listen("127.0.0.1", 0, -1, &fd, &err) != CCB_OK ||
        ccb_http_server_open(&peer->server, &tb.bed->loop, fd, &options,
                             &err) != CCB_OK)
        fail_msg("%s", err.message);
    peer->port = ccb_http_bound_port(fd);
}

/* From now on it answers so. */
static inline void peer_says(const struct peer_answer *answers, size_t count)
{
    tb.peer.answers = answers;
    tb.peer.count = count;
    tb.peer.asked = 0;
    tb.peer.asked_once = 0;
    tb.peer.all_asked = 0;
}
#define PEER_SAYS(...)                                                         \
    peer_says((const struct peer_answer[]){__VA_ARGS__},                       \
              sizeof((const struct peer_answer[]){__VA_ARGS__}) /              \
                  sizeof(struct peer_answer))

/* What it was not to answer: a peer that only ended its side is not gone. */
static inline void peer_drop(void)
{
    for (size_t i = 0; i < PEER_SEEN_MAX; i++) {
        if (tb.peer.held[i] != NULL)
            ccb_http_abandon(tb.peer.held[i]);
        tb.peer.held[i] = NULL;
    }
}

static inline struct ccb_slice peer_url(const char *rest)
{
    static char text[8][128];
    static unsigned turn;
    char *url = text[turn++ % 8];

    (void)snprintf(url, sizeof(text[0]), "http://127.0.0.1:%u%s", tb.peer.port,
                   rest);
    return ccb_slice_of(url);
}

/* ---- the whole ---------------------------------------------------------- */

static inline void on_bed_part_closed(void *user)
{
    *(int *)user = 1;
}

static inline int transfer_setup(void **state)
{
    struct ccb_error err = {0};

    memset(&tb, 0, sizeof(tb));
    if (bed_open(state) != 0)
        return -1;
    tb.bed = *state;
    box_open(&tb.box, tb.bed);
    peer_open(&tb.peer);
    (void)snprintf(tb.top, sizeof(tb.top), "/tmp/ccb-transfer-XXXXXX");
    if (mkdtemp(tb.top) == NULL)
        return -1;
    (void)snprintf(tb.cache, sizeof(tb.cache), "%s/cache", tb.top);
    if (ccb_http_client_open(&tb.client, &tb.bed->loop, &err) != CCB_OK)
        fail_msg("%s", err.message);
    tb.log_fd = memfd_create("log", MFD_CLOEXEC);
    ccb_log_set_fd(tb.log_fd);
    ccb_log_open(&tb.log, "test");
    return 0;
}

static inline int transfer_teardown(void **state)
{
    ccb_log_set_fd(1);
    (void)close(tb.log_fd);
    ccb_http_client_close(tb.client, on_bed_part_closed, &tb.closed);
    bed_wait(tb.bed, &tb.closed);
    peer_drop();
    ccb_http_server_close(tb.peer.server, on_peer_closed, &tb.peer);
    bed_wait(tb.bed, &tb.peer.closed);
    for (size_t i = 0; i < PEER_SEEN_MAX; i++)
        ccb_buf_destroy(&tb.peer.seen[i].body);
    box_close(&tb.box);
    if (ccb_tree_remove(AT_FDCWD, tb.top, NULL) != CCB_OK)
        return -1;
    return bed_close(state);
}

/* What was logged since the last time; the caller's. */
static inline char *log_text(void)
{
    struct ccb_buf text = {0};
    char block[4096];
    ssize_t len;

    ccb_log_flush();
    (void)lseek(tb.log_fd, 0, SEEK_SET);
    for (;;) {
        len = read(tb.log_fd, block, sizeof(block));
        if (len <= 0)
            break;
        (void)ccb_buf_append(&text, block, (size_t)len);
    }
    (void)ftruncate(tb.log_fd, 0);
    (void)lseek(tb.log_fd, 0, SEEK_SET);
    (void)ccb_buf_append(&text, "", 1);
    return text.data;
}

static inline void log_says(const char *first, const char *second)
{
    char *text = log_text();

    if (strstr(text, first) == NULL || strstr(text, second) == NULL)
        fail_msg("'%s' and '%s' are not in: %s", first, second, text);
    if (strstr(text, "hush") != NULL)
        fail_msg("a secret is in: %s", text);
    ccb_free(text);
}

static inline size_t files_in(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(dir);
    for (entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    (void)closedir(dir);
    return count;
}

/* The container says this of a file. */
static inline void box_has(const char *path, const char *wanted)
{
    char script[160];

    (void)snprintf(script, sizeof(script), "cat %s", path);
    run_says(&tb.box, "vcap", script, wanted);
}

#endif
