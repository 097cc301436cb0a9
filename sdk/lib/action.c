/*
 * Actions, written one by one into a recipe (contract/stager.md B7).
 *
 * Invariant: every begin opens exactly what its end closes; a member marked
 * "always sent" is written even when empty, any other only when given.
 */
#include "ccbridge/sdk.h"

static void member_if_given(struct ccb_json_writer *w, const char *key,
                            struct ccb_slice text)
{
    if (text.len > 0)
        ccb_json_member_string(w, key, text);
}

/* {"KIND":{ ... }} */
static void open_wrapper(struct ccb_json_writer *w, const char *kind)
{
    ccb_json_begin_object(w);
    ccb_json_key(w, kind);
    ccb_json_begin_object(w);
}

static void close_wrapper(struct ccb_json_writer *w)
{
    ccb_json_end_object(w);
    ccb_json_end_object(w);
}

void ccb_action_download(struct ccb_json_writer *w,
                         const struct ccb_download *a)
{
    open_wrapper(w, "download");
    member_if_given(w, "artifact", a->artifact);
    ccb_json_member_string(w, "from", a->from);
    ccb_json_member_string(w, "to", a->to);
    ccb_json_member_string(w, "cache_key", a->cache_key);
    ccb_json_member_string(w, "user", a->user);
    member_if_given(w, "log_source", a->log_source);
    close_wrapper(w);
}

void ccb_action_upload(struct ccb_json_writer *w, const struct ccb_upload *a)
{
    open_wrapper(w, "upload");
    member_if_given(w, "artifact", a->artifact);
    ccb_json_member_string(w, "from", a->from);
    ccb_json_member_string(w, "to", a->to);
    ccb_json_member_string(w, "user", a->user);
    member_if_given(w, "log_source", a->log_source);
    close_wrapper(w);
}

void ccb_action_begin_list(struct ccb_json_writer *w, const char *kind)
{
    open_wrapper(w, kind);
    ccb_json_key(w, "actions");
    ccb_json_begin_array(w);
}

void ccb_action_end_list(struct ccb_json_writer *w)
{
    ccb_json_end_array(w);
    close_wrapper(w);
}

void ccb_action_begin_try(struct ccb_json_writer *w)
{
    open_wrapper(w, "try");
    ccb_json_key(w, "action");
}

void ccb_action_end_try(struct ccb_json_writer *w)
{
    close_wrapper(w);
}

void ccb_action_begin_timeout(struct ccb_json_writer *w)
{
    open_wrapper(w, "timeout");
    ccb_json_key(w, "action");
}

void ccb_action_end_timeout(struct ccb_json_writer *w, int64_t nanoseconds)
{
    ccb_json_member_int(w, "timeout", nanoseconds);
    close_wrapper(w);
}

void ccb_action_begin_progress(struct ccb_json_writer *w)
{
    open_wrapper(w, "emit_progress");
    ccb_json_key(w, "action");
}

void ccb_action_end_progress(struct ccb_json_writer *w,
                             const struct ccb_progress *p)
{
    ccb_json_member_string(w, "start_message", p->start_message);
    ccb_json_member_string(w, "success_message", p->success_message);
    ccb_json_member_string(w, "failure_message_prefix",
                           p->failure_message_prefix);
    close_wrapper(w);
}

void ccb_action_begin_run(struct ccb_json_writer *w, struct ccb_slice path)
{
    open_wrapper(w, "run");
    ccb_json_member_string(w, "path", path);
}

void ccb_action_end_run(struct ccb_json_writer *w, uint64_t nofile,
                        struct ccb_slice user, struct ccb_slice log_source)
{
    ccb_json_key(w, "resource_limits");
    ccb_json_begin_object(w);
    ccb_json_member_uint(w, "nofile", nofile);
    ccb_json_end_object(w);
    ccb_json_member_string(w, "user", user);
    member_if_given(w, "log_source", log_source);
    close_wrapper(w);
}

/* ---- environment -------------------------------------------------------- */

static const struct ccb_json_field env_fields[] = {
    {.name = "name",
     .kind = CCB_JSON_K_QUOTED,
     .offset = offsetof(struct ccb_env, name)},
    {.name = "value",
     .kind = CCB_JSON_K_QUOTED,
     .offset = offsetof(struct ccb_env, value)},
};

const struct ccb_json_shape ccb_env_shape = {
    env_fields, sizeof(env_fields) / sizeof(env_fields[0]),
    sizeof(struct ccb_env)};

void ccb_put_args(struct ccb_json_writer *w, const struct ccb_slice *args,
                  size_t count)
{
    size_t i;

    ccb_json_key(w, "args");
    ccb_json_begin_array(w);
    for (i = 0; i < count; i++)
        ccb_json_put_string(w, args[i]);
    ccb_json_end_array(w);
}

void ccb_put_env(struct ccb_json_writer *w, const struct ccb_env *env)
{
    ccb_json_begin_object(w);
    ccb_json_key(w, "name");
    ccb_json_put_quoted(w, env->name);
    ccb_json_key(w, "value");
    ccb_json_put_quoted(w, env->value);
    ccb_json_end_object(w);
}

void ccb_put_env_text(struct ccb_json_writer *w, const char *name,
                      const char *value)
{
    ccb_json_begin_object(w);
    ccb_json_member_cstr(w, "name", name);
    ccb_json_member_cstr(w, "value", value);
    ccb_json_end_object(w);
}
