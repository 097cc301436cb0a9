/*
 * From one generation to the next.
 * Invariant: what a loop can still see is never taken away: the old generation
 * goes after every attached loop has run a callback of ours, and a plugin of
 * it after its last call.
 * Follows plugin.h, "generations"; design.md 6, rule 9; anchors 3.7.
 */
#include "base/clock.h"
#include "plugin/registry.h"

struct ccb_plugins_next {
    struct ccb_plugins_set *set; /* whose arena it lies in */
};

int ccb_plugins_prepare(struct ccb_plugins *plugins,
                        const struct ccb_pairs *by_hand,
                        struct ccb_plugins_next **next, struct ccb_error *err)
{
    const struct ccb_plugins_set *serving = atomic_load(&plugins->current);
    struct ccb_plugins_set *set;
    int code = ccb_plugins_set_make(&set, plugins, serving, by_hand, err);

    *next = NULL;
    if (code)
        return code;
    *next = ccb_arena_alloc(set->arena, sizeof(**next));
    if (!*next) {
        ccb_plugins_set_free(set, serving, 0);
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for the plugins");
    }
    (*next)->set = set;
    return 0;
}

struct ccb_plugin *ccb_plugins_next_find(const struct ccb_plugins_next *next,
                                         struct ccb_slice lifecycle,
                                         struct ccb_slice stack)
{
    return ccb_plugins_set_find(next->set, lifecycle, stack);
}

void ccb_plugins_discard(struct ccb_plugins *plugins,
                         struct ccb_plugins_next *next)
{
    if (next)
        ccb_plugins_set_free(next->set, atomic_load(&plugins->current), 0);
}

/* ---- committing --------------------------------------------------------- */

static void on_turned(struct ccb_post *post)
{
    struct ccb_plugins_reader *reader =
        (struct ccb_plugins_reader *)(void *)((char *)post -
                                              offsetof(
                                                  struct ccb_plugins_reader,
                                                  post));
    struct ccb_plugins *plugins = reader->plugins;

    pthread_mutex_lock(&plugins->lock);
    reader->posted = false;
    plugins->turning--;
    pthread_cond_signal(&plugins->turned);
    pthread_mutex_unlock(&plugins->lock);
}

/* A callback that began before the swap may hold what it looked up; when ours
 * runs, it has returned. */
static void wait_for_readers(struct ccb_plugins *plugins)
{
    pthread_mutex_lock(&plugins->lock);
    for (struct ccb_plugins_reader *reader = plugins->readers; reader;
         reader = reader->next) {
        reader->posted = true;
        reader->post.run = on_turned;
        plugins->turning++;
        ccb_loop_post(reader->loop, &reader->post);
    }
    while (plugins->turning > 0)
        pthread_cond_wait(&plugins->turned, &plugins->lock);
    pthread_mutex_unlock(&plugins->lock);
}

static void count_change(const struct ccb_plugins_set *old,
                         const struct ccb_plugins_set *set,
                         struct ccb_plugins_change *change)
{
    *change = (struct ccb_plugins_change){.generation = set->number,
                                          .refused = set->refused_count};
    for (size_t i = 0; i < set->count; i++) {
        const struct ccb_plugin *plugin = set->items[i];
        const struct ccb_plugin *before =
            ccb_plugins_set_get(old, ccb_slice_of(plugin->id));

        if (!before)
            change->added++;
        else if (before == plugin)
            change->kept++;
        else
            change->replaced++;
    }
    change->removed = old->count - change->kept - change->replaced;
}

/* The longest that a call may take: each round of facts begins anew. What a
 * gatherer takes is not in it; such a call keeps what it needs. */
static int64_t longest_call(const struct ccb_plugins_set *set)
{
    int64_t longest = 0;

    for (size_t i = 0; i < set->count; i++)
        if (set->items[i]->call_timeout > longest)
            longest = set->items[i]->call_timeout;
    return (CCB_PLUGIN_MAX_ROUNDS + 1) * longest;
}

void ccb_plugins_commit(struct ccb_plugins *plugins,
                        struct ccb_plugins_next *next,
                        struct ccb_plugins_change *change)
{
    struct ccb_plugins_set *set = next->set;
    struct ccb_plugins_set *old = atomic_exchange(&plugins->current, set);

    count_change(old, set, change);
    wait_for_readers(plugins);
    ccb_plugins_set_free(old, set, longest_call(old));
}

int ccb_plugins_release_quarantine(struct ccb_plugins *plugins,
                                   struct ccb_slice id, struct ccb_error *err)
{
    struct ccb_plugin *plugin = ccb_plugins_get(plugins, id);
    size_t forgotten = ccb_plugin_forget_failures(&plugins->failures, id);

    if (plugin)
        atomic_store(&plugin->quarantined, false);
    if (plugin || forgotten)
        return 0;
    return ccb_error_set(err, CCB_NOT_FOUND,
                         "there is no plugin %.*s; `ccbridge plugin list` "
                         "shows those there are",
                         (int)id.len, id.ptr);
}
