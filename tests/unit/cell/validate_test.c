/*
 * Create requests and what is wrong with them: contract/receptor-api.md 4.1,
 * 4.2, 5 and actions.md 1. Each row is a body (single quotes stand for double
 * ones) and what becomes of it.
 */
#include "cell_bed.h"

static struct ccb_arena *arena;
static struct ccb_refusal refusal;

static struct ccb_slice json(const char *text)
{
    static char out[65536];
    size_t i;

    for (i = 0; text[i] && i < sizeof(out); i++)
        out[i] = text[i] == '\'' ? '"' : text[i];
    return ccb_slice_make(out, i);
}

#define RUN "{'run':{'path':'/x','user':'u'}}"
#define TASK(rest)                                                             \
    "{'task_guid':'t-1','domain':'d','rootfs':'preloaded:base','action':" RUN  \
        rest "}"
#define TASK_OF(action)                                                        \
    "{'task_guid':'t-1','domain':'d','rootfs':'preloaded:base','action'"       \
    ":" action "}"
#define LRP(rest)                                                              \
    "{'process_guid':'w-1','domain':'d','rootfs':'preloaded:base','action'"    \
    ":" RUN rest "}"
#define LRP_OF(action)                                                         \
    "{'process_guid':'w-1','domain':'d','rootfs':'preloaded:base','action'"    \
    ":" action "}"
#define EGRESS(rule) ",'egress_rules':[" rule "]"

static void check(int code, const char *body, const char *name,
                  const char *message)
{
    char said[1024] = "";

    if (code == CCB_INVALID)
        (void)snprintf(said, sizeof(said), "%s: %.*s", refusal.name,
                       TEXT(refusal.message));
    if (!name) {
        if (code != 0)
            fail_msg("%s\nrefused with: %s", body, said);
        return;
    }
    if (code != CCB_INVALID || strcmp(refusal.name, name) != 0 ||
        !ccb_slice_is(refusal.message, message))
        fail_msg("%s\nnot %s: %s\nbut %s", body, name, message, said);
}

struct row {
    const char *body, *name, *message;
};

static void check_tasks(const struct row *rows, size_t count)
{
    struct ccb_task task;

    for (size_t i = 0; i < count; i++)
        check(ccb_task_decode(&task, json(rows[i].body), arena, &refusal),
              rows[i].body, rows[i].name, rows[i].message);
}

static void check_lrps(const struct row *rows, size_t count)
{
    struct ccb_desired desired;

    for (size_t i = 0; i < count; i++)
        check(ccb_desired_decode(&desired, json(rows[i].body), arena, &refusal),
              rows[i].body, rows[i].name, rows[i].message);
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- tasks -------------------------------------------------------------- */

static void test_task_validation(void **state)
{
    static const struct row rows[] = {
        {TASK(""), NULL, NULL},
        {TASK("} trailing"), NULL, NULL},
        {TASK(",'unknown':{'a':1}"), NULL, NULL},
        {"{'Task_GUID':'t','DOMAIN':'d','rootfs':'some:rootfs','action':" RUN
         "}",
         NULL, NULL},
        {"{}", "InvalidTask",
         "Invalid field: task_guid, Invalid field: domain, Invalid field: "
         "rootfs, invalid action type"},
        {"{'action':null}", "InvalidTask",
         "Invalid field: task_guid, Invalid field: domain, Invalid field: "
         "rootfs, invalid action type"},
        {"{'task_guid':'a b','domain':'d','rootfs':'x:','action':" RUN "}",
         "InvalidTask", "Invalid field: task_guid"},
        {"{'task_guid':'a','domain':'d','rootfs':'noscheme','action':" RUN "}",
         "InvalidTask", "Invalid field: rootfs"},
        {TASK(",'cpu_weight':100"), NULL, NULL},
        {TASK(",'cpu_weight':101"), "InvalidTask", "Invalid field: cpu_weight"},
        {TASK(",'memory_mb':-1"), "InvalidTask", "Invalid field: memory_mb"},
        {TASK(",'disk_mb':-1"), "InvalidTask", "Invalid field: disk_mb"},
        {TASK(",'completion_callback_url':'/path'"), NULL, NULL},
        {TASK(",'completion_callback_url':'http://x.test/y'"), NULL, NULL},
    };

    (void)state;
    check_tasks(rows, COUNT(rows));
}

static void test_task_decoding(void **state)
{
    static const struct {
        const char *body, *part;
    } rows[] = {
        {"'a string'", "expected an object"},
        {"", ""},
        {TASK(",'cpu_weight':-1"), "cpu_weight"},
        {TASK(",'cpu_weight':1.5"), "cpu_weight"},
        {TASK(",'env':[{'name':5}]"), "env[0].name"},
        {TASK_OF("5"), "action"},
        {TASK_OF("{'run':{'path':7}}"), "path"},
    };
    struct ccb_task task;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(
            ccb_task_decode(&task, json(rows[i].body), arena, &refusal),
            CCB_INVALID);
        assert_string_equal(refusal.name, "InvalidJSON");
        if (!strstr(ccb_arena_cstr(arena, refusal.message), rows[i].part))
            fail_msg("%s: %.*s", rows[i].body, TEXT(refusal.message));
    }
}

static void test_a_callback_url_that_is_none(void **state)
{
    struct ccb_task task;

    (void)state;
    assert_int_equal(
        ccb_task_decode(&task,
                        json(TASK(",'completion_callback_url':'\xc3\xa5x'")),
                        arena, &refusal),
        CCB_INVALID);
    assert_string_equal(refusal.name, "InvalidTask");
}

/* ---- actions ------------------------------------------------------------ */

static void test_task_actions(void **state)
{
    static const struct row rows[] = {
        {TASK_OF("{'fly':{}}"), "InvalidTask", "invalid action type"},
        {TASK_OF("{}"), "InvalidTask", "invalid action type"},
        {TASK_OF("{'run':null}"), "InvalidTask", "invalid action type"},
        {TASK_OF("{'fly':{},'run':{'path':'/x','user':'u'}}"), NULL, NULL},
        {TASK_OF("{'run':{}}"), "InvalidTask",
         "Invalid field: path, Invalid field: user"},
        /* the first of the order wins: download before run */
        {TASK_OF("{'run':{'path':'/x','user':'u'},'download':{}}"),
         "InvalidTask",
         "Invalid field: from, Invalid field: to, Invalid field: user"},
        {TASK_OF("{'upload':{}}"), "InvalidTask",
         "Invalid field: to, Invalid field: from, Invalid field: user"},
        {TASK_OF("{'timeout':{}}"), "InvalidTask",
         "Invalid field: action, Invalid field: timeout"},
        {TASK_OF("{'timeout':{'timeout':-1,'action':{'run':{}}}}"),
         "InvalidTask",
         "Invalid field: path, Invalid field: user, Invalid field: timeout"},
        {TASK_OF("{'try':{}}"), "InvalidTask", "Invalid field: action"},
        {TASK_OF("{'emit_progress':{}}"), "InvalidTask",
         "Invalid field: action"},
        {TASK_OF("{'try':{'action':{}}}"), "InvalidTask",
         "invalid action type"},
        {TASK_OF("{'serial':{}}"), "InvalidTask", "Invalid field: actions"},
        {TASK_OF("{'parallel':{'actions':[]}}"), "InvalidTask",
         "Invalid field: actions"},
        {TASK_OF("{'codependent':{'actions':[" RUN ",null]}}"), "InvalidTask",
         "Invalid field: action at index 1"},
        {TASK_OF("{'serial':{'actions':[" RUN ",{}]}}"), "InvalidTask",
         "invalid action type"},
    };

    (void)state;
    check_tasks(rows, COUNT(rows));
}

static void test_lrp_actions_are_read_strictly(void **state)
{
    static const struct row rows[] = {
        {LRP_OF("{}"), "InvalidJSON", "Invalid field: Invalid action"},
        {LRP_OF("{'run':{},'try':{}}"), "InvalidJSON",
         "Invalid field: Invalid action"},
        {LRP_OF("{'fly':{}}"), "InvalidJSON", "Unknown action: fly"},
        {LRP_OF("{'try':{'action':{'fly':{}}}}"), "InvalidJSON",
         "Unknown action: fly"},
        {LRP_OF("null"), "InvalidLRP", "invalid action type"},
        {LRP_OF("{'run':null}"), "InvalidLRP",
         "Invalid field: path, Invalid field: user"},
        {LRP_OF("{'serial':{'actions':[]}}"), "InvalidLRP",
         "Invalid field: actions"},
        {LRP(",'setup':{'try':{}}"), "InvalidLRP", "Invalid field: action"},
        {LRP(",'monitor':{'run':{'path':'/x'}}"), "InvalidLRP",
         "Invalid field: user"},
        {LRP(",'monitor':{'fly':{}}"), "InvalidJSON", "Unknown action: fly"},
        {LRP(",'setup':null,'monitor':null"), NULL, NULL},
    };

    (void)state;
    check_lrps(rows, COUNT(rows));
}

/* {"try":{"action":...}}, so deep. */
static int decode_nested(int levels)
{
    static char body[8192];
    struct ccb_task task;
    size_t used = (size_t)snprintf(body, sizeof(body),
                                   "{'task_guid':'t','domain':'d','rootfs':"
                                   "'a:b','action':");

    for (int i = 0; i < levels; i++)
        used += (size_t)snprintf(body + used, sizeof(body) - used,
                                 "{'serial':{'actions':[");
    used += (size_t)snprintf(body + used, sizeof(body) - used, RUN);
    for (int i = 0; i < levels; i++)
        used += (size_t)snprintf(body + used, sizeof(body) - used, "]}}");
    (void)snprintf(body + used, sizeof(body) - used, "}");
    return ccb_task_decode(&task, json(body), arena, &refusal);
}

static void test_actions_nest_only_so_deep(void **state)
{
    (void)state;
    assert_int_equal(decode_nested(18), 0);
    assert_int_equal(decode_nested(19), CCB_INVALID);
    assert_string_equal(refusal.name, "InvalidJSON");
    assert_int_equal(decode_nested(60), CCB_INVALID);
}

/* The body that is kept, with single quotes. */
static const char *kept(struct ccb_slice body)
{
    char *text = ccb_arena_cstr(arena, body);

    assert_non_null(text);
    for (size_t i = 0; text[i]; i++)
        text[i] = text[i] == '"' ? '\'' : text[i];
    return text;
}

static void test_output_form_of_a_task(void **state)
{
    struct ccb_task task;

    (void)state;
    check(ccb_task_decode(
              &task,
              json(TASK_OF("{'serial':{'actions':[{'download':{'to':'/t',"
                           "'from':'http://f','user':'u','extra':1}},"
                           "{'timeout':{'timeout':60000000000,'action':"
                           "{'run':{'path':'/bin/true','user':'u','args':"
                           "['<a>'],'env':[],'resource_limits':{'nofile':0}}"
                           "}}},{'emit_progress':{'action':" RUN "}}],"
                           "'log_source':'L'}}")),
              arena, &refusal),
          "output", NULL, NULL);
    assert_string_equal(
        kept(task.body),
        "{'task_guid':'t-1','action':{'serial':{'actions':[{'download':"
        "{'from':'http://f','to':'/t','cache_key':'','user':'u'}},"
        "{'timeout':{'action':{'run':{'path':'/bin/true','user':'u','args':"
        "['\\u003ca\\u003e'],'resource_limits':{'nofile':0}}},"
        "'timeout':60000000000}},{'emit_progress':{'start_message':'',"
        "'success_message':'','failure_message_prefix':'','action':" RUN
        "}}],'log_source':'L'}},'domain':'d','rootfs':'preloaded:base',"
        "'cpu_weight':0,'disk_mb':0,'memory_mb':0,'privileged':false,"
        "'log_guid':'','log_source':'','metrics_guid':''}");
}

static void test_output_form_of_an_lrp(void **state)
{
    struct ccb_desired desired;

    (void)state;
    check(ccb_desired_decode(
              &desired,
              json(LRP(",'instances':2,'ports':[8080,2222],'start_timeout':60,"
                       "'env':[{'name':'A','value':'b'}],'annotation':'v1',"
                       "'routes':{'x':[1, {'a' : 'b c'}],'y':1.50}")),
              arena, &refusal),
          "output", NULL, NULL);
    assert_string_equal(
        kept(desired.body),
        "{'process_guid':'w-1','setup':null,'action':{'run':{'path':'/x',"
        "'user':'u','resource_limits':{}}},'monitor':null,'domain':'d',"
        "'rootfs':'preloaded:base','env':[{'name':'A','value':'b'}],"
        "'cpu_weight':0,'disk_mb':0,'memory_mb':0,'privileged':false,"
        "'log_guid':'','log_source':'','metrics_guid':'','start_timeout':60,"
        "'ports':[8080,2222]}");
    assert_string_equal(kept(desired.routes), "{'x':[1,{'a':'b c'}],'y':1.50}");
    assert_int_equal(desired.instances, 2);
}

/* ---- LRPs --------------------------------------------------------------- */

static void test_lrp_validation(void **state)
{
    static const struct row rows[] = {
        {LRP(""), NULL, NULL},
        {"{}", "InvalidLRP",
         "Invalid field: domain, Invalid field: process_guid, Invalid field: "
         "rootfs, Invalid field: rootfs, invalid action type"},
        {"{'process_guid':'w','domain':'d','rootfs':'none','action':" RUN "}",
         "InvalidLRP", "Invalid field: rootfs"},
        {LRP(",'instances':-1"), "InvalidLRP", "Invalid field: instances"},
        {LRP(",'instances':100001"), "InvalidLRP", "Invalid field: instances"},
        {LRP(",'cpu_weight':101"), "InvalidLRP", "Invalid field: cpu_weight"},
        {LRP(",'routes':{}"), NULL, NULL},
        {LRP(",'routes':null"), NULL, NULL},
        {LRP(",'routes':{'a':null}"), "InvalidJSON",
         "routes: the value of \"a\" is null"},
        {LRP(",'routes':[]"), "InvalidJSON", "routes: expected an object"},
    };

    (void)state;
    check_lrps(rows, COUNT(rows));
}

static void test_lrp_numbers_fit_their_types(void **state)
{
    static const char *const bodies[] = {
        LRP(",'ports':[70000]"),
        LRP(",'ports':[-1]"),
        LRP(",'start_timeout':-1"),
        LRP(",'instances':1.5"),
        LRP(EGRESS("{'protocol':'tcp','destinations':['1.1.1.1'],"
                   "'ports':[70000]}")),
        "[]"};
    struct ccb_desired desired;

    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        assert_int_equal(
            ccb_desired_decode(&desired, json(bodies[i]), arena, &refusal),
            CCB_INVALID);
        assert_string_equal(refusal.name, "InvalidJSON");
    }
}

/* A member of so many bytes. */
static const char *with_bytes(const char *before, size_t count,
                              const char *after)
{
    static char body[32768];
    size_t used = (size_t)snprintf(body, sizeof(body), "%s", before);

    memset(body + used, 'x', count);
    (void)snprintf(body + used + count, sizeof(body) - used - count, "%s",
                   after);
    return body;
}

#define OPEN "{'process_guid':'w','domain':'d','rootfs':'a:b','action':" RUN ","

static void test_sizes(void **state)
{
    struct ccb_desired desired;
    const char *body = with_bytes(OPEN "'annotation':'", 10240, "'}");

    (void)state;
    check(ccb_desired_decode(&desired, json(body), arena, &refusal), "10240",
          NULL, NULL);
    body = with_bytes(OPEN "'annotation':'", 10241, "'}");
    check(ccb_desired_decode(&desired, json(body), arena, &refusal), "10241",
          "InvalidLRP", "Invalid field: annotation");
    /* the quotes count, too; the keys do not */
    body = with_bytes(OPEN "'routes':{'longer':'", 4094, "'}}");
    check(ccb_desired_decode(&desired, json(body), arena, &refusal), "4096",
          NULL, NULL);
    body = with_bytes(OPEN "'routes':{'k':'", 4095, "'}}");
    check(ccb_desired_decode(&desired, json(body), arena, &refusal), "4097",
          "InvalidLRP", "Invalid field: routes");
}

static void test_the_last_route_of_a_name_counts(void **state)
{
    struct ccb_desired desired;

    (void)state;
    check(ccb_desired_decode(&desired,
                             json(LRP(",'routes':{'a':1,'b':2,'\\u0061':3}")),
                             arena, &refusal),
          "routes", NULL, NULL);
    assert_string_equal(kept(desired.routes), "{'a':3,'b':2}");
}

/* ---- updates ------------------------------------------------------------ */

static void test_updates(void **state)
{
    struct ccb_desired_update update;

    (void)state;
    check(ccb_desired_update_decode(&update, json("{}"), arena, &refusal), "",
          NULL, NULL);
    assert_false(update.has_instances || update.has_routes ||
                 update.has_annotation);
    check(ccb_desired_update_decode(
              &update,
              json("{'instances':null,'routes':null,'annotation':null,"
                   "'memory_mb':5}"),
              arena, &refusal),
          "", NULL, NULL);
    assert_false(update.has_instances || update.has_routes ||
                 update.has_annotation);
    check(ccb_desired_update_decode(
              &update, json("{'instances':0,'routes':{},'annotation':''}"),
              arena, &refusal),
          "", NULL, NULL);
    assert_true(update.has_instances && update.has_routes &&
                update.has_annotation);
    assert_int_equal(update.routes.len, 0);
    check(ccb_desired_update_decode(&update, json("{'instances':-1}"), arena,
                                    &refusal),
          "", "UnknownError", "Invalid field: instances");
    check(ccb_desired_update_decode(&update, json("{'routes':{'x':null}}"),
                                    arena, &refusal),
          "", "InvalidJSON", "routes: the value of \"x\" is null");
}

/* ---- egress rules ------------------------------------------------------- */

#define TO "'destinations':['10.0.0.0/8']"
#define BAD(detail) "InvalidLRP", "Invalid field: egress_rules, " detail

static void test_egress_rules(void **state)
{
    static const struct row rows[] = {
        {LRP(EGRESS("{'protocol':'tcp'," TO ",'ports':[80,443],'log':true}")),
         NULL, NULL},
        {LRP(EGRESS("{'protocol':'all'," TO ",'log':true}")), NULL, NULL},
        {LRP(EGRESS("{'protocol':'udp'," TO
                    ",'port_range':{'start':1,'end':9}}")),
         NULL, NULL},
        {LRP(EGRESS("{'protocol':'icmp'," TO
                    ",'icmp_info':{'type':-1,'code':0}}")),
         NULL, NULL},
        {LRP(EGRESS("{'protocol':'all','destinations':['1.2.3.4','::1',"
                    "'1.1.1.1-1.1.1.1','::1-::2','::/0']}")),
         NULL, NULL},
        {LRP(EGRESS("{'protocol':'sctp'," TO "}")),
         BAD("Invalid field: protocol")},
        {LRP(EGRESS("{'protocol':'all'}")),
         BAD("Invalid field: destinations [ Must have at least 1 destination "
             "]")},
        {LRP(EGRESS("{'protocol':'all','destinations':['nowhere']}")),
         BAD("Invalid field: destinations [ Invalid IP ]")},
        {LRP(EGRESS("{'protocol':'all','destinations':['1.1.1.2-1.1.1.1']}")),
         BAD("Invalid field: destinations [ Invalid IP ]")},
        {LRP(EGRESS("{'protocol':'all','destinations':['1.1.1.1/33']}")),
         BAD("Invalid field: destinations [ Invalid IP ]")},
        {LRP(EGRESS("{'protocol':'tcp'," TO "}")),
         BAD("Missing required field: ports or port_range")},
        {LRP(EGRESS("{'protocol':'tcp'," TO
                    ",'ports':[1],'port_range':{'start':1,'end':2}}")),
         BAD("Invalid: ports and port_range provided")},
        {LRP(EGRESS("{'protocol':'tcp'," TO ",'ports':[]}")),
         BAD("Invalid field: ports")},
        {LRP(EGRESS("{'protocol':'tcp'," TO ",'ports':[0]}")),
         BAD("Invalid field: ports")},
        {LRP(EGRESS("{'protocol':'udp'," TO
                    ",'port_range':{'start':9,'end':1}}")),
         BAD("Invalid field: port_range")},
        {LRP(EGRESS("{'protocol':'icmp'," TO "}")),
         BAD("Invalid field: icmp_info")},
        {LRP(EGRESS("{'protocol':'tcp'," TO
                    ",'ports':[1],'icmp_info':{'type':0}}")),
         BAD("Invalid field: icmp_info")},
        {LRP(EGRESS("{'protocol':'all'," TO ",'ports':[1]}")),
         BAD("Invalid field: ports")},
        {LRP(EGRESS("{'protocol':'udp'," TO ",'ports':[1],'log':true}")),
         BAD("Invalid field: log")},
    };
    static const struct row task_rows[] = {
        {TASK(EGRESS("{'protocol':'sctp'}")), "InvalidTask",
         "Invalid field: egress_rules"},
        {TASK(EGRESS("{'protocol':'tcp'," TO ",'ports':[70000]}")), NULL, NULL},
    };

    (void)state;
    check_lrps(rows, COUNT(rows));
    check_tasks(task_rows, COUNT(task_rows));
}

/* ---- memory ------------------------------------------------------------- */

static void test_every_allocation_may_fail(void **state)
{
    static const char body[] = LRP(
        ",'env':[{'name':'a','value':'\\n'}],'routes':{'r':{'a': 1}}" EGRESS(
            "{'protocol':'all','destinations':['x']}"));
    int failures = 0, code = CCB_NO_MEMORY;

    (void)state;
    for (size_t i = 1; code == CCB_NO_MEMORY; i++) {
        struct ccb_arena *own = ccb_arena_create();
        struct ccb_desired desired;
        struct ccb_slice text = json(body);

        (void)ccb_mem_fail_at(i, 1);
        code = ccb_desired_decode(&desired, text, own, &refusal);
        (void)ccb_mem_fail_at(0, 0);
        failures += code == CCB_NO_MEMORY;
        ccb_arena_unref(own);
    }
    assert_int_equal(code, CCB_INVALID);
    assert_true(failures > 5);
}

static int open_arena(void **state)
{
    (void)state;
    arena = ccb_arena_create();
    return arena ? 0 : -1;
}

static int close_arena(void **state)
{
    (void)state;
    ccb_arena_unref(arena);
    return 0;
}

#define CASE(name)                                                             \
    cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_task_validation),
        CASE(test_task_decoding),
        CASE(test_a_callback_url_that_is_none),
        CASE(test_task_actions),
        CASE(test_lrp_actions_are_read_strictly),
        CASE(test_actions_nest_only_so_deep),
        CASE(test_output_form_of_a_task),
        CASE(test_output_form_of_an_lrp),
        CASE(test_lrp_validation),
        CASE(test_lrp_numbers_fit_their_types),
        CASE(test_sizes),
        CASE(test_the_last_route_of_a_name_counts),
        CASE(test_updates),
        CASE(test_egress_rules),
        CASE(test_every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
