/*
 * Decodes a manifest's JSON by table and checks each member.
 * Invariant: a struct ccb_manifest that was returned with 0 holds a usable id
 * and version, at least one claim and one interface, each well formed and
 * named once. Follows ccbridge/lifecycle.h, "the manifest".
 */
#include "plugin/manifest.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ccbridge/json.h"
#include "plugin/claims.h"
#include "plugin/note.h"

enum {
    MAX_NAME = 128, /* bytes of an id, a version, an interface id */
    MAX_LIST = 64,  /* claims, interfaces */
};

static const struct ccb_json_field fields[] = {
    {.name = "manifest",
     .kind = CCB_JSON_K_UINT32,
     .offset = offsetof(struct ccb_manifest, format)},
    {.name = "id",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct ccb_manifest, id)},
    {.name = "version",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct ccb_manifest, version)},
    {.name = "claims",
     .kind = CCB_JSON_K_LIST,
     .element = CCB_JSON_K_STRING,
     .offset = offsetof(struct ccb_manifest, claims)},
    {.name = "interfaces",
     .kind = CCB_JSON_K_LIST,
     .element = CCB_JSON_K_STRING,
     .offset = offsetof(struct ccb_manifest, interfaces)},
    {.name = "concurrent",
     .kind = CCB_JSON_K_BOOL,
     .offset = offsetof(struct ccb_manifest, concurrent)},
    {.name = "result_form",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct ccb_manifest, result_form)},
};

static const struct ccb_json_shape shape = {
    .fields = fields,
    .count = sizeof(fields) / sizeof(fields[0]),
    .size = sizeof(struct ccb_manifest),
};

/* ---- checks of one text ------------------------------------------------- */

static bool is_id(struct ccb_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' &&
            c != '-')
            return false;
    }
    return text.len > 0 && text.len <= MAX_NAME;
}

static bool is_optional_id(struct ccb_slice text)
{
    return text.len == 0 || is_id(text);
}

static bool is_graphic(struct ccb_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] - 0x21u > 0x7eu - 0x21u)
            return false;
    return text.len > 0 && text.len <= MAX_NAME;
}

static bool is_version(struct ccb_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    return text.len > 0 && text.len <= MAX_NAME;
}

static bool is_claim(struct ccb_slice text)
{
    struct ccb_claim claim;

    return ccb_claim_parse(&claim, text) == 0;
}

/* ---- checks by table ---------------------------------------------------- */

struct text_rule {
    size_t offset;
    bool (*check)(struct ccb_slice text);
    const char *expected;
};

static const struct text_rule text_rules[] = {
    {offsetof(struct ccb_manifest, id), is_id,
     "\"id\" of 1 to 128 characters a-z, 0-9, '.', '-'"},
    {offsetof(struct ccb_manifest, version), is_version,
     "\"version\" of 1 to 128 printable characters"},
    {offsetof(struct ccb_manifest, result_form), is_optional_id,
     "\"result_form\", when given, to be a plugin's id"},
};

static const struct text_rule list_rules[] = {
    {offsetof(struct ccb_manifest, claims), is_claim,
     "\"claims\" of LIFECYCLE or LIFECYCLE/STACK, '*' only at the end of a "
     "stack, each once"},
    {offsetof(struct ccb_manifest, interfaces), is_graphic,
     "\"interfaces\" of interface ids, each once"},
};

static int refuse_text(struct ccb_plugin_refusal *refusal, const char *expected,
                       struct ccb_slice text)
{
    return ccb_refuse(refusal, CCB_REFUSED_BAD_MANIFEST, expected, "\"%.*s\"",
                      (int)(text.len < 100 ? text.len : 100),
                      text.ptr ? text.ptr : "");
}

static int check_list(const struct text_rule *rule,
                      const struct ccb_json_list *list,
                      struct ccb_plugin_refusal *refusal)
{
    const struct ccb_slice *items = list->items;

    if (list->count == 0 || list->count > MAX_LIST)
        return ccb_refuse(refusal, CCB_REFUSED_BAD_MANIFEST, rule->expected,
                          "%zu of them (1 to 64 will do)", list->count);
    for (size_t i = 0; i < list->count; i++) {
        if (!rule->check(items[i]))
            return refuse_text(refusal, rule->expected, items[i]);
        for (size_t j = 0; j < i; j++)
            if (ccb_slice_equal(items[i], items[j]))
                return refuse_text(refusal, rule->expected, items[i]);
    }
    return 0;
}

static int check_members(const struct ccb_manifest *m,
                         struct ccb_plugin_refusal *refusal)
{
    const char *base = (const char *)m;
    int code = 0;

    if (m->format != 1)
        return ccb_refuse(refusal, CCB_REFUSED_BAD_MANIFEST, "\"manifest\":1",
                          "\"manifest\":%u", (unsigned)m->format);
    for (size_t i = 0; i < sizeof(text_rules) / sizeof(text_rules[0]); i++) {
        struct ccb_slice text;

        memcpy(&text, base + text_rules[i].offset, sizeof(text));
        if (!text_rules[i].check(text))
            return refuse_text(refusal, text_rules[i].expected, text);
    }
    for (size_t i = 0; i < sizeof(list_rules) / sizeof(list_rules[0]); i++) {
        struct ccb_json_list list;

        memcpy(&list, base + list_rules[i].offset, sizeof(list));
        code = check_list(&list_rules[i], &list, refusal);
        if (code)
            break;
    }
    return code;
}

int ccb_manifest_decode(struct ccb_manifest *out, struct ccb_slice text,
                        struct ccb_arena *arena,
                        struct ccb_plugin_refusal *refusal)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_error error = {0};
    struct ccb_json json;
    int code = ccb_json_parse(&json, text, CCB_JSON_WHOLE, &error);

    if (code == 0 && json.type != CCB_JSON_OBJECT)
        code = ccb_error_set(&error, CCB_INVALID, "JSON of another type");
    if (code == 0)
        code = ccb_json_decode(json, &shape, out, &alloc, &error);
    if (code == CCB_NO_MEMORY)
        return code;
    if (code)
        return ccb_refuse(refusal, CCB_REFUSED_BAD_MANIFEST,
                          "a JSON object as in ccbridge/lifecycle.h", "%s",
                          error.message);
    return check_members(out, refusal);
}

/* ---- from a file -------------------------------------------------------- */

static int read_file(void *ctx, uint64_t offset, void *to, size_t len)
{
    const int *fd = ctx;
    size_t done = 0;

    while (done < len) {
        ssize_t n =
            pread(*fd, (char *)to + done, len - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* it shrank, or the disk failed */
            return -1;
        done += (size_t)n;
    }
    return 0;
}

int ccb_manifest_read(struct ccb_manifest *out, int fd, struct ccb_arena *arena,
                      struct ccb_plugin_refusal *refusal)
{
    struct ccb_note_source source = {.read = read_file, .ctx = &fd};
    struct ccb_slice text;
    struct stat st;
    int code;

    if (fstat(fd, &st) < 0)
        return ccb_refuse(refusal, CCB_REFUSED_UNREADABLE, "a regular file",
                          "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return ccb_refuse(refusal, CCB_REFUSED_UNREADABLE, "a regular file",
                          "a file of mode 0%o", (unsigned)st.st_mode);
    source.size = (uint64_t)st.st_size;
    code = ccb_note_find(&source, arena, &text, refusal);
    return code ? code : ccb_manifest_decode(out, text, arena, refusal);
}

bool ccb_manifest_offers(const struct ccb_manifest *manifest, const char *id)
{
    const struct ccb_slice *items = manifest->interfaces.items;

    for (size_t i = 0; i < manifest->interfaces.count; i++)
        if (ccb_slice_is(items[i], id))
            return true;
    return false;
}
