/*
 * Unpacks a tar stream from standard input into a directory, as the user who
 * asks. libarchive reads the format; what is written is decided here.
 *
 * Invariant: nothing is written outside the directory. Every name (and
 * what a hard link links to) is checked as text first: relative, no "..".
 * Every directory on the way is opened without following links, whether they
 * were there before or came in the archive: so a symbolic link may point
 * anywhere, as those of real droplets do, and leads nowhere here. The first
 * entry that is not right ends the unpacking.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cell/init/init.h"

#define TRUE_MODES 0777

static int complain(const char *name, const char *why)
{
    (void)dprintf(2, "%.200s: %s", name, why);
    return 1;
}

static int complain_errno(const char *name)
{
    return complain(name, strerror(errno));
}

/* ---- names as text ------------------------------------------------------ */

/* Removes "." and doubled slashes. NULL: absolute, has "..", or too long;
 * `depth` gets the number of its parts. */
static const char *clean_name(const char *name, char clean[PATH_MAX],
                              int *depth)
{
    size_t len = 0;

    *depth = 0;
    if (name == NULL || name[0] == '/')
        return NULL;
    while (*name != '\0') {
        size_t part = strcspn(name, "/");

        if (part == 2 && name[0] == '.' && name[1] == '.')
            return NULL;
        if (part > 0 && !(part == 1 && name[0] == '.')) {
            if (len + part + 2 > PATH_MAX)
                return NULL;
            if (len > 0)
                clean[len++] = '/';
            memcpy(clean + len, name, part);
            len += part;
            (*depth)++;
        }
        name += part;
        name += *name == '/';
    }
    clean[len] = '\0';
    return clean;
}

/* ---- directories -------------------------------------------------------- */

/* Opens directory `part` of `at`, making it when it isn't there. */
static int enter(int at, const char *part, int follow)
{
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW);
    int fd = openat(at, part, flags);

    if (fd < 0 && errno == ENOENT) {
        if (mkdirat(at, part, 0755) != 0 && errno != EEXIST)
            return -1;
        fd = openat(at, part, flags);
    }
    return fd;
}

/* Opens the directory that the last part of `path` is in and cuts the path
 * down to that part. The result is a new descriptor, -1 with errno. */
static int open_parent(int at, char **path, int follow)
{
    char *slash;
    int fd = dup(at);

    while (fd >= 0 && (slash = strchr(*path, '/')) != NULL) {
        int next;

        *slash = '\0';
        next = **path == '\0' ? dup(fd) : enter(fd, *path, follow);
        (void)close(fd);
        fd = next;
        *path = slash + 1;
    }
    return fd;
}

/* The directory that is unpacked into; the way to it may have links, it is
 * the recipe's and not the archive's. */
static int open_top(const char *dir)
{
    char path[PATH_MAX], *rest = path;
    int root, parent, top;

    if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    root = open(dir[0] == '/' ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -1;
    parent = open_parent(root, &rest, 1);
    (void)close(root);
    if (parent < 0 || *rest == '\0')
        return parent;
    top = enter(parent, rest, 1);
    (void)close(parent);
    return top;
}

/* ---- entries: 0, or the exit status ------------------------------------- */

struct entry {
    struct archive *archive;
    struct archive_entry *head;
    const char *name; /* as in the archive, for words */
    int parent;       /* directory it goes into */
    const char *last; /* its name there */
    int top, depth;   /* of the name, in parts */
};

static int put_data(const struct entry *entry, int fd)
{
    const void *bytes;
    size_t len;
    la_int64_t offset;
    int code;

    while ((code = archive_read_data_block(entry->archive, &bytes, &len,
                                           &offset)) == ARCHIVE_OK) {
        const char *at = bytes;

        while (len > 0) {
            ssize_t n = pwrite(fd, at, len, offset);

            if (n < 0 && errno != EINTR)
                return complain_errno(entry->name);
            if (n > 0) {
                at += n;
                offset += n;
                len -= (size_t)n;
            }
        }
    }
    if (code != ARCHIVE_EOF)
        return complain(entry->name, "the archive is broken here");
    return 0;
}

static int put_file(const struct entry *entry)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_NOW},
                                {archive_entry_mtime(entry->head),
                                 archive_entry_mtime_nsec(entry->head)}};
    mode_t mode = archive_entry_perm(entry->head) & TRUE_MODES;
    int fd, code;

    fd = openat(entry->parent, entry->last,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return complain_errno(entry->name);
    code = put_data(entry, fd);
    /* A sparse file may end in a hole. */
    if (code == 0 && (ftruncate(fd, archive_entry_size(entry->head)) != 0 ||
                      futimens(fd, times) != 0))
        code = complain_errno(entry->name);
    (void)close(fd);
    return code;
}

/* The owner may always write: the entries below it are still to come. */
static int put_directory(const struct entry *entry)
{
    mode_t mode = (archive_entry_perm(entry->head) & TRUE_MODES) | 0700;
    int fd = enter(entry->parent, entry->last, 0);

    if (fd < 0)
        return complain_errno(entry->name);
    (void)fchmod(fd, mode & ~(mode_t)022); /* may be another user's: its own */
    (void)close(fd);
    return 0;
}

static int put_symlink(const struct entry *entry)
{
    const char *target = archive_entry_symlink(entry->head);

    if (target == NULL || target[0] == '\0')
        return complain(entry->name, "the link has no target");
    if (symlinkat(target, entry->parent, entry->last) != 0)
        return complain_errno(entry->name);
    return 0;
}

static int put_hardlink(const struct entry *entry)
{
    char clean[PATH_MAX], *last = clean;
    int depth, from, result;

    if (clean_name(archive_entry_hardlink(entry->head), clean, &depth) ==
            NULL ||
        depth == 0)
        return complain(entry->name, "the link leads outside");
    from = open_parent(entry->top, &last, 0);
    result = from < 0 ? -1 : linkat(from, last, entry->parent, entry->last, 0);
    if (from >= 0)
        (void)close(from);
    return result != 0 ? complain_errno(entry->name) : 0;
}

static const struct {
    mode_t type;
    int (*put)(const struct entry *entry);
} types[] = {
    {AE_IFREG, put_file}, {AE_IFDIR, put_directory}, {AE_IFLNK, put_symlink}};

static int put_as_type(struct entry *entry)
{
    mode_t type = archive_entry_filetype(entry->head);

    /* What a newer entry replaces; a directory stays and fails the rest. */
    if (type != AE_IFDIR && unlinkat(entry->parent, entry->last, 0) != 0 &&
        errno != ENOENT)
        return complain_errno(entry->name);
    if (archive_entry_hardlink(entry->head) != NULL)
        return put_hardlink(entry);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i].type == type)
            return types[i].put(entry);
    return complain(entry->name, "is a device, a pipe or a socket");
}

static int put_entry(struct entry *entry)
{
    char clean[PATH_MAX], *last = clean;
    int code;

    entry->name = archive_entry_pathname(entry->head);
    if (entry->name == NULL)
        return complain("archive", "has a name that can't be read");
    if (clean_name(entry->name, clean, &entry->depth) == NULL)
        return complain(entry->name, "the name leads outside");
    if (entry->depth == 0)
        return 0; /* "./" is the directory itself */
    entry->parent = open_parent(entry->top, &last, 0);
    if (entry->parent < 0)
        return complain_errno(entry->name);
    entry->last = last;
    code = put_as_type(entry);
    (void)close(entry->parent);
    return code;
}

static int put_all(struct archive *archive, int top)
{
    struct entry entry = {.archive = archive, .top = top};
    int code, result = 0;

    for (;;) {
        code = archive_read_next_header(archive, &entry.head);
        if (code == ARCHIVE_EOF)
            return 0;
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
            return complain("archive", archive_error_string(archive));
        result = put_entry(&entry);
        if (result != 0)
            return result;
    }
}

int ccb_init_unpack(const struct ccb_frame_spawn *spawn)
{
    struct archive *archive = archive_read_new();
    int top, result;

    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* built into the C library */
    top = open_top(spawn->dir);
    if (top < 0)
        result = complain_errno(spawn->dir);
    else if (archive == NULL || archive_read_support_format_tar(archive) != 0 ||
             archive_read_open_fd(archive, 0, 65536) != 0)
        result = complain("archive", "is no tar stream");
    else
        result = put_all(archive, top);
    if (archive != NULL)
        (void)archive_read_free(archive);
    return result;
}
