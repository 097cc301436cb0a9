/*
 * Opens a plugin in this process, the daemon or a worker, and checks it against
 * its manifest.
 * Invariant: no function of the plugin is called before the frozen prefix of
 * its entry was checked, and nothing beyond min(struct_size, our sizeof) of a
 * struct is read. (The file's constructors run in dlopen; only another
 * process could keep those away.) Nothing is ever dlclosed.
 * Follows ccbridge/lifecycle.h, rules 1 to 3; anchors 3.2, 3.5.
 */
#include <dlfcn.h>
#include <elf.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "plugin/host.h"

struct loading {
    struct ccb_plugin *plugin;
    const char *path;
    struct ccb_plugin_refusal *refusal;
    void *handle;
    struct ccb_lifecycle_entry entry; /* missing members are NULL */
    struct ccb_plugin_code_set *code;
};

/* ---- the entry ---------------------------------------------------------- */

#define PREFIX_SIZE offsetof(struct ccb_lifecycle_entry, id)

/* An entry of another major is looked for, so that it is refused by name. */
static int refuse_no_entry(struct loading *l)
{
    for (int major = 0; major <= 9; major++) {
        char symbol[sizeof(CCB_ENTRY_SYMBOL) + 8];

        snprintf(symbol, sizeof(symbol), "ccb_lifecycle_entry_v%d", major);
        if (major != CCB_ABI_MAJOR && dlsym(l->handle, symbol))
            return ccb_refuse(l->refusal, CCB_REFUSED_ABI_MAJOR, "1", "%d",
                              major);
    }
    return ccb_refuse(l->refusal, CCB_REFUSED_NO_ENTRY,
                      "the symbol " CCB_ENTRY_SYMBOL, "no such symbol");
}

/* How many bytes the symbol really has, so that a wrong struct_size can't
 * make us read past it. */
static size_t symbol_size(const void *address)
{
    Dl_info info;
    void *extra = NULL;
    const Elf64_Sym *symbol;

    if (!dladdr1(address, &info, &extra, RTLD_DL_SYMENT) || !extra)
        return 0;
    symbol = extra;
    return ELF64_ST_TYPE(symbol->st_info) == STT_OBJECT ? symbol->st_size : 0;
}

static int check_prefix(struct loading *l)
{
    const struct ccb_lifecycle_entry *e = &l->entry;
    char expected[64];

    snprintf(expected, sizeof(expected), "magic 0x%08" PRIx32, CCB_ABI_MAGIC);
    if (e->magic != CCB_ABI_MAGIC)
        return ccb_refuse(l->refusal, CCB_REFUSED_BAD_ENTRY, expected,
                          "magic 0x%08" PRIx32, e->magic);
    if (e->abi_major != CCB_ABI_MAJOR)
        return ccb_refuse(l->refusal, CCB_REFUSED_ABI_MAJOR, "1", "%u",
                          e->abi_major);
    snprintf(expected, sizeof(expected), "abi_minor_required at most %d",
             CCB_ABI_MINOR);
    if (e->abi_minor_required > CCB_ABI_MINOR)
        return ccb_refuse(l->refusal, CCB_REFUSED_ABI_MINOR, expected,
                          "%u (built with %u)", e->abi_minor_required,
                          e->abi_minor_built);
    return 0;
}

/* Reads the prefix, checks it, and only then the rest. */
static int read_entry(struct loading *l)
{
    const void *symbol = dlsym(l->handle, CCB_ENTRY_SYMBOL);
    char expected[64];
    size_t size;
    int code;

    if (!symbol)
        return refuse_no_entry(l);
    size = symbol_size(symbol);
    snprintf(expected, sizeof(expected), "an entry of at least %zu bytes",
             sizeof(l->entry));
    if (size < PREFIX_SIZE)
        return ccb_refuse(l->refusal, CCB_REFUSED_BAD_ENTRY, expected,
                          "a symbol of %zu bytes of data", size);
    memcpy(&l->entry, symbol, PREFIX_SIZE);
    code = check_prefix(l);
    if (code)
        return code;
    if (l->entry.struct_size < size)
        size = l->entry.struct_size;
    if (size < sizeof(l->entry))
        return ccb_refuse(l->refusal, CCB_REFUSED_BAD_ENTRY, expected,
                          "struct_size %" PRIu32 ", %zu usable",
                          l->entry.struct_size, size);
    memcpy(&l->entry, symbol, sizeof(l->entry));
    return 0;
}

static int check_entry(struct loading *l)
{
    const struct ccb_lifecycle_entry *e = &l->entry;
    const struct {
        const char *name;
        bool given;
    } members[] = {
        {"id", e->id != NULL},
        {"version", e->version != NULL},
        {"create", e->create != NULL},
        {"destroy", e->destroy != NULL},
        {"get_interface", e->get_interface != NULL},
    };

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (!members[i].given)
            return ccb_refuse(l->refusal, CCB_REFUSED_BAD_ENTRY,
                              members[i].name, "NULL");
    if (strcmp(e->id, l->plugin->id) != 0) {
        char expected[160];

        snprintf(expected, sizeof(expected), "the manifest's id %s",
                 l->plugin->id);
        return ccb_refuse(l->refusal, CCB_REFUSED_BAD_ENTRY, expected,
                          "the id %.100s", e->id);
    }
    return 0;
}

/* ---- interfaces --------------------------------------------------------- */

/* One row: the function's slot, read by the rule of min(struct_size). */
static int take_function(struct loading *l, size_t index, const void *table)
{
    const struct ccb_plugin_function_row *row = &ccb_plugin_functions[index];
    ccb_plugin_code code = NULL;
    uint32_t size;

    memcpy(&size, table, sizeof(size));
    if (size >= row->offset + sizeof(code))
        memcpy(&code, (const char *)table + row->offset, sizeof(code));
    if (!code && !row->optional) {
        char expected[160];

        snprintf(expected, sizeof(expected), "%s of %s", row->name,
                 row->interface);
        return ccb_refuse(l->refusal, CCB_REFUSED_INTERFACE, expected,
                          "NULL (struct_size %" PRIu32 ")", size);
    }
    l->code->functions[index] = code;
    l->plugin->offered[index] = code != NULL;
    return 0;
}

/* The interfaces we know: offered exactly when the manifest says so. */
static int take_known(struct loading *l)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < CCB_PLUGIN_FUNCTIONS; i++) {
        const char *id = ccb_plugin_functions[i].interface;
        const void *table = l->entry.get_interface(l->code->instance, id);
        bool listed = ccb_manifest_offers(&l->plugin->manifest, id);

        if (table && !listed)
            code = ccb_refuse(l->refusal, CCB_REFUSED_INTERFACE,
                              "only what the manifest lists",
                              "%s from get_interface", id);
        else if (table)
            code = take_function(l, i, table);
    }
    return code;
}

/* Whatever the manifest lists must be there, also what we don't know. */
static int check_listed(struct loading *l)
{
    const struct ccb_json_list *list = &l->plugin->manifest.interfaces;
    const struct ccb_slice *items = list->items;

    for (size_t i = 0; i < list->count; i++) {
        const char *id = ccb_arena_cstr(l->plugin->arena, items[i]);

        if (!id)
            return CCB_NO_MEMORY;
        if (!l->entry.get_interface(l->code->instance, id)) {
            char expected[160];

            snprintf(expected, sizeof(expected), "%s, as the manifest lists",
                     id);
            return ccb_refuse(l->refusal, CCB_REFUSED_INTERFACE, expected,
                              "NULL from get_interface");
        }
    }
    return 0;
}

/* ---- all of it ---------------------------------------------------------- */

static int open_file(struct loading *l)
{
    /* Kept even when refused: unloading code that ran is never safe. */
    l->handle = dlopen(l->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!l->handle) {
        const char *words = dlerror(); /* said once */
        size_t len = strlen(l->path);

        /* The image's path says nothing to a reader. */
        if (words && strncmp(words, l->path, len) == 0 &&
            strncmp(words + len, ": ", 2) == 0)
            words += len + 2;
        return ccb_refuse(l->refusal, CCB_REFUSED_LOAD,
                          "a file that the dynamic linker takes", "%s",
                          words ? words : "no reason");
    }
    return 0;
}

static int create_instance(struct loading *l)
{
    struct ccb_slice config = l->plugin->policy.config;

    if (!config.ptr)
        config = ccb_slice_make("", 0);
    l->code->destroy = l->entry.destroy;
    l->code->instance = l->entry.create(&ccb_plugin_host, config);
    if (!l->code->instance)
        return ccb_refuse(l->refusal, CCB_REFUSED_CREATE, "an instance",
                          "NULL from create");
    return 0;
}

int ccb_plugin_load(struct ccb_plugin *plugin, const char *path,
                    struct ccb_plugin_code_set *code,
                    struct ccb_plugin_refusal *refusal)
{
    struct loading l = {
        .plugin = plugin, .path = path, .code = code, .refusal = refusal};
    int (*const steps[])(struct loading *) = {
        open_file,       read_entry, check_entry,
        create_instance, take_known, check_listed,
    };
    int result = 0;

    *code = (struct ccb_plugin_code_set){0};
    for (size_t i = 0; result == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
        result = steps[i](&l);
    if (result && code->instance) {
        code->destroy(code->instance);
        code->instance = NULL;
    }
    return result;
}
