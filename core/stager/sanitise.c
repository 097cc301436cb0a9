/*
 * Which errors CC may see as they are, and under which id: contract/stager.md
 * C7. First row that matches wins; everything else is "staging failed".
 */
#include "stager/sanitise.h"

#include <stdbool.h>

enum match { ENDS_WITH, EQUALS };

static const struct row {
    enum match match;
    const char *text;
    const char *id;
    bool shown;
} rows[] = {
    {ENDS_WITH, "222", "NoAppDetectedError", false},
    {ENDS_WITH, "223", "BuildpackCompileFailed", false},
    {ENDS_WITH, "224", "BuildpackReleaseFailed", false},
    {EQUALS, "insufficient resources", "InsufficientResources", true},
    {EQUALS, "found no compatible cell", "NoCompatibleCell", true},
    {EQUALS, "missing docker image download url", "StagingError", true},
    {EQUALS, "missing docker registry", "StagingError", true},
    {EQUALS, "missing docker credentials", "StagingError", true},
    {EQUALS, "invalid docker registry address", "StagingError", true},
};

static bool matches(const struct row *row, struct ccb_slice text)
{
    return row->match == ENDS_WITH ? ccb_slice_ends(text, row->text)
                                   : ccb_slice_is(text, row->text);
}

struct ccb_sanitised ccb_stager_sanitise(struct ccb_slice text)
{
    struct ccb_sanitised out = {"StagingError", ccb_slice_of("staging failed")};
    size_t i;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!matches(&rows[i], text))
            continue;
        out.id = rows[i].id;
        if (rows[i].shown)
            out.message = text;
        break;
    }
    return out;
}
