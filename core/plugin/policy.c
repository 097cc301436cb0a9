/*
 * Reads and writes policies (policy.h). Invariant: a member that is not
 * understood to the letter refuses the whole policy; nothing is guessed.
 * Follows anchors 3.4, "operator policy"; docs/plugins/operating.md.
 */
#include "plugin/policy.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/nearest.h"
#include "plugin/claims.h"
#include "plugin/image.h"

enum { MAX_FILE = 64 << 10, MAX_CLAIMS = 64, MAX_NAME = 31 };

static const char *const modes[] = {
    [CCB_PLUGIN_MODE_DEFAULT] = "default",
    [CCB_PLUGIN_MODE_IN_PROCESS] = "in-process",
    [CCB_PLUGIN_MODE_ISOLATED] = "isolated",
};

int ccb_plugin_mode_parse(enum ccb_plugin_mode *mode, const char *word)
{
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(modes[i], word) == 0) {
            *mode = (enum ccb_plugin_mode)i;
            return 0;
        }
    return CCB_INVALID;
}

void ccb_plugin_policy_init(struct ccb_plugin_policy *policy)
{
    *policy = (struct ccb_plugin_policy){.enabled = true, .memory_mb = 256};
}

/* ---- one member each ---------------------------------------------------- */

/* What a member is decoded with. */
struct decoding {
    struct ccb_plugin_policy *policy;
    struct ccb_arena *arena;
    struct ccb_error *err;
};

struct member {
    const char *name;
    int (*decode)(const struct decoding *d, const struct member *member,
                  struct ccb_json value);
    size_t offset;
    int64_t least, most; /* of numbers */
    const char *expected;
};

static int refuse(const struct decoding *d, const struct member *member,
                  struct ccb_json value)
{
    int len = value.raw.len < 60 ? (int)value.raw.len : 60;

    /* The configuration may hold a secret. */
    if (strcmp(member->name, "config") == 0)
        len = 0;
    return ccb_error_set(d->err, CCB_INVALID, "\"%s\" must be %s%s%.*s",
                         member->name, member->expected, len ? ", not " : "",
                         len, value.raw.ptr);
}

static char *at(const struct decoding *d, const struct member *member)
{
    return (char *)d->policy + member->offset;
}

static int decode_bool(const struct decoding *d, const struct member *member,
                       struct ccb_json value)
{
    bool truth = ccb_slice_is(value.raw, "true");

    if (!truth && !ccb_slice_is(value.raw, "false"))
        return refuse(d, member, value);
    memcpy(at(d, member), &truth, sizeof(truth));
    return 0;
}

static int decode_number(const struct decoding *d, const struct member *member,
                         struct ccb_json value)
{
    int64_t number;

    if (ccb_json_int64(value, &number) != 0 || number < member->least ||
        number > member->most)
        return refuse(d, member, value);
    memcpy(at(d, member), &number, sizeof(number));
    return 0;
}

static int decode_timeout(const struct decoding *d, const struct member *member,
                          struct ccb_json value)
{
    int code = decode_number(d, member, value);

    d->policy->timeout *= CCB_MILLISECOND;
    return code;
}

static int decode_workers(const struct decoding *d, const struct member *member,
                          struct ccb_json value)
{
    int64_t number;

    if (ccb_json_int64(value, &number) != 0 || number < member->least ||
        number > member->most)
        return refuse(d, member, value);
    d->policy->workers = (unsigned)number;
    return 0;
}

static int decode_mode(const struct decoding *d, const struct member *member,
                       struct ccb_json value)
{
    for (size_t i = CCB_PLUGIN_MODE_IN_PROCESS;
         i < sizeof(modes) / sizeof(modes[0]); i++)
        if (ccb_json_string_is(value, modes[i])) {
            d->policy->mode = (enum ccb_plugin_mode)i;
            return 0;
        }
    return refuse(d, member, value);
}

static int decode_digest(const struct decoding *d, const struct member *member,
                         struct ccb_json value)
{
    struct ccb_json_alloc alloc = ccb_arena_json(d->arena);
    struct ccb_slice text;
    int code = ccb_json_string(value, &alloc, &text);

    if (code == CCB_NO_MEMORY)
        return ccb_error_set(d->err, code, "out of memory");
    if (code || text.len != CCB_PLUGIN_DIGEST_SIZE - 1)
        return refuse(d, member, value);
    for (size_t i = 0; i < text.len; i++)
        if (!isdigit((unsigned char)text.ptr[i]) &&
            (text.ptr[i] < 'a' || text.ptr[i] > 'f'))
            return refuse(d, member, value);
    d->policy->sha256 = text;
    return 0;
}

static int decode_config(const struct decoding *d, const struct member *member,
                         struct ccb_json value)
{
    if (value.type != CCB_JSON_OBJECT)
        return refuse(d, member, value);
    d->policy->config = value.raw;
    return 0;
}

static int decode_claims(const struct decoding *d, const struct member *member,
                         struct ccb_json value)
{
    struct ccb_json_alloc alloc = ccb_arena_json(d->arena);
    struct ccb_json_list *list = &d->policy->claims;
    struct ccb_json_iter it = ccb_json_iter(value);
    struct ccb_slice *items =
        ccb_arena_alloc(d->arena, MAX_CLAIMS * sizeof(*items));
    struct ccb_claim claim;

    if (!items)
        return ccb_error_set(d->err, CCB_NO_MEMORY, "out of memory");
    list->items = items;
    list->given = value.type == CCB_JSON_ARRAY;
    for (list->count = 0; list->given && ccb_json_next(&it); list->count++) {
        int code = CCB_INVALID;

        if (list->count < MAX_CLAIMS)
            code = ccb_json_string(it.value, &alloc, &items[list->count]);
        if (code == CCB_NO_MEMORY)
            return ccb_error_set(d->err, code, "out of memory");
        if (code || ccb_claim_parse(&claim, items[list->count]) != 0)
            return refuse(d, member, value);
    }
    d->policy->has_claims = true;
    return list->count > 0 ? 0 : refuse(d, member, value);
}

#define AT(member) offsetof(struct ccb_plugin_policy, member)

static const struct member members[] = {
    {"enabled", decode_bool, AT(enabled), 0, 0, "true or false"},
    {"mode", decode_mode, 0, 0, 0, "\"in-process\" or \"isolated\""},
    {"critical", decode_bool, AT(critical), 0, 0, "true or false"},
    {"priority", decode_number, AT(priority), INT_MIN, INT_MAX,
     "a whole number"},
    {"sha256", decode_digest, 0, 0, 0, "64 digits 0-9, a-f"},
    {"timeout_ms", decode_timeout, AT(timeout), 1, 600000,
     "a number of milliseconds from 1 to 600000"},
    {"memory_mb", decode_number, AT(memory_mb), 16, 65536,
     "a number of MiB from 16 to 65536"},
    {"workers", decode_workers, 0, 1, 16, "a number from 1 to 16"},
    {"config", decode_config, 0, 0, 0, "an object"},
    {"claims", decode_claims, 0, 0, 0,
     "a list of 1 to 64 of LIFECYCLE or LIFECYCLE/STACK, '*' only at the end "
     "of a stack"},
};

#define MEMBERS (sizeof(members) / sizeof(members[0]))

static int refuse_unknown(const struct decoding *d, struct ccb_json key)
{
    char name[MAX_NAME + 1];
    struct ccb_nearest nearest = {.typed = name};

    snprintf(name, sizeof(name), "%.*s",
             (int)(key.raw.len > 2 ? key.raw.len - 2 : 0), key.raw.ptr + 1);
    for (size_t i = 0; i < MEMBERS; i++)
        ccb_nearest_try(&nearest, members[i].name);
    if (nearest.best)
        return ccb_error_set(d->err, CCB_INVALID,
                             "\"%s\" is no member of a policy; did you mean "
                             "\"%s\"?",
                             name, nearest.best);
    return ccb_error_set(d->err, CCB_INVALID,
                         "\"%s\" is no member of a policy "
                         "(docs/plugins/operating.md lists them)",
                         name);
}

static const struct member *find_member(struct ccb_json key)
{
    for (size_t i = 0; i < MEMBERS; i++)
        if (ccb_json_string_is(key, members[i].name))
            return &members[i];
    return NULL;
}

static int decode_object(const struct decoding *d, struct ccb_json object)
{
    struct ccb_json_iter it = ccb_json_iter(object);
    bool seen[MEMBERS] = {false};
    int code = 0;

    while (code == 0 && ccb_json_next(&it)) {
        const struct member *member = find_member(it.key);

        if (!member)
            return refuse_unknown(d, it.key);
        if (seen[member - members])
            return ccb_error_set(d->err, CCB_INVALID, "\"%s\" is there twice",
                                 member->name);
        seen[member - members] = true;
        code = member->decode(d, member, it.value);
    }
    return code;
}

int ccb_plugin_policy_decode(struct ccb_plugin_policy *policy,
                             struct ccb_slice text, struct ccb_arena *arena,
                             struct ccb_error *err)
{
    struct decoding d = {policy, arena, err};
    struct ccb_json object;
    int code;

    ccb_plugin_policy_init(policy);
    code = ccb_json_parse(&object, text, CCB_JSON_WHOLE, err);
    if (code == 0 && object.type != CCB_JSON_OBJECT)
        code = ccb_error_set(err, CCB_INVALID, "a policy is a JSON object");
    return code ? code : decode_object(&d, object);
}

/* ---- the file ----------------------------------------------------------- */

/* A name of ours: nothing that leaves the directory. */
static int name_file(char *name, size_t size, struct ccb_slice id,
                     struct ccb_error *err)
{
    bool plain = id.len > 0 && id.len < size - sizeof(".json.new");

    for (size_t i = 0; plain && i < id.len; i++)
        plain = (id.ptr[i] >= 'a' && id.ptr[i] <= 'z') ||
                (id.ptr[i] >= '0' && id.ptr[i] <= '9') || id.ptr[i] == '-' ||
                (id.ptr[i] == '.' && i > 0);
    if (!plain)
        return ccb_error_set(err, CCB_INVALID,
                             "\"%.*s\" is no plugin id: a-z, 0-9, '.', '-'",
                             (int)(id.len < 100 ? id.len : 100), id.ptr);
    snprintf(name, size, "%.*s.json", (int)id.len, id.ptr);
    return 0;
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
            return ccb_error_set(err, CCB_INVALID, "%s", strerror(errno));
        len += got > 0 ? (size_t)got : 0;
    }
    *text = ccb_slice_make(room, len);
    return len <= MAX_FILE ? 0
                           : ccb_error_set(err, CCB_INVALID,
                                           "more than %d bytes", MAX_FILE);
}

static int tell_refused(const struct ccb_plugin_refusal *refusal,
                        struct ccb_error *err)
{
    return ccb_error_set(err, CCB_INVALID, "expected %s, found %s",
                         refusal->expected, refusal->found);
}

static bool is_there(int directory_fd, const char *name)
{
    struct stat st;

    return fstatat(directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
           errno != ENOENT;
}

/* The text of a file that may be missing: then NULL. An empty file was cut
 * short, and says nothing of what its owner meant. */
static int read_file(struct ccb_slice *text, const char *directory,
                     const char *name, struct ccb_arena *arena,
                     struct ccb_error *err)
{
    struct ccb_plugin_refusal refusal = {.file = directory};
    int directory_fd = -1, fd = -1, code = 0;

    *text = ccb_slice_make(NULL, 0);
    if (!is_there(AT_FDCWD, directory))
        return 0;
    if (ccb_plugin_directory_open(&directory_fd, directory, &refusal) != 0)
        return tell_refused(&refusal, err);
    if (is_there(directory_fd, name)) {
        if (ccb_plugin_file_open(&fd, directory_fd, name, MAX_FILE, &refusal) !=
            0)
            code = tell_refused(&refusal, err);
        else
            code = read_text(fd, arena, text, err);
    }
    if (fd >= 0)
        close(fd);
    close(directory_fd);
    return code;
}

int ccb_plugin_policy_read(struct ccb_plugin_policy *policy,
                           const char *directory, struct ccb_slice id,
                           struct ccb_arena *arena, struct ccb_error *err)
{
    char name[NAME_MAX + 1];
    struct ccb_slice text;
    int code;

    ccb_plugin_policy_init(policy);
    if (!directory || !directory[0])
        return 0;
    code = name_file(name, sizeof(name), id, err);
    if (code)
        return code;
    code = read_file(&text, directory, name, arena, err);
    if (code == 0 && text.ptr)
        code = ccb_plugin_policy_decode(policy, text, arena, err);
    if (code)
        ccb_error_prefix(err, "%s/%s", directory, name);
    return code;
}

/* ---- to enable and to disable ------------------------------------------- */

/* The same object with another "enabled", which goes first. */
static int put_policy(struct ccb_buf *out, struct ccb_slice text, bool enabled)
{
    struct ccb_json object = {CCB_JSON_NONE, {NULL, 0}};
    struct ccb_json_iter it;

    if (text.ptr)
        (void)ccb_json_parse(&object, text, CCB_JSON_WHOLE, NULL);
    ccb_buf_printf(out, "{\n  \"enabled\": %s", enabled ? "true" : "false");
    it = ccb_json_iter(object);
    while (ccb_json_next(&it)) {
        if (ccb_json_string_is(it.key, "enabled"))
            continue;
        ccb_buf_printf(out, ",\n  %.*s: ", (int)it.key.raw.len, it.key.raw.ptr);
        (void)ccb_buf_put_slice(out, it.value.raw);
    }
    ccb_buf_printf(out, "\n}\n");
    return out->failed ? CCB_NO_MEMORY : 0;
}

static int write_text(int fd, struct ccb_slice text)
{
    while (text.len > 0) {
        ssize_t done = write(fd, text.ptr, text.len);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        text = ccb_slice_make(text.ptr + done, text.len - (size_t)done);
    }
    return fchmod(fd, 0644) == 0 && fsync(fd) == 0 ? 0 : -1;
}

/* Written beside and renamed, each made durable. */
static int replace(int directory_fd, const char *name, struct ccb_slice text,
                   struct ccb_error *err)
{
    char beside[NAME_MAX + 1];
    int fd, done = -1;

    snprintf(beside, sizeof(beside), "%.*s.new", NAME_MAX - 5, name);
    fd = openat(directory_fd, beside,
                O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd >= 0) {
        done = write_text(fd, text);
        if (close(fd) < 0)
            done = -1;
    }
    if (done == 0)
        done = renameat(directory_fd, beside, directory_fd, name);
    if (done == 0)
        done = fsync(directory_fd);
    if (done == 0)
        return 0;
    return ccb_error_set(err, CCB_IO, "writing it: %s", strerror(errno));
}

static int store(const char *directory, const char *name, struct ccb_slice text,
                 struct ccb_error *err)
{
    struct ccb_plugin_refusal refusal = {.file = directory};
    int fd, code;

    if (mkdir(directory, 0755) < 0 && errno != EEXIST)
        return ccb_error_set(err, CCB_IO, "making %s: %s", directory,
                             strerror(errno));
    if (ccb_plugin_directory_open(&fd, directory, &refusal) != 0)
        return tell_refused(&refusal, err);
    code = replace(fd, name, text, err);
    close(fd);
    return code;
}

static int change(const char *directory, const char *name, bool enabled,
                  struct ccb_arena *arena, struct ccb_error *err)
{
    struct ccb_plugin_policy policy = {0};
    struct ccb_buf out = {0};
    struct ccb_slice text;
    int code = read_file(&text, directory, name, arena, err);

    if (code == 0 && text.ptr)
        code = ccb_plugin_policy_decode(&policy, text, arena, err);
    if (code == 0) {
        code = put_policy(&out, text, enabled);
        if (code)
            ccb_error_set(err, code, "out of memory");
    }
    if (code == 0)
        code = store(directory, name, ccb_buf_slice(&out), err);
    ccb_buf_destroy(&out);
    return code;
}

int ccb_plugin_policy_enable(const char *directory, struct ccb_slice id,
                             bool enabled, struct ccb_error *err)
{
    struct ccb_arena *arena = ccb_arena_create();
    char name[NAME_MAX + 1];
    int code;

    if (!arena)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    code = name_file(name, sizeof(name), id, err);
    if (code == 0) {
        code = change(directory, name, enabled, arena, err);
        if (code)
            ccb_error_prefix(err, "%s/%s", directory, name);
    }
    ccb_arena_unref(arena);
    return code;
}
