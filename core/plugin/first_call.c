/*
 * The first call of a plugin: the smallest message each function must live
 * with. A plugin that answers it with what no back end would take is refused
 * before an app's owner sees it.
 * Invariant: every member is made up here, none comes from a platform.
 * Follows docs/plugins/authors.md, "the first call"; contract/stager.md B.
 */
#include "base/buf.h"
#include "model/recipe.h"
#include "plugin/registry.h"

#define GUID "ccb-first-call"
#define SERVER "http://ccb-first-call.invalid"

/* ---- the message -------------------------------------------------------- */

/* What the call is made for: the plugin's first claim, with a stack's name
 * where it has a wildcard. */
struct target {
    struct ccb_claim claim;
    const char *more; /* of the stack */
};

static struct target choose_target(const struct ccb_plugin *plugin)
{
    static const struct ccb_slice none = CCB_LIT(GUID);
    const struct ccb_json_list *list = ccb_plugin_claims(plugin);
    struct target target = {.more = ""};

    if (list->count == 0 ||
        ccb_claim_parse(&target.claim, *(const struct ccb_slice *)list->items))
        target.claim = (struct ccb_claim){.lifecycle = none};
    if (target.claim.wildcard)
        target.more = GUID;
    return target;
}

static void put_stack(struct ccb_json_writer *w, const struct target *target)
{
    char stack[256];

    snprintf(stack, sizeof(stack), "%.*s%s", (int)target->claim.stack.len,
             target->claim.stack.len ? target->claim.stack.ptr : "",
             target->more);
    if (target->claim.has_stack)
        ccb_json_member_cstr(w, "stack", stack);
}

static void put_facts(struct ccb_json_writer *w, const struct target *target)
{
    const struct ccb_claim *claim = &target->claim;
    char key[512];

    snprintf(key, sizeof(key), "%.*s%s%.*s%s", (int)claim->lifecycle.len,
             claim->lifecycle.ptr, claim->has_stack ? "/" : "",
             (int)claim->stack.len, claim->stack.len ? claim->stack.ptr : "",
             target->more);
    ccb_json_begin_object(w);
    ccb_json_key(w, "lifecycles");
    ccb_json_begin_object(w);
    ccb_json_member_cstr(w, key, GUID ".tgz");
    ccb_json_end_object(w);
    ccb_json_member_cstr(w, "file_server_url", SERVER);
    ccb_json_member_cstr(w, "cc_uploader_url", SERVER);
    ccb_json_member_bool(w, "skip_cert_verify", 0);
    ccb_json_end_object(w);
}

static void put_staging(struct ccb_json_writer *w, const struct target *target)
{
    ccb_json_member_cstr(w, "app_id", GUID);
    ccb_json_member_string(w, "lifecycle", target->claim.lifecycle);
    ccb_json_member_int(w, "file_descriptors", 16384);
    ccb_json_member_int(w, "timeout", 900);
    ccb_json_key(w, "lifecycle_data");
    ccb_json_begin_object(w);
    put_stack(w, target);
    ccb_json_member_cstr(w, "app_bits_download_uri", SERVER "/bits");
    ccb_json_member_cstr(w, "droplet_upload_uri", SERVER "/droplet");
    ccb_json_member_cstr(w, "build_artifacts_cache_upload_uri",
                         SERVER "/cache");
    ccb_json_member_cstr(w, "docker_image", GUID);
    ccb_json_end_object(w);
}

static void put_desired(struct ccb_json_writer *w, const struct target *target)
{
    put_stack(w, target);
    ccb_json_member_cstr(w, "app_id", GUID);
    ccb_json_member_cstr(w, "process_guid", GUID);
    ccb_json_member_cstr(w, "droplet_uri", SERVER "/droplet");
    ccb_json_member_cstr(w, "start_command", "true");
    ccb_json_member_cstr(w, "execution_metadata", "");
    ccb_json_member_int(w, "file_descriptors", 16384);
    ccb_json_member_int(w, "num_instances", 1);
    ccb_json_key(w, "routes");
    ccb_json_begin_array(w);
    ccb_json_end_array(w);
    ccb_json_member_cstr(w, "health_check_type", "port");
    ccb_json_member_int(w, "health_check_timeout_in_seconds", 60);
    ccb_json_member_cstr(w, "etag", "1");
}

static void put_message(struct ccb_json_writer *w, const struct target *target,
                        enum ccb_plugin_function function)
{
    ccb_json_begin_object(w);
    if (function == CCB_PLUGIN_STAGING_RECIPE)
        put_staging(w, target);
    else
        put_desired(w, target);
    ccb_json_member_cstr(w, "log_guid", GUID);
    ccb_json_key(w, "environment");
    ccb_json_begin_array(w);
    ccb_json_end_array(w);
    ccb_json_member_int(w, "memory_mb", 256);
    ccb_json_member_int(w, "disk_mb", 1024);
    ccb_json_end_object(w);
}

/* The writer's own end: text into the arena. */
static struct ccb_slice finish(struct ccb_json_writer *w, struct ccb_buf *text,
                               struct ccb_arena *arena)
{
    struct ccb_slice copy = {NULL, 0};

    if (ccb_json_writer_end(w) == 0 && !text->failed)
        copy = ccb_arena_copy(arena, ccb_buf_slice(text));
    ccb_buf_destroy(text);
    return copy;
}

int ccb_plugin_first_call(struct ccb_plugin_call_options *options,
                          const struct ccb_plugin *plugin,
                          enum ccb_plugin_function function,
                          struct ccb_arena *arena)
{
    const struct target target = choose_target(plugin);
    struct ccb_buf text = {0};
    struct ccb_json_writer w;

    *options = (struct ccb_plugin_call_options){
        .function = function, .guid = CCB_LIT(GUID), .arena = arena};
    ccb_json_writer_init(&w, ccb_buf_sink, &text);
    put_message(&w, &target, function);
    options->message = finish(&w, &text, arena);
    ccb_json_writer_init(&w, ccb_buf_sink, &text);
    put_facts(&w, &target);
    options->facts = finish(&w, &text, arena);
    return options->message.ptr && options->facts.ptr ? 0 : CCB_NO_MEMORY;
}

/* ---- the answer --------------------------------------------------------- */

/* As the roles would, before they sent it on. */
static int check_document(const struct ccb_call *call, struct ccb_error *err)
{
    static const struct ccb_slice guid = CCB_LIT(GUID);
    const struct ccb_task_identity task = {.task_guid = guid, .domain = guid};
    const struct ccb_lrp_identity lrp = {.process_guid = guid, .domain = guid};
    struct ccb_json value = call->answer.value;
    struct ccb_buf out = {0};
    uint16_t port;
    int code = 0;

    if (call->options.function == CCB_PLUGIN_STAGING_RECIPE)
        code = ccb_task_recipe_encode(&out, value, &task, err);
    else if (call->options.function == CCB_PLUGIN_LRP)
        code = ccb_lrp_recipe_encode(&out, value, &lrp, err);
    else if (call->options.function == CCB_PLUGIN_PORTS)
        code = ccb_ports_first(value, &port, err);
    ccb_buf_destroy(&out);
    return code;
}

static bool is_typed(int code)
{
    return code == CCB_INVALID || code == CCB_NOT_FOUND ||
           code == CCB_UNSUPPORTED || code == CCB_FAILED;
}

int ccb_plugin_first_call_judge(const struct ccb_call *call,
                                struct ccb_plugin_refusal *refusal)
{
    const char *name = ccb_plugin_functions[call->options.function].name;
    const struct ccb_plugin_answer *answer = &call->answer;
    struct ccb_error error = {0};
    int code;

    if (answer->code == CCB_NEED_FACTS ||
        (answer->said && is_typed(answer->code)))
        return 0;
    if (answer->code)
        return ccb_refuse(refusal, CCB_REFUSED_GOLDEN,
                          "a document, a question for facts, or a refusal in "
                          "words",
                          "%s", answer->error ? answer->error : "no words");
    code = check_document(call, &error);
    if (code == CCB_NO_MEMORY || code == 0)
        return code;
    return ccb_refuse(refusal, CCB_REFUSED_GOLDEN,
                      "a document that a back end takes", "%s: %s", name,
                      error.message);
}
