/*
 * The tests: one row each, with the rules it looks at, how far the plugin must
 * be opened for it, and what it opens the way for. A test is a function that
 * runs in a child and says in `out` what it found; saying nothing is success.
 */
#ifndef CCB_CHECK_TEST_H
#define CCB_CHECK_TEST_H

#include "subject.h"

struct ccb_check_options;

enum { CCB_CHECK_MAX_RULES = 8 };

struct ccb_check_test {
    const char *name;
    const char *what;               /* one line for people */
    int rules[CCB_CHECK_MAX_RULES]; /* 0 ends them */
    enum ccb_check_level needs;     /* before the test begins */
    enum ccb_check_level behind; /* it opens so much itself; or less: needs */
    enum ccb_check_level opens;  /* FILE: nothing depends on it */
    int crash_rule; /* that is broken when the child dies or hangs in it */
    void (*run)(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                const struct ccb_check_options *options);
};

extern const struct ccb_check_test ccb_check_tests[];
extern const size_t ccb_check_test_count;

/* NULL when there is none of that name. */
const struct ccb_check_test *ccb_check_find_test(const char *name);

/* Walks the requests whose function is there. */
#define CCB_CHECK_EACH(s, request)                                             \
    for (const struct ccb_check_request *request = (s)->requests.items;        \
         request < (s)->requests.items + (s)->requests.count; request++)       \
        if ((s)->functions[request->function])

#define CCB_CHECK_RUN(name)                                                    \
    void name(struct ccb_check_subject *s, struct ccb_check_outcome *out,      \
              const struct ccb_check_options *options)

/* test_file.c: from the file alone */
CCB_CHECK_RUN(ccb_test_manifest);
CCB_CHECK_RUN(ccb_test_exports);
CCB_CHECK_RUN(ccb_test_text_relocations);
CCB_CHECK_RUN(ccb_test_stack);
CCB_CHECK_RUN(ccb_test_unique);
CCB_CHECK_RUN(ccb_test_at_exit);
CCB_CHECK_RUN(ccb_test_imports);
CCB_CHECK_RUN(ccb_test_library_path);
/* test_entry.c: the entry and the tables */
CCB_CHECK_RUN(ccb_test_entry);
CCB_CHECK_RUN(ccb_test_load_state);
CCB_CHECK_RUN(ccb_test_load_time);
CCB_CHECK_RUN(ccb_test_create);
CCB_CHECK_RUN(ccb_test_side_by_side);
CCB_CHECK_RUN(ccb_test_destroy);
CCB_CHECK_RUN(ccb_test_interfaces);
CCB_CHECK_RUN(ccb_test_interface_ids);
CCB_CHECK_RUN(ccb_test_interface_stable);
CCB_CHECK_RUN(ccb_test_tables);
CCB_CHECK_RUN(ccb_test_selftest);
/* test_answer.c: plain requests */
CCB_CHECK_RUN(ccb_test_answers);
CCB_CHECK_RUN(ccb_test_model);
CCB_CHECK_RUN(ccb_test_again);
CCB_CHECK_RUN(ccb_test_instances);
CCB_CHECK_RUN(ccb_test_processes);
CCB_CHECK_RUN(ccb_test_dialect);
CCB_CHECK_RUN(ccb_test_unknown_members);
CCB_CHECK_RUN(ccb_test_concurrent);
/* test_hostile.c: bad requests, a host in need */
CCB_CHECK_RUN(ccb_test_broken);
CCB_CHECK_RUN(ccb_test_shapes);
CCB_CHECK_RUN(ccb_test_large);
CCB_CHECK_RUN(ccb_test_utf8);
CCB_CHECK_RUN(ccb_test_memory);
CCB_CHECK_RUN(ccb_test_cap);
CCB_CHECK_RUN(ccb_test_cancel);
CCB_CHECK_RUN(ccb_test_facts);
/* test_state.c: what calls leave behind */
CCB_CHECK_RUN(ccb_test_state);
CCB_CHECK_RUN(ccb_test_prints);
CCB_CHECK_RUN(ccb_test_leaks);
CCB_CHECK_RUN(ccb_test_leftovers);
/* test_isolated.c: in a worker */
CCB_CHECK_RUN(ccb_test_isolated);

#endif
