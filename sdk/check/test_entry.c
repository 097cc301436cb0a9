/*
 * Tests of the entry, the instance and the interface tables. Follows
 * ccbridge/lifecycle.h, "the entry".
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "options.h"
#include "snapshot.h"
#include "test.h"

#define SLOW (50 * CCB_MILLISECOND)

/* Loading it was the test: CCB_CHECK_LOADED. */
void ccb_test_entry(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                    const struct ccb_check_options *options)
{
    (void)options;
    ccb_check_remark(out, "built with ABI 1.%u, needs 1.%u",
                     s->entry->abi_minor_built, s->entry->abi_minor_required);
}

void ccb_test_create(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                     const struct ccb_check_options *options)
{
    (void)s;
    (void)out;
    (void)options;
}

void ccb_test_load_state(struct ccb_check_subject *s,
                         struct ccb_check_outcome *out,
                         const struct ccb_check_options *options)
{
    struct ccb_check_snapshot before;
    char words[200];

    (void)options;
    ccb_check_snapshot_take(&before);
    if (ccb_check_subject_open(s, CCB_CHECK_CREATED, out) &&
        !ccb_check_snapshot_is(&before, words, sizeof(words)))
        ccb_check_fail(out, CCB_RULE_13, "a process as it was", "%s", words);
}

void ccb_test_load_time(struct ccb_check_subject *s,
                        struct ccb_check_outcome *out,
                        const struct ccb_check_options *options)
{
    int64_t start = ccb_clock_monotonic();
    int64_t taken;

    (void)options;
    if (!ccb_check_subject_open(s, CCB_CHECK_CREATED, out))
        return;
    taken = ccb_clock_monotonic() - start;
    if (taken > SLOW)
        ccb_check_warn(out, CCB_RULE_12, "at most 50 ms", "%lld ms",
                       (long long)(taken / CCB_MILLISECOND));
    else
        ccb_check_remark(out, "%lld us", (long long)taken / 1000);
}

/* ---- instances ---------------------------------------------------------- */

void ccb_test_side_by_side(struct ccb_check_subject *s,
                           struct ccb_check_outcome *out,
                           const struct ccb_check_options *options)
{
    struct ccb_slice no_config = {"", 0};
    struct ccb_check_host other;
    struct ccb_instance *second;

    (void)options;
    if (ccb_check_host_init(&other) < 0) {
        ccb_check_skip(out, "no memory for a second host");
        return;
    }
    second = s->entry->create(&other.test.host, no_config);
    if (!second) {
        ccb_check_fail(out, CCB_RULE_19, "a second instance",
                       "NULL from create, while the first one lives");
    } else {
        s->entry->get_interface(second, CCB_STAGING_1);
        s->entry->destroy(second);
        /* The first one must have survived it. */
        s->entry->get_interface(s->self, CCB_STAGING_1);
    }
    s->entry->destroy(s->self);
    ccb_check_host_destroy(&other);
}

void ccb_test_destroy(struct ccb_check_subject *s,
                      struct ccb_check_outcome *out,
                      const struct ccb_check_options *options)
{
    struct ccb_slice no_config = {"", 0};

    (void)options;
    s->entry->destroy(s->self);
    for (int i = 0; i < 100; i++) {
        struct ccb_instance *self =
            s->entry->create(&s->host.test.host, no_config);

        if (!self) {
            ccb_check_fail(out, CCB_RULE_20, "an instance again and again",
                           "NULL from create, at the %d. time", i + 2);
            return;
        }
        s->entry->destroy(self);
    }
}

/* ---- interfaces --------------------------------------------------------- */

void ccb_test_interfaces(struct ccb_check_subject *s,
                         struct ccb_check_outcome *out,
                         const struct ccb_check_options *options)
{
    const struct ccb_slice *listed = s->manifest.interfaces.items;

    (void)options;
    for (size_t i = 0; i < s->manifest.interfaces.count; i++) {
        const char *id = ccb_arena_cstr(s->arena, listed[i]);

        if (id && !s->entry->get_interface(s->self, id))
            ccb_check_fail(out, CCB_RULE_21, "what the manifest lists",
                           "NULL for %s", id);
    }
    for (size_t i = 0; i < CCB_PLUGIN_FUNCTIONS; i++) {
        const char *id = ccb_plugin_functions[i].interface;

        if (s->entry->get_interface(s->self, id) &&
            !ccb_manifest_offers(&s->manifest, id))
            ccb_check_fail(out, CCB_RULE_21, "only what the manifest lists",
                           "a table for %s", id);
    }
}

/* Ids that are nearly `id`, but not to the letter. */
static void try_near(struct ccb_check_subject *s, const char *id,
                     struct ccb_check_outcome *out)
{
    size_t len = strlen(id);
    char near[6][80];

    snprintf(near[0], sizeof(near[0]), "%s ", id);
    snprintf(near[1], sizeof(near[1]), "%s0", id);
    snprintf(near[2], sizeof(near[2]), "%s/x", id);
    snprintf(near[3], sizeof(near[3]), "%.*s", (int)len - 1, id);
    snprintf(near[4], sizeof(near[4]), "%.*s9", (int)len - 1, id);
    snprintf(near[5], sizeof(near[5]), "C%s", id + 1);
    for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++)
        if (s->entry->get_interface(s->self, near[i]))
            ccb_check_fail(out, CCB_RULE_22, "NULL for ids that are no other's",
                           "a table for \"%s\"", near[i]);
}

void ccb_test_interface_ids(struct ccb_check_subject *s,
                            struct ccb_check_outcome *out,
                            const struct ccb_check_options *options)
{
    static const char *const unknown[] = {"", "x", "ccb.", "ccb.unknown/1",
                                          "org.example.none/1"};

    (void)options;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        if (s->entry->get_interface(s->self, unknown[i]))
            ccb_check_fail(out, CCB_RULE_22, "NULL for ids it does not know",
                           "a table for \"%s\"", unknown[i]);
    for (size_t i = 0; i < CCB_PLUGIN_FUNCTIONS; i++)
        try_near(s, ccb_plugin_functions[i].interface, out);
}

void ccb_test_interface_stable(struct ccb_check_subject *s,
                               struct ccb_check_outcome *out,
                               const struct ccb_check_options *options)
{
    (void)options;
    for (size_t i = 0; i < CCB_PLUGIN_FUNCTIONS; i++) {
        const char *id = ccb_plugin_functions[i].interface;
        const void *first = s->entry->get_interface(s->self, id);

        for (int again = 0; again < 3; again++)
            if (s->entry->get_interface(s->self, id) != first)
                ccb_check_fail(out, CCB_RULE_23, "one table for ever",
                               "another one for %s", id);
    }
}

/* ---- the tables --------------------------------------------------------- */

static const struct {
    const char *id;
    size_t size;
} sizes[] = {
    {CCB_STAGING_1, sizeof(struct ccb_staging_1)},
    {CCB_RUN_1, sizeof(struct ccb_run_1)},
    {CCB_PORTS_1, sizeof(struct ccb_ports_1)},
    {CCB_DOCKER_IMAGE_1, sizeof(struct ccb_docker_image_1)},
    {CCB_SELFTEST_1, sizeof(struct ccb_selftest_1)},
};

void ccb_test_tables(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                     const struct ccb_check_options *options)
{
    (void)options;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const void *table = s->entry->get_interface(s->self, sizes[i].id);
        uint32_t size = 0;

        if (!table)
            continue;
        memcpy(&size, table, sizeof(size));
        if (size < 2 * sizeof(uint32_t) || size % sizeof(void *) != 0 ||
            size > 4096)
            ccb_check_fail(out, CCB_RULE_24, "sizeof of its struct",
                           "struct_size %u of %s, %zu here", (unsigned)size,
                           sizes[i].id, sizes[i].size);
    }
    for (size_t i = 0; i < CCB_PLUGIN_FUNCTIONS; i++) {
        const struct ccb_plugin_function_row *row = &ccb_plugin_functions[i];

        if (s->entry->get_interface(s->self, row->interface) &&
            !s->functions[i] && !row->optional)
            ccb_check_fail(out, CCB_RULE_24, "every function",
                           "%s of %s is NULL, or beyond struct_size", row->name,
                           row->interface);
    }
}

void ccb_test_selftest(struct ccb_check_subject *s,
                       struct ccb_check_outcome *out,
                       const struct ccb_check_options *options)
{
    const struct ccb_check_request request = {CCB_PLUGIN_SELFTEST, "run",
                                              CCB_LIT("{}")};
    struct ccb_check_answer answer;

    (void)options;
    if (!s->functions[CCB_PLUGIN_SELFTEST]) {
        ccb_check_skip(out, "the plugin offers no " CCB_SELFTEST_1);
        return;
    }
    ccb_check_request_call(s, &request, &answer);
    if (answer.returned != 0)
        ccb_check_fail(out, CCB_RULE_25, "0 from run", "%d: %s",
                       answer.returned, answer.words);
    ccb_check_answer_is_sound(out, &s->host, &answer, &request, "");
}
