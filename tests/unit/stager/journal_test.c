/* The journal of stagings: what it tells, what it leaves out, its bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "stager/journal.h"

static struct ccb_arena *arena;
static struct ccb_buf shown;

static int setup(void **state)
{
    (void)state;
    arena = ccb_arena_create();
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    ccb_buf_destroy(&shown);
    ccb_arena_unref(arena);
    return 0;
}

static void note(struct ccb_journal *journal, const char *guid,
                 enum ccb_journal_phase phase, enum ccb_journal_text which,
                 const char *text)
{
    struct ccb_journal_note n = {.guid = ccb_slice_of(guid), .phase = phase};
    n.texts[which] = ccb_slice_of(text);
    ccb_journal_note(journal, &n);
}

static struct ccb_json_writer *begin(struct ccb_json_writer *w)
{
    ccb_buf_destroy(&shown);
    ccb_json_writer_init(w, ccb_buf_sink, &shown);
    return w;
}

static const char *end(struct ccb_json_writer *w)
{
    assert_int_equal(ccb_json_writer_end(w), 0);
    assert_int_equal(ccb_buf_putc(&shown, '\0'), 0);
    return shown.data;
}

/* All that is told of one; NULL: it is not known. */
static const char *show(struct ccb_journal *journal, const char *key)
{
    struct ccb_journal_found found;
    struct ccb_json_writer w;
    bool known;
    ccb_json_begin_object(begin(&w));
    known = ccb_journal_put(journal, ccb_slice_of(key), &w, arena, &found);
    ccb_json_end_object(&w);
    return known ? end(&w) : NULL;
}

static void assert_has(const char *text, const char *part)
{
    assert_non_null(text);
    if (!strstr(text, part))
        fail_msg("no %s in %s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
    assert_non_null(text);
    if (strstr(text, part))
        fail_msg("%s in %s", part, text);
}

static void a_staging_is_told_from_request_to_answer(void **state)
{
    struct ccb_journal *journal = ccb_journal_create(9);
    struct ccb_journal_note took = {
        .guid = CCB_LIT("s"), .phase = CCB_PHASE_CC_TOOK, .cc_status = 200};
    (void)state;
    note(journal, "s", CCB_PHASE_REQUESTED, CCB_JOURNAL_APP_GUID, "a");
    note(journal, "s", CCB_PHASE_CREATED, CCB_JOURNAL_FAILURE, "");
    note(journal, "s", CCB_PHASE_CALLED_BACK, CCB_JOURNAL_FAILURE,
         "x: Exited with status 12 (y)");
    note(journal, "s", CCB_PHASE_CC_TRIED, CCB_JOURNAL_CC_ERROR, "away");
    assert_has(show(journal, "s"), "\"cc_status\":null");
    assert_has(shown.data, "\"cc_error\":\"away\"");
    ccb_journal_note(journal, &took);
    ccb_journal_warn(journal, ccb_slice_of("s"), ccb_slice_of("mind"));
    assert_has(show(journal, "s"), "\"guid\":\"s\",\"phase\":\"cc_took\"");
    assert_has(shown.data, "\"app_guid\":\"a\"");
    assert_has(shown.data, "\"exit_status\":12,");
    assert_has(shown.data, "\"cc_status\":200,\"cc_attempts\":2");
    assert_has(shown.data, "\"cc_error\":null");
    assert_has(shown.data, "\"warnings\":[\"mind\"]");
    assert_has(shown.data, "{\"name\":\"called_back\",\"at\":\"2");
    assert_has(show(journal, "a"), "\"guid\":\"s\"");
    assert_null(show(journal, "b"));
    ccb_journal_free(journal);
}

static void what_is_repeated_late_takes_no_staging_back(void **state)
{
    struct ccb_journal *journal = ccb_journal_create(1);
    char before[2048];
    (void)state;
    note(journal, "s", CCB_PHASE_CALLED_BACK, CCB_JOURNAL_FAILURE, "");
    note(journal, "s", CCB_PHASE_CC_TOOK, CCB_JOURNAL_FAILURE, "");
    (void)snprintf(before, sizeof(before), "%s", show(journal, "s"));
    note(journal, "s", CCB_PHASE_CALLED_BACK, CCB_JOURNAL_FAILURE, "");
    assert_string_equal(show(journal, "s"), before);
    note(journal, "s", CCB_PHASE_STORED, CCB_JOURNAL_FAILURE, "");
    assert_has(show(journal, "s"), "\"guid\":\"s\",\"phase\":\"cc_took\"");
    assert_has(shown.data, "{\"name\":\"result_stored\",\"at\":\"2");
    note(journal, "s", CCB_PHASE_REQUESTED, CCB_JOURNAL_APP_GUID, "a");
    assert_has(show(journal, "s"), "\"phase\":\"requested\"");
    ccb_journal_free(journal);
}

static void exit_statuses_are_read_from_reasons_that_have_one(void **state)
{
    static const struct {
        const char *reason, *shown;
    } rows[] = {
        {"Exited with status 223", "\"exit_status\":223,"},
        {"staging: exited with status 0 x", "\"exit_status\":0,"},
        {"Exited with status ", "\"exit_status\":null,"},
        {"Exited with status x", "\"exit_status\":null,"},
        {"insufficient resources", "\"exit_status\":null,"},
        {"Exited with status 99999999999999999999", "\"exit_status\":999999,"},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_journal *journal = ccb_journal_create(1);
        note(journal, "s", CCB_PHASE_CALLED_BACK, CCB_JOURNAL_FAILURE,
             rows[i].reason);
        assert_has(show(journal, "s"), rows[i].shown);
        ccb_journal_free(journal);
    }
}

static void secrets_are_not_kept(void **state)
{
    struct ccb_journal *journal = ccb_journal_create(1);
    (void)state;
    note(journal, "s", CCB_PHASE_REQUESTED, CCB_JOURNAL_REQUEST,
         "{\"environment\":[{\"name\":\"A\",\"value\":\"s3cret\"}],"
         "\"lifecycle_data\":{\"docker_password\":\"s3cret\","
         "\"url\":\"http://u:s3cret@h/x\"}}");
    note(journal, "s", CCB_PHASE_BUILT, CCB_JOURNAL_RECIPE,
         "{\"args\":[\"-dockerPassword\",\"s3cret\",\"-x\"],"
         "\"key\":\"-----BEGIN RSA PRIVATE KEY-----\\ns3cret\\n"
         "-----END RSA PRIVATE KEY-----\"}");
    note(journal, "s", CCB_PHASE_FAILED, CCB_JOURNAL_FAILURE,
         "GET http://u:s3cret@h failed");
    assert_has(show(journal, "s"), "\"args\":[\"-dockerPassword\",");
    assert_has(shown.data, "http://");
    assert_lacks(shown.data, "s3cret");
    ccb_journal_free(journal);
}

static void the_oldest_go_first_and_a_new_request_begins_anew(void **state)
{
    struct ccb_journal *journal = ccb_journal_create(2);
    struct ccb_json_writer w;
    (void)state;
    note(journal, "1", CCB_PHASE_FAILED, CCB_JOURNAL_FAILURE, "old");
    note(journal, "2", CCB_PHASE_REQUESTED, CCB_JOURNAL_APP_GUID, "a");
    note(journal, "1", CCB_PHASE_REQUESTED, CCB_JOURNAL_APP_GUID, "a");
    assert_int_equal(ccb_journal_count(journal), 2);
    assert_has(show(journal, "1"), "\"failure\":null");
    assert_has(show(journal, "a"), "\"guid\":\"1\"");
    note(journal, "3", CCB_PHASE_REQUESTED, CCB_JOURNAL_APP_GUID, "a");
    assert_int_equal(ccb_journal_count(journal), 2);
    assert_null(show(journal, "2"));
    ccb_json_begin_array(begin(&w));
    ccb_journal_put_list(journal, 1, &w);
    ccb_json_end_array(&w);
    assert_has(end(&w), "[{\"guid\":\"3\"");
    assert_lacks(shown.data, "\"guid\":\"1\"");
    ccb_journal_free(journal);
}

/* Texts of just under the limit, more of them than the journal may hold. */
static void its_bytes_are_bounded(void **state)
{
    size_t most = CCB_JOURNAL_MAX_BYTES / (CCB_JOURNAL_MAX_TEXT / 2), i;
    struct ccb_journal *journal = ccb_journal_create(10000);
    size_t len = CCB_JOURNAL_MAX_TEXT / 2;
    char *text = ccb_malloc(2 * len + 16), guid[16];
    (void)state;
    memset(text, ' ', 2 * len + 16);
    memcpy(text, "{\"a\":\"", 6);
    memset(text + 6, 'x', len);
    memcpy(text + 6 + len, "\"}", 3);
    for (i = 0; i < most + 20; i++) {
        (void)snprintf(guid, sizeof(guid), "%zu", i);
        note(journal, guid, CCB_PHASE_REQUESTED, CCB_JOURNAL_REQUEST, text);
    }
    assert_in_range(ccb_journal_count(journal), most - 2, most);
    assert_has(show(journal, guid), "xxx");
    assert_null(show(journal, "0"));
    memset(text + 6, 'x', 2 * len);
    memcpy(text + 6 + 2 * len, "\"}", 3);
    note(journal, "long", CCB_PHASE_REQUESTED, CCB_JOURNAL_REQUEST, text);
    assert_has(show(journal, "long"),
               "\"request\":\"[left out: 1048584 bytes]\"");
    note(journal, "bad", CCB_PHASE_REQUESTED, CCB_JOURNAL_REQUEST, "{s3cret");
    assert_has(show(journal, "bad"), "\"request\":\"[left out: 7 bytes]\"");
    ccb_free(text);
    ccb_journal_free(journal);
}

static void without_memory_it_knows_less_and_lives(void **state)
{
    size_t nth;
    (void)state;
    (void)ccb_mem_fail_at(1, 1);
    assert_null(ccb_journal_create(1));
    (void)ccb_mem_fail_at(0, 0);
    for (nth = 1; nth < 40; nth++) {
        struct ccb_journal *journal = ccb_journal_create(2);
        (void)ccb_mem_fail_at(nth, 1);
        note(journal, "s", CCB_PHASE_REQUESTED, CCB_JOURNAL_REQUEST,
             "{\"a\":\"http://u:p@h\"}");
        note(journal, "s", CCB_PHASE_CALLED_BACK, CCB_JOURNAL_FAILURE, "why");
        ccb_journal_warn(journal, ccb_slice_of("s"), ccb_slice_of("mind"));
        (void)ccb_mem_fail_at(0, 0);
        note(journal, "s", CCB_PHASE_CC_TOOK, CCB_JOURNAL_CC_ERROR, "");
        assert_has(show(journal, "s"), "\"phase\":\"cc_took\"");
        ccb_journal_free(journal);
    }
    assert_has(shown.data, "\"failure\":\"why\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_staging_is_told_from_request_to_answer),
        cmocka_unit_test(what_is_repeated_late_takes_no_staging_back),
        cmocka_unit_test(exit_statuses_are_read_from_reasons_that_have_one),
        cmocka_unit_test(secrets_are_not_kept),
        cmocka_unit_test(the_oldest_go_first_and_a_new_request_begins_anew),
        cmocka_unit_test(its_bytes_are_bounded),
        cmocka_unit_test(without_memory_it_knows_less_and_lives),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
