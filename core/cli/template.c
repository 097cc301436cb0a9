/*
 * Copies a folder of templates (template.h).
 *
 * Invariant: nothing that is there is overwritten, and nothing is written
 * outside `to`: links in the template are followed when they are read, never
 * made.
 */
#include "cli/template.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE (1u << 20)
#define MAX_DEPTH 8

struct copy {
    const struct ccb_cli_marks *marks;
    struct ccb_error *err;
    int depth;
};

static int fail(struct copy *copy, const char *path)
{
    return ccb_error_set(copy->err, CCB_IO, "%s: %s", path, strerror(errno));
}

/* ---- one text ----------------------------------------------------------- */

static const struct ccb_cli_mark *find_mark(const struct ccb_cli_marks *marks,
                                            struct ccb_slice rest)
{
    size_t i;

    for (i = 0; i < marks->count; i++)
        if (ccb_slice_starts(rest, marks->items[i].mark))
            return &marks->items[i];
    return NULL;
}

void ccb_cli_template_fill(struct ccb_buf *out, struct ccb_slice text,
                           const struct ccb_cli_marks *marks)
{
    while (text.len > 0) {
        const struct ccb_cli_mark *mark = find_mark(marks, text);
        size_t taken = mark ? strlen(mark->mark) : 1;

        if (mark)
            ccb_buf_put(out, mark->value);
        else
            ccb_buf_putc(out, *text.ptr);
        text.ptr += taken;
        text.len -= taken;
    }
}

/* ---- one file ----------------------------------------------------------- */

static int read_file(struct copy *copy, const char *path, struct ccb_buf *out)
{
    FILE *file = fopen(path, "rb");
    size_t got = 1;
    int code = 0;

    if (!file)
        return fail(copy, path);
    while (got > 0) {
        char *room = ccb_buf_reserve(out, 4096);

        got = room ? fread(room, 1, 4096, file) : 0;
        out->len += got;
    }
    if (ferror(file))
        code = fail(copy, path);
    fclose(file);
    return code;
}

static int write_file(struct copy *copy, const char *path, mode_t mode,
                      const struct ccb_buf *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                  mode & 0111 ? 0777 : 0666);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    int code = 0;

    if (!file) {
        code = fail(copy, path);
        if (fd >= 0)
            close(fd);
        return code;
    }
    if (fwrite(text->data, 1, text->len, file) != text->len)
        code = fail(copy, path);
    if (fclose(file) != 0 && code == 0)
        code = fail(copy, path);
    return code;
}

static int copy_file(struct copy *copy, const char *from, const char *to,
                     mode_t mode)
{
    struct ccb_buf in = {.max = MAX_FILE}, out = {.max = MAX_FILE};
    int code = read_file(copy, from, &in);

    if (code == 0 && !in.failed)
        ccb_cli_template_fill(&out, ccb_buf_slice(&in), copy->marks);
    if (code == 0 && (in.failed || out.failed))
        code = ccb_error_set(
            copy->err, in.failed ? in.failed : out.failed, "%s: %s", from,
            in.failed == CCB_NO_MEMORY || out.failed == CCB_NO_MEMORY
                ? "out of memory"
                : "too large for a template");
    if (code == 0)
        code = write_file(copy, to, mode, &out);
    ccb_buf_destroy(&in);
    ccb_buf_destroy(&out);
    return code;
}

/* ---- all ---------------------------------------------------------------- */

static int copy_folder(struct copy *copy, const char *from, const char *to);

static int copy_entry(struct copy *copy, const char *from, const char *to)
{
    struct stat about;

    if (stat(from, &about) < 0)
        return fail(copy, from);
    if (!S_ISDIR(about.st_mode))
        return copy_file(copy, from, to, about.st_mode);
    if (copy->depth == MAX_DEPTH)
        return ccb_error_set(copy->err, CCB_TOO_LARGE, "%s: too deep", from);
    if (mkdir(to, 0777) < 0 && errno != EEXIST)
        return fail(copy, to);
    return copy_folder(copy, from, to);
}

static int join(struct copy *copy, char out[PATH_MAX], const char *folder,
                const char *name)
{
    if (snprintf(out, PATH_MAX, "%s/%s", folder, name) < PATH_MAX)
        return 0;
    return ccb_error_set(copy->err, CCB_TOO_LARGE, "%s/%s: too long a path",
                         folder, name);
}

static int copy_folder(struct copy *copy, const char *from, const char *to)
{
    DIR *folder = opendir(from);
    const struct dirent *entry;
    int code = folder ? 0 : fail(copy, from);

    copy->depth++;
    while (code == 0) {
        char source[PATH_MAX], target[PATH_MAX];

        errno = 0;
        entry = readdir(folder);
        if (!entry) {
            code = errno != 0 ? fail(copy, from) : 0;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        code = join(copy, source, from, entry->d_name);
        if (code == 0)
            code = join(copy, target, to, entry->d_name);
        if (code == 0)
            code = copy_entry(copy, source, target);
    }
    copy->depth--;
    if (folder)
        closedir(folder);
    return code;
}

int ccb_cli_template_copy(const char *from, const char *to,
                          const struct ccb_cli_marks *marks,
                          struct ccb_error *err)
{
    struct copy copy = {.marks = marks, .err = err};

    return copy_folder(&copy, from, to);
}

/* ---- where -------------------------------------------------------------- */

int ccb_cli_template_find(char *out, struct ccb_error *err)
{
    static const char *const places[] = {"share/ccbridge/template", "template"};
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;
    size_t i;

    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    for (i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++)
        if (snprintf(out, PATH_MAX, "%s/../%s", self, places[i]) < PATH_MAX &&
            access(out, R_OK | X_OK) == 0)
            return 0;
    return ccb_error_set(err, CCB_NOT_FOUND,
                         "there are no templates (share/ccbridge/template) "
                         "beside %s: is the SDK (ccbridge-sdk) installed?",
                         self);
}
