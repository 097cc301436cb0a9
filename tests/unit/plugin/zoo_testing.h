/*
 * What the tests of this room share: a directory of plugins put together from
 * the zoo, and a registry opened on it.
 */
#ifndef TESTS_PLUGIN_ZOO_TESTING_H
#define TESTS_PLUGIN_ZOO_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "plugin/plugin.h"

#ifndef ZOO_DIR /* where members lie */
#define ZOO_DIR CCB_BUILD_DIR "/zoo"
#endif
#define ZOO_RUNNER CCB_BUILD_DIR "/bin/ccbridge-plugin-host"
#define S(text) ccb_slice_of(text)

struct zoo {
    char dir[64];
    struct ccb_plugins *plugins;
    struct ccb_plugin_refusal last; /* of the refusals heard of */
    char last_file[PATH_MAX];
    size_t refused;
    struct ccb_log_session log;
    struct ccb_error error;
    const struct ccb_pairs *by_hand;
    bool strict;
    int64_t call_timeout;
    enum ccb_plugin_mode mode; /* in this process, unless a test says else */
    const char *policies;      /* directory; NULL: none */
};

static inline void zoo_init(struct zoo *zoo)
{
    memset(zoo, 0, sizeof(*zoo));
    snprintf(zoo->dir, sizeof(zoo->dir), "/tmp/ccb-zoo-XXXXXX");
    assert_non_null(mkdtemp(zoo->dir));
    ccb_log_open(&zoo->log, "zoo");
    zoo->mode = CCB_PLUGIN_MODE_IN_PROCESS;
}

/* A whole file, NUL-terminated; free with ccb_free. */
static inline char *zoo_read(const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *bytes;

    assert_true(fd >= 0);
    assert_int_equal(0, fstat(fd, &st));
    *len = (size_t)st.st_size;
    bytes = ccb_malloc(*len + 1);
    assert_non_null(bytes);
    assert_int_equal((ssize_t)*len, pread(fd, bytes, *len, 0));
    bytes[*len] = '\0';
    close(fd);
    return bytes;
}

/* Puts bytes of our own there. */
static inline void zoo_add_bytes(struct zoo *zoo, const char *file,
                                 const void *bytes, size_t len)
{
    char path[PATH_MAX];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", zoo->dir, file);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal((ssize_t)len, write(fd, bytes, len));
    close(fd);
}

/* Puts a member into the directory, by its zoo name: a copy, since links are
 * refused. */
static inline void zoo_add(struct zoo *zoo, const char *name)
{
    char path[PATH_MAX], file[NAME_MAX];
    char *bytes;
    size_t len;

    snprintf(path, sizeof(path), "%s/%s.so", ZOO_DIR, name);
    snprintf(file, sizeof(file), "%s.so", name);
    bytes = zoo_read(path, &len);
    zoo_add_bytes(zoo, file, bytes, len);
    ccb_free(bytes);
}

static inline void zoo_on_refused(void *user,
                                  const struct ccb_plugin_refusal *refusal)
{
    struct zoo *zoo = user;

    zoo->last = *refusal;
    snprintf(zoo->last_file, sizeof(zoo->last_file), "%s", refusal->file);
    zoo->last.file = zoo->last_file;
    zoo->refused++;
}

static inline int zoo_open(struct zoo *zoo)
{
    const char *directories[] = {zoo->dir};
    struct ccb_plugins_options options = {
        .directories = directories,
        .directory_count = 1,
        .by_hand = zoo->by_hand,
        .policy_directory = zoo->policies,
        .mode = zoo->mode,
        .runner = ZOO_RUNNER,
        .strict = zoo->strict,
        .call_timeout = zoo->call_timeout,
        .log = &zoo->log,
        .on_refused = zoo_on_refused,
        .user = zoo,
    };

    return ccb_plugins_open(&zoo->plugins, &options, &zoo->error);
}

static inline void zoo_destroy(struct zoo *zoo)
{
    DIR *dir = opendir(zoo->dir);
    const struct dirent *entry;

    ccb_plugins_close(zoo->plugins);
    assert_non_null(dir);
    for (entry = readdir(dir); entry; entry = readdir(dir))
        if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2)
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(zoo->dir);
}

/* Sends the log into a file without a name; zoo_log_end gives its text. */
static inline int zoo_log_begin(void)
{
    char path[] = "/tmp/ccb-zoo-log-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    unlink(path);
    ccb_log_set_fd(fd);
    return fd;
}

static inline char *zoo_log_end(int fd)
{
    struct stat st;
    char *text;

    ccb_log_flush();
    ccb_log_set_fd(1);
    assert_int_equal(0, fstat(fd, &st));
    text = ccb_malloc((size_t)st.st_size + 1);
    assert_non_null(text);
    assert_int_equal(st.st_size, pread(fd, text, (size_t)st.st_size, 0));
    text[st.st_size] = '\0';
    close(fd);
    return text;
}

#define assert_contains(text, part)                                            \
    do {                                                                       \
        if (!strstr((text), (part)))                                           \
            fail_msg("\"%s\" is not in \"%s\"", (part), (text));               \
    } while (0)

#endif
