/*
 * What is remembered of images that failed to open, so that a broken file costs
 * one worker, not one with each reload. Another digest is another image; a
 * policy that changes what the plugin is opened with is another try. One that
 * was late gets a second try: the machine may have been busy.
 * Follows anchors 3.5 (3): the negative cache.
 */
#include <string.h>

#include "base/mem.h"
#include "plugin/registry.h"

enum { MAX_FAILURES = 256 };

struct ccb_plugin_failure {
    struct ccb_plugin_failure *next; /* newest first */
    char *id, *config;
    uint64_t memory_mb;
    unsigned times;
    char digest[CCB_PLUGIN_DIGEST_SIZE];
    struct ccb_plugin_refusal refusal; /* without the file */
};

static void free_failure(struct ccb_plugin_failure *failure)
{
    ccb_free(failure->id);
    ccb_free(failure->config);
    ccb_free(failure);
}

static struct ccb_plugin_failure *find(struct ccb_plugin_failure *failures,
                                       const struct ccb_plugin *plugin)
{
    struct ccb_plugin_failure *f = failures;

    while (f && (strcmp(f->digest, plugin->image.digest) != 0 ||
                 f->memory_mb != plugin->policy.memory_mb ||
                 !ccb_slice_is(plugin->policy.config, f->config)))
        f = f->next;
    return f;
}

const struct ccb_plugin_failure *ccb_plugin_failure_find(
    struct ccb_plugin_failure *failures, const struct ccb_plugin *plugin)
{
    const struct ccb_plugin_failure *f = find(failures, plugin);

    return f && f->refusal.reason == CCB_REFUSED_TIMED_OUT && f->times < 2
               ? NULL
               : f;
}

void ccb_plugin_failure_tell(const struct ccb_plugin_failure *failure,
                             struct ccb_plugin_refusal *refusal)
{
    const char *file = refusal->file;

    *refusal = failure->refusal;
    refusal->file = file;
}

static void drop_oldest(struct ccb_plugin_failure **at)
{
    size_t count = 0;

    for (; *at && count < MAX_FAILURES; at = &(*at)->next)
        count++;
    if (*at) {
        free_failure(*at);
        *at = NULL;
    }
}

int ccb_plugin_failure_add(struct ccb_plugin_failure **failures,
                           const struct ccb_plugin *plugin,
                           const struct ccb_plugin_refusal *refusal)
{
    struct ccb_plugin_failure *f = find(*failures, plugin);

    if (f) {
        f->times++;
        f->refusal = *refusal;
        f->refusal.file = NULL;
        return 0;
    }
    f = ccb_calloc(1, sizeof(*f));
    if (!f)
        return CCB_NO_MEMORY;
    f->times = 1;
    f->id = ccb_strdup(plugin->id);
    f->config = ccb_slice_dup(plugin->policy.config);
    if (!f->id || !f->config) {
        free_failure(f);
        return CCB_NO_MEMORY;
    }
    memcpy(f->digest, plugin->image.digest, sizeof(f->digest));
    f->memory_mb = plugin->policy.memory_mb;
    f->refusal = *refusal;
    f->refusal.file = NULL;
    f->next = *failures;
    *failures = f;
    drop_oldest(failures);
    return 0;
}

size_t ccb_plugin_forget_failures(struct ccb_plugin_failure **failures,
                                  struct ccb_slice id)
{
    struct ccb_plugin_failure **at = failures;
    size_t count = 0;

    while (*at) {
        struct ccb_plugin_failure *f = *at;

        if (!id.ptr || ccb_slice_is(id, f->id)) {
            *at = f->next;
            free_failure(f);
            count++;
        } else {
            at = &f->next;
        }
    }
    return count;
}
