/*
 * The table of mapped images.
 * Invariant: a row is never changed or freed, and its descriptor never closed,
 * so no two images are ever opened by the same /proc/self/fd path.
 * Follows anchors 3.5 (3) and 3.7.
 */
#include "plugin/mapped.h"

#include <string.h>

#include "base/mem.h"

struct row {
    struct row *next;
    char *id;
    struct ccb_plugin_image image;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct row *rows; /* the process's, as the mappings are */

static const struct row *find_row(const char *digest)
{
    const struct row *row = rows;

    while (row && strcmp(row->image.digest, digest) != 0)
        row = row->next;
    return row;
}

static size_t count_builds(const char *id)
{
    size_t count = 0;

    for (const struct row *row = rows; row; row = row->next)
        count += strcmp(row->id, id) == 0;
    return count;
}

static int add_row(struct ccb_plugin *plugin)
{
    struct row *row = ccb_calloc(1, sizeof(*row));

    if (row)
        row->id = ccb_strdup(plugin->id);
    if (!row || !row->id) {
        ccb_free(row);
        return CCB_NO_MEMORY;
    }
    row->image = plugin->image;
    row->next = rows;
    rows = row;
    return 0;
}

/* Under the lock. */
static int take(struct ccb_plugin *plugin, struct ccb_plugin_refusal *refusal)
{
    const struct row *row = find_row(plugin->image.digest);
    size_t builds = row ? 0 : count_builds(plugin->id);

    if (row) {
        ccb_plugin_image_close(&plugin->image);
        plugin->image = row->image;
        return 0;
    }
    if (builds >= CCB_PLUGIN_MAX_BUILDS)
        return ccb_refuse(refusal, CCB_REFUSED_IMAGES,
                          "at most 8 builds of one plugin in this process",
                          "%zu other builds of %.80s, mapped since the start",
                          builds, plugin->id);
    return add_row(plugin);
}

int ccb_plugin_mapped_take(struct ccb_plugin *plugin,
                           struct ccb_plugin_refusal *refusal)
{
    int code;

    pthread_mutex_lock(&lock);
    code = take(plugin, refusal);
    pthread_mutex_unlock(&lock);
    plugin->mapped = code == 0;
    return code;
}
