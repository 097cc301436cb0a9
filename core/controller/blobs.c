/*
 * Files under their digest (blobs.h).
 */
#include "controller/blobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/fault.h"

static int fail(struct ccb_error *err, const char *path)
{
    const char *why = strerror(errno);

    if (errno == ENOSPC || errno == EDQUOT)
        return ccb_fault(err, "DiskFull", "%s: %s", path, why);
    return ccb_error_set(err, CCB_IO, "%s: %s", path, why);
}

/* STATE is checked to be short enough at start. */
static void format_path(char *out, const char *dir, struct ccb_slice digest)
{
    (void)snprintf(out, PATH_MAX, "%s/blobs/%.*s", dir, (int)digest.len,
                   digest.ptr);
}

int ccb_blobs_make_dir(const char *path, struct ccb_error *err)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : fail(err, path);
}

int ccb_blobs_rename(const char *from, const char *to, const char *dir,
                     struct ccb_error *err)
{
    int code = 0, fd;

    if (rename(from, to) < 0)
        return fail(err, to);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        code = fail(err, dir);
    if (fd >= 0)
        (void)close(fd);
    return code;
}

int ccb_blobs_adopt(struct ccb_ledger *ledger, const char *temporary,
                    const struct ccb_digests *digests, struct ccb_error *err)
{
    char path[PATH_MAX], dir[PATH_MAX];
    int code;

    format_path(dir, ledger->dir, ccb_slice_of(""));
    format_path(path, ledger->dir, ccb_slice_of(digests->sha256));
    code = ccb_blobs_rename(temporary, path, dir, err);
    if (code < 0)
        return code;
    return ccb_ledger_run(
        ledger, err,
        "INSERT OR IGNORE INTO blobs (digest, md5, sha1, bytes, created_at) "
        "VALUES (?, ?, ?, ?, ?)",
        "tttii", ccb_slice_of(digests->sha256), ccb_slice_of(digests->md5),
        ccb_slice_of(digests->sha1), (int64_t)digests->bytes, ledger->now);
}

int ccb_blobs_release(struct ccb_ledger *ledger, struct ccb_slice digest,
                      struct ccb_error *err)
{
    int64_t one;
    int code;

    if (!digest.ptr)
        return 0;
    code = ccb_ledger_number(
        ledger, err, &one,
        "SELECT 1 FROM apps WHERE bits = ?1 OR cache = ?1 UNION ALL "
        "SELECT 1 FROM droplets WHERE digest = ?1 UNION ALL "
        "SELECT 1 FROM stagings WHERE upload = ?1 LIMIT 1",
        "t", digest);
    if (code != 0)
        return code < 0 ? code : 0;
    if (digest.len == CCB_DIGEST_HEX)
        ccb_buf_put_slice(&ledger->doomed, digest);
    return ccb_ledger_run(ledger, err, "DELETE FROM blobs WHERE digest = ?",
                          "t", digest);
}

int ccb_blobs_open(struct ccb_ledger *ledger, struct ccb_slice digest,
                   struct ccb_error *err)
{
    char path[PATH_MAX];
    int fd;

    format_path(path, ledger->dir, digest);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, path);
    return fd;
}

/* A file that stays is swept at the next start. */
void ccb_blobs_unlink(const char *dir, struct ccb_slice digests)
{
    char path[PATH_MAX];

    for (size_t at = 0; at + CCB_DIGEST_HEX <= digests.len;
         at += CCB_DIGEST_HEX) {
        format_path(path, dir,
                    ccb_slice_make(digests.ptr + at, CCB_DIGEST_HEX));
        (void)unlink(path);
    }
}

static int sweep_one(struct ccb_ledger *ledger, const char *name,
                     struct ccb_error *err)
{
    char path[PATH_MAX];
    int64_t one;
    int code = ccb_ledger_number(ledger, err, &one,
                                 "SELECT 1 FROM blobs WHERE digest = ?", "t",
                                 ccb_slice_of(name));

    if (code != 0)
        return code < 0 ? code : 0;
    format_path(path, ledger->dir, ccb_slice_of(name));
    return unlink(path) == 0 || errno == EISDIR ? 0 : fail(err, path);
}

int ccb_blobs_prepare(struct ccb_ledger *ledger, struct ccb_error *err)
{
    char path[PATH_MAX];
    struct dirent *entry;
    DIR *dir;
    int code;

    format_path(path, ledger->dir, ccb_slice_of(""));
    code = ccb_blobs_make_dir(path, err);
    if (code < 0)
        return code;
    dir = opendir(path);
    if (!dir)
        return fail(err, path);
    for (entry = readdir(dir); code == 0 && entry; entry = readdir(dir))
        if (entry->d_name[0] != '.')
            code = sweep_one(ledger, entry->d_name, err);
    (void)closedir(dir);
    return code;
}
