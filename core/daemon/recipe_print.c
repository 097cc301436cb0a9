/* Shows a recipe and how it came about, to people or as one JSON document. */
#include <stdio.h>

#include "base/redact.h"
#include "daemon/recipe_internal.h"

/* ---- what is found in the recipe ---------------------------------------- */

/* The URL in which the bundle's entry ended up: the first string in the recipe
 * that ends with it. */
static bool find_url(struct ccb_json value, struct ccb_slice entry,
                     struct ccb_slice *url)
{
    struct ccb_json_iter it = ccb_json_iter(value);
    if (value.type == CCB_JSON_STRING) {
        *url = ccb_slice_make(value.raw.ptr + 1, value.raw.len - 2);
        return url->len >= entry.len && memcmp(url->ptr + url->len - entry.len,
                                               entry.ptr, entry.len) == 0;
    }
    while (ccb_json_next(&it))
        if (find_url(it.value, entry, url))
            return true;
    return false;
}

struct bundle {
    struct ccb_slice key, entry, url; /* empty: not known */
};

static void find_bundle(const struct ccb_recipe_shown *shown,
                        struct ccb_json recipe, struct bundle *out)
{
    size_t i;
    memset(out, 0, sizeof(*out));
    for (i = 0; i < shown->lifecycles->count; i++) {
        const struct ccb_pair *pair = &shown->lifecycles->items[i];
        struct ccb_slice url;
        if (!find_url(recipe, pair->value, &url))
            continue;
        *out = (struct bundle){pair->key, pair->value, url};
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

static void put_bundle(struct ccb_json_writer *w, const struct bundle *bundle)
{
    if (bundle->key.len == 0)
        return;
    ccb_json_key(w, "bundle");
    ccb_json_begin_object(w);
    ccb_json_member_string(w, "key", bundle->key);
    ccb_json_member_string(w, "entry", bundle->entry);
    ccb_json_member_string(w, "url", bundle->url);
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

static void put_all(struct ccb_json_writer *w,
                    const struct ccb_recipe_shown *shown,
                    const struct bundle *bundle, struct ccb_slice recipe)
{
    ccb_json_begin_object(w);
    ccb_json_member_cstr(w, "kind", shown->kind->word);
    ccb_json_member_string(w, "lifecycle", shown->lifecycle);
    ccb_json_member_string(w, "stack", shown->stack);
    ccb_json_member_cstr(w, "because", shown->because);
    ccb_json_key(w, "plugin");
    ccb_json_begin_object(w);
    ccb_json_member_cstr(w, "id", ccb_plugin_id(shown->plugin));
    ccb_json_member_cstr(w, "version", ccb_plugin_version(shown->plugin));
    ccb_json_end_object(w);
    if (shown->config->explain) {
        ccb_json_key(w, "claims");
        ccb_json_begin_array(w);
        ccb_plugins_each_claim(shown->plugins, shown->lifecycle, shown->stack,
                               put_claim, w);
        ccb_json_end_array(w);
    }
    put_bundle(w, bundle);
    ccb_json_member_raw(w, "facts", shown->facts);
    put_warnings(w, ccb_buf_slice(&shown->warnings));
    ccb_json_member_raw(w, "recipe", recipe);
    ccb_json_end_object(w);
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

static void tell_text(const char *label, struct ccb_slice text)
{
    fprintf(stderr, "%-10s %.*s\n", label, (int)text.len, text.ptr);
}

static void tell_claim(void *user, struct ccb_slice claim, bool by_hand,
                       const struct ccb_plugin *plugin)
{
    bool *first = user;
    fprintf(stderr, "%-10s %.*s, which %s %s%s%s\n", *first ? "claims:" : "",
            (int)claim.len, claim.ptr,
            by_hand ? "-lifecyclePlugin gives to" : "is claimed by",
            by_hand ? "" : "plugin ", ccb_plugin_id(plugin),
            *first ? ": the most specific one, which wins" : "");
    *first = false;
}

static void tell_facts(struct ccb_slice facts)
{
    struct ccb_json_iter it;
    struct ccb_json value;
    const char *label = "facts:";
    if (ccb_json_parse(&value, facts, CCB_JSON_WHOLE, NULL) < 0)
        return;
    it = ccb_json_iter(value);
    for (; ccb_json_next(&it); label = "")
        fprintf(stderr, "%-10s %.*s: %.*s\n", label, (int)it.key.raw.len - 2,
                it.key.raw.ptr + 1, (int)it.value.raw.len, it.value.raw.ptr);
}

static void tell_all(const struct ccb_recipe_shown *shown,
                     const struct bundle *bundle)
{
    bool first = true;
    fprintf(stderr, "%-10s %s\n", "message:", shown->kind->name);
    fprintf(stderr, "%-10s %.*s%s%.*s\n",
            "lifecycle:", (int)shown->lifecycle.len, shown->lifecycle.ptr,
            shown->stack.len ? "/" : "", (int)shown->stack.len,
            shown->stack.ptr);
    fprintf(stderr, "%-10s %s %s\n", "plugin:", ccb_plugin_id(shown->plugin),
            ccb_plugin_version(shown->plugin));
    if (shown->config->explain) {
        fprintf(stderr, "%-10s %s\n", "because:", shown->because);
        ccb_plugins_each_claim(shown->plugins, shown->lifecycle, shown->stack,
                               tell_claim, &first);
    }
    if (bundle->key.len > 0) {
        fprintf(stderr, "%-10s %.*s, as -lifecycle %.*s:%.*s says\n",
                "bundle:", (int)bundle->url.len, bundle->url.ptr,
                (int)bundle->key.len, bundle->key.ptr, (int)bundle->entry.len,
                bundle->entry.ptr);
    }
    tell_facts(shown->facts);
    if (shown->warnings.len > 0)
        tell_text("warning:", ccb_buf_slice(&shown->warnings));
}

/* ---- both --------------------------------------------------------------- */

static int put_to_stdout(struct ccb_buf *out)
{
    ccb_buf_putc(out, '\n');
    if (out->failed)
        return out->failed;
    fflush(stderr);
    fwrite(out->data, 1, out->len, stdout);
    return fflush(stdout) == 0 ? 0 : CCB_IO;
}

static int print(const struct ccb_recipe_shown *shown, struct ccb_json recipe,
                 struct ccb_buf *out)
{
    struct bundle bundle;
    struct ccb_json_writer w;
    find_bundle(shown, recipe, &bundle);
    if (!shown->config->json) {
        tell_all(shown, &bundle);
        put_pretty(out, recipe, 0);
        return put_to_stdout(out);
    }
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    put_all(&w, shown, &bundle, recipe.raw);
    ccb_json_writer_end(&w);
    return put_to_stdout(out);
}

int ccb_recipe_print(const struct ccb_recipe_shown *shown)
{
    struct ccb_buf redacted = {0}, facts = {0}, out = {0};
    struct ccb_recipe_shown safe = *shown;
    struct ccb_json recipe, given;
    int code = ccb_json_parse(&recipe, ccb_buf_slice(&shown->document),
                              CCB_JSON_WHOLE, NULL);
    if (code == 0)
        code = ccb_json_parse(&given, shown->facts, CCB_JSON_WHOLE, NULL);
    if (code == 0 && !shown->config->show_secrets) {
        ccb_redact_json(&redacted, recipe);
        ccb_redact_json(&facts, given);
        safe.facts = ccb_buf_slice(&facts);
        code = facts.failed ? facts.failed : redacted.failed;
        if (code == 0)
            code = ccb_json_parse(&recipe, ccb_buf_slice(&redacted),
                                  CCB_JSON_WHOLE, NULL);
    }
    if (code == 0)
        code = print(&safe, recipe, &out);
    ccb_buf_destroy(&redacted);
    ccb_buf_destroy(&facts);
    ccb_buf_destroy(&out);
    return code;
}
