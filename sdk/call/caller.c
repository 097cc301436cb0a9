/*
 * Opens a plugin and asks it (caller.h).
 *
 * Invariant: nothing of the plugin runs before the head of its entry is what
 * lifecycle.h says, and no member of a table is read beyond the size that the
 * table states.
 */
#include "caller.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define MAX_FILE (16u << 20)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- the plugin --------------------------------------------------------- */

static int check_entry(const struct ccb_lifecycle_entry *entry,
                       const char *path, struct ccb_error *err)
{
    if (entry->magic != CCB_ABI_MAGIC || entry->abi_major != CCB_ABI_MAJOR)
        return ccb_error_set(err, CCB_INVALID,
                             "%s: " CCB_ENTRY_SYMBOL
                             " does not begin as ABI %d says: use "
                             "CCB_ENTRY_PREFIX",
                             path, CCB_ABI_MAJOR);
    if (entry->abi_minor_required > CCB_ABI_MINOR)
        return ccb_error_set(err, CCB_INVALID,
                             "%s: needs ABI %d.%u, this is %d.%d", path,
                             CCB_ABI_MAJOR, entry->abi_minor_required,
                             CCB_ABI_MAJOR, CCB_ABI_MINOR);
    if (entry->struct_size < sizeof(*entry) || !entry->create ||
        !entry->destroy || !entry->get_interface)
        return ccb_error_set(err, CCB_INVALID,
                             "%s: " CCB_ENTRY_SYMBOL " lacks a function", path);
    return 0;
}

/* A bare name is a file here, and none that the dynamic linker looks for. */
static void *open_image(const char *path)
{
    char here[PATH_MAX];

    snprintf(here, sizeof(here), "%s%s", strchr(path, '/') ? "" : "./", path);
    return dlopen(here, RTLD_NOW | RTLD_LOCAL);
}

int ccb_caller_open(struct ccb_caller *caller, const char *path,
                    struct ccb_slice config, struct ccb_error *err)
{
    memset(caller, 0, sizeof(*caller));
    caller->memory = ccb_malloc(CCB_CALLER_MEMORY);
    caller->output = ccb_malloc(CCB_CALLER_OUTPUT);
    if (!caller->memory || !caller->output)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    ccb_test_host_init(&caller->host, caller->memory, CCB_CALLER_MEMORY,
                       caller->output, CCB_CALLER_OUTPUT);
    caller->image = open_image(path);
    if (!caller->image)
        return ccb_error_set(err, CCB_INVALID, "%s", dlerror());
    caller->entry = dlsym(caller->image, CCB_ENTRY_SYMBOL);
    if (!caller->entry)
        return ccb_error_set(err, CCB_INVALID,
                             "%s: no symbol " CCB_ENTRY_SYMBOL, path);
    if (check_entry(caller->entry, path, err) < 0)
        return CCB_INVALID;
    caller->self = caller->entry->create(&caller->host.host, config);
    if (!caller->self)
        return ccb_error_set(err, CCB_INVALID,
                             "%s: create refused (it gave NULL)", path);
    return 0;
}

void ccb_caller_close(struct ccb_caller *caller)
{
    if (caller->self)
        caller->entry->destroy(caller->self);
    ccb_free(caller->memory);
    ccb_free(caller->output);
    memset(caller, 0, sizeof(*caller));
}

/* ---- its functions ------------------------------------------------------ */

static const struct {
    const char *name, *interface;
    size_t offset;
} functions[] = {
#define ROW(id, type, member)                                                  \
    {                                                                          \
#member, id, offsetof(struct type, member)                             \
    }
    ROW(CCB_STAGING_1, ccb_staging_1, build_recipe),
    ROW(CCB_STAGING_1, ccb_staging_1, build_response),
    ROW(CCB_RUN_1, ccb_run_1, build_lrp),
    ROW(CCB_RUN_1, ccb_run_1, build_task),
    ROW(CCB_PORTS_1, ccb_ports_1, extract),
    ROW(CCB_DOCKER_IMAGE_1, ccb_docker_image_1, convert_uri),
    ROW(CCB_DOCKER_IMAGE_1, ccb_docker_image_1, cache_args),
    ROW(CCB_SELFTEST_1, ccb_selftest_1, run),
#undef ROW
};

/* Every table begins with its size. */
static ccb_test_function get_member(const void *table, size_t offset)
{
    ccb_test_function function = NULL;
    uint32_t size;

    if (!table)
        return NULL;
    memcpy(&size, table, sizeof(size));
    if (size >= offset + sizeof(function))
        memcpy(&function, (const char *)table + offset, sizeof(function));
    return function;
}

ccb_test_function ccb_caller_find(struct ccb_caller *caller,
                                  struct ccb_slice name, struct ccb_error *err)
{
    ccb_test_function function;
    char known[256] = "";
    size_t i, len = 0;

    for (i = 0; i < COUNT(functions); i++) {
        if (!ccb_slice_is(name, functions[i].name)) {
            len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s",
                                    i > 0 ? ", " : "", functions[i].name);
            continue;
        }
        function = get_member(
            caller->entry->get_interface(caller->self, functions[i].interface),
            functions[i].offset);
        if (!function)
            ccb_error_set(err, CCB_UNSUPPORTED,
                          "%s: the plugin does not offer it (%s)",
                          functions[i].name, functions[i].interface);
        return function;
    }
    ccb_error_set(err, CCB_NOT_FOUND, "%.*s: no such function (known: %s)",
                  (int)(name.len < 60 ? name.len : 60), name.ptr, known);
    return NULL;
}

int ccb_caller_ask(struct ccb_caller *caller,
                   const struct ccb_caller_request *request)
{
    struct ccb_request asked;
    int code;

    ccb_test_request_init(&asked);
    asked.guid = ccb_slice_of("g-1");
    asked.message = request->message;
    asked.facts = request->facts;
    code = ccb_test_host_call(&caller->host, request->function, caller->self,
                              &asked);
    if (code == CCB_NEED_FACTS && request->gathered.ptr) {
        asked.gathered = request->gathered;
        code = ccb_test_host_call(&caller->host, request->function,
                                  caller->self, &asked);
    }
    return code;
}

/* ---- files -------------------------------------------------------------- */

static int read_all(struct ccb_buf *text, FILE *file)
{
    for (;;) {
        char *room = ccb_buf_reserve(text, 4096);
        size_t got = room ? fread(room, 1, 4096, file) : 0;

        text->len += got;
        if (got == 0)
            return text->failed ? text->failed : ferror(file) ? CCB_IO : 0;
    }
}

static int keep_exactly(struct ccb_slice *out, const struct ccb_buf *text)
{
    char *bytes = ccb_malloc(text->len > 0 ? text->len : 1);

    if (!bytes)
        return CCB_NO_MEMORY;
    if (text->len > 0)
        memcpy(bytes, text->data, text->len);
    *out = ccb_slice_make(bytes, text->len);
    return 0;
}

int ccb_caller_read_file(struct ccb_slice *out, const char *path,
                         struct ccb_error *err)
{
    int is_stdin = strcmp(path, "-") == 0, code;
    FILE *file = is_stdin ? stdin : fopen(path, "rb");
    struct ccb_buf text = {.max = MAX_FILE};

    *out = ccb_slice_make(NULL, 0);
    if (!file)
        return ccb_error_set(err, errno == ENOENT ? CCB_NOT_FOUND : CCB_IO,
                             "%s: %s", path, strerror(errno));
    code = read_all(&text, file);
    if (code == CCB_IO)
        ccb_error_set(err, code, "%s: %s", path, strerror(errno));
    if (code == 0)
        code = keep_exactly(out, &text);
    if (code == CCB_TOO_LARGE)
        ccb_error_set(err, code, "%s: over %u bytes", path, MAX_FILE);
    if (code == CCB_NO_MEMORY)
        ccb_error_set(err, code, "%s: out of memory", path);
    ccb_buf_destroy(&text);
    if (!is_stdin)
        fclose(file);
    return code;
}
