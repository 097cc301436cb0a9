/*
 * Opens the plugin, one level after the other. Each level checks what the next
 * one stands on, so a plugin that is wrong is told so and not called.
 * Follows ccbridge/lifecycle.h, rules 1 to 3.
 */
#include "subject.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* ---- the file ----------------------------------------------------------- */

/* The rule that a refusal of the file stands for. */
static int rule_of(enum ccb_refusal reason)
{
    switch (reason) {
    case CCB_REFUSED_NO_MANIFEST:
        return CCB_RULE_2;
    case CCB_REFUSED_BAD_MANIFEST:
        return CCB_RULE_3;
    default:
        return CCB_RULE_1;
    }
}

static bool read_manifest(struct ccb_check_subject *s,
                          struct ccb_check_outcome *out)
{
    struct ccb_plugin_refusal refusal = {0};
    int fd = open(s->file, O_RDONLY | O_CLOEXEC);
    struct ccb_error err = {0};
    int code;

    if (fd < 0) {
        ccb_check_fail(out, CCB_RULE_1, "a file that can be read", "%s",
                       strerror(errno));
        return false;
    }
    code = ccb_manifest_read(&s->manifest, fd, s->arena, &refusal);
    close(fd);
    if (code == CCB_INVALID)
        ccb_check_fail(out, rule_of(refusal.reason), refusal.expected, "%s",
                       refusal.found);
    else if (code == 0)
        code = ccb_check_requests_make(&s->requests, &s->manifest,
                                       s->requests_directory, s->facts_file,
                                       s->arena, &err);
    if (code < 0)
        ccb_check_fail(out, CCB_RULE_26, "requests to try it with", "%s",
                       err.message);
    return code == 0;
}

/* ---- the entry ---------------------------------------------------------- */

static bool open_library(struct ccb_check_subject *s, void **handle,
                         struct ccb_check_outcome *out)
{
    char *path = realpath(s->file, NULL);

    *handle = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) : NULL;
    if (!*handle) {
        const char *words = path ? dlerror() : strerror(errno);

        ccb_check_fail(out, CCB_RULE_10, "a file that the dynamic linker takes",
                       "%s", words ? words : "no reason");
    }
    ccb_free(path);
    return *handle != NULL;
}

/* The bytes that the symbol has; 0 when it is no data. */
static size_t data_size(const void *address)
{
    Dl_info info;
    void *extra = NULL;
    const Elf64_Sym *symbol;

    if (!dladdr1(address, &info, &extra, RTLD_DL_SYMENT) || !extra)
        return 0;
    symbol = extra;
    return ELF64_ST_TYPE(symbol->st_info) == STT_OBJECT ? symbol->st_size : 0;
}

static bool check_prefix(const struct ccb_lifecycle_entry *e, size_t size,
                         struct ccb_check_outcome *out)
{
    if (size < offsetof(struct ccb_lifecycle_entry, id))
        ccb_check_fail(out, CCB_RULE_14, "a data symbol " CCB_ENTRY_SYMBOL,
                       "%zu bytes of data under that name", size);
    else if (e->magic != CCB_ABI_MAGIC)
        ccb_check_fail(out, CCB_RULE_14, "the magic of CCB_ENTRY_PREFIX",
                       "0x%08x", (unsigned)e->magic);
    else if (e->abi_major != CCB_ABI_MAJOR)
        ccb_check_fail(out, CCB_RULE_14, "abi_major 1", "%u", e->abi_major);
    else if (e->abi_minor_required > CCB_ABI_MINOR)
        ccb_check_fail(out, CCB_RULE_15, "at most the minor of this SDK",
                       "abi_minor_required %u, here %d", e->abi_minor_required,
                       CCB_ABI_MINOR);
    else if (e->struct_size < sizeof(*e) || e->struct_size > size)
        ccb_check_fail(out, CCB_RULE_16, "struct_size of a whole entry",
                       "struct_size %u, %zu bytes in the file, %zu needed",
                       (unsigned)e->struct_size, size, sizeof(*e));
    else
        return true;
    return false;
}

static bool check_members(const struct ccb_check_subject *s,
                          const struct ccb_lifecycle_entry *e,
                          struct ccb_check_outcome *out)
{
    const char *id = ccb_arena_cstr(s->arena, s->manifest.id);
    const char *version = ccb_arena_cstr(s->arena, s->manifest.version);

    if (!e->id || !e->version || !e->create || !e->destroy || !e->get_interface)
        ccb_check_fail(out, CCB_RULE_16,
                       "id, version, create, destroy and get_interface",
                       "%s is NULL",
                       !e->id        ? "id"
                       : !e->version ? "version"
                       : !e->create  ? "create"
                       : !e->destroy ? "destroy"
                                     : "get_interface");
    else if (!id || !version)
        ccb_check_fail(out, CCB_RULE_17, "memory", "none");
    else if (strcmp(e->id, id) != 0)
        ccb_check_fail(out, CCB_RULE_17, id, "the id %.100s in the entry",
                       e->id);
    else if (strcmp(e->version, version) != 0)
        ccb_check_fail(out, CCB_RULE_17, version,
                       "the version %.100s in the entry", e->version);
    else
        return true;
    return false;
}

static bool load(struct ccb_check_subject *s, struct ccb_check_outcome *out)
{
    void *handle;
    const struct ccb_lifecycle_entry *entry;

    if (!open_library(s, &handle, out))
        return false;
    entry = dlsym(handle, CCB_ENTRY_SYMBOL);
    if (!entry) {
        ccb_check_fail(out, CCB_RULE_14, "the symbol " CCB_ENTRY_SYMBOL,
                       "no such symbol");
        return false;
    }
    if (!check_prefix(entry, data_size(entry), out) ||
        !check_members(s, entry, out))
        return false;
    s->entry = entry;
    return true;
}

/* ---- the instance ------------------------------------------------------- */

void ccb_check_subject_find_functions(struct ccb_check_subject *s,
                                      struct ccb_instance *self)
{
    for (size_t i = 0; i < CCB_PLUGIN_FUNCTIONS; i++) {
        const struct ccb_plugin_function_row *row = &ccb_plugin_functions[i];
        const char *table = s->entry->get_interface(self, row->interface);
        uint32_t size = 0;

        s->functions[i] = NULL;
        if (table)
            memcpy(&size, table, sizeof(size));
        if (size >= row->offset + sizeof(s->functions[i]))
            memcpy(&s->functions[i], table + row->offset,
                   sizeof(s->functions[i]));
    }
}

static bool create(struct ccb_check_subject *s, struct ccb_check_outcome *out)
{
    struct ccb_slice no_config = {"", 0};

    s->self = s->entry->create(&s->host.test.host, no_config);
    if (!s->self) {
        ccb_check_fail(out, CCB_RULE_18, "an instance", "NULL from create");
        return false;
    }
    ccb_check_subject_find_functions(s, s->self);
    return true;
}

static bool prepare(struct ccb_check_subject *s, struct ccb_check_outcome *out)
{
    s->arena = ccb_arena_create();
    if (s->arena && ccb_check_host_init(&s->host) == 0)
        return true;
    ccb_check_fail(out, CCB_RULE_26, "memory for the test", "none");
    return false;
}

bool ccb_check_subject_open(struct ccb_check_subject *s,
                            enum ccb_check_level level,
                            struct ccb_check_outcome *out)
{
    if (!s->arena && !prepare(s, out))
        return false;
    if (level >= CCB_CHECK_MANIFEST && s->manifest.id.len == 0 &&
        !read_manifest(s, out))
        return false;
    if (level >= CCB_CHECK_LOADED && !s->entry && !load(s, out))
        return false;
    return level < CCB_CHECK_CREATED || s->self || create(s, out);
}

void ccb_check_subject_close(struct ccb_check_subject *s)
{
    ccb_check_host_destroy(&s->host);
    ccb_arena_unref(s->arena);
    s->arena = NULL;
}
