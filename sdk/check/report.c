/* The three forms of the report. */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static int to_stdout(void *ctx, const char *bytes, size_t len)
{
    (void)ctx;
    return fwrite(bytes, 1, len, stdout) == len ? 0 : CCB_IO;
}

void ccb_check_format_rules(char out[CCB_CHECK_RULES_SIZE],
                            const struct ccb_check_test *test)
{
    size_t len = 0;

    out[0] = '\0';
    for (int i = 0; i < CCB_CHECK_MAX_RULES && test->rules[i]; i++)
        len +=
            (size_t)snprintf(out + len, CCB_CHECK_RULES_SIZE - len,
                             "%sCCB-P-%03d", i > 0 ? " " : "", test->rules[i]);
}

static const char *advice_for(const struct ccb_check_outcome *outcome)
{
    const struct ccb_check_rule *rule = ccb_check_find_rule(outcome->rule);

    return rule ? rule->advice : "";
}

/* ---- for people --------------------------------------------------------- */

static void put_human(const struct ccb_check_result *result)
{
    static const char *const words[CCB_CHECK_STATUSES] = {
        [CCB_CHECK_SUCCESS] = "ok     ",   [CCB_CHECK_WARNING] = "warning",
        [CCB_CHECK_FAILED] = "FAILED ",    [CCB_CHECK_CRASHED] = "CRASHED",
        [CCB_CHECK_TIMED_OUT] = "TIMEOUT", [CCB_CHECK_SKIPPED] = "skipped",
    };
    const struct ccb_check_outcome *o = &result->outcome;

    printf("  %s  %-16s  %s", words[o->status], result->test->name,
           result->test->what);
    if (o->rule == 0) {
        printf("%s%s%s\n", o->found[0] ? " (" : "", o->found,
               o->found[0] ? ")" : "");
        return;
    }
    printf("\n      CCB-P-%03d  %s\n      expected   %s\n      found      %s\n"
           "      to do      %s\n",
           o->rule, ccb_check_find_rule(o->rule)->rule, o->expected, o->found,
           advice_for(o));
    if (result->printed.len > 0)
        printf("      printed    %.*s\n", (int)result->printed.len,
               result->printed.ptr);
}

static size_t count_bad(const struct ccb_check_counts *counts)
{
    return counts->by_status[CCB_CHECK_FAILED] +
           counts->by_status[CCB_CHECK_CRASHED] +
           counts->by_status[CCB_CHECK_TIMED_OUT];
}

static void put_human_counts(const struct ccb_check_counts *counts)
{
    printf("  %zu passed, %zu warnings, %zu failed, %zu skipped\n",
           counts->by_status[CCB_CHECK_SUCCESS],
           counts->by_status[CCB_CHECK_WARNING], count_bad(counts),
           counts->by_status[CCB_CHECK_SKIPPED]);
}

/* ---- TAP ---------------------------------------------------------------- */

/* A YAML scalar in double quotes, escaped as JSON is. */
static void put_yaml(const char *name, const char *text)
{
    struct ccb_json_writer w;

    printf("  %s: ", name);
    ccb_json_writer_init(&w, to_stdout, NULL);
    ccb_json_put_string(&w, ccb_slice_of(text));
    ccb_json_writer_end(&w);
    putchar('\n');
}

static void put_tap(const struct ccb_check_report *r,
                    const struct ccb_check_result *result)
{
    const struct ccb_check_outcome *o = &result->outcome;
    char rules[CCB_CHECK_RULES_SIZE];

    ccb_check_format_rules(rules, result->test);
    printf("%s %zu - %s %s%s%s\n",
           ccb_check_status_is_bad(o->status) ? "not ok" : "ok", r->tests,
           result->test->name, rules,
           o->status == CCB_CHECK_SKIPPED ? " # SKIP " : "",
           o->status == CCB_CHECK_SKIPPED ? o->found : "");
    if (o->rule == 0)
        return;
    printf("  ---\n");
    put_yaml("status", ccb_check_status_name(o->status));
    printf("  rule: CCB-P-%03d\n", o->rule);
    put_yaml("expected", o->expected);
    put_yaml("found", o->found);
    put_yaml("advice", advice_for(o));
    printf("  ...\n");
}

/* ---- JSON --------------------------------------------------------------- */

static void put_json(struct ccb_check_report *r,
                     const struct ccb_check_result *result)
{
    const struct ccb_check_outcome *o = &result->outcome;
    struct ccb_json_writer *w = &r->json;
    char rule[20];

    ccb_json_begin_object(w);
    ccb_json_member_cstr(w, "test", result->test->name);
    ccb_json_member_cstr(w, "what", result->test->what);
    ccb_json_member_cstr(w, "status", ccb_check_status_name(o->status));
    ccb_json_key(w, "rules");
    ccb_json_begin_array(w);
    for (int i = 0; i < CCB_CHECK_MAX_RULES && result->test->rules[i]; i++) {
        snprintf(rule, sizeof(rule), "CCB-P-%03d", result->test->rules[i]);
        ccb_json_put_string(w, ccb_slice_of(rule));
    }
    ccb_json_end_array(w);
    if (o->rule) {
        snprintf(rule, sizeof(rule), "CCB-P-%03d", o->rule);
        ccb_json_member_cstr(w, "rule", rule);
        ccb_json_member_cstr(w, "expected", o->expected);
        ccb_json_member_cstr(w, "found", o->found);
        ccb_json_member_cstr(w, "advice", advice_for(o));
    } else if (o->found[0]) {
        ccb_json_member_cstr(w, "remark", o->found);
    }
    ccb_json_member_int(w, "milliseconds", result->time / CCB_MILLISECOND);
    if (o->rule && result->printed.len > 0)
        ccb_json_member_string(w, "printed", result->printed);
    ccb_json_end_object(w);
}

static void put_json_counts(struct ccb_json_writer *w,
                            const struct ccb_check_counts *counts)
{
    for (int i = 0; i < CCB_CHECK_STATUSES; i++)
        ccb_json_member_uint(w, ccb_check_status_name((enum ccb_check_status)i),
                             counts->by_status[i]);
}

/* ---- the report --------------------------------------------------------- */

void ccb_check_report_begin(struct ccb_check_report *r,
                            const struct ccb_check_options *options)
{
    memset(r, 0, sizeof(*r));
    r->format = options->json  ? CCB_CHECK_JSON
                : options->tap ? CCB_CHECK_TAP
                               : CCB_CHECK_HUMAN;
    if (r->format == CCB_CHECK_TAP)
        puts("TAP version 14");
    if (r->format != CCB_CHECK_JSON)
        return;
    ccb_json_writer_init(&r->json, to_stdout, NULL);
    ccb_json_begin_object(&r->json);
    ccb_json_key(&r->json, "files");
    ccb_json_begin_array(&r->json);
}

void ccb_check_report_file(struct ccb_check_report *r, const char *file)
{
    memset(&r->file, 0, sizeof(r->file));
    if (r->format == CCB_CHECK_HUMAN) {
        printf("%s\n", file);
    } else if (r->format == CCB_CHECK_TAP) {
        printf("# %s\n", file);
    } else {
        ccb_json_begin_object(&r->json);
        ccb_json_member_cstr(&r->json, "file", file);
        ccb_json_key(&r->json, "tests");
        ccb_json_begin_array(&r->json);
    }
}

void ccb_check_report_test(struct ccb_check_report *r,
                           const struct ccb_check_result *result)
{
    r->tests++;
    r->file.by_status[result->outcome.status]++;
    r->all.by_status[result->outcome.status]++;
    if (r->format == CCB_CHECK_HUMAN)
        put_human(result);
    else if (r->format == CCB_CHECK_TAP)
        put_tap(r, result);
    else
        put_json(r, result);
    fflush(stdout);
}

void ccb_check_report_file_end(struct ccb_check_report *r, const char *subject)
{
    if (r->format == CCB_CHECK_HUMAN) {
        printf("  %s%s", subject, subject[0] ? ":" : "");
        put_human_counts(&r->file);
    } else if (r->format == CCB_CHECK_JSON) {
        ccb_json_end_array(&r->json);
        ccb_json_member_cstr(&r->json, "plugin", subject);
        put_json_counts(&r->json, &r->file);
        ccb_json_end_object(&r->json);
    }
}

void ccb_check_report_end(struct ccb_check_report *r)
{
    if (r->format == CCB_CHECK_TAP) {
        printf("1..%zu\n", r->tests);
    } else if (r->format == CCB_CHECK_JSON) {
        ccb_json_end_array(&r->json);
        put_json_counts(&r->json, &r->all);
        ccb_json_end_object(&r->json);
        ccb_json_writer_end(&r->json);
        putchar('\n');
    }
    fflush(stdout);
}

void ccb_check_report_list(void)
{
    for (size_t i = 0; i < ccb_check_test_count; i++) {
        char rules[CCB_CHECK_RULES_SIZE];

        ccb_check_format_rules(rules, &ccb_check_tests[i]);
        printf("%-16s  %s\n%16s  %s\n", ccb_check_tests[i].name,
               ccb_check_tests[i].what, "", rules);
    }
}
