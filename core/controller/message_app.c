/*
 * The app as docs/control-api.md shows it. Of its environment only the names:
 * values are secrets.
 */
#include "controller/message.h"

static void put_time(struct ccb_json_writer *w, const char *key, int64_t time)
{
    char text[40];

    ccb_time_format(time, text);
    if (time == 0)
        ccb_json_member_raw(w, key, ccb_slice_of("null"));
    else
        ccb_json_member_cstr(w, key, text);
}

static void put_text_or_null(struct ccb_json_writer *w, const char *key,
                             struct ccb_slice text)
{
    if (text.len > 0)
        ccb_json_member_string(w, key, text);
    else
        ccb_json_member_raw(w, key, ccb_slice_of("null"));
}

static void put_digest(struct ccb_json_writer *w, struct ccb_slice digest,
                       int64_t bytes)
{
    const struct ccb_slice pieces[] = {CCB_LIT("sha256:"), digest};

    ccb_json_key(w, "digest");
    ccb_json_put_pieces(w, pieces, 2);
    ccb_json_member_int(w, "bytes", bytes);
}

static int put_env_names(struct ccb_json_writer *w, struct ccb_slice env,
                         struct ccb_error *err)
{
    struct ccb_json document;
    struct ccb_json_iter it;
    int code = ccb_json_parse(&document, env, CCB_JSON_WHOLE, err);

    if (code < 0)
        return code;
    ccb_json_key(w, "env");
    ccb_json_begin_array(w);
    it = ccb_json_iter(document);
    while (ccb_json_next(&it))
        ccb_json_put_raw(w, it.key.raw);
    ccb_json_end_array(w);
    return 0;
}

static int put_settings(struct ccb_json_writer *w, const struct ccb_app *app,
                        struct ccb_slice stack, struct ccb_arena *arena,
                        struct ccb_error *err)
{
    struct ccb_settings s;
    int code = ccb_settings_decode(&s, app->settings, arena, err);

    if (code < 0)
        return code;
    ccb_json_member_int(w, "memory_mb", s.memory_mb);
    ccb_json_member_int(w, "disk_mb", s.disk_mb);
    put_text_or_null(w, "buildpack", s.buildpack);
    put_text_or_null(w, "command", s.command);
    code = put_env_names(w, s.env, err);
    ccb_json_member_string(w, "stack", s.stack.len > 0 ? s.stack : stack);
    ccb_json_member_string(w, "health_check_type", s.health_check);
    ccb_json_member_int(w, "health_check_timeout", s.timeout);
    return code;
}

static void put_staging(struct ccb_json_writer *w,
                        const struct ccb_staging *staging)
{
    ccb_json_key(w, "staging");
    if (!staging->guid.ptr) {
        ccb_json_put_null(w);
        return;
    }
    ccb_json_begin_object(w);
    ccb_json_member_string(w, "guid", staging->guid);
    ccb_json_member_string(w, "state", staging->state);
    ccb_json_key(w, "error");
    if (staging->error_id.ptr) {
        ccb_json_begin_object(w);
        ccb_json_member_string(w, "id", staging->error_id);
        ccb_json_member_string(w, "message", staging->error_message);
        ccb_json_end_object(w);
    } else {
        ccb_json_put_null(w);
    }
    put_text_or_null(w, "detected_buildpack", staging->detected);
    put_time(w, "started_at", staging->started_at);
    put_time(w, "ended_at", staging->ended_at);
    ccb_json_end_object(w);
}

static void put_files(struct ccb_json_writer *w, const struct ccb_app *app)
{
    ccb_json_key(w, "bits");
    if (app->bits.ptr) {
        ccb_json_begin_object(w);
        put_digest(w, app->bits, app->bits_bytes);
        ccb_json_end_object(w);
    } else {
        ccb_json_put_null(w);
    }
    put_staging(w, &app->staging);
    ccb_json_key(w, "droplet");
    if (app->droplet.id != 0) {
        ccb_json_begin_object(w);
        put_digest(w, app->droplet.digest, app->droplet.bytes);
        ccb_json_member_string(w, "start_command", app->droplet.start_command);
        ccb_json_end_object(w);
    } else {
        ccb_json_put_null(w);
    }
}

int ccb_message_app(struct ccb_json_writer *w, const struct ccb_app *app,
                    struct ccb_slice stack, struct ccb_slice instances,
                    struct ccb_arena *arena, struct ccb_error *err)
{
    struct ccb_slice process = ccb_app_process_guid(arena, app);
    int code;

    if (!process.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    ccb_json_begin_object(w);
    ccb_json_member_string(w, "name", app->name);
    ccb_json_member_string(w, "guid", app->guid);
    ccb_json_member_cstr(w, "state", app->started ? "STARTED" : "STOPPED");
    ccb_json_member_int(w, "instances", app->instances);
    code = put_settings(w, app, stack, arena, err);
    put_time(w, "created_at", app->created_at);
    put_time(w, "updated_at", app->updated_at);
    ccb_json_member_string(w, "process_guid", process);
    put_files(w, app);
    if (instances.len > 0)
        ccb_json_member_raw(w, "instances_now", instances);
    ccb_json_end_object(w);
    return code;
}
