/*
 * The controller's start (setup.h).
 */
#include "controller/setup.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "controller/internal.h"
#include "net/url.h"

/* ---- the command line --------------------------------------------------- */

int ccb_setup_address(struct ccb_http_address *out, const char *address,
                      struct ccb_error *err)
{
    int code = ccb_http_address_parse(out, address, err);

    if (code == 0 && out->port == 0)
        code = ccb_error_set(err, CCB_INVALID,
                             "%s: wanted is HOST:PORT, with a port from 1 to "
                             "65535",
                             address);
    return code;
}

static int check_url(const char *url, const char *flag, struct ccb_error *err)
{
    struct ccb_url parsed;
    int code;

    if (!url[0])
        return 0;
    code = ccb_url_parse(&parsed, ccb_slice_of(url), err);
    if (code == 0 && (parsed.scheme.len == 0 || parsed.host.len == 0))
        code = ccb_error_set(err, CCB_INVALID,
                             "wanted is a URL such as http://127.0.0.1:8080");
    if (code < 0)
        ccb_error_prefix(err, "-%s", flag);
    return code;
}

static int check_urls(const struct ccb_controller_config *c,
                      struct ccb_error *err)
{
    const struct {
        const char *url, *flag;
    } all[] = {{c->url, "controllerURL"},
               {c->stager_url, "stagerURL"},
               {c->nsync_url, "nsyncURL"},
               {c->tps_url, "tpsURL"},
               {c->diego_url, "diegoAPIURL"}};
    int code = 0;

    for (size_t i = 0; code == 0 && i < sizeof(all) / sizeof(all[0]); i++)
        code = check_url(all[i].url, all[i].flag, err);
    return code;
}

static int check_values(const struct ccb_controller_config *c,
                        struct ccb_error *err)
{
    if (!c->state_dir[0])
        return ccb_error_set(err, CCB_INVALID,
                             "-stateDir is missing: give the directory that "
                             "keeps the apps");
    if (strlen(c->state_dir) > PATH_MAX / 2)
        return ccb_error_set(err, CCB_INVALID, "-stateDir: too long a path");
    if (c->staging_timeout < CCB_SECOND)
        return ccb_error_set(err, CCB_INVALID,
                             "-stagingTimeout: must be a second or more");
    if (c->staging_memory_mb > INT32_MAX || c->staging_disk_mb > INT32_MAX)
        return ccb_error_set(err, CCB_INVALID,
                             "-stagingMemoryMB, -stagingDiskMB: too large");
    if (!c->stack[0])
        return ccb_error_set(err, CCB_INVALID, "-stack: must not be empty");
    return 0;
}

int ccb_setup_check(const void *config, const char **action,
                    struct ccb_error *err)
{
    const struct ccb_controller_config *c = config;
    struct ccb_http_address address;
    int code;

    *action = "invalid-flag";
    code = check_values(c, err);
    if (code == 0)
        code = ccb_setup_address(&address, c->address, err);
    return code < 0 ? code : check_urls(c, err);
}

/* ---- URLs --------------------------------------------------------------- */

static void put_escaped(struct ccb_buf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9') || strchr("-_.~", c))
            ccb_buf_putc(out, (char)c);
        else
            ccb_buf_printf(out, "%%%02X", c);
    }
}

/* An address that listens on everything is no address to be told. */
static void put_own_url(struct ccb_buf *out,
                        const struct ccb_controller_config *c)
{
    struct ccb_http_address at;

    if (c->url[0]) {
        ccb_buf_put(out, c->url);
        while (out->len > 0 && out->data[out->len - 1] == '/')
            out->len--;
        return;
    }
    (void)ccb_setup_address(&at, c->address, NULL); /* was checked */
    if (strchr(at.host, ':'))
        ccb_buf_printf(out, "http://[%s]:%u", at.host, at.port);
    else
        ccb_buf_printf(out, "http://%s:%u", at.host[0] ? at.host : "127.0.0.1",
                       at.port);
}

static void put_authorization(struct ccb_buf *out,
                              const struct ccb_controller_config *c)
{
    struct ccb_buf plain = {0};
    char *room;
    int len;

    ccb_buf_printf(&plain, "%s:%s", c->username, c->password);
    ccb_buf_put(out, "Basic ");
    room = ccb_buf_reserve(out, plain.len * 2 + 8);
    if (room && !plain.failed) {
        len =
            EVP_EncodeBlock((unsigned char *)room,
                            (const unsigned char *)plain.data, (int)plain.len);
        out->len += (size_t)len;
    }
    if (plain.failed)
        out->failed = plain.failed;
    ccb_buf_destroy(&plain);
}

static int make_urls(struct ccb_controller_shared *s, struct ccb_error *err)
{
    const struct ccb_controller_config *c = s->config;
    struct ccb_buf own = {0};
    struct ccb_url url;
    int code;

    put_own_url(&own, c);
    code = own.failed ? CCB_NO_MEMORY
                      : ccb_url_parse(&url, ccb_buf_slice(&own), err);
    if (code == 0) {
        ccb_buf_printf(&s->base_url, "%.*s://%.*s%.*s", (int)url.scheme.len,
                       url.scheme.ptr, (int)url.authority.len,
                       url.authority.ptr, (int)url.target.len,
                       url.target.len ? url.target.ptr : "");
        ccb_buf_printf(&s->auth_url, "%.*s://", (int)url.scheme.len,
                       url.scheme.ptr);
        if (c->password[0]) {
            put_escaped(&s->auth_url, c->username);
            ccb_buf_putc(&s->auth_url, ':');
            put_escaped(&s->auth_url, c->password);
            ccb_buf_putc(&s->auth_url, '@');
            put_authorization(&s->authorization, c);
        }
        ccb_buf_printf(&s->auth_url, "%.*s%.*s", (int)url.authority.len,
                       url.authority.ptr, (int)url.target.len,
                       url.target.len ? url.target.ptr : "");
    }
    ccb_buf_destroy(&own);
    if (s->base_url.failed || s->auth_url.failed || s->authorization.failed ||
        code == CCB_NO_MEMORY)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return code;
}

/* ---- the state ---------------------------------------------------------- */

static int revive(struct ccb_ledger_op *op, struct ccb_ledger *ledger,
                  struct ccb_error *err)
{
    int code = ccb_blobs_prepare(ledger, err);

    (void)op;
    return code < 0 ? code : ccb_outbox_revive(ledger, err);
}

static int open_state(struct ccb_controller_shared *s, struct ccb_error *err)
{
    struct ccb_ledger_op op = {.run = revive, .arena = ccb_arena_create()};
    char packs[PATH_MAX + 16];
    int code;

    if (!op.arena)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    code = ccb_blobs_make_dir(s->config->state_dir, err);
    if (code == 0)
        code = ccb_blobs_make_dir(s->dir, err);
    if (code == 0)
        code = ccb_ledger_open(&s->ledger, s->dir, err);
    if (code == 0) {
        code = ccb_ledger_perform(s->ledger, &op);
        *err = op.err;
    }
    (void)snprintf(packs, sizeof(packs), "%s/buildpacks", s->dir);
    if (code == 0)
        code = ccb_packs_load(&s->packs, s->config->buildpack_dir, packs, err);
    if (code == 0)
        code = ccb_ledger_start(s->ledger, err);
    ccb_arena_unref(op.arena);
    return code;
}

static void set_facts(struct ccb_controller_shared *s)
{
    const struct ccb_controller_config *c = s->config;

    s->facts = (struct ccb_message_facts){
        .base_url = ccb_buf_slice(&s->base_url),
        .auth_url = ccb_buf_slice(&s->auth_url),
        .stack = ccb_slice_of(c->stack),
        .staging_memory_mb = (int64_t)c->staging_memory_mb,
        .staging_disk_mb = (int64_t)c->staging_disk_mb,
        .staging_timeout = c->staging_timeout / CCB_SECOND,
        .packs = &s->packs,
    };
}

int ccb_setup_prepare(void **shared, const void *config,
                      struct ccb_log_session *log, struct ccb_error *err)
{
    struct ccb_controller_shared *s = ccb_calloc(1, sizeof(*s));
    int code;

    if (!s)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    s->config = config;
    s->log = log;
    s->started_at = ccb_clock_wall();
    (void)snprintf(s->dir, sizeof(s->dir), "%s/controller",
                   s->config->state_dir);
    code = make_urls(s, err);
    if (code == 0)
        code = open_state(s, err);
    if (code < 0) {
        ccb_setup_release(s);
        return code;
    }
    set_facts(s);
    *shared = s;
    return 0;
}

void ccb_setup_release(void *shared)
{
    struct ccb_controller_shared *s = shared;

    if (!s)
        return;
    ccb_ledger_close(s->ledger);
    ccb_packs_destroy(&s->packs);
    ccb_buf_destroy(&s->base_url);
    ccb_buf_destroy(&s->auth_url);
    ccb_buf_destroy(&s->authorization);
    ccb_free(s);
}
