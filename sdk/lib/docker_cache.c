/*
 * What copying an image to the platform's registry adds to its staging.
 *
 * Invariant: the message and the registry's address are judged before the
 * registry's addresses are asked for, since these cost; credentials go into
 * the builder's arguments and nowhere else. Follows contract/stager.md C5
 * (caching, rows 7 to 9) and C9.
 */
#include "ccbridge/docker_cache.h"

#include "ccbridge/address.h"

#define ADDRESSES "docker_registries"

#define STRING(key, member)                                                    \
    {                                                                          \
        .name = (key), .kind = CCB_JSON_K_STRING,                              \
        .offset = offsetof(struct ccb_docker_source, member)                   \
    }

static const struct ccb_json_field source_fields[] = {
    STRING("docker_image", image), STRING("docker_login_server", login_server),
    STRING("docker_user", user),   STRING("docker_password", password),
    STRING("docker_email", email),
};
const struct ccb_json_shape ccb_docker_source_shape = {
    source_fields, sizeof(source_fields) / sizeof(source_fields[0]),
    sizeof(struct ccb_docker_source)};

/* ---- whether and where -------------------------------------------------- */

/* Whether a text that is still in its JSON form, or absent, is `word`. */
static bool quoted_is(struct ccb_slice quoted, const char *word)
{
    const struct ccb_json text = {CCB_JSON_STRING, quoted};

    return quoted.len > 0 && ccb_json_string_is(text, word);
}

static bool is_wanted(const struct ccb_staging_request *request)
{
    const struct ccb_env *env = request->environment.items;
    size_t i;

    for (i = 0; i < request->environment.count; i++)
        if (quoted_is(env[i].name, "DIEGO_DOCKER_CACHE") &&
            quoted_is(env[i].value, "true"))
            return true;
    return false;
}

/* The lines of the log lie where the historic stager had a session for them,
 * hence the paths in their actions. */
static int refuse_address(struct ccb_sdk_call *c,
                          const struct ccb_staging_request *request,
                          struct ccb_slice address, const struct ccb_error *why)
{
    struct ccb_sdk_log log;
    struct ccb_json_writer *w = ccb_sdk_log_begin(&log, c);

    ccb_json_member_string(w, "address", address);
    ccb_json_member_cstr(w, "error", why->message);
    ccb_json_member_string(w, "app-id", request->app_id);
    ccb_json_member_string(w, "staging-guid", c->request->guid);
    ccb_sdk_log_end(&log, CCB_LOG_DEBUG,
                    "build-recipe.invalid docker registry address");
    return ccb_sdk_fail(c, CCB_FAILED, "invalid docker registry address");
}

static void log_addresses(struct ccb_sdk_call *c,
                          const struct ccb_json_list *addresses)
{
    const struct ccb_slice *items = addresses->items;
    struct ccb_sdk_log log;
    struct ccb_json_writer *w = ccb_sdk_log_begin(&log, c);
    size_t i;

    ccb_json_key(w, "ips");
    ccb_json_begin_array(w);
    for (i = 0; i < addresses->count; i++)
        ccb_json_put_string(w, items[i]);
    ccb_json_end_array(w);
    ccb_sdk_log_end(&log, CCB_LOG_DEBUG,
                    "docker-registry-consul-services."
                    "docker-registry-consul-services");
}

static int find_addresses(struct ccb_sdk_call *c, struct ccb_json_list *out)
{
    static const struct ccb_json_field field = {.name = ADDRESSES,
                                                .kind = CCB_JSON_K_LIST,
                                                .element = CCB_JSON_K_STRING};
    static const struct ccb_json_shape shape = {&field, 1, sizeof(*out)};
    struct ccb_error err = {0, "", ""};
    int code;

    if (c->gathered.type == CCB_JSON_NONE)
        return c->host->need_facts(c->call, ccb_slice_of(ADDRESSES));
    code = ccb_json_decode(c->gathered, &shape, out, &c->alloc, &err);
    if (code == CCB_NO_MEMORY)
        return ccb_sdk_fail_error(c, &err);
    if (code < 0)
        return ccb_sdk_fail_for(c, "gathered facts", &err);
    if (out->count == 0)
        return ccb_sdk_fail(c, CCB_FAILED, "missing docker registry");
    log_addresses(c, out);
    return 0;
}

int ccb_docker_cache_find(struct ccb_sdk_call *c,
                          const struct ccb_staging_request *request,
                          struct ccb_docker_cache *out)
{
    struct ccb_slice address;
    struct ccb_error err;

    memset(out, 0, sizeof(*out));
    out->wanted = is_wanted(request);
    if (!out->wanted)
        return 0;
    address = ccb_sdk_fact_string(c, "docker_registry_address");
    if (c->code < 0)
        return c->code;
    if (ccb_url_split_host_port(address, &out->host, &out->port, &err) < 0)
        return refuse_address(c, request, address, &err);
    out->insecure = ccb_sdk_fact_bool(c, "insecure_docker_registry");
    return find_addresses(c, &out->addresses);
}

/* ---- the arguments ------------------------------------------------------ */

static struct ccb_slice join_addresses(struct ccb_sdk_call *c,
                                       const struct ccb_json_list *addresses)
{
    const struct ccb_slice *items = addresses->items;
    struct ccb_slice *pieces =
        ccb_sdk_alloc(c, 2 * addresses->count, sizeof(*pieces));
    size_t i, n = 0;

    if (!pieces)
        return ccb_slice_of("");
    for (i = 0; i < addresses->count; i++) {
        if (i > 0)
            pieces[n++] = ccb_slice_of(",");
        pieces[n++] = items[i];
    }
    return ccb_sdk_concat(c, pieces, n);
}

static struct ccb_slice *add_flag(struct ccb_slice *at, const char *flag,
                                  struct ccb_slice value)
{
    *at++ = ccb_slice_of(flag);
    *at++ = value;
    return at;
}

size_t ccb_docker_cache_add_args(struct ccb_sdk_call *c,
                                 const struct ccb_docker_cache *cache,
                                 const struct ccb_docker_source *source,
                                 struct ccb_slice *args)
{
    const struct ccb_slice registry[] = {cache->host, CCB_LIT(":"),
                                         cache->port};
    struct ccb_slice *at = args;

    if (!cache->wanted)
        return 0;
    *at++ = ccb_slice_of("-cacheDockerImage");
    at = add_flag(at, "-dockerRegistryHost", cache->host);
    at = add_flag(at, "-dockerRegistryPort", cache->port);
    at = add_flag(at, "-dockerRegistryIPs",
                  join_addresses(c, &cache->addresses));
    if (cache->insecure)
        at = add_flag(at, "-insecureDockerRegistries",
                      ccb_sdk_concat(c, registry, 3));
    if (source->login_server.len > 0)
        at = add_flag(at, "-dockerLoginServer", source->login_server);
    if (source->user.len > 0) {
        at = add_flag(at, "-dockerUser", source->user);
        at = add_flag(at, "-dockerPassword", source->password);
        at = add_flag(at, "-dockerEmail", source->email);
    }
    return (size_t)(at - args);
}

/* ---- the egress rules --------------------------------------------------- */

/* Always this port, whatever -dockerRegistryAddress says. It is only read:
 * a list's items have no const, since the reader fills them. */
static const uint32_t open_port = 8080;

static struct ccb_egress_rule open_address(struct ccb_slice *address)
{
    const struct ccb_egress_rule rule = {
        .protocol = CCB_LIT("tcp"),
        .destinations = {.items = address, .count = 1, .given = 1},
        .ports = {.items = (void *)(uintptr_t)&open_port,
                  .count = 1,
                  .given = 1},
    };

    return rule;
}

struct ccb_json_list ccb_docker_cache_make_rules(
    struct ccb_sdk_call *c, const struct ccb_docker_cache *cache,
    const struct ccb_staging_request *request, size_t times)
{
    const struct ccb_egress_rule *given = request->egress_rules.items;
    const size_t count = request->egress_rules.count;
    struct ccb_slice *addresses = cache->addresses.items;
    size_t i, most = times * count + cache->addresses.count;
    struct ccb_json_list list = {.items = NULL, .count = 0, .given = 1};
    struct ccb_egress_rule *rules;

    if (most == 0)
        return list;
    rules = ccb_sdk_alloc(c, most, sizeof(*rules));
    if (!rules)
        return list;
    for (i = 0; i < times * count; i++)
        rules[list.count++] = given[i % count];
    for (i = 0; i < cache->addresses.count; i++)
        rules[list.count++] = open_address(&addresses[i]);
    list.items = rules;
    return list;
}
