/*
 * The inside of the stager: what all its handlers share, and the handlers.
 */
#ifndef CCB_STAGER_INTERNAL_H
#define CCB_STAGER_INTERNAL_H

#include "base/buf.h"
#include "consul/catalog.h"
#include "diego/diego.h"
#include "outbox/delivery.h"
#include "role/flags.h"
#include "role/role.h"
#include "stager/journal.h"
#include "stager/recipe.h"
#include "stager/sanitise.h"

struct ccb_stager_config {
    const char *stager_url;
    const char *docker_staging_stack;
    const char *consul_cluster;
    const char *docker_registry_address;
    bool insecure_docker_registry;
    struct ccb_cc_config cc;
    const char *diego_api_url;
    const char *file_server_url;
    const char *cc_uploader_url;
    struct ccb_pairs lifecycles;
    const char *outbox;
    int64_t outbox_max_age;
    uint64_t keep_stagings;
};

/* Log sessions opened once, in this order: their numbers are contract. */
enum ccb_stager_session {
    CCB_STAGER_TRADITIONAL,
    CCB_STAGER_DOCKER,
    CCB_STAGER_STAGING,
    CCB_STAGER_COMPLETION,
    CCB_STAGER_OTHER, /* lifecycles the historic stager did not know */
    CCB_STAGER_SESSIONS
};

/* Once a process. */
struct ccb_stager_shared {
    const struct ccb_stager_config *config;
    struct ccb_log_session sessions[CCB_STAGER_SESSIONS];
    struct ccb_facts facts;
    struct ccb_outbox *outbox;   /* NULL: results go straight to CC */
    bool delivered;              /* a worker brings its letters to CC */
    struct ccb_journal *journal; /* NULL: none is kept */
};

/* How many costly facts are addresses of a service in Consul (role.c). */
#define CCB_STAGER_SERVICES 1

/* Once a worker. */
struct ccb_stager {
    struct ccb_stager_shared *shared;
    const struct ccb_worker *worker;
    struct ccb_diego *diego;
    struct ccb_diego *asked; /* for a person, who does not wait for ever */
    struct ccb_cc_options cc;
    struct ccb_catalog_service services[CCB_STAGER_SERVICES];
    struct ccb_fact_gatherer gatherers[CCB_STAGER_SERVICES];
    struct ccb_staging_maker maker;
    struct ccb_delivery *delivery; /* of one worker */
};

/* The session that is the parent of a lifecycle's lines. */
struct ccb_log_session *ccb_stager_lifecycle_session(
    struct ccb_stager_shared *shared, struct ccb_slice lifecycle);

/* Handlers; `user` is the struct ccb_stager. */
void ccb_stager_stage(struct ccb_http_request *request, void *user);
void ccb_stager_stop(struct ccb_http_request *request, void *user);
void ccb_stager_complete(struct ccb_http_request *request, void *user);
/* On the control socket. */
void ccb_stager_list(struct ccb_http_request *request, void *user);
void ccb_stager_explain(struct ccb_http_request *request, void *user);

/* CC took a result: contract/stager.md C8. */
void ccb_stager_count(bool failed, int64_t created_at);

/* For the journal; nothing is done where none is kept. */
void ccb_stager_note(const struct ccb_stager *stager, struct ccb_slice guid,
                     enum ccb_journal_phase phase);
void ccb_stager_note_text(const struct ccb_stager *stager,
                          struct ccb_slice guid, enum ccb_journal_phase phase,
                          enum ccb_journal_text which, struct ccb_slice text);

#endif
