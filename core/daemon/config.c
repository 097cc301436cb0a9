/*
 * Reads -config FILE (config.h). Invariant: the words of a file that was
 * refused are not used, not even those before the fault.
 */
#include "daemon/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "ccbridge/json.h"

#define MAX_FILE (1 << 20)
#define MAX_WORDS 4096
#define MAX_NAME 128

struct reading {
    struct ccb_config *config;
    struct ccb_arena *arena;
    struct ccb_error *err;
    const char *name; /* of the member */
};

/* ---- the words ---------------------------------------------------------- */

static int refuse(const struct reading *r, const char *why)
{
    return ccb_error_set(r->err, CCB_INVALID, "\"%s\" %s", r->name, why);
}

static int add_word(const struct reading *r, struct ccb_slice key,
                    struct ccb_slice value)
{
    struct ccb_config *config = r->config;
    struct ccb_buf word = {0};
    if (config->count == MAX_WORDS)
        return refuse(r, "is one value too many: 4096 are the most");
    if (memchr(value.ptr, '\0', value.len) || memchr(key.ptr, '\0', key.len))
        return refuse(r, "has a zero byte in its value");
    ccb_buf_printf(&word, "-%s=", r->name);
    if (key.len > 0) {
        ccb_buf_put_slice(&word, key);
        ccb_buf_putc(&word, ':');
    }
    ccb_buf_put_slice(&word, value);
    config->words[config->count] =
        word.failed ? NULL : ccb_slice_dup(ccb_buf_slice(&word));
    ccb_buf_destroy(&word);
    if (!config->words[config->count])
        return ccb_error_set(r->err, CCB_NO_MEMORY, "out of memory");
    config->count++;
    return 0;
}

/* A string's text, a number or a truth as it stands; others are no value. */
static int get_text(const struct reading *r, struct ccb_json value,
                    struct ccb_slice *text)
{
    struct ccb_json_alloc alloc = ccb_arena_json(r->arena);
    *text = value.raw;
    if (value.type == CCB_JSON_STRING)
        return ccb_json_string(value, &alloc, text) == 0
                   ? 0
                   : ccb_error_set(r->err, CCB_NO_MEMORY, "out of memory");
    if (value.type == CCB_JSON_NUMBER || value.type == CCB_JSON_BOOL)
        return 0;
    return refuse(r, "must be a string, a number, true or false (or a list of "
                     "them, or an object of KEY: VALUE)");
}

static int add_value(const struct reading *r, struct ccb_slice key,
                     struct ccb_json value)
{
    struct ccb_slice text;
    int code = get_text(r, value, &text);
    return code == 0 ? add_word(r, key, text) : code;
}

static int add_pairs(const struct reading *r, struct ccb_json object)
{
    struct ccb_json_iter it = ccb_json_iter(object);
    int code = 0;
    while (code == 0 && ccb_json_next(&it)) {
        struct ccb_slice key;
        code = get_text(r, it.key, &key);
        if (code == 0 && key.len == 0)
            code = refuse(r, "has an empty key");
        if (code == 0)
            code = add_value(r, key, it.value);
    }
    return code;
}

static int add_list(const struct reading *r, struct ccb_json list)
{
    struct ccb_json_iter it = ccb_json_iter(list);
    int code = 0;
    while (code == 0 && ccb_json_next(&it))
        code = add_value(r, ccb_slice_make("", 0), it.value);
    return code;
}

static int add_member(struct reading *r, const struct ccb_json_iter *it)
{
    struct ccb_json_alloc alloc = ccb_arena_json(r->arena);
    struct ccb_slice name;
    int code = ccb_json_string(it->key, &alloc, &name);
    if (code == 0)
        r->name = ccb_arena_cstr(r->arena, name);
    if (code < 0 || !r->name)
        return ccb_error_set(r->err, CCB_NO_MEMORY, "out of memory");
    if (name.len == 0 || name.len > MAX_NAME ||
        memchr(name.ptr, '=', name.len) || memchr(name.ptr, '\0', name.len))
        return ccb_error_set(r->err, CCB_INVALID,
                             "a member's name must be that of a flag");
    if (strcmp(r->name, "config") == 0)
        return refuse(r, "can't stand in the file itself");
    if (it->value.type == CCB_JSON_OBJECT)
        return add_pairs(r, it->value);
    if (it->value.type == CCB_JSON_ARRAY)
        return add_list(r, it->value);
    return add_value(r, ccb_slice_make("", 0), it->value);
}

static int add_members(struct reading *r, struct ccb_slice text)
{
    struct ccb_json object;
    struct ccb_json_iter it;
    int code = ccb_json_parse(&object, text, CCB_JSON_WHOLE, r->err);
    if (code == 0 && object.type != CCB_JSON_OBJECT)
        code = ccb_error_set(r->err, CCB_INVALID,
                             "the file must hold one JSON object");
    if (code < 0)
        return code;
    r->config->words = ccb_calloc(MAX_WORDS, sizeof(*r->config->words));
    if (!r->config->words)
        return ccb_error_set(r->err, CCB_NO_MEMORY, "out of memory");
    it = ccb_json_iter(object);
    while (code == 0 && ccb_json_next(&it))
        code = add_member(r, &it);
    return code;
}

/* ---- the file ----------------------------------------------------------- */

/* The last one that was typed, as the flag parser has it. */
static const char *find_path(int argc, char **argv)
{
    const char *path = NULL;
    int i;
    for (i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *word = argv[i];
        size_t dashes = strspn(word, "-");
        if (dashes < 1 || dashes > 2)
            continue;
        if (strncmp(word + dashes, "config=", 7) == 0)
            path = word + dashes + 7;
        else if (strcmp(word + dashes, "config") == 0 && i + 1 < argc)
            path = argv[++i];
    }
    return path && path[0] ? path : NULL;
}

static int read_text(int fd, struct ccb_arena *arena, struct ccb_slice *text,
                     struct ccb_error *err)
{
    char *room = ccb_arena_text(arena, MAX_FILE + 1);
    size_t len = 0;
    ssize_t got = 1;
    if (!room)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    while (got != 0 && len <= MAX_FILE) {
        got = read(fd, room + len, MAX_FILE + 1 - len);
        if (got < 0 && errno != EINTR)
            return ccb_error_set(err, CCB_IO, "%s", strerror(errno));
        len += got > 0 ? (size_t)got : 0;
    }
    *text = ccb_slice_make(room, len);
    return len <= MAX_FILE ? 0
                           : ccb_error_set(err, CCB_INVALID,
                                           "the file is larger than 1 MiB");
}

static int read_file(struct ccb_config *config, struct ccb_arena *arena,
                     struct ccb_error *err)
{
    struct ccb_slice text;
    /* O_NONBLOCK: a FIFO by that name must not hold us up. */
    int fd = open(config->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int code;
    if (fd < 0)
        return ccb_error_set(err, CCB_IO, "%s", strerror(errno));
    code = read_text(fd, arena, &text, err);
    close(fd);
    return code == 0 ? ccb_config_decode(config, text, err) : code;
}

int ccb_config_decode(struct ccb_config *config, struct ccb_slice text,
                      struct ccb_error *err)
{
    struct reading r = {
        .config = config, .err = err, .arena = ccb_arena_create()};
    int code;
    if (!r.arena)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    code = add_members(&r, text);
    ccb_arena_unref(r.arena);
    return code;
}

int ccb_config_read(struct ccb_config *config, int argc, char **argv,
                    struct ccb_error *err)
{
    struct ccb_arena *arena;
    int code;
    *config = (struct ccb_config){.path = find_path(argc, argv)};
    if (!config->path)
        return 0;
    arena = ccb_arena_create();
    if (!arena)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    code = read_file(config, arena, err);
    ccb_arena_unref(arena);
    if (code < 0) {
        ccb_error_prefix(err, "-config %s", config->path);
        ccb_config_destroy(config);
    }
    return code;
}

void ccb_config_destroy(struct ccb_config *config)
{
    int i;
    for (i = 0; i < config->count; i++)
        ccb_free(config->words[i]);
    ccb_free(config->words);
    *config = (struct ccb_config){0};
}

/* ---- the names ---------------------------------------------------------- */

struct ccb_slice ccb_config_name(const char *word)
{
    return ccb_slice_make(word + 1, strcspn(word + 1, "="));
}

bool ccb_config_has(const struct ccb_config *config, const char *word)
{
    int i;
    for (i = 0; i < config->count; i++)
        if (strcmp(config->words[i], word) == 0)
            return true;
    return false;
}

/* "NAME", or "ROLE.NAME" for the set of that role. */
static bool is_flag_of(const struct ccb_flag_set *set, struct ccb_slice name,
                       struct ccb_nearest *nearest)
{
    size_t head = set->prefix ? strlen(set->prefix) : 0, i;
    if (head > 0 && name.len > head && name.ptr[head] == '.' &&
        memcmp(name.ptr, set->prefix, head) == 0)
        name = ccb_slice_make(name.ptr + head + 1, name.len - head - 1);
    for (i = 0; i < set->count; i++) {
        if (ccb_slice_is(name, set->flags[i].name))
            return true;
        ccb_nearest_try(nearest, set->flags[i].name);
    }
    return false;
}

static int check_name(const struct ccb_config *config, struct ccb_slice name,
                      const struct ccb_flag_set *sets, size_t set_count,
                      struct ccb_error *err)
{
    char typed[MAX_NAME + 1];
    struct ccb_nearest nearest = {.typed = typed};
    size_t i;
    snprintf(typed, sizeof(typed), "%.*s", (int)name.len, name.ptr);
    for (i = 0; i < set_count; i++)
        if (is_flag_of(&sets[i], name, &nearest))
            return 0;
    return ccb_error_set(
        err, CCB_INVALID, "-config %s: \"%s\" is no flag here%s%s%s",
        config->path, typed, nearest.best ? "; did you mean \"" : "",
        nearest.best ? nearest.best : "; -help lists them",
        nearest.best ? "\"?" : "");
}

int ccb_config_check(const struct ccb_config *config,
                     const struct ccb_flag_set *sets, size_t set_count,
                     struct ccb_error *err)
{
    int code = 0, i;
    for (i = 0; code == 0 && i < config->count; i++)
        code = check_name(config, ccb_config_name(config->words[i]), sets,
                          set_count, err);
    return code;
}
