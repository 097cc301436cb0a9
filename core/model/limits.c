/*
 * What is over a limit of those behind us (model/limits.h). Values are
 * measured, never shown.
 */
#include "model/limits.h"

#include "base/scratch.h"
#include "ccbridge/sdk.h"

#define MAX_SHOWN 128
/* An invalid byte becomes three; nothing else grows when it is decoded. */
#define MAX_GROWTH 3

static int decode(struct ccb_slice quoted, const struct ccb_json_alloc *alloc,
                  struct ccb_slice *out)
{
    struct ccb_json value = {CCB_JSON_STRING, quoted};
    *out = quoted;
    return quoted.len > 0 ? ccb_json_string(value, alloc, out) : 0;
}

/* Bytes of NAME=VALUE and NUL; 0 when there is no memory to know. */
static size_t measure(const struct ccb_env *env,
                      const struct ccb_json_alloc *alloc,
                      struct ccb_slice *name)
{
    struct ccb_slice value;
    if (decode(env->name, alloc, name) < 0 ||
        decode(env->value, alloc, &value) < 0)
        return 0;
    return name->len + value.len + sizeof("=");
}

static struct ccb_slice cut(struct ccb_slice text)
{
    if (text.len <= MAX_SHOWN)
        return text;
    text.len = MAX_SHOWN;
    while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80)
        text.len--; /* not inside a character */
    return text;
}

void ccb_environment_check(const struct ccb_json_list *environment,
                           void (*on_offence)(void *user,
                                              struct ccb_slice variable,
                                              size_t size),
                           void *user)
{
    const struct ccb_env *pairs = environment->items;
    size_t i;
    for (i = 0; i < environment->count; i++) {
        struct ccb_scratch scratch = {0};
        struct ccb_json_alloc alloc = ccb_scratch_json(&scratch);
        struct ccb_slice name;
        size_t size;
        if (pairs[i].name.len + pairs[i].value.len <=
            CCB_MAX_ENVIRONMENT_STRING / MAX_GROWTH)
            continue;
        size = measure(&pairs[i], &alloc, &name);
        if (size > CCB_MAX_ENVIRONMENT_STRING)
            on_offence(user, cut(name), size);
        ccb_scratch_clear(&scratch);
    }
}
