/*
 * The list of `.cfignore` patterns: reading the lines, and deciding by the
 * last one that matches. Names and paths are matched in time of pattern times
 * text at most: of several stars only the last is ever tried again.
 */
#include "cli/ignore.h"

#include <string.h>

#include "base/mem.h"
#include "ccbridge/error.h"

struct ccb_ignore_text {
    struct ccb_ignore_text *next;
    char bytes[];
};

static const char defaults[] = ".cfignore\n.git\n.gitignore\n.svn\n.hg\n"
                               "_darcs\n.DS_Store\n";

/* ---- reading ------------------------------------------------------------ */

static int push(struct ccb_ignore *list, struct ccb_ignore_pattern pattern)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct ccb_ignore_pattern *grown =
            ccb_realloc(list->patterns, capacity * sizeof(*grown));

        if (!grown)
            return CCB_NO_MEMORY;
        list->patterns = grown;
        list->capacity = capacity;
    }
    list->patterns[list->count++] = pattern;
    return 0;
}

/* Spaces at the end don't count, unless a backslash stands before. */
static void trim(char *line)
{
    size_t len = strlen(line), kept = 0, i;

    for (i = 0; i < len; i++) {
        if (line[i] == '\\' && i + 1 < len)
            i++;
        else if (line[i] == ' ')
            continue;
        kept = i + 1;
    }
    line[kept] = '\0';
}

static int add_line(struct ccb_ignore *list, char *line)
{
    struct ccb_ignore_pattern pattern = {0};
    size_t len;

    if (line[0] == '#')
        return 0;
    trim(line);
    if (line[0] == '!') {
        pattern.negated = true;
        line++;
    }
    len = strlen(line);
    if (len > 0 && line[len - 1] == '/') {
        pattern.directories_only = true;
        line[--len] = '\0';
    }
    pattern.anchored = strchr(line, '/') != NULL;
    pattern.text = line[0] == '/' ? line + 1 : line;
    return pattern.text[0] ? push(list, pattern) : 0;
}

int ccb_ignore_add(struct ccb_ignore *list, struct ccb_slice text)
{
    struct ccb_ignore_text *copy = ccb_malloc(sizeof(*copy) + text.len + 1);
    char *line, *end;
    int code = 0;

    if (!copy)
        return CCB_NO_MEMORY;
    if (text.len > 0)
        memcpy(copy->bytes, text.ptr, text.len);
    copy->bytes[text.len] = '\0';
    copy->next = list->texts;
    list->texts = copy;
    line = copy->bytes;
    if (ccb_slice_starts(text, "\xef\xbb\xbf")) /* an editor's mark */
        line += 3;
    for (; code == 0 && line; line = end ? end + 1 : NULL) {
        end = strchr(line, '\n');
        if (end) {
            *end = '\0';
            if (end > line && end[-1] == '\r')
                end[-1] = '\0';
        }
        code = add_line(list, line);
    }
    return code;
}

int ccb_ignore_add_defaults(struct ccb_ignore *list)
{
    return ccb_ignore_add(list, ccb_slice_of(defaults));
}

void ccb_ignore_destroy(struct ccb_ignore *list)
{
    while (list->texts) {
        struct ccb_ignore_text *next = list->texts->next;

        ccb_free(list->texts);
        list->texts = next;
    }
    ccb_free(list->patterns);
    memset(list, 0, sizeof(*list));
}

/* ---- matching ----------------------------------------------------------- */

/* The text up to the next slash. */
static struct ccb_slice first_name(const char *text)
{
    return ccb_slice_make(text, strcspn(text, "/"));
}

/* Behind the name and its slash; NULL when it was the last. */
static const char *rest(const char *text)
{
    const char *slash = strchr(text, '/');

    return slash ? slash + 1 : NULL;
}

/* "**"; more of them mean the same. */
static bool is_stars(struct ccb_slice name)
{
    return name.len > 1 && strspn(name.ptr, "*") >= name.len;
}

/* Name by name; after a mismatch the last `**` takes one directory more. One
 * at the end stands for something, elsewhere also for nothing. */
static bool match_path(const char *pattern, const char *path)
{
    const char *again_pattern = NULL, *again_path = NULL;

    while (path) {
        struct ccb_slice name = first_name(path);
        bool stars = pattern && is_stars(first_name(pattern));

        if (stars && !rest(pattern))
            return true;
        if (stars) {
            pattern = rest(pattern);
            again_pattern = pattern;
            again_path = path;
        } else if (pattern &&
                   ccb_ignore_match_name(first_name(pattern), name)) {
            pattern = rest(pattern);
            path = rest(path);
        } else if (again_path && rest(again_path)) {
            again_path = rest(again_path);
            pattern = again_pattern;
            path = again_path;
        } else {
            return false;
        }
    }
    return pattern == NULL;
}

static bool matches(const struct ccb_ignore_pattern *pattern, const char *path,
                    bool directory)
{
    const char *slash = strrchr(path, '/');

    if (pattern->directories_only && !directory)
        return false;
    if (pattern->anchored)
        return match_path(pattern->text, path);
    return ccb_ignore_match_name(ccb_slice_of(pattern->text),
                                 ccb_slice_of(slash ? slash + 1 : path));
}

bool ccb_ignore_matches(const struct ccb_ignore *list, const char *path,
                        bool directory)
{
    size_t i = list->count;

    while (i-- > 0)
        if (matches(&list->patterns[i], path, directory))
            return !list->patterns[i].negated;
    return false;
}

bool ccb_ignore_excludes(const struct ccb_ignore *list, const char *path,
                         bool directory)
{
    char above[4096];
    size_t len = strlen(path), i;

    if (len >= sizeof(above))
        return false;
    memcpy(above, path, len + 1);
    for (i = 1; i < len; i++) {
        bool excluded;

        if (above[i] != '/')
            continue;
        above[i] = '\0';
        excluded = ccb_ignore_matches(list, above, true);
        above[i] = '/';
        if (excluded)
            return true;
    }
    return ccb_ignore_matches(list, path, directory);
}
