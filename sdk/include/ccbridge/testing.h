/*
 * A host for the tests of a plugin: one call at a time, no daemon, no files,
 * no allocation but from memory that the test gives. Not ABI.
 *
 *   static char memory[1 << 20], output[1 << 20];
 *   struct ccb_test_host h;
 *   ccb_test_host_init(&h, memory, sizeof(memory), output, sizeof(output));
 *   self = entry->create(&h.host, config);
 *   staging = entry->get_interface(self, CCB_STAGING_1);
 *   ccb_test_request_init(&request);
 *   request.message = ...; request.facts = ...;
 *   code = ccb_test_host_call(&h, staging->build_recipe, self, &request);
 *   ... h.result, h.error ...
 */
#ifndef CCBRIDGE_TESTING_H
#define CCBRIDGE_TESTING_H

#include <stddef.h>
#include <stdint.h>

#include "ccbridge/lifecycle.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ccb_test_host {
    struct ccb_host host; /* what the plugin gets */

    /* Knobs; init leaves them 0. */
    size_t fail_alloc_at; /* this allocation of a call and all behind it give
                             NULL, counted from 1; 0: none */
    int is_cancelled;     /* what `cancelled` answers */

    /* What the last call did. Everything points into the test's memory or
     * into this struct and stands until the next call. */
    struct ccb_slice result;
    int code; /* as given to `fail`, 0 when it was not called */
    char error_id[40];
    char error[512];
    char facts[128]; /* names given to `need_facts`, or "" */
    char log[8192];  /* lines "LEVEL ACTION DATA", cut at the end */
    size_t log_len, allocations, emits;

    char *memory, *output;
    size_t memory_size, memory_used, output_size;
    int capped;
};

/* `memory` is for what the plugin allocates, `output` takes the result; both
 * are borrowed. A result that does not fit meets CCB_TOO_LARGE. */
void ccb_test_host_init(struct ccb_test_host *h, void *memory,
                        size_t memory_size, void *output, size_t output_size);

/* An empty request in the dialect "receptor/1". */
void ccb_test_request_init(struct ccb_request *request);

typedef int (*ccb_test_function)(struct ccb_instance *self,
                                 struct ccb_call *call,
                                 const struct ccb_request *request);

/* Forgets the call before, calls, and returns what the plugin returned. */
int ccb_test_host_call(struct ccb_test_host *h, ccb_test_function function,
                       struct ccb_instance *self,
                       const struct ccb_request *request);

#ifdef __cplusplus
}
#endif

#endif
