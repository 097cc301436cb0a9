/*
 * Opens the plugin registry: directories from -pluginDir, or those beside the
 * program, or the installed ones. A -lifecycle key that no plugin claims, and a
 * claim that two plugins have, are logged under a historic name, which serves
 * on, and an error in `all`.
 */
#include "daemon/plugins.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/places.h"

#define MAX_DIRECTORIES 16

/* Splits "A:B" in place. */
static size_t split(char *text, const char **out, size_t max)
{
    size_t n = 0;
    while (text && *text && n < max) {
        char *colon = strchr(text, ':');
        if (colon)
            *colon++ = '\0';
        if (*text)
            out[n++] = text;
        text = colon;
    }
    return n;
}

/* What is to be checked, and who is told. */
struct check {
    const struct ccb_plugins *plugins;
    const struct ccb_plugins_next *next; /* NULL: what serves now */
    const struct ccb_options *options;
    struct ccb_log_session *log; /* of the role */
};

static bool is_served(const struct check *check, struct ccb_slice lifecycle,
                      struct ccb_slice stack)
{
    return check->next
               ? ccb_plugins_next_find(check->next, lifecycle, stack) != NULL
               : ccb_plugins_find(check->plugins, lifecycle, stack) != NULL;
}

static int check_key(const struct check *check, struct ccb_slice key,
                     struct ccb_error *err)
{
    const char *slash = key.len ? memchr(key.ptr, '/', key.len) : NULL;
    size_t head = slash ? (size_t)(slash - key.ptr) : key.len;
    struct ccb_slice stack = slash
                                 ? ccb_slice_make(slash + 1, key.len - head - 1)
                                 : ccb_slice_make(NULL, 0);
    if (is_served(check, ccb_slice_make(key.ptr, head), stack))
        return 0;
    ccb_error_set(err, CCB_NOT_FOUND,
                  "-lifecycle %.*s: no plugin claims this key; add its plugin "
                  "to -pluginDir, or name one with -lifecyclePlugin %.*s:ID",
                  (int)key.len, key.ptr, (int)key.len, key.ptr);
    if (!check->options->historic)
        return err->code;
    ccb_log_error(check->log, "lifecycle-not-claimed", err->message);
    return 0;
}

/* The flag of every role that calls plugins. */
static bool is_lifecycles(const struct ccb_flag *flag)
{
    return flag->fact && strcmp(flag->fact, "lifecycles") == 0;
}

/* The first that calls plugins, or NULL. */
static struct ccb_member *find_caller(struct ccb_member *members, size_t count)
{
    size_t i, k;
    for (i = 0; i < count; i++)
        for (k = 0; k < members[i].role->flag_count; k++)
            if (is_lifecycles(&members[i].role->flags[k]))
                return &members[i];
    return NULL;
}

static int check_keys(const struct check *check, const struct ccb_role *role,
                      const void *config, struct ccb_error *err)
{
    size_t i, k;
    for (i = 0; i < role->flag_count; i++) {
        const struct ccb_flag *flag = &role->flags[i];
        const struct ccb_pairs *pairs =
            (const void *)((const char *)config + flag->offset);
        if (!is_lifecycles(flag))
            continue;
        for (k = 0; k < pairs->count; k++) {
            int code = check_key(check, pairs->items[k].key, err);
            if (code < 0)
                return code;
        }
    }
    return 0;
}

int ccb_daemon_plugins_check(const struct ccb_plugins *plugins,
                             const struct ccb_plugins_next *next,
                             const struct ccb_options *options,
                             struct ccb_error *err)
{
    int code = 0;
    size_t i;
    for (i = 0; code == 0 && i < options->role_count; i++) {
        struct ccb_log_session log;
        struct check check = {plugins, next, options, &log};
        ccb_log_open(&log, options->roles[i]->name);
        code = check_keys(&check, options->roles[i], options->configs[i], err);
    }
    return code;
}

/* A build's own place exists only where somebody made it. */
void ccb_daemon_policy_dir(const struct ccb_options *options, char *out,
                           size_t size)
{
    if (options->plugin_policy_dir[0])
        snprintf(out, size, "%s", options->plugin_policy_dir);
    else
        ccb_place_find("plugins.d", out, size);
}

int ccb_daemon_plugins_open(struct ccb_plugins **plugins,
                            const struct ccb_options *options,
                            struct ccb_member *members, size_t member_count,
                            struct ccb_error *err)
{
    struct ccb_member *caller = find_caller(members, member_count);
    const char *directories[MAX_DIRECTORIES];
    struct ccb_plugins_options open = {
        .directories = directories,
        .directory_count = 1,
        .by_hand = &options->lifecycle_plugins,
        .strict = !options->historic,
        .call_timeout = options->plugin_timeout,
    };
    char place[PATH_MAX], policies[PATH_MAX];
    char *given;
    int code;
    *plugins = NULL;
    if (!caller)
        return 0;
    open.log = &caller->log;
    given = ccb_strdup(options->plugin_dirs);
    if (!given)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    ccb_place_find("plugins", place, sizeof(place));
    ccb_daemon_policy_dir(options, policies, sizeof(policies));
    open.policy_directory = policies;
    /* Checked with the command line. */
    (void)ccb_plugin_mode_parse(&open.mode, options->plugin_mode);
    directories[0] = place;
    if (given[0])
        open.directory_count = split(given, directories, MAX_DIRECTORIES);
    code = ccb_plugins_open(plugins, &open, err);
    if (code == 0)
        code = ccb_daemon_plugins_check(*plugins, NULL, options, err);
    ccb_free(given);
    return code;
}
