/*
 * Settings of an app: a row a member (settings.h).
 */
#include "controller/settings.h"

#include <stddef.h>

#include "controller/fault.h"

#define MAX_ENV 1000
#define MAX_NAME 100

static const struct ccb_slice no_env = CCB_LIT("{}");

void ccb_settings_default(struct ccb_settings *s)
{
    *s = (struct ccb_settings){
        .memory_mb = 256,
        .disk_mb = 1024,
        .timeout = 60,
        .health_check = CCB_LIT("port"),
        .env = no_env,
    };
}

/* ---- checks of text ----------------------------------------------------- */

static int check_command(struct ccb_slice text, struct ccb_error *err)
{
    if (text.len <= 4096)
        return 0;
    return ccb_fault(err, "InvalidRequest", "command: longer than 4096 bytes");
}

static int check_short(struct ccb_slice text, struct ccb_error *err)
{
    if (text.len <= 2048)
        return 0;
    return ccb_fault(err, "InvalidRequest",
                     "buildpack or stack: longer than 2048 bytes");
}

static int check_health(struct ccb_slice text, struct ccb_error *err)
{
    if (ccb_slice_is(text, "port") || ccb_slice_is(text, "none"))
        return 0;
    return ccb_fault(err, "InvalidRequest",
                     "health_check_type: \"%.*s\" is neither \"port\" nor "
                     "\"none\"",
                     (int)(text.len < 80 ? text.len : 80), text.ptr);
}

/* ---- the members -------------------------------------------------------- */

enum kind { NUMBER, TEXT, ENV, INSTANCES };

static const struct member {
    const char *name;
    enum kind kind;
    size_t offset;
    int64_t least, most;
    int (*check)(struct ccb_slice text, struct ccb_error *err);
} members[] = {
    {"instances", INSTANCES, 0, 0, 1000, NULL},
    {"memory_mb", NUMBER, offsetof(struct ccb_settings, memory_mb), 1, 1 << 24,
     NULL},
    {"disk_mb", NUMBER, offsetof(struct ccb_settings, disk_mb), 1, 1 << 24,
     NULL},
    {"health_check_timeout", NUMBER, offsetof(struct ccb_settings, timeout), 1,
     3600, NULL},
    {"buildpack", TEXT, offsetof(struct ccb_settings, buildpack), 0, 0,
     check_short},
    {"command", TEXT, offsetof(struct ccb_settings, command), 0, 0,
     check_command},
    {"stack", TEXT, offsetof(struct ccb_settings, stack), 0, 0, check_short},
    {"health_check_type", TEXT, offsetof(struct ccb_settings, health_check), 0,
     0, check_health},
    {"env", ENV, offsetof(struct ccb_settings, env), 0, 0, NULL},
};
#define MEMBERS (sizeof(members) / sizeof(members[0]))

static int64_t *number_at(struct ccb_settings *s, const struct member *m)
{
    return (int64_t *)(void *)((char *)s + m->offset);
}

static struct ccb_slice *text_at(struct ccb_settings *s, const struct member *m)
{
    return (struct ccb_slice *)(void *)((char *)s + m->offset);
}

static int set_number(int64_t *out, const struct member *m,
                      struct ccb_json value, struct ccb_error *err)
{
    int64_t number;

    if (ccb_json_int64(value, &number) < 0 || number < m->least ||
        number > m->most)
        return ccb_fault(err, "InvalidRequest",
                         "%s: must be a whole number from %lld to %lld",
                         m->name, (long long)m->least, (long long)m->most);
    *out = number;
    return 0;
}

static int set_text(struct ccb_slice *out, const struct member *m,
                    struct ccb_json value, struct ccb_arena *arena,
                    struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_slice text;
    int code = ccb_json_string(value, &alloc, &text);

    if (code == CCB_NO_MEMORY)
        return ccb_error_set(err, code, "out of memory");
    if (code < 0 || (text.len > 0 && memchr(text.ptr, '\0', text.len)))
        return ccb_fault(err, "InvalidRequest", "%s: must be a text", m->name);
    code = m->check(text, err);
    if (code == 0)
        *out = text;
    return code;
}

/* A name must fit where environments are handed on as NAME=VALUE; those of the
 * platform are not to be set by hand. */
static int check_env_name(struct ccb_json key, struct ccb_arena *arena,
                          struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_slice name;

    if (ccb_json_string(key, &alloc, &name) < 0)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (name.len == 0 || memchr(name.ptr, '=', name.len) ||
        memchr(name.ptr, '\0', name.len))
        return ccb_fault(err, "InvalidRequest",
                         "env: a name is empty, or has '=' in it");
    if (ccb_slice_starts(name, "VCAP_") || ccb_slice_is(name, "PORT"))
        return ccb_fault(err, "InvalidRequest",
                         "env: %.*s is set by the platform; choose another "
                         "name",
                         (int)(name.len < 80 ? name.len : 80), name.ptr);
    return 0;
}

static int set_env(struct ccb_slice *out, struct ccb_json value,
                   struct ccb_arena *arena, struct ccb_error *err)
{
    struct ccb_json_iter it = ccb_json_iter(value);
    size_t count = 0;

    if (value.type != CCB_JSON_OBJECT)
        return ccb_fault(err, "InvalidRequest",
                         "env: must be an object of names and values");
    while (ccb_json_next(&it)) {
        int code = check_env_name(it.key, arena, err);
        if (code < 0)
            return code;
        if (++count > MAX_ENV)
            return ccb_fault(err, "InvalidRequest",
                             "env: more than %d variables", MAX_ENV);
    }
    *out = value.raw;
    return 0;
}

static void set_default(struct ccb_settings *s, int64_t *instances,
                        const struct member *m)
{
    struct ccb_settings fresh;

    ccb_settings_default(&fresh);
    if (m->kind == INSTANCES)
        *instances = 1;
    else if (m->kind == NUMBER)
        *number_at(s, m) = *number_at(&fresh, m);
    else
        *text_at(s, m) = *text_at(&fresh, m);
}

static int change_one(struct ccb_settings *s, int64_t *instances,
                      const struct member *m, struct ccb_json value,
                      struct ccb_arena *arena, struct ccb_error *err)
{
    if (value.type == CCB_JSON_NULL) {
        set_default(s, instances, m);
        return 0;
    }
    switch (m->kind) {
    case NUMBER:
        return set_number(number_at(s, m), m, value, err);
    case INSTANCES:
        return set_number(instances, m, value, err);
    case ENV:
        return set_env(text_at(s, m), value, arena, err);
    default:
        return set_text(text_at(s, m), m, value, arena, err);
    }
}

static const struct member *find_member(struct ccb_json key)
{
    for (size_t i = 0; i < MEMBERS; i++)
        if (ccb_json_string_is(key, members[i].name))
            return &members[i];
    return NULL;
}

int ccb_settings_change(struct ccb_settings *settings, int64_t *instances,
                        struct ccb_slice body, struct ccb_arena *arena,
                        struct ccb_error *err)
{
    struct ccb_json document;
    struct ccb_json_iter it;
    struct ccb_error why;
    int code = 0;

    if (body.len == 0) /* all as it is */
        return 0;
    if (ccb_json_parse(&document, body, CCB_JSON_WHOLE, &why) < 0)
        return ccb_fault(err, "InvalidRequest", "the body is no JSON: %s",
                         why.message);
    if (document.type != CCB_JSON_OBJECT)
        return ccb_fault(err, "InvalidRequest", "the body is no JSON object");
    it = ccb_json_iter(document);
    while (code == 0 && ccb_json_next(&it)) {
        const struct member *m = find_member(it.key);
        if (!m)
            return ccb_fault(err, "InvalidRequest",
                             "an app has no setting %.*s",
                             (int)(it.key.raw.len < 80 ? it.key.raw.len : 80),
                             it.key.raw.ptr);
        code = change_one(settings, instances, m, it.value, arena, err);
    }
    return code;
}

/* ---- the document ------------------------------------------------------- */

static const struct ccb_json_field fields[] = {
    {.name = "memory_mb",
     .kind = CCB_JSON_K_INT64,
     .offset = offsetof(struct ccb_settings, memory_mb)},
    {.name = "disk_mb",
     .kind = CCB_JSON_K_INT64,
     .offset = offsetof(struct ccb_settings, disk_mb)},
    {.name = "buildpack",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct ccb_settings, buildpack)},
    {.name = "command",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct ccb_settings, command)},
    {.name = "stack",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct ccb_settings, stack)},
    {.name = "health_check_type",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct ccb_settings, health_check)},
    {.name = "health_check_timeout",
     .kind = CCB_JSON_K_INT64,
     .offset = offsetof(struct ccb_settings, timeout)},
};
static const struct ccb_json_shape shape = {
    fields, sizeof(fields) / sizeof(fields[0]), sizeof(struct ccb_settings)};

int ccb_settings_decode(struct ccb_settings *settings, struct ccb_slice text,
                        struct ccb_arena *arena, struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json document, env;
    int code = ccb_json_parse(&document, text, CCB_JSON_WHOLE, err);

    if (code == 0)
        code = ccb_json_decode(document, &shape, settings, &alloc, err);
    if (code < 0)
        return code;
    env = ccb_json_get(document, "env");
    settings->env = env.type == CCB_JSON_OBJECT ? env.raw : no_env;
    return 0;
}

void ccb_settings_encode(struct ccb_buf *out, const struct ccb_settings *s)
{
    struct ccb_json_writer w;

    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    ccb_json_member_int(&w, "memory_mb", s->memory_mb);
    ccb_json_member_int(&w, "disk_mb", s->disk_mb);
    ccb_json_member_string(&w, "buildpack", s->buildpack);
    ccb_json_member_string(&w, "command", s->command);
    ccb_json_member_string(&w, "stack", s->stack);
    ccb_json_member_string(&w, "health_check_type", s->health_check);
    ccb_json_member_int(&w, "health_check_timeout", s->timeout);
    ccb_json_member_raw(&w, "env", s->env);
    ccb_json_end_object(&w);
    (void)ccb_json_writer_end(&w);
}

bool ccb_settings_name_ok(struct ccb_slice name)
{
    static const char others[] = "-_.";

    if (name.len == 0 || name.len > MAX_NAME)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c >= '0' && c <= '9');
        if (!plain && (i == 0 || !memchr(others, c, sizeof(others) - 1)))
            return false;
    }
    return true;
}
