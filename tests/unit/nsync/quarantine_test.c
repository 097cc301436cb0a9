/* Apps set aside: who is in, who is out, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "nsync/quarantine.h"

struct bed {
    struct ccb_quarantine q;
    struct ccb_log_session log;
    FILE *lines;
};

static int setup(void **state)
{
    struct bed *bed = ccb_calloc(1, sizeof(*bed));
    ccb_log_open(&bed->log, "t");
    bed->lines = tmpfile();
    ccb_log_set_fd(fileno(bed->lines));
    *state = bed;
    return 0;
}

static int teardown(void **state)
{
    struct bed *bed = *state;
    ccb_log_set_fd(1);
    fclose(bed->lines);
    ccb_quarantine_destroy(&bed->q);
    ccb_free(bed);
    return 0;
}

/* How many lines with that action were written so far. */
static int said(struct bed *bed, const char *action)
{
    char line[1024];
    int count = 0;
    rewind(bed->lines);
    while (fgets(line, sizeof(line), bed->lines))
        count += strstr(line, action) != NULL;
    return count;
}

static void add(struct bed *bed, const char *guid, const char *reason)
{
    ccb_quarantine_add(&bed->q, &bed->log, ccb_slice_of(guid),
                       ccb_slice_of(reason));
}

static void an_app_is_said_once_for_each_reason(void **state)
{
    struct bed *bed = *state;
    int pass;
    for (pass = 0; pass < 3; pass++) {
        ccb_quarantine_begin(&bed->q);
        add(bed, "a", pass < 2 ? "no bundle" : "no port");
        ccb_quarantine_end(&bed->q, &bed->log, true);
        assert_int_equal(bed->q.found, 1);
    }
    assert_int_equal(said(bed, "app-quarantined"), 2);
    assert_int_equal(said(bed, "app-released"), 0);
    assert_int_equal(bed->q.count, 1);
}

static void one_that_builds_is_released_at_once(void **state)
{
    struct bed *bed = *state;
    ccb_quarantine_begin(&bed->q);
    add(bed, "a", "x");
    add(bed, "b", "x");
    ccb_quarantine_release(&bed->q, &bed->log, ccb_slice_of("a"));
    ccb_quarantine_release(&bed->q, &bed->log, ccb_slice_of("never in"));
    assert_int_equal(said(bed, "app-released"), 1);
    assert_int_equal(bed->q.count, 1);
    assert_string_equal(bed->q.seats[0].guid, "b");
}

/* A pass that broke off did not see all apps: who was not seen stays. */
static void one_that_is_gone_is_released_by_a_whole_pass(void **state)
{
    struct bed *bed = *state;
    ccb_quarantine_begin(&bed->q);
    add(bed, "a", "x");
    add(bed, "b", "x");
    add(bed, "c", "x");
    ccb_quarantine_end(&bed->q, &bed->log, true);
    ccb_quarantine_begin(&bed->q);
    add(bed, "b", "x");
    ccb_quarantine_end(&bed->q, &bed->log, false);
    assert_int_equal(bed->q.count, 3);
    ccb_quarantine_end(&bed->q, &bed->log, true);
    assert_int_equal(bed->q.count, 1);
    assert_string_equal(bed->q.seats[0].guid, "b");
    assert_int_equal(said(bed, "app-released"), 2);
}

static void no_more_are_kept_than_there_are_seats(void **state)
{
    struct bed *bed = *state;
    struct ccb_json_writer w;
    struct ccb_buf out = {0};
    char guid[16];
    int i;
    ccb_quarantine_begin(&bed->q);
    for (i = 0; i < CCB_QUARANTINE_SEATS + 7; i++) {
        snprintf(guid, sizeof(guid), "g-%d", i);
        add(bed, guid, "x");
    }
    assert_int_equal(bed->q.count, CCB_QUARANTINE_SEATS);
    assert_int_equal(bed->q.found, CCB_QUARANTINE_SEATS + 7);
    assert_int_equal(said(bed, "app-quarantined"), CCB_QUARANTINE_SEATS);
    ccb_json_writer_init(&w, ccb_buf_sink, &out);
    ccb_json_begin_object(&w);
    ccb_quarantine_put(&bed->q, &w);
    ccb_json_end_object(&w);
    assert_int_equal(ccb_json_writer_end(&w), 0);
    ccb_buf_putc(&out, '\0');
    assert_non_null(
        strstr(out.data, "{\"process_guid\":\"g-0\",\"error\":\"x\"}"));
    assert_non_null(strstr(out.data, "\"quarantined_more\":7}"));
    ccb_buf_destroy(&out);
}

/* What can't be remembered is said again with the next pass. */
static void without_memory_an_app_is_said_and_counted(void **state)
{
    struct bed *bed = *state;
    size_t nth;
    for (nth = 1; nth <= 2; nth++) {
        ccb_quarantine_begin(&bed->q);
        ccb_mem_fail_at(nth, 0);
        add(bed, "a", "x");
        ccb_mem_fail_at(0, 0);
        assert_int_equal(bed->q.count, 0);
        assert_int_equal(bed->q.found, 1);
    }
    assert_int_equal(said(bed, "app-quarantined"), 2);
    add(bed, "a", "x");
    ccb_mem_fail_at(1, 0);
    add(bed, "a", "another");
    ccb_mem_fail_at(0, 0);
    assert_string_equal(bed->q.seats[0].reason, "x");
    assert_int_equal(said(bed, "app-quarantined"), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_app_is_said_once_for_each_reason,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_builds_is_released_at_once,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            one_that_is_gone_is_released_by_a_whole_pass, setup, teardown),
        cmocka_unit_test_setup_teardown(no_more_are_kept_than_there_are_seats,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            without_memory_an_app_is_said_and_counted, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
