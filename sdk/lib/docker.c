/*
 * Docker images: references and metadata.
 *
 * Invariant: a reference is cut and escaped just as the historic programs did
 * (they made a Go URL of it, so a digest is taken for a tag); nothing is
 * judged but what they refused or died of. Follows contract/nsync.md 3.4
 * (metadata) and 3.5 (references).
 */
#include "ccbridge/docker.h"

#include <stdbool.h>
#include <string.h>

#define HUB "docker.io"
#define DEFAULT_PORT 8080
#define DEFAULT_USER "root"

/* ---- references --------------------------------------------------------- */

struct reference {
    struct ccb_slice host;    /* empty: the hub, unnamed */
    struct ccb_slice library; /* "library/" before a bare name of the hub */
    struct ccb_slice name, tag;
};

static bool holds(struct ccb_slice text, char c)
{
    return text.len > 0 && memchr(text.ptr, c, text.len) != NULL;
}

/* Whether what stands before the first '/' is a host of its own. */
static bool is_registry(struct ccb_slice first)
{
    return holds(first, '.') || holds(first, ':') ||
           ccb_slice_is(first, "localhost");
}

/* The scheme is shown, for it is what is wrong; user info is not. */
static int refuse_scheme(struct ccb_slice image, const char *mark,
                         struct ccb_error *err)
{
    const char *at = memrchr(image.ptr, '@', image.len);
    struct ccb_slice scheme = {"", 0}, rest = image;

    if (at) {
        if (at > mark)
            scheme = ccb_slice_make(image.ptr, (size_t)(mark - image.ptr) + 3);
        rest.ptr = at + 1;
        rest.len = (size_t)(image.ptr + image.len - rest.ptr);
    }
    if (rest.len > 200)
        rest.len = 200;
    if (scheme.len > 40)
        scheme.len = 40;
    return ccb_error_set(err, CCB_INVALID,
                         "docker URI [%.*s%.*s] should not contain scheme",
                         (int)scheme.len, scheme.ptr, (int)rest.len, rest.ptr);
}

static void split_tag(struct reference *r)
{
    const char *colon = memrchr(r->name.ptr, ':', r->name.len);
    struct ccb_slice tag;

    if (!colon)
        return;
    tag.ptr = colon + 1;
    tag.len = (size_t)(r->name.ptr + r->name.len - tag.ptr);
    if (holds(tag, '/'))
        return; /* it was a port's colon */
    r->name.len = (size_t)(colon - r->name.ptr);
    r->tag = tag;
}

static int parse_reference(struct ccb_slice image, struct reference *r,
                           struct ccb_error *err)
{
    const char *slash = memchr(image.ptr, '/', image.len);
    struct ccb_slice first = image;
    bool hub;

    if (slash)
        first.len = (size_t)(slash - image.ptr);
    hub = ccb_slice_is(first, HUB);
    if (hub && !slash)
        return ccb_error_set(err, CCB_INVALID,
                             "docker URI [" HUB "] names no image");
    r->name = image;
    if (hub || (slash && is_registry(first))) {
        r->host = first;
        r->name = ccb_slice_make(slash + 1, image.len - first.len - 1);
    }
    if ((hub || r->host.len == 0) && !holds(r->name, '/'))
        r->library = ccb_slice_of("library/");
    split_tag(r);
    return 0;
}

/* ---- the URL ------------------------------------------------------------ */

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
}

/* Appends `text`, each byte that is no letter, no digit and not in `marks` as
 * %XX. The end is returned. */
static char *append_escaped(char *at, struct ccb_slice text, const char *marks)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t i;

    for (i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (is_alphanumeric(c) || (c != '\0' && strchr(marks, c))) {
            *at++ = c;
            continue;
        }
        *at++ = '%';
        *at++ = digits[(unsigned char)c >> 4];
        *at++ = digits[(unsigned char)c & 15];
    }
    return at;
}

static char *append(char *at, struct ccb_slice text)
{
    if (text.len > 0)
        memcpy(at, text.ptr, text.len);
    return at + text.len;
}

#define PATH_MARKS "-_.~$&+,/:;=@"
#define TAG_MARKS PATH_MARKS "?!()*"

static char *append_reference(char *at, const struct reference *r)
{
    at = append(at, ccb_slice_of("docker://"));
    at = append_escaped(at, r->host, PATH_MARKS);
    *at++ = '/';
    at = append(at, r->library);
    at = append_escaped(at, r->name, PATH_MARKS);
    if (r->tag.len > 0) {
        *at++ = '#';
        at = append_escaped(at, r->tag, TAG_MARKS);
    }
    return at;
}

int ccb_docker_format_rootfs(struct ccb_slice image,
                             const struct ccb_json_alloc *alloc,
                             struct ccb_slice *out, struct ccb_error *err)
{
    const size_t around = sizeof("docker:///library/#");
    struct reference r = {{"", 0}, {"", 0}, {"", 0}, {"", 0}};
    const char *mark;
    char *text;

    *out = ccb_slice_of("");
    if (image.len == 0)
        return ccb_error_set(err, CCB_INVALID, "the docker image is empty");
    mark = memmem(image.ptr, image.len, "://", 3);
    if (mark)
        return refuse_scheme(image, mark, err);
    if (parse_reference(image, &r, err) < 0)
        return CCB_INVALID;
    text = image.len < (SIZE_MAX - around) / 3
               ? alloc->alloc(alloc->ctx, around + 3 * image.len)
               : NULL;
    if (!text)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    *out = ccb_slice_make(text, (size_t)(append_reference(text, &r) - text));
    return 0;
}

/* ---- metadata ----------------------------------------------------------- */

struct port {
    struct ccb_slice protocol;
    uint16_t port;
};

/* Command and directory are the launcher's; here only their types count. */
struct metadata {
    struct ccb_json_list cmd, entrypoint; /* of strings */
    struct ccb_json_list ports;           /* of struct port */
    struct ccb_slice workdir, user;
};

static const struct ccb_json_field port_fields[] = {
    {.name = "Port",
     .kind = CCB_JSON_K_UINT16,
     .offset = offsetof(struct port, port)},
    {.name = "Protocol",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct port, protocol)},
};
static const struct ccb_json_shape port_shape = {port_fields, 2,
                                                 sizeof(struct port)};

#define STRING(member)                                                         \
    {                                                                          \
        .name = #member, .kind = CCB_JSON_K_STRING,                            \
        .offset = offsetof(struct metadata, member)                            \
    }
#define LIST(member, of, with)                                                 \
    {                                                                          \
        .name = #member, .kind = CCB_JSON_K_LIST,                              \
        .offset = offsetof(struct metadata, member), .element = (of),          \
        .shape = (with)                                                        \
    }

static const struct ccb_json_field metadata_fields[] = {
    LIST(cmd, CCB_JSON_K_STRING, NULL),
    LIST(entrypoint, CCB_JSON_K_STRING, NULL),
    LIST(ports, CCB_JSON_K_OBJECT, &port_shape),
    STRING(workdir),
    STRING(user),
};
static const struct ccb_json_shape metadata_shape = {
    metadata_fields, sizeof(metadata_fields) / sizeof(metadata_fields[0]),
    sizeof(struct metadata)};

static int find_port(const struct ccb_json_list *ports, uint16_t *out,
                     struct ccb_error *err)
{
    const struct port *items = ports->items;
    size_t i;

    *out = DEFAULT_PORT;
    if (ports->count == 0)
        return 0;
    for (i = 0; i < ports->count; i++)
        if (ccb_slice_is(items[i].protocol, "tcp")) {
            *out = items[i].port;
            return 0;
        }
    return ccb_error_set(err, CCB_NOT_FOUND,
                         "No tcp ports found in image metadata");
}

int ccb_docker_parse_metadata(struct ccb_slice text,
                              const struct ccb_json_alloc *alloc,
                              struct ccb_docker_metadata *out,
                              struct ccb_error *err)
{
    struct metadata given;
    struct ccb_json document;
    int code = ccb_json_parse(&document, text, CCB_JSON_WHOLE, err);

    if (code == 0)
        code = ccb_json_decode(document, &metadata_shape, &given, alloc, err);
    if (code < 0) {
        ccb_error_prefix(err, "execution metadata");
        return code;
    }
    out->user = given.user.len > 0 ? given.user : ccb_slice_of(DEFAULT_USER);
    return find_port(&given.ports, &out->port, err);
}
