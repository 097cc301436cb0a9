/*
 * What the platform fetches of its Cloud Controller and brings it: bits,
 * buildpacks, droplets, caches of build artifacts (fixtures of
 * contract/fileserver-ccuploader.md 2.3, 2.4).
 *
 * A droplet's download is not asked for a password: as with CC, its address
 * has the digest in it, and only who was told it knows that.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "controller/blobs.h"
#include "controller/internal.h"

/* ---- downloads ---------------------------------------------------------- */

struct download {
    struct ccb_errand errand; /* first */
    const char *sql;          /* finds digest, md5, bytes, created_at */
    struct ccb_slice guid, second;
    const struct ccb_pack *pack; /* instead of sql */
    int fd;
    uint64_t bytes;
    int64_t modified; /* ns */
    char etag[40];    /* quoted MD5 */
    char date[40];
    const char *type;
};

static void dispose(struct ccb_errand *errand)
{
    struct download *d = (struct download *)errand;

    if (d->fd >= 0)
        (void)close(d->fd);
}

static int find_blob(struct download *d, struct ccb_ledger *ledger,
                     struct ccb_error *err)
{
    sqlite3_stmt *row =
        ccb_ledger_query(ledger, err, d->sql, "tt", d->guid, d->second);
    int code = ccb_ledger_step(ledger, row, err);
    struct ccb_slice digest;

    if (code == 0)
        return ccb_fault(err, "NotFound", "there is no such file");
    if (code < 0)
        return code;
    digest = ccb_ledger_text(ledger, row, 0);
    (void)snprintf(d->etag, sizeof(d->etag), "\"%s\"",
                   (const char *)sqlite3_column_text(row, 1));
    d->bytes = (uint64_t)sqlite3_column_int64(row, 2);
    d->modified = sqlite3_column_int64(row, 3);
    (void)sqlite3_reset(row);
    if (!digest.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    d->fd = ccb_blobs_open(ledger, digest, err);
    return d->fd < 0 ? d->fd : 0;
}

static int open_pack(struct download *d, struct ccb_error *err)
{
    const struct ccb_pack *pack = d->pack;
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s.zip",
                   d->errand.controller->shared->packs.dir,
                   pack->digests.sha256);
    d->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (d->fd < 0)
        return ccb_fault(err, "NotFound",
                         "the file of the buildpack %s is gone; a restart "
                         "packs it again",
                         pack->name);
    (void)snprintf(d->etag, sizeof(d->etag), "\"%s\"", pack->digests.md5);
    d->bytes = pack->digests.bytes;
    d->modified = pack->modified;
    return 0;
}

static int open_file(struct ccb_errand *errand, struct ccb_ledger *ledger,
                     struct ccb_error *err)
{
    struct download *d = (struct download *)errand;

    return d->pack ? open_pack(d, err) : find_blob(d, ledger, err);
}

/* The client has it already. A tag, when it is asked for, decides alone. */
static bool is_known(struct download *d)
{
    struct ccb_slice tag =
        ccb_http_request_header(d->errand.request, "If-None-Match");
    struct ccb_slice since =
        ccb_http_request_header(d->errand.request, "If-Modified-Since");
    char text[64];
    struct tm tm = {0};

    if (tag.ptr)
        return ccb_slice_is(tag, "*") ||
               memmem(tag.ptr, tag.len, d->etag, strlen(d->etag)) != NULL;
    if (since.len == 0 || since.len >= sizeof(text))
        return false;
    (void)snprintf(text, sizeof(text), "%.*s", (int)since.len, since.ptr);
    return strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) &&
           timegm(&tm) >= (time_t)(d->modified / CCB_SECOND);
}

static void send_file(struct ccb_errand *errand)
{
    struct download *d = (struct download *)errand;
    struct ccb_http_request *request = errand->request;
    time_t seconds = (time_t)(d->modified / CCB_SECOND);
    struct ccb_http_header headers[3] = {
        {CCB_LIT("ETag"), ccb_slice_of(d->etag)},
        {CCB_LIT("Last-Modified"), ccb_slice_of(d->date)},
        {CCB_LIT("Content-Type"), ccb_slice_of(d->type)}};
    struct tm tm;
    int fd = d->fd;

    (void)gmtime_r(&seconds, &tm);
    (void)strftime(d->date, sizeof(d->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    headers[1].value = ccb_slice_of(d->date);
    if (is_known(d)) {
        ccb_http_respond_with(request, 304, headers, 2, ccb_slice_of(""));
    } else {
        ccb_http_respond_start(request, 200, headers, 3, (int64_t)d->bytes);
        ccb_http_send_file(request, fd, 0, d->bytes);
        d->fd = -1;
    }
    errand->request = NULL;
    ccb_errand_end(errand);
}

static struct download *begin_download(struct ccb_http_request *request,
                                       struct ccb_controller *controller,
                                       const char *type)
{
    const struct ccb_http_request_info *info = ccb_http_request_info(request);
    struct download *d = ccb_errand_begin(controller, request, sizeof(*d));

    if (!d)
        return NULL;
    d->errand.platform = true;
    d->errand.dispose = dispose;
    d->fd = -1;
    d->type = type;
    d->guid = info->params[0];
    d->second = info->param_count > 1 ? info->params[1] : ccb_slice_of("");
    return d;
}

static void download(struct ccb_http_request *request, void *user,
                     const char *type, const char *sql)
{
    struct download *d;

    d = begin_download(request, user, type);
    if (!d)
        return;
    d->sql = sql;
    ccb_errand_run(&d->errand, open_file, send_file);
}

#define COLUMNS "SELECT b.digest, b.md5, b.bytes, b.created_at FROM apps a "

void ccb_platform_bits(struct ccb_http_request *request, void *user)
{
    if (ccb_platform_authorized(request, user))
        download(request, user, "application/zip",
                 COLUMNS "JOIN blobs b ON b.digest = a.bits WHERE a.guid = ?1 "
                         "AND ?2 = ''");
}

void ccb_platform_cache(struct ccb_http_request *request, void *user)
{
    if (ccb_platform_authorized(request, user))
        download(request, user, "application/gzip",
                 COLUMNS "JOIN blobs b ON b.digest = a.cache WHERE a.guid = ?1 "
                         "AND ?2 = ''");
}

void ccb_platform_droplet(struct ccb_http_request *request, void *user)
{
    download(request, user, "application/gzip",
             COLUMNS
             "JOIN droplets d ON d.id IN (a.droplet, a.run_droplet) JOIN blobs "
             "b ON b.digest = d.digest WHERE a.guid = ?1 AND b.sha1 = ?2");
}

void ccb_platform_buildpack(struct ccb_http_request *request, void *user)
{
    struct ccb_controller *controller = user;
    const struct ccb_pack *pack = ccb_packs_by_digest(
        &controller->shared->packs, ccb_http_request_info(request)->params[0]);
    struct download *d;

    if (!ccb_platform_authorized(request, controller))
        return;
    if (!pack) {
        ccb_platform_unknown(request, user);
        return;
    }
    d = begin_download(request, controller, "application/zip");
    if (!d)
        return;
    d->pack = pack;
    ccb_errand_run(&d->errand, open_file, send_file);
}

/* ---- uploads ------------------------------------------------------------ */

struct upload {
    struct ccb_errand errand; /* first */
    bool droplet;             /* or else a cache */
    struct ccb_slice guid, md5;
    const char *path;
    struct ccb_digests digests;
};

static int find_app(struct ccb_errand *errand, struct ccb_ledger *ledger,
                    struct ccb_error *err)
{
    struct upload *u = (struct upload *)errand;
    int code =
        ccb_app_load(ledger, &errand->app, CCB_APP_BY_GUID, u->guid, err);

    if (code == 0 && u->droplet && !ccb_staging_under_way(&errand->app.staging))
        return ccb_fault(err, "StagingError",
                         "Staging error: the app is not being staged, so that "
                         "its droplet is not wanted");
    return code;
}

/* As the cell sends it, in base64; some send it in hex. */
static int check_md5(const struct upload *u, struct ccb_error *err)
{
    unsigned char raw[16];
    char base64[32];

    if (u->md5.len == 0)
        return 0;
    for (size_t i = 0; i < sizeof(raw); i++) {
        unsigned value = 0;
        (void)sscanf(u->digests.md5 + 2 * i, "%2x", &value);
        raw[i] = (unsigned char)value;
    }
    (void)EVP_EncodeBlock((unsigned char *)base64, raw, sizeof(raw));
    if (ccb_slice_is(u->md5, base64) ||
        (u->md5.len == 32 && strncasecmp(u->md5.ptr, u->digests.md5, 32) == 0))
        return 0;
    return ccb_fault(err, "StagingError",
                     "Staging error: the upload's Content-MD5 is not that of "
                     "what came; it was damaged on its way");
}

static int add_job(struct upload *u, struct ccb_ledger *ledger,
                   struct ccb_error *err);

static int adopt_droplet(struct upload *u, struct ccb_ledger *ledger,
                         struct ccb_error *err)
{
    struct ccb_app *app = &u->errand.app;
    int code = ccb_ledger_run(ledger, err,
                              "UPDATE stagings SET upload = ? WHERE app = ?",
                              "ti", ccb_slice_of(u->digests.sha256), app->id);

    if (code == 0)
        code = ccb_blobs_release(ledger, app->staging.upload, err);
    return code < 0 ? code : add_job(u, ledger, err);
}

static int adopt_cache(struct upload *u, struct ccb_ledger *ledger,
                       struct ccb_error *err)
{
    struct ccb_app *app = &u->errand.app;
    struct ccb_slice before = app->cache;
    int code;

    app->cache = ccb_slice_of(u->digests.sha256);
    code = ccb_app_save(ledger, app, err);
    return code < 0 ? code : ccb_blobs_release(ledger, before, err);
}

static int adopt(struct ccb_errand *errand, struct ccb_ledger *ledger,
                 struct ccb_error *err)
{
    struct upload *u = (struct upload *)errand;
    int code = find_app(errand, ledger, err); /* it may be gone by now */

    if (code == 0)
        code = ccb_blobs_adopt(ledger, u->path, &u->digests, err);
    if (code < 0)
        return code;
    return u->droplet ? adopt_droplet(u, ledger, err)
                      : adopt_cache(u, ledger, err);
}

static void on_taken(struct ccb_errand *errand, const char *path,
                     const struct ccb_digests *digests)
{
    struct upload *u = (struct upload *)errand;
    struct ccb_error err;

    u->path = path;
    u->digests = *digests;
    if (check_md5(u, &err) < 0)
        ccb_errand_fail(errand, &err);
    else
        ccb_errand_run(errand, adopt, NULL);
}

static void take_in(struct ccb_errand *errand)
{
    struct ccb_intake_options options = {
        .errand = errand, .multipart = true, .on_done = on_taken};

    ccb_intake_start(&options);
}

static void upload(struct ccb_http_request *request, void *user, bool droplet)
{
    struct upload *u;

    if (!ccb_platform_authorized(request, user))
        return;
    u = ccb_errand_begin(user, request, sizeof(*u));
    if (!u)
        return;
    u->errand.platform = true;
    u->errand.status = droplet ? 201 : 200;
    u->droplet = droplet;
    u->guid = ccb_http_request_info(request)->params[0];
    u->md5 = ccb_http_request_header(request, "Content-MD5");
    ccb_errand_run(&u->errand, find_app, take_in);
}

void ccb_platform_put_droplet(struct ccb_http_request *request, void *user)
{
    upload(request, user, true);
}

void ccb_platform_put_cache(struct ccb_http_request *request, void *user)
{
    upload(request, user, false);
}

/* ---- jobs --------------------------------------------------------------- */

/* An upload is answered when it is whole and recorded, so a job is finished
 * from its beginning; the uploader asks no further then (2.4). */
static void put_job(struct ccb_errand *errand, struct ccb_slice guid,
                    int64_t created_at)
{
    struct ccb_slice base = errand->controller->shared->facts.auth_url;
    const struct ccb_slice url[] = {base, CCB_LIT("/staging/jobs/"), guid};
    struct ccb_json_writer w;
    char time[40];

    ccb_time_format(created_at, time);
    (void)memcpy(time + strlen("2015-08-28T14:18:16"), "Z", 2); /* CC's form */
    ccb_json_writer_init(&w, ccb_buf_sink, &errand->out);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "metadata");
    ccb_json_begin_object(&w);
    ccb_json_member_string(&w, "guid", guid);
    ccb_json_member_string(&w, "created_at", ccb_slice_of(time));
    ccb_json_key(&w, "url");
    ccb_json_put_pieces(&w, url, 3);
    ccb_json_end_object(&w);
    ccb_json_key(&w, "entity");
    ccb_json_begin_object(&w);
    ccb_json_member_string(&w, "guid", guid);
    ccb_json_member_cstr(&w, "status", "finished");
    ccb_json_end_object(&w);
    ccb_json_end_object(&w);
    (void)ccb_json_writer_end(&w);
}

#define JOBS_KEPT 1000

static int add_job(struct upload *u, struct ccb_ledger *ledger,
                   struct ccb_error *err)
{
    char guid[37];
    int code = ccb_guid_make(guid, err);

    if (code == 0)
        code = ccb_ledger_run(
            ledger, err, "INSERT INTO jobs (guid, created_at) VALUES (?, ?)",
            "ti", ccb_slice_of(guid), ledger->now);
    if (code == 0)
        code = ccb_ledger_run(
            ledger, err, "DELETE FROM jobs WHERE id <= ?", "i",
            (int64_t)sqlite3_last_insert_rowid(ledger->db) - JOBS_KEPT);
    put_job(&u->errand, ccb_slice_of(guid), ledger->now);
    return code;
}

static int find_job(struct ccb_errand *errand, struct ccb_ledger *ledger,
                    struct ccb_error *err)
{
    int64_t created_at;
    int code = ccb_ledger_number(ledger, err, &created_at,
                                 "SELECT created_at FROM jobs WHERE guid = ?",
                                 "t", errand->name);

    if (code == 0)
        return ccb_fault(err, "NotFound", "Unknown request");
    if (code > 0)
        put_job(errand, errand->name, created_at);
    return code < 0 ? code : 0;
}

void ccb_platform_job(struct ccb_http_request *request, void *user)
{
    struct ccb_errand *errand;

    if (!ccb_platform_authorized(request, user))
        return;
    errand = ccb_errand_begin(user, request, sizeof(*errand));
    if (!errand)
        return;
    errand->platform = true;
    errand->name = ccb_http_request_info(request)->params[0];
    ccb_errand_run(errand, find_job, NULL);
}
