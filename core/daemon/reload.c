/*
 * Runs reloads. Invariant: until everything was read, checked and opened, the
 * process is as it was; from then on nothing can fail.
 */
#include "daemon/reload.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/plugins.h"

void ccb_reload_close(struct ccb_reload *reload)
{
    ccb_config_destroy(&reload->config);
}

/* ---- the command line, again -------------------------------------------- */

/* The parser speaks to a stream, as at the start; its first line is the
 * reason. */
static int parse_again(const struct ccb_reload *reload,
                       struct ccb_options *options, struct ccb_error *err)
{
    char text[sizeof(err->message)] = "";
    FILE *errors = fmemopen(text, sizeof(text), "w");
    int status;
    if (!errors)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    status = ccb_options_parse(options, reload->options->argc,
                               reload->options->argv, errors);
    fclose(errors);
    if (status >= 0)
        ccb_error_set(err, CCB_INVALID, "%.*s", (int)strcspn(text, "\n"), text);
    return status < 0 ? 0 : CCB_INVALID;
}

static int check_roles(const struct ccb_reload *reload,
                       const struct ccb_options *options, struct ccb_error *err)
{
    size_t i, same = 0;
    for (i = 0; i < options->role_count && i < reload->member_count; i++)
        same += options->roles[i] == reload->members[i].role;
    if (same == options->role_count && same == reload->member_count)
        return 0;
    return ccb_error_set(err, CCB_INVALID,
                         "-config %s would run other roles now: restart the "
                         "process for that",
                         options->config.path ? options->config.path : "");
}

/* Whether a reload takes care of it. */
static bool is_live(const char *word)
{
    struct ccb_slice name = ccb_config_name(word);
    const char *dot = memchr(name.ptr, '.', name.len);
    if (dot)
        name = ccb_slice_make(dot + 1, name.len - (size_t)(dot + 1 - name.ptr));
    return ccb_slice_is(name, "lifecycle") ||
           ccb_slice_is(name, "lifecyclePlugin");
}

/* One that has other values is named once. */
static bool is_named(const char *names, struct ccb_slice name)
{
    while (names[0]) {
        struct ccb_slice one = ccb_slice_make(names, strcspn(names, ","));
        if (ccb_slice_equal(one, name))
            return true;
        names += one.len;
        names += strspn(names, ", ");
    }
    return false;
}

static void name_changed(char *out, size_t size,
                         const struct ccb_config *config,
                         const struct ccb_config *other)
{
    int i;
    for (i = 0; i < config->count; i++) {
        const char *word = config->words[i];
        struct ccb_slice name = ccb_config_name(word);
        size_t used = strlen(out);
        if (is_live(word) || ccb_config_has(other, word) || is_named(out, name))
            continue;
        snprintf(out + used, size - used, "%s%.*s", used ? ", " : "",
                 (int)name.len, name.ptr);
    }
}

/* ---- the new facts ------------------------------------------------------ */

struct texts {
    struct ccb_facts_text *items[CCB_MAX_ROLES]; /* NULL: has none */
};

static struct ccb_facts *facts_of(const struct ccb_member *member)
{
    return member->role->facts ? member->role->facts(member->shared) : NULL;
}

static void free_texts(struct texts *texts)
{
    size_t i;
    for (i = 0; i < CCB_MAX_ROLES; i++)
        ccb_facts_text_free(texts->items[i]);
}

static int make_texts(const struct ccb_reload *reload, struct texts *texts,
                      const struct ccb_options *options, struct ccb_error *err)
{
    size_t i;
    for (i = 0; i < reload->member_count; i++) {
        const struct ccb_role *role = reload->members[i].role;
        if (!facts_of(&reload->members[i]))
            continue;
        texts->items[i] = ccb_facts_text_create(role->flags, role->flag_count,
                                                options->configs[i]);
        if (!texts->items[i])
            return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    }
    return 0;
}

/* Afterwards `texts` has the old ones. */
static void swap_texts(const struct ccb_reload *reload, struct texts *texts)
{
    size_t i;
    for (i = 0; i < reload->member_count; i++)
        if (texts->items[i])
            texts->items[i] =
                ccb_facts_swap(facts_of(&reload->members[i]), texts->items[i]);
}

/* ---- one run, in the pool ----------------------------------------------- */

static void carry_out(struct ccb_reload *reload, struct ccb_reload_order *order)
{
    char dir[PATH_MAX];
    if (!ccb_plugins_know(reload->plugins, order->id)) {
        order->code = ccb_error_set(
            &order->err, CCB_NOT_FOUND,
            "there is no plugin %.*s; `ccbridge plugin list` shows those there "
            "are",
            (int)order->id.len, order->id.ptr);
        return;
    }
    ccb_daemon_policy_dir(reload->options, dir, sizeof(dir));
    order->code =
        ccb_plugin_policy_enable(dir, order->id, order->enable, &order->err);
    /* That there is none to be ended is no fault. */
    if (order->code == 0 && order->enable)
        (void)ccb_plugins_release_quarantine(reload->plugins, order->id, NULL);
}

static int apply(struct ccb_reload *reload, struct ccb_options *options,
                 struct ccb_error *err)
{
    struct ccb_plugins_next *next = NULL;
    struct texts texts = {{NULL}};
    int code = ccb_plugins_prepare(reload->plugins, &options->lifecycle_plugins,
                                   &next, err);
    if (code == 0)
        code = ccb_daemon_plugins_check(reload->plugins, next, options, err);
    if (code == 0)
        code = make_texts(reload, &texts, options, err);
    if (code == 0) {
        swap_texts(reload, &texts);
        ccb_plugins_commit(reload->plugins, next, &reload->change);
    } else {
        ccb_plugins_discard(reload->plugins, next);
    }
    free_texts(&texts);
    return code;
}

/* Until the first reload that is what the start had. */
static const struct ccb_config *in_force(const struct ccb_reload *reload)
{
    return reload->config.words ? &reload->config : &reload->options->config;
}

static int run(struct ccb_reload *reload, struct ccb_error *err)
{
    struct ccb_options *options = ccb_calloc(1, sizeof(*options));
    struct ccb_config read;
    int code;
    if (!options)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    code = parse_again(reload, options, err);
    if (code == 0)
        code = check_roles(reload, options, err);
    if (code == 0)
        code = apply(reload, options, err);
    if (code == 0) {
        name_changed(reload->restart, sizeof(reload->restart), &options->config,
                     in_force(reload));
        name_changed(reload->restart, sizeof(reload->restart), in_force(reload),
                     &options->config);
        read = reload->config;
        reload->config = options->config;
        options->config = read;
    }
    ccb_options_destroy(options);
    ccb_free(options);
    return code;
}

static void on_work(uv_work_t *work)
{
    struct ccb_reload *reload = work->data;
    struct ccb_reload_order *order;
    for (order = reload->served; order; order = order->next)
        if (order->id.len > 0)
            carry_out(reload, order);
    reload->code = run(reload, &reload->err);
    /* It is the configuration that names it, not who asks. */
    if (reload->code == CCB_NOT_FOUND)
        reload->code = CCB_CONFLICT;
}

/* ---- what came of it ---------------------------------------------------- */

static void tell_log(const struct ccb_reload *reload)
{
    const struct ccb_plugins_change *change = &reload->change;
    if (reload->code < 0) {
        ccb_log_error(reload->log, "plugins-reload-failed",
                      reload->err.message);
        return;
    }
    ccb_log_write(
        reload->log, CCB_LEVEL_INFO, "plugins-reloaded",
        CCB_FIELDS(ccb_log_int("generation", (int64_t)change->generation),
                   ccb_log_int("added", (int64_t)change->added),
                   ccb_log_int("replaced", (int64_t)change->replaced),
                   ccb_log_int("removed", (int64_t)change->removed),
                   ccb_log_int("kept", (int64_t)change->kept),
                   ccb_log_int("refused", (int64_t)change->refused)));
    if (reload->restart[0])
        ccb_log_write(reload->log, CCB_LEVEL_INFO, "config-needs-restart",
                      CCB_FIELDS(ccb_log_cstr("flags", reload->restart)));
}

static void tell_orders(const struct ccb_reload *reload,
                        struct ccb_reload_order *orders)
{
    const struct ccb_plugins_change *change =
        reload->code == 0 ? &reload->change : NULL;
    struct ccb_reload_order *order, *next;
    for (order = orders; order; order = next) {
        next = order->next;
        if (order->code == 0 && reload->code < 0) {
            order->code = reload->code;
            order->err = reload->err;
            if (order->id.len > 0)
                ccb_error_prefix(&order->err,
                                 "its policy is written, but nothing else has "
                                 "changed");
        }
        order->on_done(order, order->code, &order->err, change);
    }
}

static void begin(struct ccb_reload *reload);

static void on_worked(uv_work_t *work, int status)
{
    struct ccb_reload *reload = work->data;
    struct ccb_reload_order *served = reload->served;
    (void)status; /* nobody cancels it */
    reload->served = NULL;
    reload->running = false;
    tell_log(reload);
    tell_orders(reload, served);
    if (reload->wanted && !reload->running)
        begin(reload);
}

static void begin(struct ccb_reload *reload)
{
    reload->wanted = false;
    reload->running = true;
    reload->served = reload->waiting;
    reload->waiting = NULL;
    reload->restart[0] = '\0';
    reload->work.data = reload;
    /* It can only fail without a callback. */
    (void)uv_queue_work(&reload->loop->uv, &reload->work, on_work, on_worked);
}

void ccb_reload_start(struct ccb_reload *reload, struct ccb_reload_order *order)
{
    if (!reload->plugins) {
        ccb_log_info(reload->log, "nothing-to-reload");
        return;
    }
    if (order) {
        struct ccb_reload_order **last = &reload->waiting;
        while (*last) /* in their order: the last word counts */
            last = &(*last)->next;
        order->code = 0;
        order->next = NULL;
        *last = order;
    }
    reload->wanted = true;
    if (!reload->running)
        begin(reload);
}
