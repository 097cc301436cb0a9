/*
 * Removes what containers leave on the host: their directory and their memory
 * group; in the pool, for a directory may be large. Nothing of them runs any
 * more when this is called.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cell/container_internal.h"
#include "cell/container_tree.h"

struct removal {
    uv_work_t work;
    char *directory, *guid; /* guid NULL: all */
    struct ccb_error err;   /* the first one */
    void (*on_done)(void *ctx, const struct ccb_error *err);
    void *ctx;
};

static void free_removal(struct removal *removal)
{
    ccb_free(removal->directory);
    ccb_free(removal->guid);
    ccb_free(removal);
}

/* Keeps the first error and goes on: the rest may still go. */
static void keep(struct removal *removal, const struct ccb_error *err)
{
    if (err->code != CCB_OK && removal->err.code == CCB_OK)
        removal->err = *err;
}

static void remove_one(struct removal *removal, int parent, const char *guid)
{
    struct ccb_error tree = {0}, group = {0};
    char path[CCB_CGROUP_PATH];

    (void)ccb_tree_remove(parent, guid, &tree);
    keep(removal, &tree);
    if (ccb_cgroup_path(path, guid, NULL) == CCB_OK)
        (void)ccb_cgroup_remove(path, &group);
    keep(removal, &group);
}

static void remove_entries(struct removal *removal, DIR *dir)
{
    struct dirent *entry;

    /* cppcheck-suppress readdirCalled ; the stream is ours alone */
    while ((entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_one(removal, dirfd(dir), entry->d_name);
}

/* [pool] */
static void on_work(uv_work_t *work)
{
    struct removal *removal = work->data;
    DIR *dir = opendir(removal->directory);

    if (dir == NULL) {
        if (errno != ENOENT)
            (void)ccb_error_set(&removal->err, CCB_IO, "%s: %s",
                                removal->directory, strerror(errno));
        return;
    }
    if (removal->guid != NULL)
        remove_one(removal, dirfd(dir), removal->guid);
    else
        remove_entries(removal, dir);
    (void)closedir(dir);
}

static void on_after(uv_work_t *work, int status)
{
    struct removal *removal = work->data;

    (void)status; /* it is never cancelled */
    removal->on_done(removal->ctx,
                     removal->err.code != CCB_OK ? &removal->err : NULL);
    free_removal(removal);
}

int ccb_container_remove(struct ccb_loop *loop, const char *directory,
                         const char *guid,
                         void (*on_done)(void *ctx,
                                         const struct ccb_error *err),
                         void *ctx, struct ccb_error *err)
{
    struct removal *removal = ccb_calloc(1, sizeof(*removal));

    if (removal == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory to remove %s",
                             directory);
    removal->work.data = removal;
    removal->on_done = on_done;
    removal->ctx = ctx;
    removal->directory = ccb_strdup(directory);
    removal->guid = guid != NULL ? ccb_strdup(guid) : NULL;
    if (removal->directory == NULL || (guid != NULL && removal->guid == NULL) ||
        uv_queue_work(&loop->uv, &removal->work, on_work, on_after) != 0) {
        free_removal(removal);
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory to remove %s",
                             directory);
    }
    return CCB_OK;
}

int ccb_container_sweep(struct ccb_loop *loop, const char *directory,
                        void (*on_done)(void *ctx, const struct ccb_error *err),
                        void *ctx, struct ccb_error *err)
{
    return ccb_container_remove(loop, directory, NULL, on_done, ctx, err);
}
