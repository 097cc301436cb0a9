/*
 * The registry: which plugins there are and which one serves what.
 * Invariant: what is looked up comes from one generation, read through one
 * atomic pointer; it stands until every attached loop has turned.
 * Follows plugin.h, "the registry" and "looking up"; design.md 6, rules 6
 * and 9.
 */
#include "plugin/registry.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define RUNNER "ccbridge-plugin-host"

/* ---- opening ------------------------------------------------------------ */

static int copy_text(struct ccb_arena *arena, const char **text)
{
    if (!*text)
        return 0;
    *text = ccb_arena_cstr(arena, ccb_slice_of(*text));
    return *text ? 0 : CCB_NO_MEMORY;
}

static int copy_directories(struct ccb_plugins *p)
{
    size_t count = p->options.directory_count;
    const char **copies =
        ccb_arena_alloc(p->arena, (count + 1) * sizeof(*copies));
    int code = copies ? 0 : CCB_NO_MEMORY;

    for (size_t i = 0; code == 0 && i < count; i++) {
        copies[i] = p->options.directories[i];
        code = copy_text(p->arena, &copies[i]);
    }
    p->options.directories = copies;
    return code;
}

/* Beside the running program. */
static int find_runner(struct ccb_plugins *p)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
    struct ccb_slice path = {NULL, 0};

    if (p->options.runner)
        return copy_text(p->arena, &p->options.runner);
    while (n > 0 && self[n - 1] != '/')
        n--;
    if (n > 0)
        path = ccb_arena_format(p->arena, "%.*s" RUNNER, (int)n, self);
    p->options.runner = path.ptr;
    return path.ptr || n <= 0 ? 0 : CCB_NO_MEMORY;
}

/* A reload needs what the options said, long after they went. */
static int copy_options(struct ccb_plugins *p,
                        const struct ccb_plugins_options *options)
{
    int code;

    p->options = *options;
    p->options.by_hand = NULL; /* each generation is given its own */
    if (p->options.call_timeout <= 0)
        p->options.call_timeout = CCB_SECOND;
    code = copy_directories(p);
    if (code == 0)
        code = copy_text(p->arena, &p->options.policy_directory);
    return code ? code : find_runner(p);
}

static struct ccb_plugins *create(const struct ccb_plugins_options *options)
{
    struct ccb_plugins *p = ccb_calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->turned, NULL);
    p->arena = ccb_arena_create();
    if (!p->arena || copy_options(p, options) != 0) {
        ccb_plugins_close(p);
        return NULL;
    }
    return p;
}

int ccb_plugins_open(struct ccb_plugins **plugins,
                     const struct ccb_plugins_options *options,
                     struct ccb_error *err)
{
    struct ccb_plugins *p = create(options);
    struct ccb_plugins_set *set;
    int code;

    *plugins = NULL;
    if (!p)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for the plugins");
    code = ccb_plugins_set_make(&set, p, NULL, options->by_hand, err);
    if (code) {
        ccb_plugins_close(p);
        return code;
    }
    atomic_store(&p->current, set);
    *plugins = p;
    return 0;
}

void ccb_plugins_close(struct ccb_plugins *plugins)
{
    struct ccb_slice all = {NULL, 0};
    struct ccb_plugins_set *set;

    if (!plugins)
        return;
    set = atomic_load(&plugins->current);
    for (size_t i = 0; set && i < set->count; i++)
        set->items[i]->backend->stop(set->items[i],
                                     plugins->options.call_timeout);
    ccb_plugins_set_free(set, set, 0);
    ccb_plugin_forget_failures(&plugins->failures, all);
    pthread_cond_destroy(&plugins->turned);
    pthread_mutex_destroy(&plugins->lock);
    ccb_arena_unref(plugins->arena);
    ccb_free(plugins);
}

/* ---- readers ------------------------------------------------------------ */

void ccb_plugins_attach(struct ccb_plugins *plugins,
                        struct ccb_plugins_reader *reader,
                        struct ccb_loop *loop)
{
    *reader = (struct ccb_plugins_reader){.plugins = plugins, .loop = loop};
    pthread_mutex_lock(&plugins->lock);
    reader->next = plugins->readers;
    plugins->readers = reader;
    pthread_mutex_unlock(&plugins->lock);
}

void ccb_plugins_detach(struct ccb_plugins_reader *reader)
{
    struct ccb_plugins *plugins = reader->plugins;
    struct ccb_plugins_reader **at;

    if (!plugins)
        return;
    pthread_mutex_lock(&plugins->lock);
    at = &plugins->readers;
    while (*at != reader)
        at = &(*at)->next;
    *at = reader->next;
    if (reader->posted) {
        ccb_loop_unpost(reader->loop, &reader->post);
        plugins->turning--;
        pthread_cond_signal(&plugins->turned);
    }
    pthread_mutex_unlock(&plugins->lock);
    reader->plugins = NULL;
}

/* ---- looking up --------------------------------------------------------- */

static const struct ccb_plugins_set *current(const struct ccb_plugins *plugins)
{
    return atomic_load_explicit(&plugins->current, memory_order_acquire);
}

size_t ccb_plugins_count(const struct ccb_plugins *plugins)
{
    return current(plugins)->count;
}

uint64_t ccb_plugins_generation(const struct ccb_plugins *plugins)
{
    return current(plugins)->number;
}

struct ccb_plugin *ccb_plugins_set_find(const struct ccb_plugins_set *set,
                                        struct ccb_slice lifecycle,
                                        struct ccb_slice stack)
{
    struct ccb_plugin *found = ccb_claims_find(&set->by_hand, lifecycle, stack);

    return found ? found : ccb_claims_find(&set->claims, lifecycle, stack);
}

struct ccb_plugin *ccb_plugins_find(const struct ccb_plugins *plugins,
                                    struct ccb_slice lifecycle,
                                    struct ccb_slice stack)
{
    return ccb_plugins_set_find(current(plugins), lifecycle, stack);
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
    const struct ccb_plugins_set *set = current(plugins);
    struct teller teller = {on_claim, user, true};

    ccb_claims_each(&set->by_hand, lifecycle, stack, tell_claim, &teller);
    teller.by_hand = false;
    ccb_claims_each(&set->claims, lifecycle, stack, tell_claim, &teller);
}

struct ccb_plugin *ccb_plugins_set_get(const struct ccb_plugins_set *set,
                                       struct ccb_slice id)
{
    for (size_t i = 0; i < set->count; i++)
        if (ccb_slice_is(id, set->items[i]->id))
            return set->items[i];
    return NULL;
}

struct ccb_plugin *ccb_plugins_get(const struct ccb_plugins *plugins,
                                   struct ccb_slice id)
{
    return ccb_plugins_set_get(current(plugins), id);
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
           (ccb_slice_is(ccb_slice_of(plugin->id), found->id) ||
            ccb_slice_is(plugin->manifest.result_form, found->id));
}
