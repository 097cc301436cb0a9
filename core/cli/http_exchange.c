/*
 * Exchanges over the control socket: one libcurl multi handle carries the call
 * that is waited for and the streams that are open beside it.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/http_internal.h"

#define CONNECT_SECONDS 10L

static int no_memory(struct ccb_error *err)
{
    return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

static int open_http(struct ccb_cli *cli, struct ccb_error *err)
{
    struct ccb_cli_http *http;
    int n;

    if (cli->http)
        return 0;
    http = ccb_calloc(1, sizeof(*http));
    if (!http)
        return no_memory(err);
    n = snprintf(http->socket, sizeof(http->socket), "%s/control.sock",
                 cli->state);
    if (n < 0 || (size_t)n >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        ccb_free(http);
        return ccb_error_set(err, CCB_TOO_LARGE,
                             "%.200s: too long for the path of a socket; use "
                             "--state with a shorter one",
                             cli->state);
    }
    http->multi = curl_multi_init();
    if (!http->multi) {
        ccb_free(http);
        return no_memory(err);
    }
    cli->http = http;
    return 0;
}

void ccb_cli_http_free(struct ccb_cli_http *http)
{
    if (!http)
        return;
    curl_multi_cleanup(http->multi);
    ccb_free(http);
}

/* curl would wait a second for an answer to `Expect`. */
static int set_headers(struct ccb_cli_exchange *exchange)
{
    static const char *const lines[] = {"Expect:", "Accept: application/json"};
    size_t i;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct curl_slist *more =
            curl_slist_append(exchange->headers, lines[i]);

        if (!more)
            return CCB_NO_MEMORY;
        exchange->headers = more;
    }
    return 0;
}

static int configure(struct ccb_cli_exchange *exchange, const char *path,
                     curl_write_callback sink, void *ctx)
{
    CURL *easy = exchange->easy;
    char url[4096];
    int n = snprintf(url, sizeof(url), "http://ccbridge%s", path);

    if (n < 0 || (size_t)n >= sizeof(url))
        return CCB_TOO_LARGE;
    if (curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH,
                         exchange->cli->http->socket) != CURLE_OK ||
        set_headers(exchange) < 0)
        return CCB_NO_MEMORY;
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    /* On a connection of before, curl might send a POST twice. */
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, sink);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, ctx);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
    return 0;
}

int ccb_cli_exchange_start(struct ccb_cli_exchange *exchange,
                           struct ccb_cli *cli, const char *path,
                           curl_write_callback sink, void *ctx,
                           struct ccb_error *err)
{
    int code = open_http(cli, err);

    memset(exchange, 0, sizeof(*exchange));
    exchange->cli = cli;
    if (code < 0)
        return code;
    exchange->easy = curl_easy_init();
    if (!exchange->easy)
        return no_memory(err);
    code = configure(exchange, path, sink, ctx);
    if (code == CCB_TOO_LARGE)
        return ccb_error_set(err, code, "the name is too long");
    return code < 0 ? no_memory(err) : 0;
}

void ccb_cli_exchange_step(struct ccb_cli *cli, int ms)
{
    CURLMsg *message;
    int running, left;

    if (!cli->http)
        return;
    (void)curl_multi_perform(cli->http->multi, &running);
    for (message = curl_multi_info_read(cli->http->multi, &left); message;
         message = curl_multi_info_read(cli->http->multi, &left)) {
        struct ccb_cli_exchange *exchange = NULL;

        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
                                &exchange);
        if (!exchange || message->msg != CURLMSG_DONE)
            continue;
        exchange->done = true;
        exchange->result = message->data.result;
        ms = 0;
    }
    if (ms > 0 && !ccb_cli_interrupted())
        (void)curl_multi_poll(cli->http->multi, NULL, 0, ms, NULL);
}

long ccb_cli_exchange_status(const struct ccb_cli_exchange *exchange)
{
    long status = 0;

    (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static int fail_connect(const struct ccb_cli_exchange *exchange,
                        struct ccb_error *err)
{
    const char *path = exchange->cli->http->socket;

    if (access(path, R_OK | W_OK) < 0 && errno == EACCES)
        return ccb_error_set(err, CCB_IO, "%s: this user may not open it",
                             path);
    return ccb_error_set(err, CCB_CLOSED, "nothing listens on %s", path);
}

int ccb_cli_exchange_result(const struct ccb_cli_exchange *exchange,
                            struct ccb_error *err)
{
    if (!exchange->done)
        return ccb_error_set(err, CCB_CANCELLED, "interrupted");
    switch (exchange->result) {
    case CURLE_OK:
        return 0;
    case CURLE_COULDNT_CONNECT:
        return fail_connect(exchange, err);
    case CURLE_OPERATION_TIMEDOUT:
        return ccb_error_set(err, CCB_TIMED_OUT, "the daemon does not answer");
    case CURLE_OUT_OF_MEMORY:
        return no_memory(err);
    default:
        return ccb_error_set(err, CCB_IO, "the daemon broke off: %s",
                             curl_easy_strerror(exchange->result));
    }
}

void ccb_cli_exchange_end(struct ccb_cli_exchange *exchange)
{
    if (exchange->easy && exchange->cli->http)
        (void)curl_multi_remove_handle(exchange->cli->http->multi,
                                       exchange->easy);
    curl_easy_cleanup(exchange->easy);
    curl_slist_free_all(exchange->headers);
    exchange->easy = NULL;
    exchange->headers = NULL;
}
