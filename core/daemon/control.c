/* Puts the roles' control routes together, and says how each role is. */
#include "daemon/control.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "daemon/plugins_control.h"
#include "daemon/worker.h"

static void put_role(struct ccb_json_writer *w, const struct ccb_seat *seat)
{
    const struct ccb_role *role = seat->member->role;
    ccb_json_begin_object(w);
    ccb_json_member_cstr(w, "name", role->name);
    if (role->put_status)
        role->put_status(seat->instance, w);
    ccb_json_end_object(w);
}

static void on_roles(struct ccb_http_request *request, void *user)
{
    const struct ccb_control *control = user;
    const struct ccb_thread *thread = control->thread;
    struct ccb_buf out = {0};
    struct ccb_json_writer w;
    size_t i;
    ccb_json_writer_init(&w, ccb_buf_sink, &out);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "roles");
    ccb_json_begin_array(&w);
    for (i = 0; i < thread->seat_count; i++)
        put_role(&w, &thread->seats[i]);
    ccb_json_end_array(&w);
    ccb_json_end_object(&w);
    ccb_json_writer_end(&w);
    ccb_http_respond(request, out.failed ? 500 : 200, "application/json",
                     out.failed ? ccb_slice_make(NULL, 0)
                                : ccb_buf_slice(&out));
    ccb_buf_destroy(&out);
}

static int make_path(char *out, size_t size, const char *state_dir,
                     struct ccb_error *err)
{
    int n = snprintf(out, size, "%s/control.sock", state_dir);
    return n >= 0 && (size_t)n < size
               ? 0
               : ccb_error_set(err, CCB_TOO_LARGE, "-stateDir: too long");
}

int ccb_control_check(const char *state_dir, struct ccb_error *err)
{
    char path[PATH_MAX];
    int code = make_path(path, sizeof(path), state_dir, err);
    if (code == 0 && ccb_http_unix_is_served(path))
        code = ccb_error_set(err, CCB_CONFLICT,
                             "-stateDir %s: another ccbridged runs there; stop "
                             "it, or give this one a state of its own",
                             state_dir);
    return code;
}

int ccb_control_listen(const char *state_dir, int *fd, struct ccb_error *err)
{
    char path[PATH_MAX];
    int code = make_path(path, sizeof(path), state_dir, err);
    return code == 0 ? ccb_http_listen_unix(path, fd, err) : code;
}

/* Our own pages first, then the roles' in their order: the first route that
 * fits is taken, so that the last role may have the rest. */
static size_t put_routes(struct ccb_control *control, struct ccb_reload *reload)
{
    const struct ccb_thread *thread = control->thread;
    size_t i, k, n = 0;
    control->routes[n++] = (struct ccb_http_route){.method = "GET",
                                                   .path = "/v1/roles",
                                                   .on_request = on_roles,
                                                   .user = control};
    for (i = 0; reload->plugins && i < ccb_plugins_route_count; i++) {
        control->routes[n] = ccb_plugins_routes[i];
        control->routes[n++].user = reload;
    }
    for (i = 0; i < thread->seat_count; i++) {
        const struct ccb_seat *seat = &thread->seats[i];
        for (k = 0; k < seat->member->role->control_count; k++) {
            control->routes[n] = seat->member->role->control[k];
            control->routes[n++].user = seat->instance;
        }
    }
    return n;
}

int ccb_control_open(struct ccb_control *control, int fd,
                     struct ccb_reload *reload,
                     const struct ccb_http_limits *limits,
                     struct ccb_error *err)
{
    struct ccb_thread *thread = control->thread;
    struct ccb_http_server_options options = {.limits = limits};
    size_t i, count = 1 + ccb_plugins_route_count;
    for (i = 0; i < thread->seat_count; i++)
        count += thread->seats[i].member->role->control_count;
    control->routes = ccb_calloc(count, sizeof(*control->routes));
    if (!control->routes) {
        close(fd);
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    }
    options.routes = control->routes;
    options.route_count = put_routes(control, reload);
    return ccb_http_server_open(&control->server, &thread->loop, fd, &options,
                                err);
}

static void on_server_closed(void *user)
{
    struct ccb_control *control = user;
    control->server = NULL;
    ccb_free(control->routes);
    control->routes = NULL;
    control->on_closed(control->thread);
}

void ccb_control_close(struct ccb_control *control,
                       void (*on_closed)(struct ccb_thread *thread))
{
    control->on_closed = on_closed;
    if (control->server)
        ccb_http_server_close(control->server, on_server_closed, control);
    else
        on_server_closed(control);
}
