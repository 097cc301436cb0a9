/*
 * The bed of the tests of the whole cell: the role `receptor` on a loop in a
 * thread of its own, with its HTTP door; the test's thread is the client. Its
 * log comes through a pipe, and its lines are the events that tests wait for.
 * Callbacks come to a socket of the test.
 */
#ifndef CCB_TESTS_WHOLE_BED_H
#define CCB_TESTS_WHOLE_BED_H

#include "../net/http_bed.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "cell/api.h"
#include "cell/cell.h"
#include "cell/cell_internal.h"
#include "cell/lrp.h"
#include "cell/task.h"

#define WHOLE_DEADLINE 30000 /* ms */

static struct whole {
    char dir[64];
    struct ccb_cell_config config;
    struct ccb_pair stack;
    struct ccb_log_session log;
    struct ccb_http_client *client;
    struct ccb_worker worker;
    void *instance;
    int log_fds[2];
    char lines[1 << 20]; /* of the log, read and not used up */
    size_t lines_len;
    int callback_fd;
    unsigned callback_port;
} whole;

/* ---- skipping ----------------------------------------------------------- */

static MAY_BE_UNUSED int whole_missing(void)
{
    const char *why = NULL;

    if (geteuid() != 0)
        why = "not root";
    else if (access("/usr/bin/bwrap", X_OK) != 0)
        why = "bubblewrap is not installed";
    else if (access(CCB_BUILD_DIR "/libexec/ccbridge/ccbridge-init", X_OK) != 0)
        why = "ccbridge-init is not built";
    if (why != NULL)
        print_message("skipped: %s\n", why);
    return why != NULL;
}

/* ---- the log ------------------------------------------------------------ */

static void take_lines(void)
{
    struct pollfd ready = {.fd = whole.log_fds[0], .events = POLLIN};
    ssize_t n;

    if (poll(&ready, 1, WHOLE_DEADLINE) != 1)
        fail_msg("nothing happens any more; last:\n%s", whole.lines);
    assert_true(whole.lines_len + 1 < sizeof(whole.lines));
    n = read(whole.log_fds[0], whole.lines + whole.lines_len,
             sizeof(whole.lines) - 1 - whole.lines_len);
    assert_true(n > 0);
    whole.lines_len += (size_t)n;
    whole.lines[whole.lines_len] = '\0';
}

/* Uses up the first line of this action with `part` in it; others stay. */
static MAY_BE_UNUSED const char *wait_log(const char *action, const char *part)
{
    static char line[8192];
    char wanted[80];

    (void)snprintf(wanted, sizeof(wanted), "\"receptor.%s\"", action);
    for (;; take_lines()) {
        char *at = whole.lines, *end;

        for (; (end = strchr(at, '\n')) != NULL; at = end + 1) {
            size_t len = (size_t)(end - at);

            assert_true(len < sizeof(line));
            memcpy(line, at, len);
            line[len] = '\0';
            if (!strstr(line, wanted) || !strstr(line, part))
                continue;
            memmove(at, end + 1,
                    whole.lines_len - (size_t)(end + 1 - whole.lines) + 1);
            whole.lines_len -= len + 1;
            return line;
        }
    }
}

static MAY_BE_UNUSED bool was_logged(const char *part)
{
    return strstr(whole.lines, part) != NULL;
}

/* ---- callbacks ---------------------------------------------------------- */

static MAY_BE_UNUSED void listen_for_callbacks(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);

    whole.callback_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(whole.callback_fd >= 0);
    assert_int_equal(bind(whole.callback_fd, (struct sockaddr *)&address, len),
                     0);
    assert_int_equal(listen(whole.callback_fd, 16), 0);
    assert_int_equal(
        getsockname(whole.callback_fd, (struct sockaddr *)&address, &len), 0);
    whole.callback_port = ntohs(address.sin_port);
}

/* Takes one callback, whose body has to be this, and answers 200. */
static MAY_BE_UNUSED void hear_callback(const char *wanted)
{
    struct pollfd ready = {.fd = whole.callback_fd, .events = POLLIN};
    char body[1024];
    int fd;

    if (poll(&ready, 1, WHOLE_DEADLINE) != 1)
        fail_msg("no callback; the log so far:\n%s", whole.lines);
    fd = accept(whole.callback_fd, NULL, NULL);
    assert_true(fd >= 0);
    (void)snprintf(body, sizeof(body), "%s", hear_answer(fd));
    say(fd,
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    (void)close(fd);
    for (char *at = body; *at; at++)
        *at = *at == '"' ? '\'' : *at;
    assert_string_equal(body, wanted);
}

/* ---- the configuration -------------------------------------------------- */

static void whole_configure(void)
{
    struct ccb_flag_set set = {NULL, ccb_receptor_role.flags,
                               ccb_receptor_role.flag_count, &whole.config};
    char state[80], *argv[] = {state,
                               (char *)"-address=127.0.0.1:0",
                               (char *)"-rootfs=base=/",
                               (char *)"-memoryMB=1024",
                               (char *)"-diskMB=4096",
                               (char *)"-maxContainers=4",
                               (char *)"-convergeInterval=50ms",
                               (char *)"-kickInterval=50ms",
                               (char *)"-staleUnclaimed=50ms",
                               (char *)"-expirePendingTask=20s",
                               (char *)"-expireCompletedTask=60s",
                               (char *)"-crashReset=20s",
                               (char *)"-backoffUnit=100ms",
                               (char *)"-backoffMax=400ms",
                               (char *)"-unhealthyInterval=10ms",
                               (char *)"-healthyInterval=50ms",
                               (char *)"-terminateTimeout=300ms",
                               (char *)"-exitTimeout=1s",
                               (char *)"-presenceTTL=5s",
                               (char *)"-pollingInterval=50ms"};

    (void)snprintf(state, sizeof(state), "-stateDir=%s", whole.dir);
    assert_int_equal(ccb_flags_parse(&set, 1, sizeof(argv) / sizeof(argv[0]),
                                     argv, "receptor", stderr),
                     CCB_FLAGS_OK);
    whole.config.state_dir = whole.dir; /* argv goes */
}

static MAY_BE_UNUSED void whole_forget_configuration(void)
{
    struct ccb_flag_set set = {NULL, ccb_receptor_role.flags,
                               ccb_receptor_role.flag_count, &whole.config};

    ccb_flags_destroy(&set, 1);
}

/* ---- the cell ----------------------------------------------------------- */

static MAY_BE_UNUSED struct ccb_cell *whole_cell(void)
{
    return ccb_api_owner(whole.instance);
}

static void open_door(void)
{
    struct ccb_http_server_options http = {.routes = ccb_api_routes,
                                           .route_count = ccb_api_route_count,
                                           .user = whole.instance,
                                           .limits = &usual_limits};
    struct ccb_error err;
    int fd;

    assert_int_equal(ccb_http_listen("127.0.0.1", 0, -1, &fd, &err), 0);
    assert_int_equal(
        ccb_http_server_open(&bed.server, &bed.loop, fd, &http, &err), 0);
    bed.port = ccb_http_bound_port(fd);
}

static MAY_BE_UNUSED void open_loop(void)
{
    struct ccb_error err;

    memset(&bed, 0, sizeof(bed));
    assert_int_equal(uv_sem_init(&bed.parked_there, 0), 0);
    assert_int_equal(uv_sem_init(&bed.aborted_there, 0), 0);
    assert_int_equal(ccb_loop_open(&bed.loop, &err), 0);
    assert_int_equal(ccb_http_client_open(&whole.client, &bed.loop, &err), 0);
    whole.worker = (struct ccb_worker){
        .loop = &bed.loop, .client = whole.client, .log = &whole.log};
}

/* Opens the role on the loop of the bed, whose thread does not run yet. */
static MAY_BE_UNUSED int open_role(struct ccb_error *err)
{
    void *shared;

    assert_int_equal(
        ccb_receptor_role.prepare(&shared, &whole.config, &whole.log, err), 0);
    return ccb_receptor_role.open(&whole.instance, shared, &whole.worker, err);
}

/* Children of the cell are the business of its loop's thread: their signal
 * must not break the waits of the test's. */
static void mask_children(int how)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    assert_int_equal(pthread_sigmask(how, &set, NULL), 0);
}

/* A cell begins to live, on whatever the one before it left. */
static MAY_BE_UNUSED void whole_begin(void)
{
    struct ccb_error err = {0};

    mask_children(SIG_UNBLOCK); /* threads inherit it */
    open_loop();
    assert_int_equal(uv_async_init(&bed.loop.uv, &bed.hold, NULL), 0);
    if (open_role(&err) < 0)
        fail_msg("%s", err.message);
    open_door();
    assert_int_equal(uv_thread_create(&bed.thread, run_bed, NULL), 0);
    mask_children(SIG_BLOCK);
}

static void on_door_closed(void *user)
{
    (void)user;
    ccb_receptor_role.close(whole.instance);
    ccb_http_client_close(whole.client, NULL, NULL);
}

static void stop_role(void *unused)
{
    (void)unused;
    ccb_receptor_role.stop(whole.instance);
    ccb_http_server_close(bed.server, on_door_closed, NULL);
}

/* As the daemon does it; bed_join proves that nothing is left on the loop. */
static MAY_BE_UNUSED void whole_end(void)
{
    bed_call(stop_role, NULL);
    bed_join();
}

static MAY_BE_UNUSED int whole_open(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    memset(&whole, 0, sizeof(whole));
    (void)snprintf(whole.dir, sizeof(whole.dir), "/tmp/ccb-cell-XXXXXX");
    assert_non_null(mkdtemp(whole.dir));
    assert_int_equal(pipe2(whole.log_fds, O_CLOEXEC), 0);
    ccb_log_set_fd(whole.log_fds[1]);
    ccb_log_open(&whole.log, "receptor");
    listen_for_callbacks();
    whole_configure();
    whole_begin();
    return 0;
}

static int remove_entry(const char *path, const struct stat *info, int kind,
                        struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

/* No container may be left in the directory. */
static MAY_BE_UNUSED void whole_clean(void)
{
    char path[96];

    (void)snprintf(path, sizeof(path), "%s/cell/containers", whole.dir);
    if (access(path, F_OK) == 0)
        assert_int_equal(rmdir(path), 0);
    (void)nftw(whole.dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    ccb_log_set_fd(1);
    (void)close(whole.log_fds[0]);
    (void)close(whole.log_fds[1]);
    (void)close(whole.callback_fd);
    whole_forget_configuration();
}

static MAY_BE_UNUSED int whole_close(void **state)
{
    (void)state;
    whole_end();
    whole_clean();
    return 0;
}

/* ---- requests ----------------------------------------------------------- */

/* Single quotes of the body stand for double ones. */
static MAY_BE_UNUSED void send_request(const char *line, const char *status,
                                       const char *body)
{
    static char text[70000];
    char wanted[32];
    size_t used;

    used = (size_t)snprintf(text, sizeof(text),
                            "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                            "Content-Length: %zu\r\n\r\n",
                            line, strlen(body));
    for (size_t i = 0; body[i]; i++)
        text[used++] = body[i] == '\'' ? '"' : body[i];
    text[used] = '\0';
    (void)ask(text);
    (void)snprintf(wanted, sizeof(wanted), "HTTP/1.1 %s ", status);
    if (strncmp(heard, wanted, strlen(wanted)) != 0)
        fail_msg("%s: not %s but\n%s", line, status, heard);
}

#define POST_TASK(...)                                                         \
    do {                                                                       \
        char task_body_[4096];                                                 \
        (void)snprintf(task_body_, sizeof(task_body_), __VA_ARGS__);           \
        send_request("POST /v1/tasks", "201", task_body_);                     \
    } while (0)
#define POST_LRP(body) send_request("POST /v1/desired_lrps", "201", body)
#define GET(path) send_request("GET " path, "200", "")

/* Members of every task and LRP here, and a shell's action. */
#define DEMO "'domain':'demo','rootfs':'preloaded:base'"
#define SHELL(script)                                                          \
    "{'run':{'path':'/bin/sh','args':['-c','" script "'],'user':'vcap'}}"
#define CALL_BACK "'completion_callback_url':'http://127.0.0.1:%u/'"

/* The value of a text member of what was heard, from `after` on. */
static MAY_BE_UNUSED const char *member(const char *name, char *out,
                                        size_t size)
{
    char wanted[64];
    const char *at;

    (void)snprintf(wanted, sizeof(wanted), "\"%s\":\"", name);
    at = strstr(heard, wanted);
    if (at == NULL)
        fail_msg("no %s in:\n%s", name, heard);
    at += strlen(wanted);
    (void)snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
    return out;
}

/* Follows the log of a guid until `part` comes in it. */
static MAY_BE_UNUSED void wait_output(const char *guid, const char *part)
{
    int fd = dial();

    say(fd, "GET /v1/logs/");
    say(fd, guid);
    say(fd, "?follow=true HTTP/1.1\r\nHost: x\r\n\r\n");
    heard_len = 0;
    heard[0] = '\0';
    while (strstr(heard, part) == NULL) {
        ssize_t n =
            recv(fd, heard + heard_len, sizeof(heard) - 1 - heard_len, 0);

        if (n <= 0)
            fail_msg("no \"%s\" in:\n%s", part, heard);
        heard_len += (size_t)n;
        heard[heard_len] = '\0';
    }
    (void)close(fd);
}

/* A text that no other process of this machine has on its command line. */
static MAY_BE_UNUSED const char *make_mark(void)
{
    static char mark[32];

    (void)snprintf(mark, sizeof(mark), "1000.%d%d", (int)getpid(),
                   (int)bed.port);
    return mark;
}

/* ---- processes of the host ---------------------------------------------- */

static bool is_marked(const char *pid, const char *mark)
{
    char path[300], line[8192];
    FILE *file;
    size_t n;

    (void)snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
    file = pid[0] >= '1' && pid[0] <= '9' ? fopen(path, "re") : NULL;
    if (file == NULL)
        return false;
    n = fread(line, 1, sizeof(line), file);
    (void)fclose(file);
    return memmem(line, n, mark, strlen(mark)) != NULL;
}

/* One whose command line has `mark`; 0: there is none. */
static MAY_BE_UNUSED pid_t find_process(const char *mark)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;

    assert_non_null(proc);
    while (found == 0 && (entry = readdir(proc)) != NULL)
        if (is_marked(entry->d_name, mark))
            found = (pid_t)strtol(entry->d_name, NULL, 10);
    (void)closedir(proc);
    return found;
}

#endif
