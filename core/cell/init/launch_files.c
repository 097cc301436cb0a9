/*
 * What a container sees: its writable directories on the host's disk, and the
 * arguments by which bubblewrap puts a root file system together. "/" is an
 * empty file system of its own into which every directory of the root file
 * system is bound read-only; so nothing has to exist in there, and the places
 * that are the container's (/tmp, /app, /home/vcap, /root, /proc, /dev, /run)
 * never show the host's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cell/init/init.h"

/* The container's writable directories. */
static const struct {
    const char *name, *place;
    mode_t mode;
    uint32_t owner; /* inside */
} own_dirs[] = {
    {"tmp", "/tmp", 01777, 0},
    {"app", "/app", 0755, 2000},
    {"home", "/home/vcap", 0755, 2000},
    {"root", "/root", 0700, 0},
};
#define OWN_DIRS (sizeof(own_dirs) / sizeof(own_dirs[0]))

/* Of the host's "/" only these are shown, of other root file systems all but
 * the second list. */
static const char *const host_shows[] = {"bin",   "etc",    "lib", "lib32",
                                         "lib64", "libx32", "opt", "sbin",
                                         "usr",   NULL};
static const char *const never_shows[] = {"app", "dev",  "etc", "home", "proc",
                                          "run", "root", "sys", "tmp",  NULL};
/* Our own in /etc. */
static const char *const own_etc[] = {"group", "hosts", "passwd", NULL};

static int in_list(const char *const *list, const char *name)
{
    for (; *list != NULL; list++)
        if (strcmp(*list, name) == 0)
            return 1;
    return 0;
}

/* ---- the directory ------------------------------------------------------ */

static int make_dir(const char *path, mode_t mode, uint32_t owner,
                    struct ccb_error *err)
{
    if (mkdir(path, 0700) != 0 || chown(path, owner, owner) != 0 ||
        chmod(path, mode) != 0)
        return ccb_error_set(err, errno == EEXIST ? CCB_CONFLICT : CCB_IO,
                             "container directory %s: %s", path,
                             strerror(errno));
    return CCB_OK;
}

static int write_etc(const char *dir, const char *name, struct ccb_slice text,
                     struct ccb_error *err)
{
    char path[PATH_MAX];
    int fd, code = CCB_OK;

    (void)snprintf(path, sizeof(path), "%s/etc/%s", dir, name);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text.ptr, text.len) != (ssize_t)text.len)
        code = ccb_error_set(err, CCB_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return code;
}

static int write_users(const struct ccb_launch *launch, struct ccb_error *err)
{
    struct ccb_buf passwd = {0}, group = {0}, hosts = {0};
    const struct ccb_container_user *user;
    int code;

    for (size_t i = 0; (user = ccb_container_user_at(i)) != NULL; i++) {
        (void)ccb_buf_printf(&passwd, "%s:x:%u:%u::%s:%s\n", user->name,
                             user->id, user->id, user->home, user->shell);
        (void)ccb_buf_printf(&group, "%s:x:%u:\n", user->name, user->id);
    }
    (void)ccb_buf_printf(&hosts, "127.0.0.1 localhost\n%s %.63s\n",
                         CCB_CONTAINER_ADDRESS, launch->guid);
    code = passwd.failed || group.failed || hosts.failed ? CCB_NO_MEMORY : 0;
    if (code == CCB_OK)
        code = write_etc(launch->dir, "passwd", ccb_buf_slice(&passwd), err);
    if (code == CCB_OK)
        code = write_etc(launch->dir, "group", ccb_buf_slice(&group), err);
    if (code == CCB_OK)
        code = write_etc(launch->dir, "hosts", ccb_buf_slice(&hosts), err);
    ccb_buf_destroy(&passwd);
    ccb_buf_destroy(&group);
    ccb_buf_destroy(&hosts);
    return code;
}

int ccb_launch_directory(struct ccb_launch *launch, struct ccb_error *err)
{
    char path[PATH_MAX];
    int code = make_dir(launch->dir, 0700, launch->uid_base, err);

    for (size_t i = 0; code == CCB_OK && i < OWN_DIRS; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", launch->dir,
                       own_dirs[i].name);
        code = make_dir(path, own_dirs[i].mode,
                        launch->uid_base + own_dirs[i].owner, err);
    }
    if (code != CCB_OK)
        return code;
    (void)snprintf(path, sizeof(path), "%s/etc", launch->dir);
    code = make_dir(path, 0755, 0, err);
    return code == CCB_OK ? write_users(launch, err) : code;
}

/* ---- bubblewrap's arguments --------------------------------------------- */

struct arguments {
    char **items;
    size_t count, cap;
    int failed;
};

static void add(struct arguments *list, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One argument; errors stick. One place is kept free for the NULL. */
static void add(struct arguments *list, const char *format, ...)
{
    char text[2 * PATH_MAX], *copy;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (!list->failed && list->count + 1 >= list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 256;
        char **grown = ccb_realloc(list->items, cap * sizeof(*grown));

        list->failed = grown == NULL;
        if (grown != NULL) {
            list->items = grown;
            list->cap = cap;
        }
    }
    copy = len < (int)sizeof(text) ? ccb_strdup(text) : NULL;
    if (copy == NULL)
        list->failed = 1;
    if (list->failed)
        return;
    list->items[list->count++] = copy;
    list->items[list->count] = NULL;
}

static void add_words(struct arguments *list, const char *const *words)
{
    for (; *words != NULL; words++)
        add(list, "%s", *words);
}

/* Shows one entry of the root file system at its own place. */
static void show_entry(struct arguments *list, const char *rootfs,
                       const char *name)
{
    char path[PATH_MAX], target[PATH_MAX];
    struct stat info;
    ssize_t len;

    if (snprintf(path, sizeof(path), "%s/%s", rootfs, name) >= PATH_MAX ||
        lstat(path, &info) != 0) {
        list->failed = 1;
        return;
    }
    if (S_ISDIR(info.st_mode) || S_ISREG(info.st_mode)) {
        add(list, "--ro-bind-try"); /* or gone since it was listed */
        add(list, "%s", path);
        add(list, "/%s", name);
    } else if (S_ISLNK(info.st_mode)) {
        len = readlink(path, target, sizeof(target) - 1);
        if (len <= 0)
            return;
        target[len] = '\0';
        add(list, "--symlink");
        add(list, "%s", target);
        add(list, "/%s", name);
    }
}

/* Shows the entries of rootfs/below that are in `only` (NULL: all) and not in
 * `never`. A directory that isn't there shows nothing. */
static void show_entries(struct arguments *list, const char *rootfs,
                         const char *below, const char *const *only,
                         const char *const *never)
{
    char path[PATH_MAX], name[PATH_MAX];
    struct dirent *entry;
    DIR *dir;

    (void)snprintf(path, sizeof(path), "%s/%s", rootfs, below);
    dir = opendir(path);
    if (dir == NULL)
        return;
    /* cppcheck-suppress readdirCalled ; the stream is ours alone */
    while ((entry = readdir(dir)) != NULL) {
        const char *what = entry->d_name;

        if (strcmp(what, ".") == 0 || strcmp(what, "..") == 0)
            continue;
        if (in_list(never, what) || (only != NULL && !in_list(only, what)))
            continue;
        (void)snprintf(name, sizeof(name), "%s%s", below, what);
        show_entry(list, rootfs, name);
    }
    (void)closedir(dir);
}

static int is_kind(const char *rootfs, const char *name, mode_t kind)
{
    char path[PATH_MAX];
    struct stat info;

    (void)snprintf(path, sizeof(path), "%s/%s", rootfs, name);
    return lstat(path, &info) == 0 && (info.st_mode & S_IFMT) == kind;
}

/* /etc is bound whole, with ours over it, where ours have a place to lie on;
 * otherwise it is put together entry by entry. */
static void show_etc(struct arguments *list, const struct ccb_launch *launch)
{
    int whole = is_kind(launch->rootfs, "etc", S_IFDIR);

    for (size_t i = 0; own_etc[i] != NULL; i++) {
        char name[64];

        (void)snprintf(name, sizeof(name), "etc/%s", own_etc[i]);
        whole = whole && is_kind(launch->rootfs, name, S_IFREG);
    }
    if (whole) {
        show_entry(list, launch->rootfs, "etc");
    } else {
        add_words(list, (const char *[]){"--dir", "/etc", NULL});
        show_entries(list, launch->rootfs, "etc/", NULL, own_etc);
    }
    for (size_t i = 0; own_etc[i] != NULL; i++) {
        add(list, "--ro-bind");
        add(list, "%s/etc/%s", launch->dir, own_etc[i]);
        add(list, "/etc/%s", own_etc[i]);
    }
}

static void show_files(struct arguments *list, const struct ccb_launch *launch)
{
    int host = strcmp(launch->rootfs, "/") == 0;
    const char *rootfs = host ? "" : launch->rootfs;

    show_entries(list, rootfs, "", host ? host_shows : NULL, never_shows);
    show_etc(list, launch);
    add_words(list,
              (const char *[]){"--proc", "/proc", "--dev", "/dev", "--dir",
                               "/sys", "--dir", "/home", "--perms", "0755",
                               "--tmpfs", "/run", NULL});
    for (size_t i = 0; i < OWN_DIRS; i++) {
        add(list, "--bind");
        add(list, "%s/%s", launch->dir, own_dirs[i].name);
        add(list, "%s", own_dirs[i].place);
    }
    if (host)
        add_words(list, (const char *[]){"--dir", "/var", "--symlink", "/tmp",
                                         "/var/tmp", "--symlink", "/run",
                                         "/var/run", NULL});
    add_words(list, (const char *[]){"--remount-ro", "/", NULL});
}

/* What init needs to set up, and what root inside keeps (init_drop). */
static const char *const rights[] = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER", "CAP_FSETID",
    "CAP_KILL",    "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETUID",
    "CAP_SETPCAP", "CAP_NET_ADMIN",        NULL};

int ccb_launch_arguments(const struct ccb_launch *launch, char ***arguments,
                         struct ccb_error *err)
{
    struct arguments list = {0};

    add_words(&list,
              (const char *[]){"bwrap", "--unshare-pid", "--unshare-ipc",
                               "--unshare-uts", "--unshare-net",
                               "--unshare-cgroup-try", "--die-with-parent",
                               "--as-pid-1", "--new-session", "--uid", "0",
                               "--gid", "0", "--hostname", NULL});
    add(&list, "%.63s", launch->guid);
    add(&list, "--userns");
    add(&list, "%d", launch->users);
    add_words(&list, (const char *[]){"--cap-drop", "ALL", NULL});
    for (size_t i = 0; rights[i] != NULL; i++) {
        add(&list, "--cap-add");
        add(&list, "%s", rights[i]);
    }
    show_files(&list, launch);
    add_words(&list, (const char *[]){"--chdir", "/", "--", NULL});
    /* No path into the container is needed for its first program. */
    add(&list, "/proc/self/fd/%d", launch->program);
    add(&list, "serve");
    *arguments = list.items;
    if (list.failed)
        return ccb_error_set(err, CCB_FAILED,
                             "root file system %s can't be put together",
                             launch->rootfs_name);
    return CCB_OK;
}
