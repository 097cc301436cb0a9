/*
 * The critical plugins: without one of them nothing starts and nothing is
 * swapped. The policies say which they are, so one whose file is not there at
 * all is missed, too. Follows policy.h, "critical".
 */
#include <dirent.h>
#include <stdio.h>

#include "plugin/registry.h"

static int refuse(const struct ccb_plugins_set *set, struct ccb_slice id,
                  struct ccb_error *err)
{
    const struct ccb_plugins_refused *row = set->refused;

    while (row && (!row->id || !ccb_slice_is(id, row->id)))
        row = row->next;
    if (!row)
        return ccb_error_set(err, CCB_FAILED,
                             "the plugin %.*s is critical by its policy, and "
                             "no file in the plugin directories has this id",
                             (int)id.len, id.ptr);
    return ccb_error_set(err, CCB_FAILED,
                         "the plugin %.*s is critical by its policy, and %s is "
                         "refused (%s): expected %s, found %s; %s",
                         (int)id.len, id.ptr, row->refusal.file,
                         ccb_refusal_name(row->refusal.reason),
                         row->refusal.expected, row->refusal.found,
                         row->refusal.advice);
}

/* A policy that can't be read refuses its plugin by itself. */
static int check(const struct ccb_plugins *plugins,
                 const struct ccb_plugins_set *set, struct ccb_slice id,
                 struct ccb_error *err)
{
    struct ccb_plugin_policy policy;
    int code;

    if (ccb_plugins_set_get(set, id))
        return 0;
    code = ccb_plugin_policy_read(&policy, plugins->options.policy_directory,
                                  id, set->arena, NULL);
    if (code == CCB_NO_MEMORY)
        return ccb_error_set(err, code, "no memory for the plugins");
    if (code == 0 && policy.critical && policy.enabled)
        return refuse(set, id, err);
    return 0;
}

int ccb_plugins_check_critical(const struct ccb_plugins *plugins,
                               const struct ccb_plugins_set *set,
                               struct ccb_error *err)
{
    static const struct ccb_slice ending = CCB_LIT(".json");
    const char *path = plugins->options.policy_directory;
    DIR *dir = path ? opendir(path) : NULL;
    const struct dirent *entry = NULL;
    int code = 0;

    if (!dir)
        return 0;
    do {
        /* cppcheck-suppress readdirCalled ; the stream is ours alone */
        entry = readdir(dir);
        if (entry && entry->d_name[0] != '.') {
            struct ccb_slice name = ccb_slice_of(entry->d_name);

            if (ccb_slice_ends(name, ending.ptr)) {
                name.len -= ending.len;
                code = check(plugins, set, name, err);
            }
        }
    } while (entry && code == 0);
    closedir(dir);
    return code;
}
