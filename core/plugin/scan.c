/*
 * One file on its way to a plugin: image, manifest, policy, then, unless it is
 * the one that serves already, a trial in a worker and the loading.
 * Invariant: from the image on, nothing reads the file again; nothing of it
 * runs in this process before it ran in a worker, but what ccbridge ships.
 * Follows anchors 3.5; design.md 6, rules 7 and 8.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "plugin/mapped.h"
#include "plugin/registry.h"

struct scan {
    struct ccb_plugins *plugins;
    const struct ccb_plugins_set *serving, *set;
    const struct ccb_plugins_file *file;
    struct ccb_plugin *plugin;
    struct ccb_plugin_refusal *refusal;
};

const struct ccb_json_list *ccb_plugin_claims(const struct ccb_plugin *plugin)
{
    return plugin->policy.has_claims ? &plugin->policy.claims
                                     : &plugin->manifest.claims;
}

/* ---- what it is --------------------------------------------------------- */

static int read_image(const struct scan *s)
{
    return ccb_plugin_image_open(&s->plugin->image, s->file->directory_fd,
                                 s->file->name, s->refusal);
}

/* What the file says of itself, without running it. */
static int read_manifest(const struct scan *s)
{
    struct ccb_plugin *plugin = s->plugin;
    struct ccb_manifest *m = &plugin->manifest;
    int code =
        ccb_manifest_read(m, plugin->image.fd, plugin->arena, s->refusal);

    if (code)
        return code;
    plugin->id = ccb_arena_cstr(plugin->arena, m->id);
    plugin->version = ccb_arena_cstr(plugin->arena, m->version);
    return plugin->id && plugin->version ? 0 : CCB_NO_MEMORY;
}

static int check_duplicate(const struct scan *s)
{
    const struct ccb_plugin *other =
        ccb_plugins_set_get(s->set, s->plugin->manifest.id);

    if (!other)
        return 0;
    return ccb_refuse(s->refusal, CCB_REFUSED_DUPLICATE,
                      "an id that no other plugin has", "the id %.60s of %.80s",
                      s->plugin->id, other->file);
}

/* ---- what the operator says of it --------------------------------------- */

static int check_policy_claims(const struct scan *s)
{
    const struct ccb_json_list *list = &s->plugin->policy.claims;
    const struct ccb_slice *items = list->items;
    struct ccb_claim claim;

    for (size_t i = 0; s->plugin->policy.has_claims && i < list->count; i++)
        if (ccb_claim_parse(&claim, items[i]) != 0)
            return ccb_refuse(s->refusal, CCB_REFUSED_POLICY,
                              "LIFECYCLE or LIFECYCLE/STACK, '*' only at the "
                              "end of a stack",
                              "the claim \"%.*s\"",
                              (int)(items[i].len < 80 ? items[i].len : 80),
                              items[i].ptr);
    return 0;
}

static int read_policy(const struct scan *s)
{
    struct ccb_plugin *plugin = s->plugin;
    struct ccb_error error = {0};
    int code = ccb_plugin_policy_read(
        &plugin->policy, s->plugins->options.policy_directory,
        plugin->manifest.id, plugin->arena, &error);

    if (code == 0)
        return check_policy_claims(s);
    if (code == CCB_NO_MEMORY)
        return code;
    return ccb_refuse(s->refusal, CCB_REFUSED_POLICY, "a policy that is valid",
                      "%s", error.message);
}

static int check_policy(const struct scan *s)
{
    const struct ccb_plugin_policy *policy = &s->plugin->policy;
    const char *digest = s->plugin->image.digest;
    char pin[CCB_PLUGIN_DIGEST_SIZE];

    if (!policy->enabled)
        return ccb_refuse(s->refusal, CCB_REFUSED_DISABLED,
                          "a plugin that is enabled",
                          "\"enabled\":false in its policy");
    if (policy->sha256.len == 0)
        return 0;
    snprintf(pin, sizeof(pin), "%.*s", (int)policy->sha256.len,
             policy->sha256.ptr);
    if (strcasecmp(pin, digest) == 0)
        return 0;
    return ccb_refuse(s->refusal, CCB_REFUSED_DIGEST, pin, "%s", digest);
}

/* ---- how it runs -------------------------------------------------------- */

/* These come from the same build as the daemon. */
static bool is_shipped(const char *id)
{
    static const char *const ids[] = {
        "org.cloudfoundry.buildpack",
        "org.cloudfoundry.docker",
        "org.cloudfoundry.windows",
    };

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        if (strcmp(id, ids[i]) == 0)
            return true;
    return false;
}

static int choose_mode(const struct scan *s)
{
    const struct ccb_plugins_options *options = &s->plugins->options;
    struct ccb_plugin *plugin = s->plugin;
    enum ccb_plugin_mode mode = plugin->policy.mode;

    if (mode == CCB_PLUGIN_MODE_DEFAULT)
        mode = options->mode;
    plugin->isolated = mode == CCB_PLUGIN_MODE_DEFAULT
                           ? !is_shipped(plugin->id)
                           : mode == CCB_PLUGIN_MODE_ISOLATED;
    plugin->runner = options->runner;
    plugin->call_timeout = plugin->policy.timeout > 0 ? plugin->policy.timeout
                                                      : options->call_timeout;
    return 0;
}

/* All of it that comes before anything runs. */
static int identify(const struct scan *s)
{
    int (*const steps[])(const struct scan *) = {
        read_image,  read_manifest, check_duplicate,
        read_policy, check_policy,  choose_mode,
    };
    int code = 0;

    for (size_t i = 0; code == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
        code = steps[i](s);
    return code;
}

/* ---- the one that serves ------------------------------------------------ */

static bool same_claims(const struct ccb_plugin *a, const struct ccb_plugin *b)
{
    const struct ccb_json_list *left = ccb_plugin_claims(a);
    const struct ccb_json_list *right = ccb_plugin_claims(b);
    const struct ccb_slice *x = left->items, *y = right->items;

    if (left->count != right->count)
        return false;
    for (size_t i = 0; i < left->count; i++)
        if (!ccb_slice_equal(x[i], y[i]))
            return false;
    return true;
}

static bool same_policy(const struct ccb_plugin *a, const struct ccb_plugin *b)
{
    const struct ccb_plugin_policy *x = &a->policy, *y = &b->policy;

    return x->mode == y->mode && x->critical == y->critical &&
           x->priority == y->priority && x->timeout == y->timeout &&
           x->memory_mb == y->memory_mb && x->workers == y->workers &&
           ccb_slice_equal(x->sha256, y->sha256) &&
           ccb_slice_equal(x->config, y->config) && same_claims(a, b);
}

/* The plugin that serves, when neither file nor policy changed; else NULL. */
static struct ccb_plugin *find_kept(const struct scan *s)
{
    const struct ccb_plugin *plugin = s->plugin;
    struct ccb_plugin *old =
        s->serving ? ccb_plugins_set_get(s->serving, plugin->manifest.id)
                   : NULL;

    if (old && strcmp(old->image.digest, plugin->image.digest) == 0 &&
        strcmp(old->file, plugin->file) == 0 && same_policy(old, plugin))
        return old;
    return NULL;
}

/* ---- opening it --------------------------------------------------------- */

/* Each image is tried once: what failed is remembered, unless it was not the
 * image's fault. */
static int try_out(const struct scan *s)
{
    struct ccb_plugin *plugin = s->plugin;
    struct ccb_plugin_failure **failures = &s->plugins->failures;
    const struct ccb_plugin_failure *failure =
        ccb_plugin_failure_find(*failures, plugin);
    int code;

    if (failure) {
        ccb_plugin_failure_tell(failure, s->refusal);
        return CCB_INVALID;
    }
    code = ccb_plugin_try(plugin, s->plugins->options.log, s->refusal);
    if (code == CCB_INVALID && s->refusal->reason != CCB_REFUSED_RUNNER &&
        ccb_plugin_failure_add(failures, plugin, s->refusal) != 0)
        return CCB_NO_MEMORY;
    return code;
}

static int open_here(const struct scan *s)
{
    struct ccb_plugin *plugin = s->plugin;
    struct ccb_plugin_code_set set = {0};
    char path[40];
    int code = ccb_plugin_mapped_take(plugin, s->refusal);

    if (code)
        return code;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", plugin->image.fd);
    code = ccb_plugin_load(plugin, path, &set, s->refusal);
    if (code)
        return code;
    code = ccb_plugin_inproc_create(plugin, &set);
    if (code) {
        set.destroy(set.instance);
        return code;
    }
    return is_shipped(plugin->id)
               ? ccb_plugin_selftest(plugin, s->plugins->options.log,
                                     s->refusal)
               : 0;
}

static int open_isolated(const struct scan *s)
{
    struct ccb_error error = {0};
    int code =
        ccb_plugin_isolated_create(s->plugin, s->plugins->options.log, &error);

    if (code == 0 || code == CCB_NO_MEMORY)
        return code;
    return ccb_refuse(s->refusal, CCB_REFUSED_RUNNER,
                      "a process of ccbridge-plugin-host to run it in", "%s",
                      error.message);
}

static int open_plugin(const struct scan *s)
{
    int code = 0;

    if (s->plugin->isolated || !is_shipped(s->plugin->id))
        code = try_out(s);
    if (code)
        return code;
    return s->plugin->isolated ? open_isolated(s) : open_here(s);
}

int ccb_plugin_scan(struct ccb_plugin **plugin, struct ccb_plugins *plugins,
                    const struct ccb_plugins_set *serving,
                    const struct ccb_plugins_set *set,
                    const struct ccb_plugins_file *file,
                    struct ccb_plugin_refusal *refusal)
{
    struct scan s = {
        plugins, serving, set, file, ccb_plugin_create(plugins, file->path),
        refusal};
    struct ccb_plugin *kept;
    int code;

    *plugin = s.plugin;
    if (!s.plugin)
        return CCB_NO_MEMORY;
    code = identify(&s);
    if (code)
        return code;
    kept = find_kept(&s);
    if (!kept)
        return open_plugin(&s);
    ccb_plugin_unref(s.plugin);
    ccb_plugin_ref(kept);
    *plugin = kept;
    return 0;
}
