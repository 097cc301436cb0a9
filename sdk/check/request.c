/*
 * Makes the requests. The messages have what buildpack and docker apps have,
 * under the lifecycle's own names; a lifecycle that wants more gets its own
 * with --requests. Follows contract/stager.md C3, contract/nsync.md 1.2.
 */
#include "request.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "plugin/host.h"

enum { MAX_REQUESTS = 256, MAX_FILE = 1 << 20 };

struct maker {
    struct ccb_check_requests *out;
    const struct ccb_manifest *manifest;
    struct ccb_arena *arena;
};

/* ---- the messages ------------------------------------------------------- */

#define AUTH "http://user:" CCB_CHECK_SECRET "@cc.example.com:9022"
#define ENVIRONMENT                                                            \
    "\"environment\":[{\"name\":\"DIEGO_DOCKER_CACHE\",\"value\":\"true\"},"   \
    "{\"name\":\"TOKEN\",\"value\":\"" CCB_CHECK_SECRET "\"}]"
#define RULES                                                                  \
    "\"egress_rules\":[{\"protocol\":\"tcp\",\"destinations\":["               \
    "\"10.0.0.0/8\"],\"ports\":[53]}]"
#define IMAGE "registry.example.com:5000/team/app:1.4"
#define LOGIN                                                                  \
    "\"docker_user\":\"ci\",\"docker_password\":\"" CCB_CHECK_SECRET           \
    "\",\"docker_email\":\"ci@example.com\","                                  \
    "\"docker_login_server\":\"https://registry.example.com:5000\""

/* LIFECYCLE and STACK stand for the claim's. */
#define STAGING(more)                                                          \
    "{\"app_id\":\"ccb-check\",\"log_guid\":\"ccb-check\","                    \
    "\"lifecycle\":\"LIFECYCLE\",\"memory_mb\":256,\"disk_mb\":1024,"          \
    "\"file_descriptors\":1024,\"timeout\":600," ENVIRONMENT "," RULES         \
    ",\"lifecycle_data\":{\"app_bits_download_uri\":\"" AUTH "/bits\","        \
    "\"droplet_upload_uri\":\"" AUTH "/droplet\","                             \
    "\"build_artifacts_cache_upload_uri\":\"" AUTH "/cache\","                 \
    "\"buildpacks\":[{\"name\":\"one\",\"key\":\"one-key\","                   \
    "\"url\":\"http://blobs.example.com/one\"}],\"stack\":\"STACK\"," more     \
    "}}"
#define DESIRE(more)                                                           \
    "{\"process_guid\":\"ccb-check-1\",\"log_guid\":\"ccb-check\","            \
    "\"lifecycle\":\"LIFECYCLE\",\"stack\":\"STACK\",\"memory_mb\":128,"       \
    "\"disk_mb\":256,\"file_descriptors\":1024,\"num_instances\":1,"           \
    "\"routes\":[\"app.example.com\"],\"start_command\":\"./run\","            \
    "\"health_check_type\":\"port\",\"health_check_timeout_in_seconds\":60,"   \
    "\"etag\":\"1.0\"," ENVIRONMENT "," RULES "," more "}"
#define DROPLET                                                                \
    "\"droplet_uri\":\"" AUTH "/droplet\",\"execution_metadata\":\"\""
#define PICTURE                                                                \
    "\"docker_image\":\"" IMAGE "\",\"execution_metadata\":"                   \
    "\"{\\\"cmd\\\":[\\\"./run\\\"],\\\"ports\\\":[{\\\"Port\\\":8081,"        \
    "\\\"Protocol\\\":\\\"tcp\\\"}]}\""

static const struct {
    enum ccb_plugin_function function;
    const char *name, *message;
} rows[] = {
    {CCB_PLUGIN_SELFTEST, "", "{}"},
    {CCB_PLUGIN_STAGING_RECIPE, "bits",
     STAGING("\"docker_image\":\"" IMAGE "\"")},
    {CCB_PLUGIN_STAGING_RECIPE, "private image",
     STAGING("\"docker_image\":\"" IMAGE "\"," LOGIN)},
    {CCB_PLUGIN_STAGING_RESPONSE, "done",
     "{\"task_guid\":\"ccb-check\",\"failed\":false,\"failure_reason\":\"\","
     "\"result\":\"{\\\"execution_metadata\\\":\\\"\\\","
     "\\\"detected_start_command\\\":{\\\"web\\\":\\\"./run\\\"},"
     "\\\"buildpack_key\\\":\\\"one-key\\\",\\\"detected_buildpack\\\":"
     "\\\"One\\\",\\\"docker_image\\\":\\\"team/app:1.4\\\"}\","
     "\"annotation\":\"{\\\"lifecycle\\\":\\\"LIFECYCLE\\\"}\"}"},
    {CCB_PLUGIN_LRP, "droplet", DESIRE(DROPLET)},
    {CCB_PLUGIN_LRP, "droplet with SSH", DESIRE(DROPLET ",\"allow_ssh\":true")},
    {CCB_PLUGIN_LRP, "image", DESIRE(PICTURE)},
    {CCB_PLUGIN_LRP, "image with SSH", DESIRE(PICTURE ",\"allow_ssh\":true")},
    {CCB_PLUGIN_TASK, "droplet", DESIRE(DROPLET)},
    {CCB_PLUGIN_TASK, "image", DESIRE(PICTURE)},
    {CCB_PLUGIN_PORTS, "droplet", DESIRE(DROPLET)},
    {CCB_PLUGIN_PORTS, "image", DESIRE(PICTURE)},
    {CCB_PLUGIN_DOCKER_URI, "tag", "{\"docker_image\":\"" IMAGE "\"}"},
    {CCB_PLUGIN_DOCKER_CACHE_ARGS, "private image",
     STAGING("\"docker_image\":\"" IMAGE "\"," LOGIN)},
};

/* ---- the claims --------------------------------------------------------- */

struct key {
    struct ccb_slice lifecycle;
    const char *stack;     /* "" without one */
    struct ccb_slice text; /* "LIFECYCLE/STACK" or "LIFECYCLE" */
};

/* "jar/linux*" is tried as "jar/linuxfs", "jar/\*" as "jar/cflinuxfs2". */
static int make_key(struct key *out, struct ccb_slice claim,
                    struct ccb_arena *arena)
{
    const char *slash = memchr(claim.ptr, '/', claim.len);
    struct ccb_slice stack = CCB_LIT("");
    const char *tail = "";

    out->lifecycle = claim;
    if (slash) {
        out->lifecycle.len = (size_t)(slash - claim.ptr);
        stack = ccb_slice_make(slash + 1, claim.len - out->lifecycle.len - 1);
        if (ccb_slice_ends(stack, "*")) {
            stack.len--;
            tail = stack.len > 0 ? "fs" : "cflinuxfs2";
        }
    }
    out->stack =
        ccb_arena_format(arena, "%.*s%s", (int)stack.len, stack.ptr, tail).ptr;
    if (!out->stack)
        return CCB_NO_MEMORY;
    out->text =
        ccb_arena_format(arena, "%.*s%s%s", (int)out->lifecycle.len,
                         out->lifecycle.ptr, slash ? "/" : "", out->stack);
    return out->text.ptr ? 0 : CCB_NO_MEMORY;
}

/* The text with LIFECYCLE and STACK put in. */
static struct ccb_slice fill(const char *text, const struct key *key,
                             struct ccb_arena *arena)
{
    struct ccb_slice made = CCB_LIT("");
    struct ccb_buf out = {0};

    while (*text) {
        size_t plain = strcspn(text, "LS");

        ccb_buf_append(&out, text, plain);
        text += plain;
        if (strncmp(text, "LIFECYCLE", 9) == 0) {
            ccb_buf_put_slice(&out, key->lifecycle);
            text += 9;
        } else if (strncmp(text, "STACK", 5) == 0) {
            ccb_buf_put(&out, key->stack);
            text += 5;
        } else if (*text) {
            ccb_buf_putc(&out, *text++);
        }
    }
    if (!out.failed)
        made = ccb_arena_copy(arena, ccb_buf_slice(&out));
    ccb_buf_destroy(&out);
    return made;
}

/* ---- adding ------------------------------------------------------------- */

static int add(struct maker *m, size_t function, const char *name,
               struct ccb_slice message)
{
    struct ccb_check_requests *out = m->out;

    if (!name || !message.ptr)
        return CCB_NO_MEMORY;
    if (out->count == MAX_REQUESTS)
        return 0; /* enough of them */
    out->items[out->count++] =
        (struct ccb_check_request){function, name, message};
    return 0;
}

static int add_for_claim(struct maker *m, struct ccb_slice claim)
{
    struct key key;
    int code = make_key(&key, claim, m->arena);

    for (size_t i = 0; code == 0 && i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct ccb_plugin_function_row *row =
            &ccb_plugin_functions[rows[i].function];

        if (!ccb_manifest_offers(m->manifest, row->interface) ||
            (row->silent && m->out->count > 0))
            continue;
        code = add(m, rows[i].function,
                   ccb_arena_format(m->arena, "%s of %.*s%s%s", row->name,
                                    (int)key.text.len, key.text.ptr,
                                    rows[i].name[0] ? ", " : "", rows[i].name)
                       .ptr,
                   fill(rows[i].message, &key, m->arena));
    }
    return code;
}

static int make_facts(struct maker *m)
{
    const struct ccb_slice *claims = m->manifest->claims.items;
    struct ccb_buf out = {0};
    struct ccb_json_writer w;
    int code = 0;

    ccb_json_writer_init(&w, ccb_buf_sink, &out);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "lifecycles");
    ccb_json_begin_object(&w);
    for (size_t i = 0; code == 0 && i < m->manifest->claims.count; i++) {
        struct key key;

        code = make_key(&key, claims[i], m->arena);
        if (code == 0) {
            ccb_json_key_slice(&w, key.text);
            ccb_json_put_string(&w, ccb_slice_of("a/lifecycle.tgz"));
        }
    }
    ccb_json_end_object(&w);
    ccb_json_member_cstr(&w, "file_server_url", "http://files.example.com");
    ccb_json_member_cstr(&w, "cc_uploader_url", "http://uploads.example.com");
    ccb_json_member_bool(&w, "skip_cert_verify", 0);
    ccb_json_member_cstr(&w, "docker_staging_stack", "cflinuxfs2");
    ccb_json_member_cstr(&w, "docker_registry_address",
                         "registry.internal:5000");
    ccb_json_member_bool(&w, "insecure_docker_registry", 0);
    ccb_json_end_object(&w);
    if (ccb_json_writer_end(&w) < 0)
        code = CCB_NO_MEMORY;
    if (code == 0)
        m->out->facts = ccb_arena_copy(m->arena, ccb_buf_slice(&out));
    ccb_buf_destroy(&out);
    return code < 0 || !m->out->facts.ptr ? CCB_NO_MEMORY : 0;
}

/* ---- from files --------------------------------------------------------- */

int ccb_check_read_file(struct ccb_slice *out, const char *path, size_t max,
                        struct ccb_arena *arena, struct ccb_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct ccb_buf text = {.max = max + 1};
    ssize_t got = fd < 0 ? -1 : 1;
    int code = 0;

    while (got > 0 && text.len <= max) {
        char *room = ccb_buf_reserve(&text, 4096);

        got = room ? read(fd, room, 4096) : 0;
        text.len += got > 0 ? (size_t)got : 0;
    }
    if (got < 0)
        code = ccb_error_set(err, CCB_IO, "%s: %s", path, strerror(errno));
    else if (text.failed == CCB_TOO_LARGE || text.len > max)
        code = ccb_error_set(err, CCB_INVALID, "%s: over %zu bytes", path, max);
    else
        *out = ccb_arena_copy(arena, ccb_buf_slice(&text));
    if (code == 0 && (text.failed || !out->ptr))
        code = ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    ccb_buf_destroy(&text);
    if (fd >= 0)
        close(fd);
    return code;
}

/* The row whose name the file's name begins with. */
static int find_function(const char *file, size_t *function,
                         struct ccb_error *err)
{
    for (size_t i = 0; i < CCB_PLUGIN_FUNCTIONS; i++) {
        size_t len = strlen(ccb_plugin_functions[i].name);

        *function = i;
        if (strncmp(file, ccb_plugin_functions[i].name, len) == 0 &&
            strchr("-.", file[len]))
            return 0;
    }
    return ccb_error_set(err, CCB_INVALID,
                         "%s: the name must begin with the function that is "
                         "asked, for example build_recipe-one.json (or "
                         "build_response, build_lrp, build_task, extract, "
                         "convert_uri, cache_args)",
                         file);
}

static int add_file(struct maker *m, const char *directory, const char *file,
                    struct ccb_error *err)
{
    struct ccb_slice path =
        ccb_arena_format(m->arena, "%s/%s", directory, file);
    struct ccb_slice message = CCB_LIT("");
    size_t function = 0;
    int code = find_function(file, &function, err);

    if (code == 0 && !path.ptr)
        code = CCB_NO_MEMORY;
    if (code == 0)
        code = ccb_check_read_file(&message, path.ptr, MAX_FILE, m->arena, err);
    if (code == 0 && ccb_manifest_offers(
                         m->manifest, ccb_plugin_functions[function].interface))
        code = add(m, function, ccb_arena_cstr(m->arena, ccb_slice_of(file)),
                   message);
    return code;
}

static int only_json(const struct dirent *entry)
{
    return entry->d_name[0] != '.' &&
           ccb_slice_ends(ccb_slice_of(entry->d_name), ".json");
}

static int add_directory(struct maker *m, const char *directory,
                         struct ccb_error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, only_json, alphasort);
    int code = 0;

    if (count < 0)
        return ccb_error_set(err, CCB_IO, "%s: %s", directory, strerror(errno));
    for (int i = 0; i < count; i++) {
        if (code == 0)
            code = add_file(m, directory, entries[i]->d_name, err);
        ccb_free(entries[i]);
    }
    ccb_free(entries);
    return code;
}

int ccb_check_requests_make(struct ccb_check_requests *out,
                            const struct ccb_manifest *manifest,
                            const char *directory, const char *facts,
                            struct ccb_arena *arena, struct ccb_error *err)
{
    struct maker m = {out, manifest, arena};
    const struct ccb_slice *claims = manifest->claims.items;
    int code;

    memset(out, 0, sizeof(*out));
    out->items = ccb_arena_alloc(arena, MAX_REQUESTS * sizeof(*out->items));
    if (!out->items)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    code = facts ? ccb_check_read_file(&out->facts, facts, MAX_FILE, arena, err)
                 : make_facts(&m);
    if (code == 0 && directory)
        code = add_directory(&m, directory, err);
    for (size_t i = 0; code == 0 && !directory && i < manifest->claims.count;
         i++)
        code = add_for_claim(&m, claims[i]);
    if (code == CCB_NO_MEMORY)
        ccb_error_set(err, code, "out of memory");
    return code;
}

/* ---- costly facts ------------------------------------------------------- */

#define RUN                                                                    \
    "{\"run\":{\"path\":\"/bin/true\",\"user\":\"vcap\","                      \
    "\"resource_limits\":{}}}"
/* What another lifecycle answers, by function. */
static const char *const others[CCB_PLUGIN_FUNCTIONS] = {
    [CCB_PLUGIN_STAGING_RECIPE] =
        "{\"action\":" RUN ",\"rootfs\":\"preloaded:cflinuxfs2\","
        "\"privileged\":true,\"result_file\":\"/tmp/result.json\","
        "\"memory_mb\":256,\"disk_mb\":1024,\"cpu_weight\":50,"
        "\"log_source\":\"STG\",\"metrics_guid\":\"\",\"egress_rules\":[]}",
    [CCB_PLUGIN_STAGING_RESPONSE] =
        "{\"execution_metadata\":\"\",\"detected_start_command\":"
        "{\"web\":\"./run\"},\"lifecycle_data\":{}}",
    [CCB_PLUGIN_LRP] =
        "{\"rootfs\":\"preloaded:cflinuxfs2\",\"instances\":1,"
        "\"memory_mb\":128,\"disk_mb\":256,\"cpu_weight\":1,"
        "\"privileged\":true,\"start_timeout\":60,\"ports\":[8080],"
        "\"log_guid\":\"ccb-check\",\"log_source\":\"CELL\","
        "\"metrics_guid\":\"\",\"routes\":{},\"action\":" RUN "}",
    [CCB_PLUGIN_TASK] = "{\"action\":" RUN ",\"rootfs\":"
                        "\"preloaded:cflinuxfs2\",\"memory_mb\":128,"
                        "\"disk_mb\":256}",
    [CCB_PLUGIN_PORTS] = "[8080]",
    [CCB_PLUGIN_DOCKER_URI] = "\"docker:///library/image#latest\"",
    [CCB_PLUGIN_DOCKER_CACHE_ARGS] = "{\"args\":[],\"egress_rules\":[]}",
    [CCB_PLUGIN_SELFTEST] = "{}",
};

static const char *find_fact(struct ccb_slice name, size_t function)
{
    if (ccb_slice_starts(name, "lifecycle:"))
        return others[function];
    if (ccb_slice_is(name, "docker_registries"))
        return "[\"10.0.1.5\",\"10.0.1.6\"]";
    if (ccb_slice_is(name, "ssh_keys"))
        return "{\"host_key\":\"HOST-PEM\",\"host_fingerprint\":\"aa:bb\","
               "\"user_key\":\"USER-PEM\",\"authorized_key\":\"ssh-rsa K\"}";
    return NULL;
}

static struct ccb_slice trim(struct ccb_slice text)
{
    for (; text.len > 0 && *text.ptr == ' '; text.ptr++)
        text.len--;
    while (text.len > 0 && text.ptr[text.len - 1] == ' ')
        text.len--;
    return text;
}

struct ccb_slice ccb_check_gather(struct ccb_slice names, size_t function,
                                  struct ccb_arena *arena,
                                  struct ccb_slice *unknown)
{
    struct ccb_slice made = CCB_LIT("");
    struct ccb_buf out = {0};
    struct ccb_json_writer w;

    ccb_json_writer_init(&w, ccb_buf_sink, &out);
    ccb_json_begin_object(&w);
    while (names.len > 0) {
        const char *comma = memchr(names.ptr, ',', names.len);
        size_t len = comma ? (size_t)(comma - names.ptr) : names.len;
        struct ccb_slice name = trim(ccb_slice_make(names.ptr, len));
        const char *value = find_fact(name, function);

        if (value) {
            ccb_json_key_slice(&w, name);
            ccb_json_put_raw(&w, ccb_slice_of(value));
        } else if (unknown->len == 0) {
            *unknown = name;
        }
        len += comma ? 1 : 0;
        names = ccb_slice_make(names.ptr + len, names.len - len);
    }
    ccb_json_end_object(&w);
    if (ccb_json_writer_end(&w) == 0)
        made = ccb_arena_copy(arena, ccb_buf_slice(&out));
    ccb_buf_destroy(&out);
    return made;
}
