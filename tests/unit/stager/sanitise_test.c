/* Which errors CC may see: every row of contract/stager.md C7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stager/internal.h"

static const struct {
    const char *text, *id, *message;
} rows[] = {
    {"Exited with status 222", "NoAppDetectedError", "staging failed"},
    {"x1222", "NoAppDetectedError", "staging failed"},
    {"222", "NoAppDetectedError", "staging failed"},
    {"Exited with status 223", "BuildpackCompileFailed", "staging failed"},
    {"Exited with status 224", "BuildpackReleaseFailed", "staging failed"},
    {"Exited with status 224 (out of memory)", "StagingError",
     "staging failed"},
    {"insufficient resources", "InsufficientResources",
     "insufficient resources"},
    {"insufficient resources: memory", "StagingError", "staging failed"},
    {"found no compatible cell", "NoCompatibleCell",
     "found no compatible cell"},
    {"missing docker image download url", "StagingError",
     "missing docker image download url"},
    {"missing docker registry", "StagingError", "missing docker registry"},
    {"missing docker credentials", "StagingError",
     "missing docker credentials"},
    {"invalid docker registry address", "StagingError",
     "invalid docker registry address"},
    {"Missing docker registry", "StagingError", "staging failed"},
    {"", "StagingError", "staging failed"},
    {"22", "StagingError", "staging failed"},
    {"the password is s3cret", "StagingError", "staging failed"},
};

static void each_error_is_shown_as_the_table_says(void **state)
{
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_sanitised out =
            ccb_stager_sanitise(ccb_slice_of(rows[i].text));
        assert_string_equal(out.id, rows[i].id);
        if (!ccb_slice_is(out.message, rows[i].message))
            fail_msg("\"%s\" is shown as \"%.*s\"", rows[i].text,
                     (int)out.message.len, out.message.ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_error_is_shown_as_the_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
