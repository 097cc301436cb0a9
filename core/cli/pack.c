/*
 * Packs a directory. Invariant: the same directory gives the same order, and
 * nothing is left out without .cfignore or a word saying so. Files are opened
 * from the directory they were found in and never through a link.
 */
#include "cli/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/ignore.h"

#define MAX_DEPTH 128
#define CHUNK (64 * 1024)
#define MAX_IGNORE (1024 * 1024)

struct packer {
    struct ccb_pack *pack;
    struct ccb_ignore ignore;
    struct archive *zip;
    struct ccb_error *err;
    char path[PATH_MAX]; /* of what is looked at, relative */
    size_t path_len;
    unsigned depth;
    char chunk[CHUNK];
};

static int pack_tree(struct packer *p, int fd);

static int fail(struct packer *p, const char *what)
{
    return ccb_error_set(p->err, CCB_IO, "%s %s: %s", what,
                         p->path_len > 0 ? p->path : p->pack->directory,
                         strerror(errno));
}

static int no_memory(struct packer *p)
{
    return ccb_error_set(p->err, CCB_NO_MEMORY, "out of memory");
}

/* ---- names of a directory ----------------------------------------------- */

struct names {
    struct ccb_buf text; /* each with its NUL */
    const char **sorted;
    size_t count;
};

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void destroy_names(struct names *names)
{
    ccb_buf_destroy(&names->text);
    ccb_free(names->sorted);
}

static int sort_names(struct packer *p, struct names *names)
{
    const char *at = names->text.data;
    size_t i;

    names->sorted = ccb_calloc(names->count + 1, sizeof(*names->sorted));
    if (names->text.failed || !names->sorted)
        return no_memory(p);
    for (i = 0; i < names->count; i++) {
        names->sorted[i] = at;
        at += strlen(at) + 1;
    }
    qsort(names->sorted, names->count, sizeof(*names->sorted), by_bytes);
    return 0;
}

/* Takes the descriptor. */
static int read_names(struct packer *p, int fd, struct names *names)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;

    if (!dir) {
        close(fd);
        return fail(p, "cannot read");
    }
    errno = 0;
    for (entry = readdir(dir); entry; entry = readdir(dir)) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        ccb_buf_append(&names->text, name, strlen(name) + 1);
        names->count++;
        errno = 0;
    }
    if (errno != 0) {
        (void)fail(p, "cannot read");
        closedir(dir);
        return CCB_IO;
    }
    closedir(dir);
    return sort_names(p, names);
}

/* ---- entries ------------------------------------------------------------ */

static int fail_archive(struct packer *p)
{
    const char *words = archive_error_string(p->zip);

    return ccb_error_set(p->err, CCB_IO, "cannot pack %s: %s", p->path,
                         words ? words : "out of memory");
}

static int put_header(struct packer *p, const struct stat *st,
                      const char *target)
{
    struct archive_entry *entry = archive_entry_new();
    int code = 0;

    if (!entry)
        return no_memory(p);
    archive_entry_set_pathname(entry, p->path);
    archive_entry_set_mode(entry,
                           (st->st_mode & S_IFMT) | (st->st_mode & 0777));
    archive_entry_set_mtime(entry, st->st_mtim.tv_sec, 0);
    archive_entry_set_size(entry, S_ISREG(st->st_mode) ? st->st_size : 0);
    if (target)
        archive_entry_set_symlink(entry, target);
    if (archive_write_header(p->zip, entry) < ARCHIVE_WARN)
        code = fail_archive(p);
    archive_entry_free(entry);
    return code;
}

static int put_content(struct packer *p, int fd, int64_t size)
{
    while (size > 0) {
        size_t want = size < CHUNK ? (size_t)size : CHUNK;
        ssize_t n = read(fd, p->chunk, want);

        if (n < 0)
            return fail(p, "cannot read");
        if (n == 0)
            return ccb_error_set(p->err, CCB_IO,
                                 "%s became shorter while it was packed",
                                 p->path);
        if (archive_write_data(p->zip, p->chunk, (size_t)n) < 0)
            return fail_archive(p);
        size -= n;
    }
    return 0;
}

static int put_file(struct packer *p, int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    int code;

    if (fd < 0)
        return fail(p, "cannot read");
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        code = ccb_error_set(p->err, CCB_IO, "%s changed while it was packed",
                             p->path);
    } else {
        code = put_header(p, &st, NULL);
        if (code == 0)
            code = put_content(p, fd, st.st_size);
        p->pack->files++;
        p->pack->bytes += st.st_size;
    }
    close(fd);
    return code;
}

int ccb_pack_leads_outside(const char *path, const char *target)
{
    long depth = 0;
    const char *at;

    if (target[0] == '/')
        return 1;
    for (at = strchr(path, '/'); at; at = strchr(at + 1, '/'))
        depth++;
    for (at = target; at; at = strchr(at, '/')) {
        size_t len;

        at += *at == '/';
        len = strcspn(at, "/");
        if (len == 0 || (len == 1 && at[0] == '.'))
            continue;
        depth += len == 2 && at[0] == '.' && at[1] == '.' ? -1 : 1;
        if (depth < 0)
            return 1;
    }
    return 0;
}

static int put_link(struct packer *p, int dir, const char *name,
                    const struct stat *st)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

    if (n < 0)
        return fail(p, "cannot read the link");
    target[n] = '\0';
    if (ccb_pack_leads_outside(p->path, target))
        return ccb_error_set(p->err, CCB_INVALID,
                             "the link %s leads outside of the app, to %.120s: "
                             "put the file itself there, or name the link in "
                             ".cfignore",
                             p->path, target);
    p->pack->files++;
    return put_header(p, st, target);
}

static int put_directory(struct packer *p, int dir, const char *name,
                         const struct stat *st)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int code;

    if (fd < 0)
        return fail(p, "cannot read");
    code = put_header(p, st, NULL);
    if (code == 0)
        return pack_tree(p, fd);
    close(fd);
    return code;
}

/* ---- the walk ----------------------------------------------------------- */

static void skip(struct packer *p, mode_t mode)
{
    const char *kind = S_ISSOCK(mode)   ? "a socket"
                       : S_ISFIFO(mode) ? "a pipe"
                                        : "a device";

    if (p->pack->on_skip)
        p->pack->on_skip(p->pack->ctx, p->path, kind);
}

static int put_entry(struct packer *p, int dir, const char *name)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(p, "cannot read");
    if (ccb_ignore_matches(&p->ignore, p->path, S_ISDIR(st.st_mode)))
        return 0;
    switch (st.st_mode & S_IFMT) {
    case S_IFREG:
        return put_file(p, dir, name);
    case S_IFDIR:
        return put_directory(p, dir, name, &st);
    case S_IFLNK:
        return put_link(p, dir, name, &st);
    default:
        skip(p, st.st_mode);
        return 0;
    }
}

/* Puts the name behind the path, and takes it away again. */
static int put_named(struct packer *p, int dir, const char *name)
{
    size_t before = p->path_len;
    int n = snprintf(p->path + before, sizeof(p->path) - before, "%s%s",
                     before > 0 ? "/" : "", name);
    int code;

    if (n < 0 || (size_t)n >= sizeof(p->path) - before) {
        p->path[before] = '\0';
        return ccb_error_set(p->err, CCB_TOO_LARGE,
                             "the names below %.200s "
                             "are too long",
                             p->path);
    }
    p->path_len = before + (size_t)n;
    code = put_entry(p, dir, name);
    p->path_len = before;
    p->path[before] = '\0';
    return code;
}

/* Takes the descriptor; it stays open for what is in it. */
static int pack_tree(struct packer *p, int fd)
{
    struct names names = {0};
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3), code;
    size_t i;

    if (copy < 0)
        code = fail(p, "cannot read");
    else
        code = read_names(p, copy, &names);
    if (code == 0 && p->depth == MAX_DEPTH)
        code = ccb_error_set(p->err, CCB_TOO_LARGE,
                             "%.200s lies more than %d directories deep",
                             p->path, MAX_DEPTH);
    p->depth++;
    for (i = 0; code == 0 && i < names.count; i++)
        code = put_named(p, fd, names.sorted[i]);
    p->depth--;
    destroy_names(&names);
    close(fd);
    return code;
}

/* ---- the whole ---------------------------------------------------------- */

static int read_ignore(struct packer *p, int dir)
{
    struct ccb_buf text = {.max = MAX_IGNORE};
    int fd = openat(dir, ".cfignore", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = 1;
    int code = ccb_ignore_add_defaults(&p->ignore);

    if (fd < 0 && errno != ENOENT) {
        return ccb_error_set(p->err, CCB_IO, "cannot read .cfignore: %s",
                             strerror(errno));
    }
    while (fd >= 0 && n > 0) {
        n = read(fd, p->chunk, sizeof(p->chunk));
        if (n > 0)
            ccb_buf_append(&text, p->chunk, (size_t)n);
    }
    if (n < 0 || text.failed == CCB_TOO_LARGE)
        code = ccb_error_set(p->err, CCB_IO, "cannot read .cfignore: %s",
                             n < 0 ? strerror(errno) : "it is too large");
    else if (code < 0 || text.failed ||
             ccb_ignore_add(&p->ignore, ccb_buf_slice(&text)) < 0)
        code = no_memory(p);
    if (fd >= 0)
        close(fd);
    ccb_buf_destroy(&text);
    return code;
}

/* A file without a name, so that nothing is left behind by a kill. */
static int open_temporary(struct ccb_error *err)
{
    const char *given = getenv("TMPDIR");
    const char *dir = given && given[0] ? given : "/tmp";
    char path[PATH_MAX];
    int fd = -1;
    int n = snprintf(path, sizeof(path), "%s/ccbridge-XXXXXX", dir);

    if (n > 0 && (size_t)n < sizeof(path))
        fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return ccb_error_set(err, CCB_IO,
                             "no temporary file in %.200s: %s (TMPDIR names "
                             "another place)",
                             dir, strerror(errno));
    (void)unlink(path);
    return fd;
}

static int write_zip(struct packer *p, int dir, int out)
{
    int code;

    p->zip = archive_write_new();
    if (!p->zip || archive_write_set_format_zip(p->zip) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(p->zip, 1) != ARCHIVE_OK ||
        archive_write_open_fd(p->zip, out) != ARCHIVE_OK) {
        close(dir);
        return no_memory(p);
    }
    code = pack_tree(p, dir);
    if (code == 0 && p->pack->files == 0)
        return ccb_error_set(p->err, CCB_INVALID,
                             "there is no file to upload in %.200s",
                             p->pack->directory);
    if (code == 0 && archive_write_close(p->zip) != ARCHIVE_OK)
        code = fail_archive(p);
    return code;
}

int ccb_pack_directory(struct ccb_pack *pack, struct ccb_error *err)
{
    struct packer *p = ccb_calloc(1, sizeof(*p));
    int dir, out = -1, code;

    if (!p)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    p->pack = pack;
    p->err = err;
    dir = open(pack->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    code = dir < 0 ? fail(p, "cannot read") : read_ignore(p, dir);
    if (code == 0)
        code = out = open_temporary(err);
    if (out >= 0)
        code = write_zip(p, dir, out);
    else if (dir >= 0)
        close(dir);
    if (code == 0) {
        pack->size = lseek(out, 0, SEEK_END);
        if (pack->size < 0 || lseek(out, 0, SEEK_SET) < 0)
            code = fail(p, "cannot pack");
    }
    if (code < 0 && out >= 0)
        close(out);
    (void)archive_write_free(p->zip);
    ccb_ignore_destroy(&p->ignore);
    ccb_free(p);
    return code < 0 ? code : out;
}
