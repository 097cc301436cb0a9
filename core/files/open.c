/*
 * Opening what a cleaned path names below the root
 * (contract/fileserver-ccuploader.md 1.2; openat2(2), RESOLVE_BENEATH).
 *
 * Invariant: nothing is waited for, also not by opening a FIFO. With
 * -confineLinks no link leads out of the root: the kernel sees to it, element
 * by element, so that nobody can swap one for another in between. A kernel
 * before 5.6 can't; there the links are resolved here first, which is right as
 * long as nobody changes the tree in just that moment.
 */
#include "files/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#define MOST_LINKS 40 /* as the kernel follows */
#define ATTEMPTS 8    /* while somebody renames */

/* ---- links resolved here ------------------------------------------------ */

struct walk {
    int root;
    char done[PATH_MAX]; /* has no link in it; "" is the root */
    char rest[PATH_MAX]; /* still to go */
    unsigned links;
};

/* Puts what a link holds before the rest. 0, or an errno. */
static int follow(struct walk *walk, const char *target)
{
    char rest[PATH_MAX];
    int len;

    if (++walk->links > MOST_LINKS)
        return ELOOP;
    if (target[0] == '/')
        return EXDEV;
    len = snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest);
    if (len >= (int)sizeof(rest))
        return ENAMETOOLONG;
    memcpy(walk->rest, rest, (size_t)len + 1);
    return 0;
}

static int go_up(struct walk *walk)
{
    char *slash = strrchr(walk->done, '/');

    if (walk->done[0] == '\0')
        return EXDEV;
    *(slash != NULL ? slash : walk->done) = '\0';
    return 0;
}

/* One element that is a name: further down, or where a link leads. */
static int go_down(struct walk *walk, const char *name)
{
    char target[PATH_MAX];
    size_t before = strlen(walk->done);
    int len = snprintf(walk->done + before, sizeof(walk->done) - before,
                       before > 0 ? "/%s" : "%s", name);
    ssize_t n;

    if (before + (size_t)len >= sizeof(walk->done))
        return ENAMETOOLONG;
    n = readlinkat(walk->root, walk->done, target, sizeof(target) - 1);
    if (n < 0)
        return errno == EINVAL ? 0 : errno; /* EINVAL: it is no link */
    walk->done[before] = '\0';
    target[n] = '\0';
    return follow(walk, target);
}

/* Takes the next element off the rest; false: there is none. */
static bool next_element(struct walk *walk, char name[NAME_MAX + 1], int *error)
{
    const char *from = walk->rest + strspn(walk->rest, "/");
    size_t len = strcspn(from, "/");

    if (len > NAME_MAX)
        *error = ENAMETOOLONG;
    if (len == 0 || len > NAME_MAX)
        return false;
    memcpy(name, from, len);
    name[len] = '\0';
    memmove(walk->rest, from + len, strlen(from + len) + 1);
    return true;
}

int ccb_files_open_walking(int root, const char *path)
{
    struct walk walk = {.root = root};
    char name[NAME_MAX + 1];
    int error = 0, fd;

    if (strlen(path) >= sizeof(walk.rest))
        return -ENAMETOOLONG;
    memcpy(walk.rest, path, strlen(path) + 1);
    while (error == 0 && next_element(&walk, name, &error)) {
        if (strcmp(name, "..") == 0)
            error = go_up(&walk);
        else if (strcmp(name, ".") != 0)
            error = go_down(&walk, name);
    }
    if (error != 0)
        return -error;
    fd = openat(root, walk.done[0] == '\0' ? "." : walk.done,
                OPEN_FLAGS | O_NOFOLLOW);
    return fd >= 0 ? fd : -errno;
}

/* ---- by the kernel ------------------------------------------------------ */

static int open_beneath(int root, const char *path)
{
    struct open_how how = {
        .flags = OPEN_FLAGS,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    long fd = -1;

    for (int i = 0; i < ATTEMPTS; i++) {
        fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
        if (fd >= 0 || errno != EAGAIN)
            break;
    }
    if (fd >= 0)
        return (int)fd;
    /* EPERM: what a sandbox says of calls that it does not know. */
    if (errno == ENOSYS || errno == EPERM)
        return ccb_files_open_walking(root, path);
    return -errno;
}

static int open_confined(const char *directory, const char *path)
{
    int root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd;

    if (root < 0)
        return -errno;
    fd = open_beneath(root, path);
    (void)close(root);
    return fd;
}

int ccb_files_open(const struct ccb_files_config *config,
                   struct ccb_arena *arena, const char *path)
{
    struct ccb_slice whole;
    int fd;

    if (config->confine_links)
        return open_confined(config->static_directory, path);
    whole = ccb_arena_format(arena, "%s/%s", config->static_directory, path);
    if (whole.ptr == NULL)
        return -ENOMEM;
    fd = open(whole.ptr, OPEN_FLAGS);
    if (fd < 0)
        return -errno;
    return fd;
}
