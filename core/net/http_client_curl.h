/*
 * What the two halves of the long lane share: http_client_curl.c runs libcurl
 * on the loop, http_client_long.c is one transfer of it.
 *
 * Invariant: libcurl may not be called back into from its own callbacks, so
 * while `depth` is above 0 whatever needs it waits in `work`.
 */
#ifndef CCB_NET_HTTP_CLIENT_CURL_H
#define CCB_NET_HTTP_CLIENT_CURL_H

#include "net/curl_library.h"
#include "net/http_client_internal.h"

struct ccb_http_watch; /* one socket of libcurl's under uv_poll */

struct ccb_http_curl {
    struct ccb_http_client *client;
    CURLM *multi;
    uv_timer_t timer; /* libcurl's */
    uv_timer_t kick;  /* runs what waits in `work` */
    unsigned depth;   /* in libcurl, or in the messages after it */
    struct ccb_http_long_call *work;
    struct ccb_http_watch *watches;
    bool closing;
};

struct ccb_http_long_call {
    struct ccb_http_call call;
    CURL *easy;
    struct curl_slist *lines; /* the request's headers */
    struct ccb_http_long_call *next_work;
    bool working; /* is in the work list */
    bool added;   /* to the multi handle */
    bool wants_resume;
    bool unwatched;       /* libuv refused to watch its socket */
    bool dead;            /* cancelled while libcurl was running */
    bool follows;         /* redirects */
    bool head_done, hold; /* hold: on_head asked for a pause */
    unsigned sends;       /* how often libcurl began to send it */
    uint64_t uploaded;    /* bytes that on_read or the body gave */
    struct ccb_http_head head;
    struct ccb_buf text; /* of the head */
    struct ccb_buf body;
    bool malformed; /* `why` is about the answer's syntax */
    int code;       /* why a callback gave up, with words */
    const char *why;
    char detail[CURL_ERROR_SIZE];
};

/* http_client_curl.c: the lane's engine, made with the first call. */
int ccb_http_curl_open(struct ccb_http_client *client, struct ccb_error *err);
/* Looks at the call in the next round: adds it, resumes it, or frees it. */
void ccb_http_curl_queue(struct ccb_http_long_call *lc);
/* Takes it out of the work list and of libcurl. Not from within libcurl. */
void ccb_http_curl_remove(struct ccb_http_long_call *lc);

/* http_client_long.c */
/* libcurl is through with it. */
void ccb_http_long_finish(struct ccb_http_long_call *lc, CURLcode result);

#endif
