/* One exchange over the control socket, as calls and streams share it. */
#ifndef CCB_CLI_HTTP_INTERNAL_H
#define CCB_CLI_HTTP_INTERNAL_H

#include <curl/curl.h>

#include "cli/http.h"

struct ccb_cli_http {
    CURLM *multi;
    char socket[PATH_MAX];
};

struct ccb_cli_exchange {
    struct ccb_cli *cli;
    CURL *easy;
    struct curl_slist *headers;
    bool done;
    CURLcode result;
};

/* Makes and starts it; the bytes of the answer go to `sink`. */
int ccb_cli_exchange_start(struct ccb_cli_exchange *exchange,
                           struct ccb_cli *cli, const char *path,
                           curl_write_callback sink, void *ctx,
                           struct ccb_error *err);
/* Lets all that is open go on; waits `ms` at most for something to happen. */
void ccb_cli_exchange_step(struct ccb_cli *cli, int ms);
long ccb_cli_exchange_status(const struct ccb_cli_exchange *exchange);
/* The words for how it ended, and the code of ccb_cli_call. */
int ccb_cli_exchange_result(const struct ccb_cli_exchange *exchange,
                            struct ccb_error *err);
void ccb_cli_exchange_end(struct ccb_cli_exchange *exchange);

/* Says what a refusal (not 2xx) of the daemon means. */
int ccb_cli_fail_reply(struct ccb_cli *cli, long status, struct ccb_slice body);

#endif
