/* Reads the message, has the role's way gone with it, and shows what came. */
#include "daemon/recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/plugins.h"
#include "daemon/recipe_internal.h"
#include "daemon/roles.h"
#include "daemon/worker.h"
#include "nsync/ssh_keys.h"
#include "role/facts.h"

#define MAX_MESSAGE ((size_t)16 << 20)
#define AT(member) offsetof(struct ccb_recipe_config, member)

/* ---- flags -------------------------------------------------------------- */

static const struct ccb_recipe_kind kinds[] = {
    {"run",
     "a desire request",
     "nsync-listener",
     "CC",
     {"process_guid"},
     ccb_recipe_make_run},
    {"done",
     "a finished staging task",
     "stager",
     "the back end",
     {"task_guid"},
     ccb_recipe_make_done},
    {"stage",
     "a staging request",
     "stager",
     "CC",
     {"app_id", "lifecycle_data"},
     ccb_recipe_make_stage},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int check_kind(struct ccb_slice value, char *why, size_t why_size)
{
    size_t i;
    for (i = 0; i < KINDS; i++)
        if (ccb_slice_is(value, kinds[i].word))
            return 0;
    snprintf(why, why_size, "use stage, run or done");
    return CCB_INVALID;
}

static int check_key_type(struct ccb_recipe_making *making)
{
    if (ccb_ssh_key_type_check(making->ssh_key_type) == 0)
        return 0;
    fprintf(stderr,
            "ccbridge recipe: -sshKeyType %s: use rsa-1024, rsa-2048 or "
            "ecdsa-p256\n",
            making->ssh_key_type);
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
    {.name = "quiet",
     .type = CCB_FLAG_BOOL,
     .offset = AT(quiet),
     .help = "Say nothing beside the recipe, or why there is none"},
    {.name = "kind",
     .type = CCB_FLAG_STRING,
     .offset = AT(kind),
     .placeholder = "stage|run|done",
     .check = check_kind,
     .help = "What the message is, where its members do not say so: a staging "
             "request, a desire request, a finished staging task"},
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
    {.name = "stack",
     .type = CCB_FLAG_STRING,
     .offset = AT(stack),
     .default_text = "host",
     .placeholder = "STACK",
     .help = "Stack that what is taken for granted holds for, as `all` takes "
             "it from -rootfs STACK=DIR"},
};

const struct ccb_role ccb_recipe_role = {
    .name = "recipe",
    .summary = "shows the recipe that a message of CC gives",
    .flags = flags,
    .flag_count = sizeof(flags) / sizeof(flags[0]),
    .config_size = sizeof(struct ccb_recipe_config),
};

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

/* ---- the whole ---------------------------------------------------------- */

/* Lies in its arena, since a plugin that is late still looks at some of it. */
struct show {
    const struct ccb_options *options;
    struct ccb_arena *arena;
    struct ccb_recipe_shown shown;
    struct ccb_recipe_making making;
    struct ccb_loop loop;
    struct ccb_log_session log;
    struct ccb_plugins *plugins;
};

static int say(int status, const char *what, const char *why)
{
    fprintf(stderr, "ccbridge recipe: %s%s%s\n", what, why[0] ? ": " : "", why);
    return status;
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

static int read_file(const char *path, struct ccb_buf *out,
                     struct ccb_error *err)
{
    bool piped = strcmp(path, "-") == 0;
    int fd = piped ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int code = fd < 0 ? CCB_IO : read_all(fd, out);
    if (code == CCB_IO)
        ccb_error_set(err, code, "%s", strerror(errno));
    else if (code < 0)
        ccb_error_set(err, code, "%s",
                      code == CCB_TOO_LARGE ? "over 16 MiB" : "out of memory");
    if (fd >= 0 && !piped)
        close(fd);
    return code;
}

static int read_message(struct show *show)
{
    const char *path = show->options->file;
    struct ccb_buf text = {0};
    struct ccb_slice kept = {NULL, 0};
    struct ccb_error err;
    int code = read_file(path, &text, &err);
    if (code == 0) {
        kept = ccb_arena_copy(show->arena, ccb_buf_slice(&text));
        code = kept.ptr ? ccb_json_parse(&show->making.message, kept,
                                         CCB_JSON_WHOLE, &err)
                        : ccb_error_set(&err, CCB_NO_MEMORY, "out of memory");
    }
    ccb_buf_destroy(&text);
    if (code < 0)
        say(2, strcmp(path, "-") == 0 ? "stdin" : path, err.message);
    return code;
}

static bool is_kind(const struct show *show, const struct ccb_recipe_kind *kind)
{
    const char *wanted = show->shown.config->kind;
    size_t i;
    if (wanted[0])
        return strcmp(kind->word, wanted) == 0;
    for (i = 0; i < 2 && kind->members[i]; i++)
        if (ccb_json_get(show->making.message, kind->members[i]).type !=
            CCB_JSON_NONE)
            return true;
    return false;
}

static int find_kind(struct show *show)
{
    size_t i;
    for (i = 0; i < KINDS; i++) {
        if (!is_kind(show, &kinds[i]))
            continue;
        show->shown.kind = &kinds[i];
        return 0;
    }
    say(2, "the message has neither process_guid nor app_id nor task_guid",
        "say what it is with --kind stage, run or done");
    return CCB_INVALID;
}

/* ---- the start and the end ---------------------------------------------- */

static int find_facts(struct show *show, const struct ccb_member *member)
{
    struct ccb_error err;
    if (ccb_facts_init(&show->shown.current, member->role->flags,
                       member->role->flag_count, member->config, &err) < 0)
        return err.code;
    show->shown.facts = ccb_facts_get(&show->shown.current, show->arena);
    return show->shown.facts.ptr ? 0 : CCB_NO_MEMORY;
}

/* Plugins and facts are those of the role that would be asked. */
static int prepare(struct show *show)
{
    const char *role = show->shown.kind->role;
    struct ccb_member member = {
        .role = ccb_role_find(role),
        .config = (void *)(uintptr_t)find_config(show->options, role),
    };
    struct ccb_error err;
    int code;
    ccb_log_open(&member.log, "recipe");
    show->shown.lifecycles = find_value(show->options, role, "lifecycle");
    show->making.stager_url = find_text(show->options, "stager", "stagerURL");
    show->making.ssh_key_type =
        find_text(show->options, "nsync-listener", "sshKeyType");
    if (check_key_type(&show->making) < 0)
        return 2;
    code = find_facts(show, &member);
    if (code < 0)
        return say(1, "out of memory", "");
    code = ccb_daemon_plugins_open(&show->plugins, show->options, &member, 1,
                                   &err);
    show->shown.plugins = show->plugins;
    /* What comes now is told in words: the log would repeat it. */
    if (strcmp(show->options->log_level, "error") == 0)
        ccb_log_set_level(CCB_LEVEL_FATAL);
    return code < 0 ? say(1, err.message, "") : 0;
}

static int print(const struct show *show)
{
    const struct ccb_recipe_shown *shown = &show->shown;
    int code = shown->document.failed;
    if (code == 0)
        code = shown->warnings.failed;
    if (code == 0)
        code = ccb_recipe_print(shown);
    if (code < 0)
        return say(1, "it can't be shown",
                   code == CCB_IO ? "stdout takes no more" : "out of memory");
    return shown->refusal.refused ? 1 : 0;
}

static int show_it(struct show *show)
{
    int status;
    if (read_message(show) < 0 || find_kind(show) < 0)
        return 2;
    status = prepare(show);
    if (status == 0) {
        show->shown.kind->make(&show->making);
        status = print(show);
    }
    ccb_plugins_close(show->plugins);
    ccb_facts_destroy(&show->shown.current);
    return status;
}

static int open_and_show(struct show *show)
{
    struct ccb_error err;
    int status;
    if (ccb_loop_open(&show->loop, &err) < 0)
        return say(1, err.message, "");
    show->making.shown = &show->shown;
    show->making.loop = &show->loop;
    show->making.arena = show->arena;
    show->making.log = &show->log;
    status = show_it(show);
    ccb_buf_destroy(&show->shown.document);
    ccb_buf_destroy(&show->shown.warnings);
    if (ccb_loop_close(&show->loop, &err) < 0)
        return say(1, err.message, "");
    return status;
}

int ccb_recipe_show(const struct ccb_options *options)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct show *show = arena ? ccb_arena_alloc(arena, sizeof(*show)) : NULL;
    int status = 1;
    ccb_log_set_fd(STDERR_FILENO);
    ccb_log_set_level(
        (enum ccb_log_level)ccb_log_parse_level(options->log_level));
    if (show) {
        show->options = options;
        show->arena = arena;
        show->shown.config = find_config(options, ccb_recipe_role.name);
        ccb_log_open(&show->log, "recipe");
        status = open_and_show(show);
    } else {
        say(1, "out of memory", "");
    }
    ccb_arena_unref(arena);
    uv_library_shutdown();
    return status;
}
