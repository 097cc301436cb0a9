/*
 * All tests, in the order in which they run: each level is opened by one test,
 * and those that need it are skipped when that one says no.
 */
#include <string.h>

#include "test.h"

#define NAME(text, function) .name = (text), .run = ccb_test_##function
#define RULES(...) .rules = {__VA_ARGS__}

const struct ccb_check_test ccb_check_tests[] = {
    {NAME("manifest", manifest), RULES(1, 2, 3),
     .what = "the note is there, whole and valid", .needs = CCB_CHECK_MANIFEST,
     .opens = CCB_CHECK_MANIFEST},
    {NAME("exports", exports), RULES(4), .what = "one symbol is exported",
     .needs = CCB_CHECK_MANIFEST},
    {NAME("text-relocations", text_relocations), RULES(5),
     .what = "code needs no patching", .needs = CCB_CHECK_MANIFEST},
    {NAME("stack", stack), RULES(6), .what = "the stack holds no code",
     .needs = CCB_CHECK_MANIFEST},
    {NAME("unique", unique), RULES(7), .what = "no symbol of the whole process",
     .needs = CCB_CHECK_MANIFEST},
    {NAME("at-exit", at_exit), RULES(8),
     .what = "nothing waits for the process to end",
     .needs = CCB_CHECK_MANIFEST},
    {NAME("imports", imports), RULES(9), .what = "only functions that compute",
     .needs = CCB_CHECK_MANIFEST},
    {NAME("library-path", library_path), RULES(11),
     .what = "libraries come from safe places", .needs = CCB_CHECK_MANIFEST},
    {NAME("entry", entry), RULES(10, 14, 15, 16, 17, 56),
     .what = "it loads, and the entry is right", .needs = CCB_CHECK_LOADED,
     .opens = CCB_CHECK_LOADED, .crash_rule = CCB_RULE_56},
    {NAME("create", create), RULES(18), .what = "there is an instance",
     .needs = CCB_CHECK_CREATED, .opens = CCB_CHECK_CREATED,
     .crash_rule = CCB_RULE_18},
    {NAME("load-state", load_state), RULES(13),
     .what = "loading changes nothing in the process",
     .needs = CCB_CHECK_MANIFEST, .behind = CCB_CHECK_CREATED},
    {NAME("load-time", load_time), RULES(12), .what = "loading takes no time",
     .needs = CCB_CHECK_MANIFEST, .behind = CCB_CHECK_CREATED},
    {NAME("side-by-side", side_by_side), RULES(19),
     .what = "two instances at once", .needs = CCB_CHECK_CREATED},
    {NAME("destroy", destroy), RULES(20), .what = "destroy without a call",
     .needs = CCB_CHECK_CREATED},
    {NAME("interfaces", interfaces), RULES(21),
     .what = "manifest and get_interface agree", .needs = CCB_CHECK_CREATED},
    {NAME("interface-ids", interface_ids), RULES(22),
     .what = "other ids get NULL", .needs = CCB_CHECK_CREATED},
    {NAME("interface-stable", interface_stable), RULES(23),
     .what = "a table stays where it is", .needs = CCB_CHECK_CREATED},
    {NAME("tables", tables), RULES(24), .what = "tables are whole",
     .needs = CCB_CHECK_CREATED},
    {NAME("selftest", selftest), RULES(25), .what = "the plugin's own test",
     .needs = CCB_CHECK_CREATED},
    {NAME("answers", answers), RULES(26, 27, 29, 30, 50, 51, 52, 53),
     .what = "plain requests are answered, or refused with words",
     .needs = CCB_CHECK_CREATED, .opens = CCB_CHECK_ANSWERS,
     .crash_rule = CCB_RULE_26},
    {NAME("model", model), RULES(28), .what = "the host takes the results",
     .needs = CCB_CHECK_ANSWERS},
    {NAME("again", again), RULES(31), .what = "the same answer again",
     .needs = CCB_CHECK_ANSWERS},
    {NAME("instances", instances), RULES(32),
     .what = "the same answer from each instance", .needs = CCB_CHECK_ANSWERS},
    {NAME("processes", processes), RULES(33),
     .what = "the same answer from each process", .needs = CCB_CHECK_ANSWERS},
    {NAME("concurrent", concurrent), RULES(45),
     .what = "the same answer beside other calls", .needs = CCB_CHECK_ANSWERS},
    {NAME("dialect", dialect), RULES(41),
     .what = "an unknown dialect is refused", .needs = CCB_CHECK_ANSWERS},
    {NAME("unknown-members", unknown_members), RULES(42),
     .what = "unknown members change nothing", .needs = CCB_CHECK_ANSWERS},
    {NAME("broken", broken), RULES(34, 52, 54), .what = "broken messages",
     .needs = CCB_CHECK_ANSWERS, .crash_rule = CCB_RULE_34},
    {NAME("shapes", shapes), RULES(35, 54), .what = "messages of another shape",
     .needs = CCB_CHECK_ANSWERS, .crash_rule = CCB_RULE_35},
    {NAME("large", large), RULES(36), .what = "messages of 1 MiB",
     .needs = CCB_CHECK_ANSWERS, .crash_rule = CCB_RULE_36},
    {NAME("utf8", utf8), RULES(37), .what = "messages that are no UTF-8",
     .needs = CCB_CHECK_ANSWERS, .crash_rule = CCB_RULE_37},
    {NAME("memory", memory), RULES(38), .what = "no memory, at each allocation",
     .needs = CCB_CHECK_ANSWERS, .crash_rule = CCB_RULE_38},
    {NAME("cap", cap), RULES(39), .what = "no room for the result",
     .needs = CCB_CHECK_ANSWERS, .crash_rule = CCB_RULE_39},
    {NAME("cancel", cancel), RULES(40), .what = "a call that nobody wants",
     .needs = CCB_CHECK_ANSWERS, .crash_rule = CCB_RULE_40},
    {NAME("facts", facts), RULES(43, 44), .what = "facts of another shape",
     .needs = CCB_CHECK_ANSWERS, .crash_rule = CCB_RULE_44},
    {NAME("state", state), RULES(46),
     .what = "a call changes nothing in the process",
     .needs = CCB_CHECK_ANSWERS},
    {NAME("prints", prints), RULES(47), .what = "nothing is printed",
     .needs = CCB_CHECK_MANIFEST, .behind = CCB_CHECK_ANSWERS},
    {NAME("leaks", leaks), RULES(48), .what = "calls leave no memory behind",
     .needs = CCB_CHECK_ANSWERS, .crash_rule = CCB_RULE_48},
    {NAME("leftovers", leftovers), RULES(49),
     .what = "calls leave no process behind", .needs = CCB_CHECK_ANSWERS,
     .crash_rule = CCB_RULE_26},
    {NAME("isolated", isolated), RULES(55), .what = "it works in a worker",
     .needs = CCB_CHECK_ANSWERS},
};

const size_t ccb_check_test_count =
    sizeof(ccb_check_tests) / sizeof(ccb_check_tests[0]);

const struct ccb_check_test *ccb_check_find_test(const char *name)
{
    for (size_t i = 0; i < ccb_check_test_count; i++)
        if (strcmp(ccb_check_tests[i].name, name) == 0)
            return &ccb_check_tests[i];
    return NULL;
}
