/*
 * From the bytes of an answer to the tar that is used, and into the cache
 * (contract/actions.md 4). All of it is files, so all of it is the pool's; the
 * index is changed on the loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cell/download_internal.h"

/* ---- files [pool] ------------------------------------------------------- */

static void drop_file(int directory, struct ccb_download_file *file)
{
    if (file->name[0] != '\0')
        (void)unlinkat(directory, file->name, 0);
    if (file->fd >= 0)
        (void)close(file->fd);
    file->name[0] = '\0';
    file->fd = -1;
}

void ccb_download_drop_files(uv_work_t *work)
{
    struct ccb_download *d = work->data;
    int directory = ccb_cache_directory(d->owner->cache);

    ccb_archive_close(d->archive);
    d->archive = NULL;
    drop_file(directory, &d->raw);
    drop_file(directory, &d->tar);
    if (d->cached >= 0)
        (void)close(d->cached);
    d->cached = -1;
    ccb_cache_entry_free(d->fresh);
    d->fresh = NULL;
    ccb_cache_discard(directory, d->gone);
    d->gone = NULL;
}

/* ---- to a tar ----------------------------------------------------------- */

/* The raw file is a tar already. */
static int take_as_is(struct ccb_download *d)
{
    struct stat info;

    if (fstat(d->raw.fd, &info) != 0)
        return ccb_error_set(&d->job_err, CCB_IO, "reading the archive: %s",
                             strerror(errno));
    d->tar = d->raw;
    d->raw.fd = -1;
    d->raw.name[0] = '\0';
    d->size = (uint64_t)info.st_size;
    return CCB_OK;
}

static int open_archive(struct ccb_download *d, enum ccb_archive_format format)
{
    /* Unlike any name that the cache gives. */
    (void)snprintf(d->tar.name, sizeof(d->tar.name), "%.48s.tar", d->raw.name);
    d->tar.fd = openat(ccb_cache_directory(d->owner->cache), d->tar.name,
                       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (d->tar.fd < 0) {
        d->tar.name[0] = '\0';
        return ccb_error_set(&d->job_err, CCB_IO, "making a temporary file: %s",
                             strerror(errno));
    }
    return ccb_archive_open(&d->archive, d->raw.fd, d->tar.fd, format,
                            CCB_ARCHIVE_BYTES_MAX, &d->job_err);
}

static int convert(struct ccb_download *d)
{
    enum ccb_archive_format format;
    int code;

    if (d->archive == NULL) {
        code = ccb_archive_detect_file(d->raw.fd, &format, &d->job_err);
        if (code == CCB_OK && format == CCB_ARCHIVE_TAR)
            return take_as_is(d);
        if (code == CCB_OK)
            code = open_archive(d, format);
        if (code != CCB_OK)
            return code;
    }
    code = ccb_archive_step(d->archive, &d->job_err);
    d->size = ccb_archive_size(d->archive);
    return code;
}

static void run_convert(uv_work_t *work)
{
    struct ccb_download *d = work->data;

    d->job.code = convert(d);
    if (d->job.code == 1)
        return;
    ccb_archive_close(d->archive);
    d->archive = NULL;
}

void ccb_download_convert(struct ccb_download *d)
{
    d->state = CCB_DOWNLOAD_CONVERT;
    ccb_download_job(d, run_convert);
}

/* ---- into the cache ----------------------------------------------------- */

static void run_store(uv_work_t *work)
{
    struct ccb_download *d = work->data;
    int directory = ccb_cache_directory(d->owner->cache);

    drop_file(directory, &d->raw);
    if (d->fresh == NULL) /* readable until it is closed, and then gone */
        (void)unlinkat(directory, d->tar.name, 0);
    else if (renameat(directory, d->tar.name, directory, d->fresh->name) != 0)
        d->job.code = ccb_error_set(&d->job_err, CCB_IO,
                                    "storing a download: %s", strerror(errno));
    if (d->job.code == CCB_OK)
        d->tar.name[0] = '\0';
}

static void store(struct ccb_download *d)
{
    struct ccb_downloads *owner = d->owner;
    struct ccb_error err;
    bool keyed = d->key[0] != '\0';

    if (keyed && (d->etag != NULL || d->modified != NULL) &&
        d->size <= owner->options.cache_bytes) {
        d->fresh = ccb_cache_entry_create(owner->cache, d->key, d->size,
                                          d->etag, d->modified);
        if (d->fresh == NULL) {
            (void)ccb_error_set(&err, CCB_NO_MEMORY,
                                "no memory to store a download");
            ccb_download_blame(d, &err);
            ccb_download_again(d);
            return;
        }
    } else if (keyed) {
        ccb_cache_remove(owner->cache, d->key, &d->gone);
    }
    d->state = CCB_DOWNLOAD_STORE;
    ccb_download_job(d, run_store);
}

void ccb_download_in_convert(struct ccb_download *d)
{
    if (d->job.working)
        return;
    if (d->cancelled)
        ccb_download_end(d, CCB_CANCELLED, "cancelled");
    else if (d->job.code == 1)
        ccb_download_job(d, run_convert);
    else if (d->job.code == CCB_OK)
        store(d);
    else {
        ccb_download_blame(d, &d->job_err);
        ccb_download_again(d);
    }
}

/* What was stored stays, also when the download was cancelled meanwhile. */
void ccb_download_in_store(struct ccb_download *d)
{
    if (d->job.working)
        return;
    if (d->job.code == CCB_OK && d->fresh != NULL) {
        ccb_cache_add(d->owner->cache, d->fresh, &d->gone);
        d->fresh = NULL;
    }
    if (d->cancelled) {
        ccb_download_end(d, CCB_CANCELLED, "cancelled");
    } else if (d->job.code != CCB_OK) {
        ccb_download_blame(d, &d->job_err);
        ccb_download_again(d);
    } else {
        ccb_download_unpack(d);
    }
}
