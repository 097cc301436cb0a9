/*
 * Makes one generation: the files of the directories, then who serves what.
 * Invariant: a file that can't be taken is named in the log and in the set,
 * and never in the way of the others; but what serves is never lost to a
 * refusal: then the whole set is given up, and what serves goes on.
 * Follows plugin.h, "the registry" and "generations"; design.md 6, rules 6, 9
 * and 10.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "plugin/registry.h"

/* What is at hand while a set is made. */
struct making {
    struct ccb_plugins *plugins;
    const struct ccb_plugins_set *serving; /* NULL at start */
    struct ccb_plugins_set *set;
};

/* ---- saying what happens ------------------------------------------------ */

static void tell_refusal(const struct making *m,
                         const struct ccb_plugin_refusal *refusal)
{
    const struct ccb_plugins_options *options = &m->plugins->options;
    enum ccb_log_level level = refusal->reason == CCB_REFUSED_DISABLED
                                   ? CCB_LEVEL_INFO
                                   : CCB_LEVEL_ERROR;

    if (options->log)
        ccb_log_write(options->log, level, "plugin-refused",
                      CCB_FIELDS(ccb_log_cstr("file", refusal->file),
                                 ccb_log_cstr("reason", ccb_refusal_name(
                                                            refusal->reason)),
                                 ccb_log_cstr("expected", refusal->expected),
                                 ccb_log_cstr("found", refusal->found),
                                 ccb_log_cstr("advice", refusal->advice)));
    if (options->on_refused)
        options->on_refused(options->user, refusal);
}

static void tell_loaded(const struct making *m, const struct ccb_plugin *plugin)
{
    if (m->plugins->options.log)
        ccb_log_write(
            m->plugins->options.log, CCB_LEVEL_INFO, "plugin-loaded",
            CCB_FIELDS(ccb_log_cstr("plugin", plugin->id),
                       ccb_log_cstr("version", plugin->version),
                       ccb_log_cstr("file", plugin->file),
                       ccb_log_cstr("mode", plugin->isolated ? "isolated"
                                                             : "in-process"),
                       ccb_log_cstr("sha256", plugin->image.digest),
                       ccb_log_int("generation", (int64_t)plugin->generation)));
}

static void tell_outranked(const struct making *m,
                           const struct ccb_claim *winner,
                           const struct ccb_claim *loser)
{
    if (m->plugins->options.log)
        ccb_log_write(m->plugins->options.log, CCB_LEVEL_INFO,
                      "plugin-claim-outranked",
                      CCB_FIELDS(ccb_log_text("claim", loser->text),
                                 ccb_log_cstr("plugin", loser->plugin->id),
                                 ccb_log_cstr("winner", winner->plugin->id),
                                 ccb_log_int("priority",
                                             winner->plugin->policy.priority)));
}

/* ---- the files ---------------------------------------------------------- */

static int append(struct ccb_plugins_set *set, struct ccb_plugin *plugin)
{
    if (set->count == set->capacity) {
        size_t capacity = set->capacity ? 2 * set->capacity : 8;
        void *grown = ccb_realloc(set->items, capacity * sizeof(plugin));

        if (!grown)
            return CCB_NO_MEMORY;
        set->items = grown;
        set->capacity = capacity;
    }
    set->items[set->count++] = plugin;
    return 0;
}

/* Keeps a refusal for the list, and says it. */
static int note_refusal(const struct making *m, const char *id,
                        const struct ccb_plugin_refusal *refusal)
{
    struct ccb_arena *arena = m->set->arena;
    struct ccb_plugins_refused *row = ccb_arena_alloc(arena, sizeof(*row));

    if (!row)
        return CCB_NO_MEMORY;
    row->refusal = *refusal;
    row->refusal.file = ccb_arena_cstr(arena, ccb_slice_of(refusal->file));
    row->id = id ? ccb_arena_cstr(arena, ccb_slice_of(id)) : NULL;
    if (!row->refusal.file || (id && !row->id))
        return CCB_NO_MEMORY;
    *m->set->refused_end = row;
    m->set->refused_end = &row->next;
    m->set->refused_count++;
    tell_refusal(m, refusal);
    return 0;
}

static int add_claims(struct ccb_plugins_set *set, struct ccb_plugin *plugin)
{
    const struct ccb_json_list *list = ccb_plugin_claims(plugin);
    const struct ccb_slice *items = list->items;
    int code = 0;

    for (size_t i = 0; code == 0 && i < list->count; i++)
        code = ccb_claims_add(&set->claims, items[i], plugin);
    return code;
}

static int take(const struct making *m, struct ccb_plugin *plugin)
{
    bool kept = plugin->generation != 0;

    if (append(m->set, plugin) != 0) {
        if (!kept)
            plugin->backend->stop(plugin, 0);
        ccb_plugin_unref(plugin);
        return CCB_NO_MEMORY;
    }
    if (!kept) {
        plugin->generation = m->set->number;
        tell_loaded(m, plugin);
    }
    return add_claims(m->set, plugin);
}

/* Takes the file or refuses it; negative only when there is no memory. */
static int on_file(void *user, const struct ccb_plugins_file *file)
{
    const struct making *m = user;
    struct ccb_plugin_refusal refusal = {.file = file->path};
    struct ccb_plugin *plugin = NULL;
    int code = ccb_plugin_scan(&plugin, m->plugins, m->serving, m->set, file,
                               &refusal);

    if (code == 0)
        return take(m, plugin);
    if (code == CCB_INVALID)
        code = note_refusal(m, plugin ? plugin->id : NULL, &refusal);
    if (plugin)
        ccb_plugin_unref(plugin);
    return code;
}

/* A directory that could be read and now can't must not look as if all its
 * plugins had been removed. */
static int pass_over(const struct making *m, size_t at,
                     const struct ccb_error *error, struct ccb_error *err)
{
    const char *path = m->plugins->options.directories[at];

    if (m->plugins->options.log)
        ccb_log_write(m->plugins->options.log, CCB_LEVEL_ERROR,
                      "plugin-directory-unreadable",
                      CCB_FIELDS(ccb_log_cstr("directory", path),
                                 ccb_log_cstr("error", error->message)));
    if (m->serving && at < 64 && (m->serving->readable >> at & 1))
        return ccb_error_set(err, CCB_FAILED,
                             "the plugin directory %s can't be read any more: "
                             "%s",
                             path, error->message);
    return 0;
}

static int read_directories(struct making *m, struct ccb_error *err)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < m->plugins->options.directory_count;
         i++) {
        const char *path = m->plugins->options.directories[i];
        struct ccb_error error = {0};

        code = ccb_plugin_directory_each(path, on_file, m, &error);
        if (code == CCB_NO_MEMORY)
            ccb_error_set(err, code, "no memory for the plugins of %s", path);
        else if (code)
            code = pass_over(m, i, &error, err);
        else if (i < 64)
            m->set->readable |= UINT64_C(1) << i;
    }
    return code;
}

/* ---- what serves is not lost -------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return a && b && ccb_slice_is(ccb_slice_of(a), b);
}

/* The refusal by which `plugin` would go: of its own file, or of one that has
 * its id when nobody else has it. To be disabled is the operator's word. */
static const struct ccb_plugins_refused *find_loss(
    const struct ccb_plugins_set *set, const struct ccb_plugin *plugin)
{
    bool served = ccb_plugins_set_get(set, ccb_slice_of(plugin->id)) != NULL;
    const struct ccb_plugins_refused *row = set->refused;

    while (row && (row->refusal.reason == CCB_REFUSED_DISABLED ||
                   (!same_text(row->refusal.file, plugin->file) &&
                    (served || !same_text(row->id, plugin->id)))))
        row = row->next;
    return row;
}

static int check_losses(const struct making *m, struct ccb_error *err)
{
    for (size_t i = 0; m->serving && i < m->serving->count; i++) {
        const struct ccb_plugin *old = m->serving->items[i];
        const struct ccb_plugins_refused *row = find_loss(m->set, old);

        if (row)
            return ccb_error_set(
                err, CCB_FAILED,
                "%s is refused (%s), while the plugin %s serves: expected %s, "
                "found %s; %s",
                row->refusal.file, ccb_refusal_name(row->refusal.reason),
                old->id, row->refusal.expected, row->refusal.found,
                row->refusal.advice);
    }
    return 0;
}

static bool has(const struct ccb_plugins_set *set,
                const struct ccb_plugin *plugin)
{
    for (size_t i = 0; set && i < set->count; i++)
        if (set->items[i] == plugin)
            return true;
    return false;
}

/* A plugin of a set that is not taken, or not any more. */
static void leave(const struct ccb_plugins_set *other,
                  struct ccb_plugin *plugin, int64_t deadline)
{
    if (has(other, plugin))
        ccb_plugin_unref(plugin);
    else
        (void)ccb_plugin_retire(plugin, deadline);
}

/* ---- choices by hand ---------------------------------------------------- */

/* The ids loaded, for a message. */
static void list_ids(const struct ccb_plugins_set *set, char *out, size_t size)
{
    size_t used = 0;

    snprintf(out, size, "none");
    for (size_t i = 0; i < set->count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "",
                                 set->items[i]->id);
}

static int add_by_hand(struct ccb_plugins_set *set, const struct ccb_pair *pair,
                       struct ccb_error *err)
{
    struct ccb_plugin *plugin = ccb_plugins_set_get(set, pair->value);
    struct ccb_slice key = ccb_arena_copy(set->arena, pair->key);
    char loaded[160];
    int code;

    if (!key.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for the plugins");
    if (!plugin) {
        list_ids(set, loaded, sizeof(loaded));
        return ccb_error_set(err, CCB_NOT_FOUND,
                             "-lifecyclePlugin %.*s:%.*s names a plugin that "
                             "is not loaded (loaded: %s)",
                             (int)pair->key.len, pair->key.ptr,
                             (int)pair->value.len, pair->value.ptr, loaded);
    }
    code = ccb_claims_add(&set->by_hand, key, plugin);
    if (code == CCB_INVALID)
        ccb_error_set(err, code,
                      "-lifecyclePlugin %.*s:%s: the key must be LIFECYCLE or "
                      "LIFECYCLE/STACK, '*' only at the end of a stack",
                      (int)pair->key.len, pair->key.ptr, plugin->id);
    else if (code)
        ccb_error_set(err, code, "no memory for the plugins");
    return code;
}

static int read_by_hand(const struct making *m, const struct ccb_pairs *pairs,
                        struct ccb_error *err)
{
    int code = 0;

    for (size_t i = 0; code == 0 && pairs && i < pairs->count; i++)
        code = add_by_hand(m->set, &pairs->items[i], err);
    return code;
}

/* ---- conflicts ---------------------------------------------------------- */

/* Whether the plugin of `claim` has that claim in what serves. */
static bool serves_already(const struct making *m,
                           const struct ccb_claim *claim)
{
    const struct ccb_claims *claims = m->serving ? &m->serving->claims : NULL;

    for (size_t i = 0; claims && i < claims->count; i++)
        if (ccb_slice_equal(claims->items[i].text, claim->text) &&
            same_text(claims->items[i].plugin->id, claim->plugin->id))
            return true;
    return false;
}

static bool serves_by_hand(const struct making *m,
                           const struct ccb_plugin *plugin)
{
    const struct ccb_claims *claims = &m->set->by_hand;
    size_t i = 0;

    while (i < claims->count && claims->items[i].plugin != plugin)
        i++;
    return i < claims->count;
}

/* It is in the list of the refused instead. */
static void take_out(const struct making *m, struct ccb_plugin *plugin)
{
    struct ccb_plugins_set *set = m->set;
    size_t i = 0;

    while (set->items[i] != plugin)
        i++;
    set->count--;
    for (; i < set->count; i++)
        set->items[i] = set->items[i + 1];
    ccb_claims_remove(&set->claims, plugin);
    leave(m->serving, plugin, ccb_clock_monotonic());
}

static int refuse_claim(const struct making *m, const struct ccb_claim *a,
                        const struct ccb_claim *b, struct ccb_error *err)
{
    struct ccb_plugin_refusal refusal = {.file = b->plugin->file};
    int code;

    ccb_refuse(&refusal, CCB_REFUSED_CLAIM, "a claim that no other plugin has",
               "\"%.*s\", which %.60s claims, too", (int)a->text.len,
               a->text.ptr, a->plugin->id);
    code = note_refusal(m, b->plugin->id, &refusal);
    if (code)
        return ccb_error_set(err, code, "no memory for the plugins");
    if (m->plugins->options.strict || serves_already(m, b))
        return ccb_error_set(
            err, CCB_CONFLICT,
            "\"%.*s\" is claimed by two plugins, %s and %s: choose one, "
            "e.g. -lifecyclePlugin %.*s:%s (%s, %s)",
            (int)a->text.len, a->text.ptr, a->plugin->id, b->plugin->id,
            (int)a->text.len, a->text.ptr, a->plugin->id, a->plugin->file,
            b->plugin->file);
    take_out(m, b->plugin);
    return 0;
}

/* The operator's priority decides; between equals the plugin that came first
 * keeps what two claim. */
static int settle_conflicts(const struct making *m, struct ccb_error *err)
{
    struct ccb_plugins_set *set = m->set;
    const struct ccb_claim *a, *b;
    int code = 0;

    while (code == 0 &&
           ccb_claims_conflict(&set->claims, &set->by_hand, &a, &b)) {
        int64_t first = a->plugin->policy.priority;
        int64_t second = b->plugin->policy.priority;

        if (first == second && !serves_by_hand(m, b->plugin)) {
            code = refuse_claim(m, a, b, err);
        } else {
            const struct ccb_claim *loser = first < second ? a : b;

            tell_outranked(m, loser == a ? b : a, loser);
            ccb_claims_drop(&set->claims, loser);
        }
    }
    return code;
}

/* ---- all of it ---------------------------------------------------------- */

static struct ccb_plugins_set *create(uint64_t number)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_plugins_set *set = NULL;

    if (arena)
        set = ccb_arena_alloc(arena, sizeof(*set));
    if (!set) {
        ccb_arena_unref(arena);
        return NULL;
    }
    set->arena = arena;
    set->number = number;
    set->refused_end = &set->refused;
    return set;
}

int ccb_plugins_set_make(struct ccb_plugins_set **set,
                         struct ccb_plugins *plugins,
                         const struct ccb_plugins_set *serving,
                         const struct ccb_pairs *by_hand, struct ccb_error *err)
{
    struct making m = {plugins, serving,
                       create(serving ? serving->number + 1 : 1)};
    int code;

    *set = NULL;
    if (!m.set)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for the plugins");
    code = read_directories(&m, err);
    if (code == 0)
        code = check_losses(&m, err);
    if (code == 0)
        code = ccb_plugins_check_critical(plugins, m.set, err);
    if (code == 0)
        code = read_by_hand(&m, by_hand, err);
    if (code == 0)
        code = settle_conflicts(&m, err);
    if (code == 0)
        *set = m.set;
    else
        ccb_plugins_set_free(m.set, serving, 0);
    return code;
}

void ccb_plugins_set_free(struct ccb_plugins_set *set,
                          const struct ccb_plugins_set *other, int64_t grace)
{
    int64_t deadline = ccb_clock_monotonic() + grace;

    if (!set)
        return;
    for (size_t i = 0; i < set->count; i++)
        leave(other, set->items[i], deadline);
    ccb_claims_destroy(&set->claims);
    ccb_claims_destroy(&set->by_hand);
    ccb_free(set->items);
    ccb_arena_unref(set->arena);
}
