/*
 * The registry: which plugins there are and which one serves what.
 * Invariant: read-only once ccb_plugins_open returned; a file that can't be
 * taken is named in the log and never in the way of the others.
 * Follows plugin.h, "the registry"; design.md 6, rules 6 and 10.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "plugin/claims.h"
#include "plugin/directory.h"
#include "plugin/host.h"

struct ccb_plugins {
    struct ccb_plugin **items; /* heap */
    size_t count, capacity;
    struct ccb_claims claims, by_hand;
    struct ccb_arena *arena; /* the keys said by hand */
    int64_t call_timeout;
};

/* What is at hand while a registry is made. */
struct opening {
    struct ccb_plugins *plugins;
    const struct ccb_plugins_options *options;
};

/* ---- saying what happens ------------------------------------------------ */

static void tell_refusal(const struct opening *o,
                         const struct ccb_plugin_refusal *refusal)
{
    if (o->options->log)
        ccb_log_write(o->options->log, CCB_LEVEL_ERROR, "plugin-refused",
                      CCB_FIELDS(ccb_log_cstr("file", refusal->file),
                                 ccb_log_cstr("reason", ccb_refusal_name(
                                                            refusal->reason)),
                                 ccb_log_cstr("expected", refusal->expected),
                                 ccb_log_cstr("found", refusal->found),
                                 ccb_log_cstr("advice", refusal->advice)));
    if (o->options->on_refused)
        o->options->on_refused(o->options->user, refusal);
}

static void tell_loaded(const struct opening *o,
                        const struct ccb_plugin *plugin)
{
    if (o->options->log)
        ccb_log_write(o->options->log, CCB_LEVEL_INFO, "plugin-loaded",
                      CCB_FIELDS(ccb_log_cstr("plugin", plugin->id),
                                 ccb_log_cstr("version", plugin->version),
                                 ccb_log_cstr("file", plugin->file)));
}

static void tell_directory(const struct opening *o, const char *path,
                           const struct ccb_error *error)
{
    if (o->options->log)
        ccb_log_write(o->options->log, CCB_LEVEL_ERROR,
                      "plugin-directory-unreadable",
                      CCB_FIELDS(ccb_log_cstr("directory", path),
                                 ccb_log_cstr("error", error->message)));
}

/* ---- one file ----------------------------------------------------------- */

static struct ccb_plugin *create_plugin(const struct opening *o,
                                        const char *file)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_plugin *plugin = NULL;

    if (arena)
        plugin = ccb_arena_alloc(arena, sizeof(*plugin));
    if (plugin)
        plugin->file = ccb_arena_cstr(arena, ccb_slice_of(file));
    if (!plugin || !plugin->file) {
        ccb_arena_unref(arena);
        return NULL;
    }
    plugin->arena = arena;
    plugin->call_timeout = o->plugins->call_timeout;
    atomic_init(&plugin->refs, 1);
    return plugin;
}

/* What the file says of itself, without running it. */
static int read_manifest(struct ccb_plugin *plugin,
                         struct ccb_plugin_refusal *refusal)
{
    struct ccb_manifest *m = &plugin->manifest;
    /* O_NONBLOCK: a FIFO by that name must not hold us up. */
    int fd = open(plugin->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int code;

    if (fd < 0)
        return ccb_refuse(refusal, CCB_REFUSED_UNREADABLE, "a readable file",
                          "%s", strerror(errno));
    code = ccb_manifest_read(m, fd, plugin->arena, refusal);
    close(fd);
    if (code)
        return code;
    plugin->id = ccb_arena_cstr(plugin->arena, m->id);
    plugin->version = ccb_arena_cstr(plugin->arena, m->version);
    return plugin->id && plugin->version ? 0 : CCB_NO_MEMORY;
}

static int check_duplicate(const struct opening *o,
                           const struct ccb_plugin *plugin,
                           struct ccb_plugin_refusal *refusal)
{
    const struct ccb_plugin *other =
        ccb_plugins_get(o->plugins, ccb_slice_of(plugin->id));

    if (!other)
        return 0;
    return ccb_refuse(refusal, CCB_REFUSED_DUPLICATE,
                      "an id that no other plugin has", "the id %.60s of %.80s",
                      plugin->id, other->file);
}

static int append(struct ccb_plugins *plugins, struct ccb_plugin *plugin)
{
    if (plugins->count == plugins->capacity) {
        size_t capacity = plugins->capacity ? 2 * plugins->capacity : 8;
        void *grown = ccb_realloc(plugins->items, capacity * sizeof(plugin));

        if (!grown)
            return CCB_NO_MEMORY;
        plugins->items = grown;
        plugins->capacity = capacity;
    }
    plugins->items[plugins->count++] = plugin;
    return 0;
}

static int add_claims(struct ccb_plugins *plugins, struct ccb_plugin *plugin)
{
    const struct ccb_json_list *list = &plugin->manifest.claims;
    const struct ccb_slice *items = list->items;
    int code = 0;

    for (size_t i = 0; code == 0 && i < list->count; i++)
        code = ccb_claims_add(&plugins->claims, items[i], plugin);
    return code;
}

/* Takes the file or refuses it; negative only when there is no memory. */
static int on_file(void *user, const char *path)
{
    const struct opening *o = user;
    struct ccb_plugin_refusal refusal = {.file = path};
    struct ccb_plugin *plugin = create_plugin(o, path);
    int code;

    if (!plugin)
        return CCB_NO_MEMORY;
    code = read_manifest(plugin, &refusal);
    if (code == 0)
        code = check_duplicate(o, plugin, &refusal);
    if (code == 0)
        code = ccb_plugin_load(plugin, &refusal);
    if (code == 0) {
        code = append(o->plugins, plugin);
        if (code)
            plugin->backend->stop(plugin, 0);
    }
    if (code == 0) {
        tell_loaded(o, plugin);
        return add_claims(o->plugins, plugin);
    }
    ccb_plugin_unref(plugin);
    if (code == CCB_NO_MEMORY)
        return code;
    tell_refusal(o, &refusal);
    return 0;
}

/* ---- opening ------------------------------------------------------------ */

static int read_directories(struct opening *o, struct ccb_error *err)
{
    for (size_t i = 0; i < o->options->directory_count; i++) {
        const char *path = o->options->directories[i];
        struct ccb_error error = {0};
        int code = ccb_plugin_directory_each(path, on_file, o, &error);

        if (code == CCB_NO_MEMORY)
            return ccb_error_set(err, code, "no memory for the plugins of %s",
                                 path);
        if (code)
            tell_directory(o, path, &error);
    }
    return 0;
}

/* The ids loaded, for a message. */
static void list_ids(const struct ccb_plugins *plugins, char *out, size_t size)
{
    size_t used = 0;

    snprintf(out, size, "none");
    for (size_t i = 0; i < plugins->count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "",
                                 plugins->items[i]->id);
}

static int add_by_hand(struct ccb_plugins *plugins, const struct ccb_pair *pair,
                       struct ccb_error *err)
{
    struct ccb_plugin *plugin = ccb_plugins_get(plugins, pair->value);
    struct ccb_slice key = ccb_arena_copy(plugins->arena, pair->key);
    char loaded[160];
    int code;

    if (!key.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for the plugins");
    if (!plugin) {
        list_ids(plugins, loaded, sizeof(loaded));
        return ccb_error_set(err, CCB_NOT_FOUND,
                             "-lifecyclePlugin %.*s:%.*s names a plugin that "
                             "is not loaded (loaded: %s)",
                             (int)pair->key.len, pair->key.ptr,
                             (int)pair->value.len, pair->value.ptr, loaded);
    }
    code = ccb_claims_add(&plugins->by_hand, key, plugin);
    if (code == CCB_INVALID)
        ccb_error_set(err, code,
                      "-lifecyclePlugin %.*s:%s: the key must be LIFECYCLE or "
                      "LIFECYCLE/STACK, '*' only at the end of a stack",
                      (int)pair->key.len, pair->key.ptr, plugin->id);
    else if (code)
        ccb_error_set(err, code, "no memory for the plugins");
    return code;
}

static int read_by_hand(const struct opening *o, struct ccb_error *err)
{
    const struct ccb_pairs *pairs = o->options->by_hand;
    int code = 0;

    for (size_t i = 0; code == 0 && pairs && i < pairs->count; i++)
        code = add_by_hand(o->plugins, &pairs->items[i], err);
    return code;
}

static void refuse_claim(const struct opening *o, const struct ccb_claim *a,
                         const struct ccb_claim *b)
{
    struct ccb_plugin_refusal refusal = {.file = b->plugin->file};

    ccb_refuse(&refusal, CCB_REFUSED_CLAIM, "a claim that no other plugin has",
               "\"%.*s\", which %.60s claims, too", (int)a->text.len,
               a->text.ptr, a->plugin->id);
    tell_refusal(o, &refusal);
}

/* The plugin that came first keeps what two claim. */
static int settle_conflicts(const struct opening *o, struct ccb_error *err)
{
    struct ccb_plugins *plugins = o->plugins;
    const struct ccb_claim *a, *b;

    while (ccb_claims_conflict(&plugins->claims, &plugins->by_hand, &a, &b)) {
        refuse_claim(o, a, b);
        if (o->options->strict)
            return ccb_error_set(
                err, CCB_CONFLICT,
                "\"%.*s\" is claimed by two plugins, %s and %s: choose one, "
                "e.g. -lifecyclePlugin %.*s:%s (%s, %s)",
                (int)a->text.len, a->text.ptr, a->plugin->id, b->plugin->id,
                (int)a->text.len, a->text.ptr, a->plugin->id, a->plugin->file,
                b->plugin->file);
        ccb_claims_remove(&plugins->claims, b->plugin);
    }
    return 0;
}

int ccb_plugins_open(struct ccb_plugins **plugins,
                     const struct ccb_plugins_options *options,
                     struct ccb_error *err)
{
    struct ccb_plugins *p = ccb_calloc(1, sizeof(*p));
    struct opening o = {p, options};
    int code;

    *plugins = NULL;
    if (p)
        p->arena = ccb_arena_create();
    if (!p || !p->arena) {
        ccb_free(p);
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for the plugins");
    }
    p->call_timeout =
        options->call_timeout > 0 ? options->call_timeout : CCB_SECOND;
    code = read_directories(&o, err);
    if (code == 0)
        code = read_by_hand(&o, err);
    if (code == 0)
        code = settle_conflicts(&o, err);
    if (code == 0)
        *plugins = p;
    else
        ccb_plugins_close(p);
    return code;
}

void ccb_plugins_close(struct ccb_plugins *plugins)
{
    if (!plugins)
        return;
    for (size_t i = 0; i < plugins->count; i++) {
        struct ccb_plugin *plugin = plugins->items[i];

        plugin->backend->stop(plugin, plugins->call_timeout);
        ccb_plugin_unref(plugin);
    }
    ccb_claims_destroy(&plugins->claims);
    ccb_claims_destroy(&plugins->by_hand);
    ccb_arena_unref(plugins->arena);
    ccb_free(plugins->items);
    ccb_free(plugins);
}

/* ---- looking up --------------------------------------------------------- */

size_t ccb_plugins_count(const struct ccb_plugins *plugins)
{
    return plugins->count;
}

struct ccb_plugin *ccb_plugins_find(const struct ccb_plugins *plugins,
                                    struct ccb_slice lifecycle,
                                    struct ccb_slice stack)
{
    struct ccb_plugin *found =
        ccb_claims_find(&plugins->by_hand, lifecycle, stack);

    return found ? found : ccb_claims_find(&plugins->claims, lifecycle, stack);
}

/* Hands claims on as they are told outside this room. */
struct teller {
    void (*on_claim)(void *user, struct ccb_slice claim, bool by_hand,
                     const struct ccb_plugin *plugin);
    void *user;
    bool by_hand;
};

static void tell_claim(void *user, const struct ccb_claim *claim)
{
    const struct teller *teller = user;

    teller->on_claim(teller->user, claim->text, teller->by_hand, claim->plugin);
}

void ccb_plugins_each_claim(const struct ccb_plugins *plugins,
                            struct ccb_slice lifecycle, struct ccb_slice stack,
                            void (*on_claim)(void *user, struct ccb_slice claim,
                                             bool by_hand,
                                             const struct ccb_plugin *plugin),
                            void *user)
{
    struct teller teller = {on_claim, user, true};

    ccb_claims_each(&plugins->by_hand, lifecycle, stack, tell_claim, &teller);
    teller.by_hand = false;
    ccb_claims_each(&plugins->claims, lifecycle, stack, tell_claim, &teller);
}

struct ccb_plugin *ccb_plugins_get(const struct ccb_plugins *plugins,
                                   struct ccb_slice id)
{
    for (size_t i = 0; i < plugins->count; i++)
        if (ccb_slice_is(id, plugins->items[i]->id))
            return plugins->items[i];
    return NULL;
}

const char *ccb_plugin_id(const struct ccb_plugin *plugin)
{
    return plugin->id;
}

const char *ccb_plugin_version(const struct ccb_plugin *plugin)
{
    return plugin->version;
}

const char *ccb_plugin_file(const struct ccb_plugin *plugin)
{
    return plugin->file;
}

int ccb_plugins_annotation_is_enough(const struct ccb_plugins *plugins,
                                     const struct ccb_plugin *plugin,
                                     struct ccb_slice lifecycle)
{
    struct ccb_slice no_stack = {NULL, 0};
    const struct ccb_plugin *found =
        ccb_plugins_find(plugins, lifecycle, no_stack);

    return found != NULL &&
           (found == plugin ||
            ccb_slice_is(plugin->manifest.result_form, found->id));
}
