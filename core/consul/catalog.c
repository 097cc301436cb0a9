/*
 * See catalog.h. One struct a look-up, which lives until its report; it has a
 * time limit where the historic program had none, so that a Consul that hangs
 * holds no request, and no end of the process, for ever.
 */
#include "consul/catalog.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "consul/answers.h"

#define CONNECT_TIMEOUT (10 * CCB_SECOND)
#define TIMEOUT (60 * CCB_SECOND)
#define MAX_ANSWER (UINT64_C(4) << 20)

struct lookup {
    void (*done)(void *token, int code, struct ccb_slice value,
                 const char *error);
    void *token;
    struct ccb_post post; /* for what is known at once */
};

static void report(struct lookup *lookup, int code, struct ccb_slice value,
                   const char *error)
{
    lookup->done(lookup->token, code, value, error);
    ccb_free(lookup);
}

static void on_no_consul(struct ccb_post *post)
{
    struct lookup *lookup =
        (struct lookup *)(void *)((char *)post - offsetof(struct lookup, post));
    report(lookup, CCB_INVALID, ccb_slice_make(NULL, 0),
           "a Consul agent has to be asked, and consulCluster is empty");
}

/* The status says nothing here: what can be read counts. */
static void on_answer(void *user, const struct ccb_http_answer *answer)
{
    struct lookup *lookup = user;
    struct ccb_buf addresses = {0};
    struct ccb_error err;
    int code = answer->code;
    if (code < 0)
        (void)ccb_error_set(&err, code, "%s", answer->error);
    else
        code = ccb_consul_read_addresses(answer->body, &addresses, &err);
    if (code < 0 && answer->code == 0)
        ccb_error_prefix(&err, "Consul's catalog (status %d)", answer->status);
    report(lookup, code, ccb_buf_slice(&addresses),
           code < 0 ? err.message : NULL);
    ccb_buf_destroy(&addresses);
}

static int send_lookup(const struct ccb_catalog_service *service,
                       struct lookup *lookup)
{
    struct ccb_http_call_options http = {
        .method = "GET",
        .use_proxy = true,
        .short_lane = true,
        .connect_timeout = CONNECT_TIMEOUT,
        .timeout = TIMEOUT,
        .max_answer = MAX_ANSWER,
        .on_done = on_answer,
        .user = lookup,
    };
    struct ccb_buf url = {0};
    int code = ccb_buf_printf(&url, "%s/v1/catalog/service/%s",
                              service->consul_cluster, service->name);
    http.url = ccb_buf_slice(&url);
    if (code == 0)
        code = ccb_http_send(service->client, &http, NULL, NULL);
    ccb_buf_destroy(&url);
    return code;
}

int ccb_catalog_gather(void *user, struct ccb_loop *loop,
                       void (*done)(void *token, int code,
                                    struct ccb_slice value, const char *error),
                       void *token)
{
    const struct ccb_catalog_service *service = user;
    struct lookup *lookup = ccb_calloc(1, sizeof(*lookup));
    int code = 0;
    if (!lookup)
        return CCB_NO_MEMORY;
    lookup->done = done;
    lookup->token = token;
    if (service->consul_cluster[0]) {
        code = send_lookup(service, lookup);
    } else {
        lookup->post.run = on_no_consul;
        ccb_loop_post(loop, &lookup->post);
    }
    if (code < 0)
        ccb_free(lookup);
    return code;
}
