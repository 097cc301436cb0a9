/*
 * What the tests of reloads share: a directory into which builds of one plugin
 * are put (tests/zoo/builds.c), a registry on it, and calls of what it serves.
 */
#ifndef TESTS_PLUGIN_RELOAD_TESTING_H
#define TESTS_PLUGIN_RELOAD_TESTING_H

#include "zoo_testing.h"

#include <dlfcn.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/clock.h"
#include "plugin/host.h"

#define ID "zoo.builds"

/* Processes are slow to start where all of them are watched. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

struct bed {
    struct zoo zoo; /* directory, log and what was refused last */
    char policies[80];
    struct ccb_plugins_change change;
    int log_fd;
};

static inline void bed_init(struct bed *bed, enum ccb_plugin_mode mode)
{
    memset(bed, 0, sizeof(*bed));
    bed->log_fd = zoo_log_begin();
    ccb_log_set_level(CCB_LEVEL_DEBUG);
    zoo_init(&bed->zoo);
    bed->zoo.mode = mode;
    bed->zoo.policies = bed->policies;
    snprintf(bed->policies, sizeof(bed->policies), "%s.d", bed->zoo.dir);
    assert_int_equal(0, mkdir(bed->policies, 0755));
}

static inline int bed_open(struct bed *bed)
{
    return zoo_open(&bed->zoo);
}

/* Ends it; the log's text, to be freed with ccb_free. */
static inline char *bed_destroy(struct bed *bed)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/" ID ".json", bed->policies);
    unlink(path);
    zoo_destroy(&bed->zoo);
    rmdir(bed->policies);
    return zoo_log_end(bed->log_fd);
}

static inline void bed_put(struct bed *bed, const char *name, const void *bytes,
                           size_t len)
{
    char fresh[PATH_MAX], path[PATH_MAX];

    snprintf(fresh, sizeof(fresh), "%s/fresh", bed->zoo.dir);
    snprintf(path, sizeof(path), "%s/%s", bed->zoo.dir, name);
    zoo_add_bytes(&bed->zoo, "fresh", bytes, len);
    assert_int_equal(0, rename(fresh, path));
}

/* Puts a build of the plugin there, in one step. */
static inline void bed_put_build(struct bed *bed, const char *name, char mark)
{
    static const char found[] = "ZOO-MARK-A";
    size_t len;
    char *bytes = zoo_read(ZOO_DIR "/builds.so", &len);
    char *at = memmem(bytes, len, found, sizeof(found));

    assert_non_null(at);
    at[sizeof(found) - 2] = mark;
    bed_put(bed, name, bytes, len);
    ccb_free(bytes);
}

static inline void bed_put_member(struct bed *bed, const char *member)
{
    char path[PATH_MAX], name[80];
    size_t len;
    char *bytes;

    snprintf(path, sizeof(path), ZOO_DIR "/%s.so", member);
    snprintf(name, sizeof(name), "%s.so", member);
    bytes = zoo_read(path, &len);
    bed_put(bed, name, bytes, len);
    ccb_free(bytes);
}

static inline void bed_remove(const struct bed *bed, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", bed->zoo.dir, name);
    assert_int_equal(0, unlink(path));
}

static inline void bed_put_policy(const struct bed *bed, const char *id,
                                  const char *text)
{
    char path[PATH_MAX];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.json", bed->policies, id);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(0, fclose(file));
}

static inline int bed_reload(struct bed *bed)
{
    struct ccb_plugins_next *next;
    int code = ccb_plugins_prepare(bed->zoo.plugins, bed->zoo.by_hand, &next,
                                   &bed->zoo.error);

    if (code == 0)
        ccb_plugins_commit(bed->zoo.plugins, next, &bed->change);
    return code;
}

static inline void assert_reload(struct bed *bed)
{
    if (bed_reload(bed) != 0)
        fail_msg("the reload failed: %s", bed->zoo.error.message);
}

static inline struct ccb_plugin *bed_plugin(const struct bed *bed)
{
    return ccb_plugins_get(bed->zoo.plugins, S(ID));
}

static inline char *bed_list(const struct bed *bed)
{
    struct ccb_buf text = {0};
    struct ccb_json_writer w;

    ccb_json_writer_init(&w, ccb_buf_sink, &text);
    ccb_plugins_put_list(bed->zoo.plugins, &w);
    assert_int_equal(0, ccb_json_writer_end(&w));
    assert_int_equal(0, ccb_buf_putc(&text, '\0'));
    return text.data;
}

/* ---- calls -------------------------------------------------------------- */

struct answer {
    atomic_int calls;
    int code;
    char mark;
    char error[512];
};

static inline void on_answer(void *user, const struct ccb_plugin_result *result)
{
    struct answer *answer = user;
    static const char before[] = "\"log_source\":\"";
    const char *at = NULL;

    answer->code = result->code;
    snprintf(answer->error, sizeof(answer->error), "%s",
             result->error ? result->error : "");
    if (result->code == 0)
        at = memmem(result->value.raw.ptr, result->value.raw.len, before,
                    sizeof(before) - 1);
    answer->mark = at ? at[sizeof(before) - 1] : '\0';
    atomic_fetch_add(&answer->calls, 1);
}

static inline int start_call(struct ccb_plugin *plugin, struct ccb_loop *loop,
                             const char *message, struct ccb_arena *arena,
                             void (*on_done)(void *user,
                                             const struct ccb_plugin_result *),
                             void *user)
{
    const struct ccb_plugin_call_options options = {
        .function = CCB_PLUGIN_STAGING_RECIPE,
        .guid = S("g-1"),
        .message = S(message),
        .facts = S("{}"),
        .arena = arena,
        .on_done = on_done,
        .user = user,
    };

    return ccb_plugin_call(plugin, loop, &options, NULL);
}

/* The mark of the build that serves. */
static inline char bed_call(const struct bed *bed)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct answer answer = {.mark = '\0'};
    struct ccb_error error;
    struct ccb_loop loop;
    struct ccb_plugin *plugin =
        ccb_plugins_find(bed->zoo.plugins, S("builds"), S(""));

    assert_non_null(arena);
    assert_non_null(plugin);
    assert_int_equal(0, ccb_loop_open(&loop, &error));
    assert_int_equal(
        0, start_call(plugin, &loop, "{}", arena, on_answer, &answer));
    assert_int_equal(0, ccb_loop_run(&loop));
    assert_int_equal(0, ccb_loop_close(&loop, &error));
    ccb_arena_unref(arena);
    if (answer.code)
        fail_msg("the call failed: %s", answer.error);
    return answer.mark;
}

/* ---- what is left behind ------------------------------------------------ */

static inline int count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static inline long resident_pages(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long size, resident;

    assert_non_null(file);
    assert_int_equal(2, fscanf(file, "%ld %ld", &size, &resident));
    fclose(file);
    return resident;
}

/* Instances of the build that `plugin` is, alive in this process. */
static inline int count_instances(const struct ccb_plugin *plugin)
{
    char path[64];
    void *handle;
    atomic_int *count;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", plugin->image.fd);
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    assert_non_null(handle);
    count = dlsym(handle, "zoo_instances");
    assert_non_null(count);
    return atomic_load(count);
}

#endif
