/*
 * Shows a recipe and how it came about: the recipe alone on stdout and the
 * rest on stderr, so that stdout can be piped; or all as one JSON document.
 *
 * Invariant: what is a secret leaves here masked, unless it was asked for.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/redact.h"
#include "daemon/recipe_internal.h"

/* What is shown, after masking. */
struct view {
    const struct ccb_recipe_shown *shown;
    struct ccb_arena *arena; /* all of it lies there */
    struct ccb_json recipe;  /* NONE: there is no recipe */
    struct ccb_json facts;
    struct ccb_slice words;           /* of a refusal */
    struct ccb_slice key, entry, url; /* of the bundle; empty: not known */
};

/* ---- masking ------------------------------------------------------------ */

/* Moves what `from` holds to the arena. ptr NULL: no memory. */
static struct ccb_slice keep(const struct view *view, struct ccb_buf *from)
{
    struct ccb_slice kept = {NULL, 0};
    if (!from->failed)
        kept = ccb_arena_copy(view->arena, ccb_buf_slice(from));
    ccb_buf_destroy(from);
    return kept;
}

static int mask_json(const struct view *view, struct ccb_json *value)
{
    struct ccb_buf masked = {0};
    struct ccb_slice kept;
    if (view->shown->config->show_secrets)
        return 0;
    ccb_redact_json(&masked, *value);
    kept = keep(view, &masked);
    if (!kept.ptr)
        return CCB_NO_MEMORY;
    return ccb_json_parse(value, kept, CCB_JSON_WHOLE, NULL);
}

static int mask_text(const struct view *view, struct ccb_slice *text)
{
    struct ccb_buf masked = {0};
    if (view->shown->config->show_secrets)
        return 0;
    ccb_redact_text(&masked, *text);
    *text = keep(view, &masked);
    return text->ptr ? 0 : CCB_NO_MEMORY;
}

/* ---- the bundle, as it is found in the recipe --------------------------- */

/* The entry itself, or a path below the file server that ends with it. */
static bool is_from(struct ccb_slice text, struct ccb_slice entry)
{
    size_t head = text.len - entry.len;
    if (entry.len == 0 || text.len < entry.len ||
        memcmp(text.ptr + head, entry.ptr, entry.len) != 0)
        return false;
    return head == 0 || entry.ptr[0] == '/' || text.ptr[head - 1] == '/';
}

static bool find_url(const struct view *view, struct ccb_json value,
                     struct ccb_slice entry, struct ccb_slice *url)
{
    struct ccb_json_alloc alloc = ccb_arena_json(view->arena);
    struct ccb_json_iter it = ccb_json_iter(value);
    if (value.type == CCB_JSON_STRING)
        return ccb_json_string(value, &alloc, url) == 0 && is_from(*url, entry);
    while (ccb_json_next(&it))
        if (find_url(view, it.value, entry, url))
            return true;
    return false;
}

/* How near a key of -lifecycle is: 0 for LIFECYCLE/STACK, 1 for LIFECYCLE, 2
 * for the others, which a plugin may look at, too. */
static int distance(const struct ccb_recipe_shown *shown, struct ccb_slice key)
{
    size_t head = shown->choice.lifecycle.len;
    struct ccb_slice rest;
    if (key.len < head || head == 0 ||
        memcmp(key.ptr, shown->choice.lifecycle.ptr, head) != 0)
        return 2;
    if (key.len == head)
        return 1;
    rest = ccb_slice_make(key.ptr + head + 1, key.len - head - 1);
    return key.ptr[head] == '/' && ccb_slice_equal(rest, shown->choice.stack)
               ? 0
               : 2;
}

static void find_bundle(struct view *view)
{
    const struct ccb_pairs *pairs = view->shown->lifecycles;
    struct ccb_slice url;
    size_t i;
    int near;
    for (near = 0; near < 3; near++)
        for (i = 0; i < pairs->count; i++) {
            const struct ccb_pair *pair = &pairs->items[i];
            if (distance(view->shown, pair->key) != near ||
                !find_url(view, view->recipe, pair->value, &url))
                continue;
            view->key = pair->key;
            view->entry = pair->value;
            view->url = url;
            return;
        }
}

/* ---- as JSON ------------------------------------------------------------ */

static void put_claim(void *user, struct ccb_slice claim, bool by_hand,
                      const struct ccb_plugin *plugin)
{
    struct ccb_json_writer *w = user;
    ccb_json_begin_object(w);
    ccb_json_member_string(w, "claim", claim);
    ccb_json_member_bool(w, "by_hand", by_hand);
    ccb_json_member_cstr(w, "plugin", ccb_plugin_id(plugin));
    ccb_json_end_object(w);
}

static void put_plugin(struct ccb_json_writer *w,
                       const struct ccb_plugin *plugin)
{
    ccb_json_key(w, "plugin");
    if (!plugin) {
        ccb_json_put_null(w);
        return;
    }
    ccb_json_begin_object(w);
    ccb_json_member_cstr(w, "id", ccb_plugin_id(plugin));
    ccb_json_member_cstr(w, "version", ccb_plugin_version(plugin));
    ccb_json_member_cstr(w, "file", ccb_plugin_file(plugin));
    ccb_json_end_object(w);
}

static void put_choice(struct ccb_json_writer *w,
                       const struct ccb_recipe_shown *shown)
{
    ccb_json_member_cstr(w, "kind", shown->kind->word);
    ccb_json_member_string(w, "lifecycle", shown->choice.lifecycle);
    ccb_json_member_string(w, "stack", shown->choice.stack);
    put_plugin(w, shown->choice.plugin);
    if (shown->choice.because)
        ccb_json_member_cstr(w, "because", shown->choice.because);
    if (!shown->config->explain)
        return;
    ccb_json_key(w, "claims");
    ccb_json_begin_array(w);
    ccb_plugins_each_claim(shown->plugins, shown->choice.lifecycle,
                           shown->choice.stack, put_claim, w);
    ccb_json_end_array(w);
}

static void put_bundle(struct ccb_json_writer *w, const struct view *view)
{
    if (view->key.len == 0)
        return;
    ccb_json_key(w, "bundle");
    ccb_json_begin_object(w);
    ccb_json_member_string(w, "key", view->key);
    ccb_json_member_string(w, "entry", view->entry);
    ccb_json_member_string(w, "url", view->url);
    ccb_json_end_object(w);
}

static void put_warnings(struct ccb_json_writer *w, struct ccb_slice lines)
{
    ccb_json_key(w, "warnings");
    ccb_json_begin_array(w);
    while (lines.len > 0) {
        const char *end = memchr(lines.ptr, '\n', lines.len);
        size_t len = end ? (size_t)(end - lines.ptr) : lines.len;
        ccb_json_put_string(w, ccb_slice_make(lines.ptr, len));
        len += end != NULL;
        lines = ccb_slice_make(lines.ptr + len, lines.len - len);
    }
    ccb_json_end_array(w);
}

static void put_refusal(struct ccb_json_writer *w, const struct view *view)
{
    const struct ccb_recipe_refusal *refusal = &view->shown->refusal;
    ccb_json_key(w, "error");
    ccb_json_begin_object(w);
    ccb_json_member_string(w, "message", view->words);
    if (refusal->status != 0) {
        ccb_json_key(w, "answer");
        ccb_json_begin_object(w);
        ccb_json_member_int(w, "status", refusal->status);
        if (refusal->id[0]) {
            ccb_json_member_cstr(w, "id", refusal->id);
            ccb_json_member_cstr(w, "message", refusal->message);
        }
        ccb_json_end_object(w);
    }
    ccb_json_end_object(w);
}

static int put_all(struct ccb_buf *out, const struct view *view)
{
    struct ccb_json_writer w;
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    put_choice(&w, view->shown);
    put_bundle(&w, view);
    ccb_json_member_raw(&w, "facts", view->facts.raw);
    put_warnings(&w, ccb_buf_slice(&view->shown->warnings));
    if (view->shown->refusal.refused)
        put_refusal(&w, view);
    else
        ccb_json_member_raw(&w, "recipe", view->recipe.raw);
    ccb_json_end_object(&w);
    return ccb_json_writer_end(&w);
}

/* ---- for people --------------------------------------------------------- */

static void indent(struct ccb_buf *out, int depth)
{
    ccb_buf_printf(out, "\n%*s", 2 * depth, "");
}

static void put_pretty(struct ccb_buf *out, struct ccb_json value, int depth)
{
    struct ccb_json_iter it = ccb_json_iter(value);
    bool object = value.type == CCB_JSON_OBJECT, some = false;
    if (!object && value.type != CCB_JSON_ARRAY) {
        ccb_buf_put_slice(out, value.raw);
        return;
    }
    ccb_buf_putc(out, object ? '{' : '[');
    for (; ccb_json_next(&it); some = true) {
        if (some)
            ccb_buf_putc(out, ',');
        indent(out, depth + 1);
        if (object) {
            ccb_buf_put_slice(out, it.key.raw);
            ccb_buf_put(out, ": ");
        }
        put_pretty(out, it.value, depth + 1);
    }
    if (some)
        indent(out, depth);
    ccb_buf_putc(out, object ? '}' : ']');
}

static void label(struct ccb_buf *out, const char *name)
{
    ccb_buf_printf(out, "%-10s ", name);
}

/* Of a message: it is not to look like a line of its own. */
static void put_words(struct ccb_buf *out, struct ccb_slice words)
{
    size_t i;
    for (i = 0; i < words.len; i++)
        ccb_buf_putc(out, words.ptr[i] == '\n' ? ' ' : words.ptr[i]);
}

static void put_served(struct ccb_buf *out,
                       const struct ccb_recipe_shown *shown)
{
    put_words(out, shown->choice.lifecycle);
    if (shown->choice.stack.len == 0)
        return;
    ccb_buf_putc(out, '/');
    put_words(out, shown->choice.stack);
}

static void line(struct ccb_buf *out, const char *name, const char *text)
{
    label(out, name);
    ccb_buf_put(out, text);
    ccb_buf_putc(out, '\n');
}

struct claims {
    struct ccb_buf *out;
    size_t count;
};

static void tell_claim(void *user, struct ccb_slice claim, bool by_hand,
                       const struct ccb_plugin *plugin)
{
    struct claims *claims = user;
    label(claims->out, claims->count ? "" : "claims:");
    ccb_buf_put_slice(claims->out, claim);
    ccb_buf_printf(claims->out, " %s %s%s\n",
                   by_hand ? "is given by -lifecyclePlugin to"
                           : "is claimed by",
                   ccb_plugin_id(plugin),
                   claims->count ? ""
                   : by_hand     ? ", which wins: said by hand"
                                 : ", which wins: the most specific one");
    claims->count++;
}

static void tell_choice(struct ccb_buf *out,
                        const struct ccb_recipe_shown *shown)
{
    struct claims claims = {out, 0};
    line(out, "message:", shown->kind->name);
    if (!shown->choice.because)
        return;
    label(out, "lifecycle:");
    put_served(out, shown);
    ccb_buf_putc(out, '\n');
    if (shown->choice.plugin) {
        label(out, "plugin:");
        ccb_buf_printf(out, "%s %s (%s)\n", ccb_plugin_id(shown->choice.plugin),
                       ccb_plugin_version(shown->choice.plugin),
                       ccb_plugin_file(shown->choice.plugin));
    }
    if (!shown->config->explain)
        return;
    line(out, "because:", shown->choice.because);
    ccb_plugins_each_claim(shown->plugins, shown->choice.lifecycle,
                           shown->choice.stack, tell_claim, &claims);
    if (claims.count == 0)
        line(out, "claims:", "none fits");
}

static void tell_bundle(struct ccb_buf *out, const struct view *view)
{
    if (view->key.len == 0)
        return;
    label(out, "bundle:");
    ccb_buf_put_slice(out, view->url);
    ccb_buf_put(out, " (-lifecycle ");
    ccb_buf_put_slice(out, view->key);
    ccb_buf_putc(out, ':');
    ccb_buf_put_slice(out, view->entry);
    ccb_buf_put(out, ")\n");
}

/* Those that say something. */
static void tell_facts(struct ccb_buf *out, struct ccb_json facts)
{
    struct ccb_json_iter it = ccb_json_iter(facts);
    bool some = false;
    while (ccb_json_next(&it)) {
        if (ccb_slice_is(it.value.raw, "\"\""))
            continue;
        label(out, some ? "" : "facts:");
        some = true;
        ccb_buf_append(out, it.key.raw.ptr + 1, it.key.raw.len - 2);
        ccb_buf_put(out, ": ");
        ccb_buf_put_slice(out, it.value.raw);
        ccb_buf_putc(out, '\n');
    }
}

static void tell_warnings(struct ccb_buf *out, struct ccb_slice lines)
{
    while (lines.len > 0) {
        const char *end = memchr(lines.ptr, '\n', lines.len);
        size_t len = end ? (size_t)(end - lines.ptr) + 1 : lines.len;
        label(out, "warning:");
        ccb_buf_append(out, lines.ptr, len);
        lines = ccb_slice_make(lines.ptr + len, lines.len - len);
    }
}

/* The bundle that is missing is the mistake made most often. */
static void tell_way_out(struct ccb_buf *out,
                         const struct ccb_recipe_shown *shown)
{
    size_t i;
    for (i = 0; i < shown->lifecycles->count; i++)
        if (distance(shown, shown->lifecycles->items[i].key) < 2)
            return;
    if (!shown->choice.plugin || shown->choice.lifecycle.len == 0)
        return;
    ccb_buf_put(out, "  no bundle is given for it; give one with -lifecycle ");
    put_served(out, shown);
    ccb_buf_put(out, ":BUNDLE\n");
}

static void tell_refusal(struct ccb_buf *out, const struct view *view)
{
    const struct ccb_recipe_shown *shown = view->shown;
    const struct ccb_recipe_refusal *refusal = &shown->refusal;
    if (!refusal->refused)
        return;
    if (refusal->status != 0) {
        label(out, "answer:");
        ccb_buf_printf(out, "%s would get status %d", shown->kind->sender,
                       refusal->status);
        if (refusal->id[0])
            ccb_buf_printf(out, ", %s \"%s\"", refusal->id, refusal->message);
        ccb_buf_putc(out, '\n');
    }
    ccb_buf_put(out, "ccbridge recipe: the recipe can't be built: ");
    put_words(out, view->words);
    ccb_buf_putc(out, '\n');
    tell_way_out(out, shown);
}

/* A message's text is not to steer a terminal. */
static void put_told(struct ccb_buf *told)
{
    size_t i;
    for (i = 0; i < told->len; i++) {
        unsigned char c = (unsigned char)told->data[i];
        if ((c < ' ' && c != '\n') || c == 0x7f)
            told->data[i] = '?';
    }
    if (told->len > 0)
        fwrite(told->data, 1, told->len, stderr);
    fflush(stderr);
}

static int tell_all(const struct view *view)
{
    struct ccb_buf told = {0};
    int code;
    if (!view->shown->config->quiet) {
        tell_choice(&told, view->shown);
        tell_bundle(&told, view);
        tell_facts(&told, view->facts);
        tell_warnings(&told, ccb_buf_slice(&view->shown->warnings));
    }
    tell_refusal(&told, view);
    code = told.failed;
    if (code == 0)
        put_told(&told);
    ccb_buf_destroy(&told);
    return code;
}

/* ---- both --------------------------------------------------------------- */

static int put_to_stdout(struct ccb_buf *out)
{
    ccb_buf_putc(out, '\n');
    if (out->failed)
        return out->failed;
    fwrite(out->data, 1, out->len, stdout);
    return fflush(stdout) == 0 ? 0 : CCB_IO;
}

static int print(const struct view *view)
{
    bool json = view->shown->config->json;
    bool refused = view->shown->refusal.refused;
    struct ccb_buf out = {0};
    int code = json ? put_all(&out, view) : tell_all(view);
    if (code == 0 && !json && !refused)
        put_pretty(&out, view->recipe, 0);
    if (code == 0 && (json || !refused))
        code = put_to_stdout(&out);
    ccb_buf_destroy(&out);
    return code;
}

static int make_view(struct view *view)
{
    const struct ccb_recipe_shown *shown = view->shown;
    int code = ccb_json_parse(&view->facts, shown->facts, CCB_JSON_WHOLE, NULL);
    if (code == 0 && !shown->refusal.refused)
        code = ccb_json_parse(&view->recipe, ccb_buf_slice(&shown->document),
                              CCB_JSON_WHOLE, NULL);
    if (code == 0 && !shown->refusal.refused) {
        find_bundle(view);
        code = mask_json(view, &view->recipe);
    }
    view->words = ccb_slice_of(shown->refusal.words);
    if (code == 0)
        code = mask_json(view, &view->facts);
    if (code == 0)
        code = mask_text(view, &view->words);
    if (code == 0)
        code = mask_text(view, &view->entry);
    return code == 0 ? mask_text(view, &view->url) : code;
}

int ccb_recipe_print(const struct ccb_recipe_shown *shown)
{
    struct view view = {.shown = shown, .arena = ccb_arena_create()};
    int code = view.arena ? make_view(&view) : CCB_NO_MEMORY;
    if (code == 0)
        code = print(&view);
    ccb_arena_unref(view.arena);
    return code;
}
