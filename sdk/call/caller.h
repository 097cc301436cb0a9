/*
 * One plugin and one host for it, in this process: how a plugin is asked
 * without a daemon. The host is that of ccbridge/testing.h, so a call sees
 * what lifecycle.h promises and no more.
 */
#ifndef CCB_CALL_CALLER_H
#define CCB_CALL_CALLER_H

#include "ccbridge/error.h"
#include "ccbridge/testing.h"

#define CCB_CALLER_MEMORY (32u << 20) /* what `alloc` gives in a call */
#define CCB_CALLER_OUTPUT (1u << 20)  /* what `emit` takes */

struct ccb_caller {
    struct ccb_test_host host;
    const struct ccb_lifecycle_entry *entry;
    struct ccb_instance *self;
    char *memory, *output;
    void *image; /* never unmapped */
};

/* Maps the file, looks at the head of its entry and creates an instance with
 * `config` (may be empty). CCB_INVALID for what is no plugin of this ABI or
 * refuses to be created, CCB_NO_MEMORY. Close it in any case. What is mapped
 * stays mapped. */
int ccb_caller_open(struct ccb_caller *caller, const char *path,
                    struct ccb_slice config, struct ccb_error *err);
void ccb_caller_close(struct ccb_caller *caller);

/* The function of that name ("build_recipe", as in lifecycle.h), or NULL with
 * CCB_NOT_FOUND for a name that is none and CCB_UNSUPPORTED for a function
 * that this plugin does not offer. */
ccb_test_function ccb_caller_find(struct ccb_caller *caller,
                                  struct ccb_slice name, struct ccb_error *err);

/* All of it borrowed. `gathered` is given when the plugin asks for facts, and
 * only then; with a NULL `ptr` CCB_NEED_FACTS stands. */
struct ccb_caller_request {
    ccb_test_function function;
    struct ccb_slice message, facts, gathered;
};
/* What the plugin returned; its result and words are in caller->host. */
int ccb_caller_ask(struct ccb_caller *caller,
                   const struct ccb_caller_request *request);

/* A file's bytes in memory of exactly their number, so that the address
 * sanitizer sees who reads past them; ccb_free them. "-" is standard input.
 * CCB_NOT_FOUND, CCB_IO, CCB_NO_MEMORY, and CCB_TOO_LARGE over 16 MiB; then
 * `out` is empty and its `ptr` NULL. */
int ccb_caller_read_file(struct ccb_slice *out, const char *path,
                         struct ccb_error *err);

#endif
