/*
 * The plugin under test, as a child has it: its manifest, its entry, an
 * instance, and a host that heeds every rule and notes what the plugin does.
 * Lives in a child only: the tool itself never loads a plugin.
 *
 * Invariant: a message lies at the very end of its pages, so that reading past
 * it ends the child; what a call gets is looked at again when it returned.
 */
#ifndef CCB_CHECK_SUBJECT_H
#define CCB_CHECK_SUBJECT_H

#include "ccbridge/testing.h"
#include "outcome.h"
#include "plugin/host.h"
#include "request.h"

/* How far a child goes before its test begins. */
enum ccb_check_level {
    CCB_CHECK_FILE,     /* only the path */
    CCB_CHECK_MANIFEST, /* the manifest was read */
    CCB_CHECK_LOADED,   /* the file was opened and its entry checked */
    CCB_CHECK_CREATED,  /* there is an instance */
    CCB_CHECK_ANSWERS   /* and it answers */
};

/* ---- a host ------------------------------------------------------------- */

struct ccb_check_host {
    struct ccb_test_host test; /* first: a call is its address */
    int (*test_fail)(struct ccb_call *call, int code, struct ccb_slice id,
                     struct ccb_slice text);
    void (*test_log)(struct ccb_call *call, int level, struct ccb_slice action,
                     struct ccb_slice data);
    /* What the last call did. */
    unsigned fails;
    int bad_code;        /* fail's, when that was none */
    const char *bad_log; /* what is wrong with a line; NULL: nothing */
    bool secret_logged;
    char *pages; /* the message's, and one behind that can't be read */
    size_t pages_size;
};

int ccb_check_host_init(struct ccb_check_host *h);
void ccb_check_host_destroy(struct ccb_check_host *h);

/* ---- the subject -------------------------------------------------------- */

struct ccb_check_subject {
    const char *file, *requests_directory, *facts_file;
    struct ccb_arena *arena;
    struct ccb_manifest manifest;
    const struct ccb_lifecycle_entry *entry;
    struct ccb_check_host host;
    struct ccb_instance *self;
    struct ccb_check_requests requests;
    ccb_test_function functions[CCB_PLUGIN_FUNCTIONS]; /* of the tables */
};

/* Goes up to `level`, from where it is. False: it said in `out` why it could
 * not. The subject starts as {.file = ...}. */
bool ccb_check_subject_open(struct ccb_check_subject *s,
                            enum ccb_check_level level,
                            struct ccb_check_outcome *out);
/* Frees what is the checker's; instance and code stay, as tests may have ended
 * them already. */
void ccb_check_subject_close(struct ccb_check_subject *s);
/* The tables' functions; NULL where there is none. */
void ccb_check_subject_find_functions(struct ccb_check_subject *s,
                                      struct ccb_instance *self);

/* ---- a call ------------------------------------------------------------- */

struct ccb_check_ask {
    const struct ccb_check_request *request;
    struct ccb_slice dialect, facts; /* no `ptr`: the usual ones */
    struct ccb_slice gathered; /* given at once; no `ptr`: when asked for */
};

struct ccb_check_answer {
    int returned;
    struct ccb_slice result;      /* in the host, until its next call */
    const char *words, *error_id; /* likewise; "" */
    unsigned rounds;              /* of facts */
    char unknown_fact[80];
    bool asked_again; /* for a fact that it had been given */
    bool wrote_input;
    int64_t time;  /* ns, of the slowest round */
    uint64_t hash; /* of all that the host goes by */
};

/* Calls until the plugin has the facts it wants. */
void ccb_check_call(struct ccb_check_subject *s, struct ccb_check_host *h,
                    struct ccb_instance *self, const struct ccb_check_ask *ask,
                    struct ccb_check_answer *answer);
/* The same for one of the subject's requests, with its host and instance. */
void ccb_check_request_call(struct ccb_check_subject *s,
                            const struct ccb_check_request *request,
                            struct ccb_check_answer *answer);

/* Whether the answer is a success or a refusal with words; says otherwise what
 * it is, under the rule that it breaks. */
bool ccb_check_answer_is_sound(struct ccb_check_outcome *out,
                               const struct ccb_check_host *h,
                               const struct ccb_check_answer *answer,
                               const struct ccb_check_request *request,
                               const char *about);

/* What the host's model says of a success. 0; CCB_INVALID with words. */
int ccb_check_model(const struct ccb_check_request *request,
                    struct ccb_slice result, struct ccb_error *err);

#endif
