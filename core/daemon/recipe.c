/* Reads the message, asks the plugin that serves it, hands on what it says. */
#include "daemon/recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/plugins.h"
#include "daemon/recipe_internal.h"
#include "daemon/roles.h"
#include "daemon/worker.h"
#include "model/limits.h"
#include "nsync/recipe.h"
#include "nsync/ssh_keys.h"
#include "role/facts.h"
#include "stager/recipe.h"

#define MAX_MESSAGE ((size_t)16 << 20)
#define AT(member) offsetof(struct ccb_recipe_config, member)

/* ---- flags -------------------------------------------------------------- */

static const struct ccb_recipe_kind kinds[] = {
    {"stage", "a staging request", "stager"},
    {"run", "a desire request", "nsync-listener"},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int check_kind(struct ccb_slice value, char *why, size_t why_size)
{
    size_t i;
    for (i = 0; i < KINDS; i++)
        if (ccb_slice_is(value, kinds[i].word))
            return 0;
    snprintf(why, why_size, "use stage or run");
    return CCB_INVALID;
}

static const struct ccb_flag flags[] = {
    {.name = "json",
     .type = CCB_FLAG_BOOL,
     .offset = AT(json),
     .help = "Write one JSON document with recipe, plugin, bundle and facts"},
    {.name = "explain",
     .type = CCB_FLAG_BOOL,
     .offset = AT(explain),
     .help = "Say why this plugin was chosen"},
    {.name = "showSecrets",
     .type = CCB_FLAG_BOOL,
     .offset = AT(show_secrets),
     .help = "Do not mask environment values, keys and passwords"},
    {.name = "kind",
     .type = CCB_FLAG_STRING,
     .offset = AT(kind),
     .placeholder = "stage|run",
     .check = check_kind,
     .help = "What the message is, where its members do not say so"},
    {.name = "guid",
     .type = CCB_FLAG_STRING,
     .offset = AT(guid),
     .default_text = "staging-guid",
     .placeholder = "GUID",
     .help = "Guid of the staging, which CC gives in the path"},
    {.name = "registry",
     .type = CCB_FLAG_STRING,
     .offset = AT(registries),
     .placeholder = "IP[,IP]",
     .help = "Addresses of the docker registry that caches images, which the "
             "stager asks Consul for"},
};

const struct ccb_role ccb_recipe_role = {
    .name = "recipe",
    .summary = "shows the recipe that a message of CC gives",
    .flags = flags,
    .flag_count = sizeof(flags) / sizeof(flags[0]),
    .config_size = sizeof(struct ccb_recipe_config),
};

/* ---- the whole ---------------------------------------------------------- */

struct show {
    const struct ccb_options *options;
    const struct ccb_recipe_config *config;
    struct ccb_recipe_shown shown;
    struct ccb_loop loop;
    struct ccb_arena *arena;
    struct ccb_log_session log;
    struct ccb_buf text, facts; /* the message; the role's facts */
    struct ccb_json message;
    struct ccb_plugins *plugins;
    struct ccb_ssh_keys keys;
    struct ccb_fact_gatherer gatherers[2];
    struct ccb_staging_request staging;
    struct ccb_desire_request desire;
    bool failed;
    char why[1024];
};

static int say(int status, const char *what, const char *why)
{
    fprintf(stderr, "ccbridge recipe: %s%s%s\n", what, why[0] ? ": " : "", why);
    return status;
}

static void fail(struct show *show, const char *why)
{
    show->failed = true;
    snprintf(show->why, sizeof(show->why), "%s", why);
}

/* ---- the flags of the role that would serve it -------------------------- */

static const void *find_config(const struct ccb_options *options,
                               const char *role)
{
    size_t i;
    for (i = 0; i < options->role_count; i++)
        if (strcmp(options->roles[i]->name, role) == 0)
            return options->configs[i];
    return NULL;
}

/* The place of a flag's value. */
static const void *find_value(const struct ccb_options *options,
                              const char *role_name, const char *flag)
{
    const struct ccb_role *role = ccb_role_find(role_name);
    const char *config = find_config(options, role_name);
    size_t i = 0;
    while (strcmp(role->flags[i].name, flag) != 0)
        i++;
    return config + role->flags[i].offset;
}

static const char *find_text(const struct ccb_options *options,
                             const char *role, const char *flag)
{
    const char *text;
    memcpy(&text, find_value(options, role, flag), sizeof(text));
    return text;
}

/* ---- the message -------------------------------------------------------- */

static int read_all(int fd, struct ccb_buf *out)
{
    ssize_t n = 1;
    while (n > 0 && out->len <= MAX_MESSAGE) {
        char *room = ccb_buf_reserve(out, 65536);
        if (!room)
            return CCB_NO_MEMORY;
        n = read(fd, room, 65536);
        if (n > 0)
            out->len += (size_t)n;
    }
    if (n < 0)
        return CCB_IO;
    return out->len > MAX_MESSAGE ? CCB_TOO_LARGE : 0;
}

static int read_message(struct show *show)
{
    const char *path = show->options->file;
    bool piped = strcmp(path, "-") == 0;
    int fd = piped ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct ccb_error err;
    int code = fd < 0 ? CCB_IO : read_all(fd, &show->text);
    if (code == CCB_IO)
        say(2, path, strerror(errno));
    else if (code < 0)
        say(2, path, code == CCB_TOO_LARGE ? "over 16 MiB" : "out of memory");
    if (fd >= 0 && !piped)
        close(fd);
    if (code == 0) {
        code = ccb_json_parse(&show->message, ccb_buf_slice(&show->text),
                              CCB_JSON_WHOLE, &err);
        if (code < 0)
            say(2, piped ? "stdin" : path, err.message);
    }
    return code;
}

static bool has(const struct show *show, const char *member)
{
    return ccb_json_get(show->message, member).type != CCB_JSON_NONE;
}

static const struct ccb_recipe_kind *find_kind(const struct show *show)
{
    const char *word = show->config->kind;
    size_t i;
    if (!word[0] && has(show, "process_guid"))
        word = "run";
    else if (!word[0] && (has(show, "app_id") || has(show, "lifecycle_data")))
        word = "stage";
    for (i = 0; i < KINDS; i++)
        if (strcmp(kinds[i].word, word) == 0)
            return &kinds[i];
    return NULL;
}

/* ---- the costly fact of docker ------------------------------------------ */

struct named {
    struct ccb_post post; /* first */
    struct ccb_buf value;
    void (*done)(void *token, int code, struct ccb_slice value,
                 const char *error);
    void *token;
};

static void on_named(struct ccb_post *post)
{
    struct named *named = (struct named *)post;
    int code = named->value.failed;
    if (code == 0 && ccb_slice_is(ccb_buf_slice(&named->value), "[]"))
        named->done(named->token, CCB_NOT_FOUND, ccb_slice_make(NULL, 0),
                    "Consul is not asked here; name them with -registry "
                    "IP[,IP]");
    else
        named->done(named->token, code, ccb_buf_slice(&named->value),
                    "out of memory");
    ccb_buf_destroy(&named->value);
    ccb_free(named);
}

static void put_registries(struct ccb_buf *out, const char *list)
{
    struct ccb_json_writer w;
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_array(&w);
    while (*list) {
        size_t len = strcspn(list, ",");
        if (len > 0)
            ccb_json_put_string(&w, ccb_slice_make(list, len));
        list += len + (list[len] == ',');
    }
    ccb_json_end_array(&w);
    ccb_json_writer_end(&w);
}

/* They are named, not asked for: nothing is sent. */
static int gather_registries(void *user, struct ccb_loop *loop,
                             void (*done)(void *token, int code,
                                          struct ccb_slice value,
                                          const char *error),
                             void *token)
{
    const struct show *show = user;
    struct named *named = ccb_calloc(1, sizeof(*named));
    if (!named)
        return CCB_NO_MEMORY;
    put_registries(&named->value, show->config->registries);
    named->done = done;
    named->token = token;
    named->post.run = on_named;
    ccb_loop_post(loop, &named->post);
    return 0;
}

/* ---- the two ways ------------------------------------------------------- */

static void on_long_variable(void *user, struct ccb_slice variable, size_t size)
{
    struct show *show = user;
    ccb_buf_printf(&show->shown.warnings,
                   "the environment variable %.*s has %zu bytes, %zu are what "
                   "a cell takes\n",
                   (int)variable.len, variable.ptr, size,
                   CCB_MAX_ENVIRONMENT_STRING);
}

static void on_staged(void *user, const struct ccb_staging_answer *answer)
{
    if (answer->code < 0)
        fail(user, answer->error);
}

static void stage(struct show *show)
{
    struct ccb_recipe_shown *shown = &show->shown;
    struct ccb_staging_maker maker = {
        .loop = &show->loop,
        .plugins = show->plugins,
        .dialect = CCB_LIT("receptor/1"),
        .facts = ccb_buf_slice(&show->facts),
        .gatherers = show->gatherers,
        .gatherer_count = 2,
        .stager_url = find_text(show->options, "stager", "stagerURL"),
    };
    struct ccb_staging_options options = {
        .guid = ccb_slice_of(show->config->guid),
        .request = &show->staging,
        .arena = show->arena,
        .log = &show->log,
        .document = &shown->document,
        .on_done = on_staged,
        .user = show,
    };
    struct ccb_staging_choice choice;
    struct ccb_error err;
    if (ccb_staging_request_decode(&show->staging, show->message.raw,
                                   show->arena, &err) < 0) {
        fail(show, err.message);
        return;
    }
    ccb_environment_check(&show->staging.environment, on_long_variable, show);
    ccb_staging_choose(&choice, show->plugins, &show->staging);
    shown->lifecycle = choice.lifecycle;
    shown->stack = choice.stack;
    shown->because = choice.because;
    shown->plugin = options.plugin = choice.plugin;
    if (choice.plugin && ccb_staging_build(&maker, &options, &err) < 0)
        fail(show, err.message);
    if (choice.plugin)
        ccb_loop_run(&show->loop);
}

static void on_desired(void *user, const struct ccb_recipe_answer *answer)
{
    if (answer->code < 0)
        fail(user, answer->error);
}

static void run(struct show *show)
{
    struct ccb_recipe_shown *shown = &show->shown;
    struct ccb_recipe_maker maker = {
        .loop = &show->loop,
        .plugins = show->plugins,
        .dialect = CCB_LIT("receptor/1"),
        .facts = ccb_buf_slice(&show->facts),
        .gatherers = show->gatherers,
        .gatherer_count = 2,
    };
    struct ccb_recipe_options options = {
        .request = &show->desire,
        .arena = show->arena,
        .log = &show->log,
        .document = &shown->document,
        .on_done = on_desired,
        .user = show,
    };
    struct ccb_recipe_choice choice;
    struct ccb_error err;
    if (ccb_desire_request_decode(&show->desire, show->message.raw, show->arena,
                                  &err) < 0) {
        fail(show, err.message);
        return;
    }
    ccb_environment_check(&show->desire.environment, on_long_variable, show);
    ccb_recipe_choose(&choice, show->plugins, &show->desire);
    shown->lifecycle = choice.lifecycle;
    shown->stack = choice.stack;
    shown->because = choice.because;
    shown->plugin = choice.plugin;
    if (choice.plugin && ccb_recipe_build(&maker, &options, &err) < 0)
        fail(show, err.message);
    if (choice.plugin)
        ccb_loop_run(&show->loop);
}

/* ---- the start and the end ---------------------------------------------- */

static int open_plugins(struct show *show)
{
    struct ccb_member member = {
        .role = ccb_role_find(show->shown.kind->role),
        .config = (void *)(uintptr_t)find_config(show->options,
                                                 show->shown.kind->role),
    };
    struct ccb_error err;
    int code;
    ccb_log_open(&member.log, "recipe");
    ccb_role_facts(&show->facts, member.role->flags, member.role->flag_count,
                   member.config);
    code = show->facts.failed
               ? ccb_error_set(&err, CCB_NO_MEMORY, "out of memory")
               : ccb_daemon_plugins_open(&show->plugins, show->options, &member,
                                         1, &err);
    if (code < 0)
        say(1, err.message, "");
    return code;
}

static void prepare(struct show *show)
{
    const char *role = show->shown.kind->role;
    show->keys.type = find_text(show->options, "nsync-listener", "sshKeyType");
    show->gatherers[0] = (struct ccb_fact_gatherer){
        .name = "ssh_keys", .gather = ccb_ssh_keys_gather, .user = &show->keys};
    show->gatherers[1] = (struct ccb_fact_gatherer){
        .name = "docker_registries", .gather = gather_registries, .user = show};
    show->shown.config = show->config;
    show->shown.plugins = show->plugins;
    show->shown.lifecycles = find_value(show->options, role, "lifecycle");
    show->shown.facts = ccb_buf_slice(&show->facts);
}

static int conclude(struct show *show)
{
    struct ccb_recipe_shown *shown = &show->shown;
    int code;
    if (!show->failed && !shown->plugin) {
        snprintf(show->why, sizeof(show->why),
                 "no plugin serves the lifecycle \"%.*s\"",
                 (int)shown->lifecycle.len, shown->lifecycle.ptr);
        show->failed = true;
    }
    if (show->failed)
        return say(1, "the recipe can't be built", show->why);
    if (shown->document.len > CCB_MAX_RECIPE)
        ccb_buf_printf(&shown->warnings,
                       "the recipe has %zu bytes, %zu are what a back end "
                       "takes\n",
                       shown->document.len, CCB_MAX_RECIPE);
    code = shown->document.failed | shown->warnings.failed;
    if (code == 0)
        code = ccb_recipe_print(shown);
    if (code < 0)
        return say(1, "it can't be shown",
                   code == CCB_IO ? "stdout takes no more" : "out of memory");
    return 0;
}

static int show_it(struct show *show)
{
    int status = 1;
    if (read_message(show) < 0)
        return 2;
    show->shown.kind = find_kind(show);
    if (!show->shown.kind)
        return say(2, "the message names neither process_guid nor app_id",
                   "say what it is with -kind stage or -kind run");
    if (open_plugins(show) == 0) {
        prepare(show);
        if (show->shown.kind == &kinds[0])
            stage(show);
        else
            run(show);
        status = conclude(show);
    }
    ccb_plugins_close(show->plugins);
    return status;
}

int ccb_recipe_show(const struct ccb_options *options)
{
    struct show show = {
        .options = options,
        .config = find_config(options, ccb_recipe_role.name),
    };
    struct ccb_error err;
    int status;
    ccb_log_set_fd(STDERR_FILENO);
    ccb_log_set_level(CCB_LEVEL_ERROR);
    ccb_log_open(&show.log, "recipe");
    show.arena = ccb_arena_create();
    if (!show.arena || ccb_loop_open(&show.loop, &err) < 0) {
        ccb_arena_unref(show.arena);
        return say(1, "out of memory", "");
    }
    status = show_it(&show);
    ccb_loop_close(&show.loop, &err);
    ccb_buf_destroy(&show.text);
    ccb_buf_destroy(&show.facts);
    ccb_buf_destroy(&show.shown.document);
    ccb_buf_destroy(&show.shown.warnings);
    ccb_arena_unref(show.arena);
    uv_library_shutdown();
    return status;
}
