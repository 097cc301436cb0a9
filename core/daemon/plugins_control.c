/* Answers for plugins (plugins_control.h). */
#include "daemon/plugins_control.h"

#include "base/buf.h"

/* ---- the list ----------------------------------------------------------- */

static void respond(struct ccb_http_request *request, int status,
                    struct ccb_buf *json)
{
    if (json->failed)
        ccb_http_respond(request, 500, NULL, ccb_slice_make(NULL, 0));
    else
        ccb_http_respond(request, status, "application/json",
                         ccb_buf_slice(json));
    ccb_buf_destroy(json);
}

static void on_list(struct ccb_http_request *request, void *user)
{
    const struct ccb_reload *reload = user;
    struct ccb_buf out = {0};
    struct ccb_json_writer w;
    ccb_json_writer_init(&w, ccb_buf_sink, &out);
    ccb_json_begin_object(&w);
    ccb_json_member_int(&w, "generation",
                        (int64_t)ccb_plugins_generation(reload->plugins));
    ccb_json_key(&w, "plugins");
    ccb_plugins_put_list(reload->plugins, &w);
    ccb_json_end_object(&w);
    (void)ccb_json_writer_end(&w);
    respond(request, 200, &out);
}

/* ---- reloads ------------------------------------------------------------ */

/* Lies in the request's arena, which is there until it is answered. */
struct asking {
    struct ccb_reload_order order; /* first */
    struct ccb_http_request *request;
    const struct ccb_reload *reload;
};

static void put_change(struct ccb_json_writer *w,
                       const struct ccb_plugins_change *change)
{
    ccb_json_member_int(w, "generation", (int64_t)change->generation);
    ccb_json_member_int(w, "added", (int64_t)change->added);
    ccb_json_member_int(w, "replaced", (int64_t)change->replaced);
    ccb_json_member_int(w, "removed", (int64_t)change->removed);
    ccb_json_member_int(w, "kept", (int64_t)change->kept);
    ccb_json_member_int(w, "refused", (int64_t)change->refused);
}

static void put_error(struct ccb_json_writer *w, const char *id,
                      const char *words)
{
    ccb_json_key(w, "error");
    ccb_json_begin_object(w);
    ccb_json_member_cstr(w, "id", id);
    ccb_json_member_cstr(w, "message", words);
    ccb_json_end_object(w);
}

/* What the request names is not there; a reload may miss other things. */
static bool is_unknown(const struct ccb_reload_order *order, int code)
{
    return code == CCB_NOT_FOUND && order->id.len > 0;
}

/* Enabled, but not there: the list tells why. */
static int check_enabled(const struct asking *asking, int code,
                         struct ccb_error *err)
{
    struct ccb_slice id = asking->order.id;
    if (code < 0 || id.len == 0 || !asking->order.enable ||
        ccb_plugins_get(asking->reload->plugins, id))
        return code;
    return ccb_error_set(err, CCB_CONFLICT,
                         "%.*s is enabled, but not served: `ccbridge plugin "
                         "list` shows whether a file has this id, and why it "
                         "was refused",
                         (int)id.len, id.ptr);
}

static void on_reloaded(struct ccb_reload_order *order, int code,
                        const struct ccb_error *err,
                        const struct ccb_plugins_change *change)
{
    struct asking *asking = (struct asking *)order;
    struct ccb_error words = *err;
    struct ccb_buf out = {0};
    struct ccb_json_writer w;
    int status;
    code = check_enabled(asking, code, &words);
    status = code == 0 ? 200 : is_unknown(order, code) ? 404 : 409;
    ccb_json_writer_init(&w, ccb_buf_sink, &out);
    ccb_json_begin_object(&w);
    if (code < 0)
        put_error(&w, status == 404 ? "PluginNotFound" : "PluginsNotReloaded",
                  words.message);
    else
        put_change(&w, change);
    ccb_json_end_object(&w);
    (void)ccb_json_writer_end(&w);
    respond(asking->request, status, &out);
}

static void ask(struct ccb_http_request *request, struct ccb_reload *reload,
                struct ccb_slice id, bool enable)
{
    struct asking *asking =
        ccb_arena_alloc(ccb_http_request_arena(request), sizeof(*asking));
    if (!asking) {
        ccb_http_respond(request, 500, NULL, ccb_slice_make(NULL, 0));
        return;
    }
    asking->order.id = id;
    asking->order.enable = enable;
    asking->order.on_done = on_reloaded;
    asking->request = request;
    asking->reload = reload;
    ccb_reload_start(reload, &asking->order);
}

static void on_reload(struct ccb_http_request *request, void *user)
{
    ask(request, user, ccb_slice_make(NULL, 0), false);
}

static void on_enable(struct ccb_http_request *request, void *user)
{
    ask(request, user, ccb_http_request_info(request)->params[0], true);
}

static void on_disable(struct ccb_http_request *request, void *user)
{
    ask(request, user, ccb_http_request_info(request)->params[0], false);
}

const struct ccb_http_route ccb_plugins_routes[] = {
    {.method = "GET", .path = "/v1/plugins", .on_request = on_list},
    {.method = "POST", .path = "/v1/plugins/reload", .on_request = on_reload},
    {.method = "POST",
     .path = "/v1/plugins/:id/enable",
     .on_request = on_enable},
    {.method = "POST",
     .path = "/v1/plugins/:id/disable",
     .on_request = on_disable},
};
const size_t ccb_plugins_route_count =
    sizeof(ccb_plugins_routes) / sizeof(ccb_plugins_routes[0]);
