/*
 * A directory as a zip (packs.h): entries in order of name and without owners,
 * so that equal content gives equal bytes.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "controller/digest.h"
#include "controller/packs.h"

#define PIECE (64 * 1024)

static int fail(struct ccb_error *err, const char *path)
{
    return ccb_error_set(err, CCB_IO, "%s: %s", path, strerror(errno));
}

static int fail_zip(struct ccb_error *err, struct archive *zip,
                    const char *path)
{
    const char *words = archive_error_string(zip);

    return ccb_error_set(err, CCB_IO, "%s: %s", path, words ? words : "zip");
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int copy_content(struct archive *zip, const char *path,
                        struct ccb_error *err)
{
    char *piece = ccb_malloc(PIECE);
    int code = 0, fd;
    ssize_t got;

    if (!piece)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    got = fd < 0 ? -1 : read(fd, piece, PIECE);
    while (code == 0 && got > 0) {
        if (archive_write_data(zip, piece, (size_t)got) < 0)
            code = fail_zip(err, zip, path);
        else
            got = read(fd, piece, PIECE);
    }
    if (code == 0 && got < 0)
        code = fail(err, path);
    if (fd >= 0)
        (void)close(fd);
    ccb_free(piece);
    return code;
}

static int set_link(struct archive_entry *entry, const char *path,
                    struct ccb_error *err)
{
    char target[PATH_MAX];
    ssize_t len = readlink(path, target, sizeof(target) - 1);

    if (len < 0)
        return fail(err, path);
    target[len] = '\0';
    archive_entry_set_symlink(entry, target);
    return 0;
}

static int add_entry(struct archive *zip, FTSENT *found, size_t root,
                     struct ccb_error *err)
{
    struct archive_entry *entry = archive_entry_new();
    struct stat status = *found->fts_statp;
    int code = 0;

    if (!entry)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    status.st_uid = status.st_gid = 0;
    archive_entry_copy_stat(entry, &status);
    archive_entry_set_pathname(entry, found->fts_path + root + 1);
    if (S_ISLNK(status.st_mode))
        code = set_link(entry, found->fts_path, err);
    if (code == 0 && archive_write_header(zip, entry) != ARCHIVE_OK)
        code = fail_zip(err, zip, found->fts_path);
    if (code == 0 && S_ISREG(status.st_mode))
        code = copy_content(zip, found->fts_path, err);
    archive_entry_free(entry);
    return code;
}

static int visit(struct archive *zip, FTSENT *found, size_t root,
                 struct ccb_error *err)
{
    switch (found->fts_info) {
    case FTS_D:
    case FTS_F:
    case FTS_SL:
    case FTS_SLNONE:
        return found->fts_level == 0 ? 0 : add_entry(zip, found, root, err);
    case FTS_DP:
        return 0;
    case FTS_ERR:
    case FTS_DNR:
    case FTS_NS:
        errno = found->fts_errno;
        return fail(err, found->fts_path);
    default:
        return ccb_error_set(err, CCB_INVALID,
                             "%s: is no file, directory or link",
                             found->fts_path);
    }
}

static int add_tree(struct archive *zip, const char *source,
                    struct ccb_error *err)
{
    char root[PATH_MAX];
    char *const roots[] = {root, NULL};
    FTS *walk;
    int code = 0;

    (void)snprintf(root, sizeof(root), "%s", source);
    walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (!walk)
        return fail(err, source);
    while (code == 0) {
        FTSENT *found;
        errno = 0;
        found = fts_read(walk);
        if (!found) {
            code = errno ? fail(err, source) : 0;
            break;
        }
        code = visit(zip, found, strlen(root), err);
    }
    (void)fts_close(walk);
    return code;
}

int ccb_pack_directory(const char *source, const char *path,
                       struct ccb_error *err)
{
    struct archive *zip = archive_write_new();
    int code = 0;

    if (!zip)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (archive_write_set_format_zip(zip) != ARCHIVE_OK ||
        archive_write_open_filename(zip, path) != ARCHIVE_OK)
        code = fail_zip(err, zip, path);
    if (code == 0)
        code = add_tree(zip, source, err);
    if (archive_write_close(zip) != ARCHIVE_OK && code == 0)
        code = fail_zip(err, zip, path);
    (void)archive_write_free(zip);
    return code;
}

static int digest_all(int fd, struct ccb_digester *digester, const char *path,
                      struct ccb_error *err)
{
    char *piece = ccb_malloc(PIECE);
    ssize_t got;
    int code = 0;

    if (!piece)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    got = read(fd, piece, PIECE);
    while (code == 0 && got > 0) {
        code = ccb_digester_add(digester, piece, (size_t)got, err);
        got = read(fd, piece, PIECE);
    }
    if (code == 0 && got < 0)
        code = fail(err, path);
    ccb_free(piece);
    return code;
}

int ccb_pack_digest(const char *path, struct ccb_digests *out,
                    struct ccb_error *err)
{
    struct ccb_digester digester;
    int code, fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return fail(err, path);
    code = ccb_digester_init(&digester, err);
    if (code == 0)
        code = digest_all(fd, &digester, path, err);
    if (code == 0)
        code = ccb_digester_end(&digester, out, err);
    ccb_digester_destroy(&digester);
    (void)close(fd);
    return code;
}
