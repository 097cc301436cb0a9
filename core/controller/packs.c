/*
 * The buildpacks of -buildpackDir (packs.h).
 */
#include "controller/packs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

static int fail(struct ccb_error *err, const char *path)
{
    return ccb_error_set(err, CCB_IO, "%s: %s", path, strerror(errno));
}

/* ---- one buildpack ------------------------------------------------------ */

/* "05-nodejs" is the buildpack "nodejs" in place 5; "nodejs.zip" comes after
 * all that have a number. */
static int set_name(struct ccb_pack *pack, const char *file, bool is_zip,
                    struct ccb_error *err)
{
    size_t digits = strspn(file, "0123456789");
    struct ccb_slice name = ccb_slice_of(file);

    pack->position = INT32_MAX;
    if (digits > 0 && digits < 9 && file[digits] == '-' && file[digits + 1]) {
        pack->position = strtol(file, NULL, 10);
        name = ccb_slice_of(file + digits + 1);
    }
    if (is_zip)
        name.len -= strlen(".zip");
    pack->name = ccb_slice_dup(name);
    return pack->name ? 0 : ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

static int copy_file(const char *from, const char *to, struct ccb_error *err)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, code = 0;
    ssize_t moved = -1;

    if (in >= 0)
        out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out >= 0)
        do
            moved = copy_file_range(in, NULL, out, NULL, 1 << 24, 0);
        while (moved > 0);
    if (moved < 0)
        code = fail(err, from);
    if (out >= 0 && close(out) < 0 && code == 0)
        code = fail(err, to);
    if (in >= 0)
        (void)close(in);
    return code;
}

static int load_one(struct ccb_pack *pack, const char *source, const char *dir,
                    bool is_zip, struct ccb_error *err)
{
    char temporary[PATH_MAX], path[PATH_MAX];
    int code;

    (void)snprintf(temporary, sizeof(temporary), "%s/tmp-pack", dir);
    code = is_zip ? copy_file(source, temporary, err)
                  : ccb_pack_directory(source, temporary, err);
    if (code == 0)
        code = ccb_pack_digest(temporary, &pack->digests, err);
    if (code < 0) {
        (void)unlink(temporary);
        return code;
    }
    (void)snprintf(path, sizeof(path), "%s/%s.zip", dir, pack->digests.sha256);
    return ccb_blobs_rename(temporary, path, dir, err);
}

static struct ccb_pack *add(struct ccb_packs *packs)
{
    struct ccb_pack *grown =
        ccb_realloc(packs->items, (packs->count + 1) * sizeof(*packs->items));

    if (!grown)
        return NULL;
    packs->items = grown;
    grown[packs->count] = (struct ccb_pack){0};
    return &grown[packs->count++];
}

/* ---- the directory ------------------------------------------------------ */

static int visit(struct ccb_packs *packs, const char *source, const char *file,
                 struct ccb_error *err)
{
    char path[PATH_MAX];
    struct ccb_pack *pack;
    struct stat status;
    bool is_zip = ccb_slice_ends(ccb_slice_of(file), ".zip");
    int code;

    if (file[0] == '.')
        return 0;
    if (snprintf(path, sizeof(path), "%s/%s", source, file) >=
        (int)sizeof(path))
        return ccb_error_set(err, CCB_TOO_LARGE, "%s: too long a path", source);
    if (stat(path, &status) < 0)
        return fail(err, path);
    if (!S_ISDIR(status.st_mode) && !(is_zip && S_ISREG(status.st_mode)))
        return 0;
    is_zip = is_zip && !S_ISDIR(status.st_mode);
    pack = add(packs);
    if (!pack)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    pack->modified = (int64_t)status.st_mtim.tv_sec * CCB_SECOND;
    code = set_name(pack, file, is_zip, err);
    return code < 0 ? code : load_one(pack, path, packs->dir, is_zip, err);
}

static int by_position(const void *a, const void *b)
{
    const struct ccb_pack *x = a, *y = b;

    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Positions count from 1, as they are shown. Two of one name can't be told
 * apart. */
static int settle(struct ccb_packs *packs, struct ccb_error *err)
{
    if (packs->count > 0)
        qsort(packs->items, packs->count, sizeof(*packs->items), by_position);
    for (size_t i = 0; i < packs->count; i++) {
        packs->items[i].position = (int64_t)i + 1;
        for (size_t k = 0; k < i; k++)
            if (strcmp(packs->items[i].name, packs->items[k].name) == 0)
                return ccb_error_set(err, CCB_CONFLICT,
                                     "-buildpackDir: two buildpacks have the "
                                     "name %s; rename one",
                                     packs->items[i].name);
    }
    return 0;
}

/* What an earlier start packed and this one did not. */
static void sweep(const struct ccb_packs *packs)
{
    DIR *dir = opendir(packs->dir);
    struct dirent *entry;
    char path[PATH_MAX];

    for (entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        struct ccb_slice name = ccb_slice_of(entry->d_name);
        if (name.ptr[0] == '.')
            continue;
        name.len -= ccb_slice_ends(name, ".zip") ? 4 : 0;
        if (ccb_packs_by_digest(packs, name))
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", packs->dir, entry->d_name);
        (void)unlink(path);
    }
    if (dir)
        (void)closedir(dir);
}

static int read_source(struct ccb_packs *packs, const char *source,
                       struct ccb_error *err)
{
    DIR *dir = opendir(source);
    struct dirent *entry;
    int code = 0;

    if (!dir) {
        (void)fail(err, source);
        ccb_error_prefix(err, "-buildpackDir");
        return CCB_IO;
    }
    for (entry = readdir(dir); code == 0 && entry; entry = readdir(dir))
        code = visit(packs, source, entry->d_name, err);
    (void)closedir(dir);
    return code;
}

int ccb_packs_load(struct ccb_packs *packs, const char *source, const char *dir,
                   struct ccb_error *err)
{
    int code = ccb_blobs_make_dir(dir, err);

    *packs = (struct ccb_packs){.dir = ccb_strdup(dir)};
    if (!packs->dir)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (code == 0 && source && source[0])
        code = read_source(packs, source, err);
    if (code == 0)
        code = settle(packs, err);
    if (code == 0)
        sweep(packs);
    else
        ccb_packs_destroy(packs);
    return code;
}

void ccb_packs_destroy(struct ccb_packs *packs)
{
    for (size_t i = 0; i < packs->count; i++)
        ccb_free(packs->items[i].name);
    ccb_free(packs->items);
    ccb_free(packs->dir);
    *packs = (struct ccb_packs){0};
}

const struct ccb_pack *ccb_packs_find(const struct ccb_packs *packs,
                                      struct ccb_slice name)
{
    for (size_t i = 0; i < packs->count; i++)
        if (ccb_slice_is(name, packs->items[i].name))
            return &packs->items[i];
    return NULL;
}

const struct ccb_pack *ccb_packs_by_digest(const struct ccb_packs *packs,
                                           struct ccb_slice sha256)
{
    for (size_t i = 0; i < packs->count; i++)
        if (ccb_slice_is(sha256, packs->items[i].digests.sha256))
            return &packs->items[i];
    return NULL;
}
