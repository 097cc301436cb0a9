/*
 * What is said to the other roles, member for member as a Cloud Controller of
 * 2015-08 says it (contract/stager.md C3, nsync.md 1.2; fixtures
 * 2015-stage-buildpack-*.json, 2015-desire-buildpack*.json), and the app as
 * docs/control-api.md shows it. Pure: records in, JSON out.
 */
#ifndef CCB_CONTROLLER_MESSAGE_H
#define CCB_CONTROLLER_MESSAGE_H

#include "controller/packs.h"
#include "controller/records.h"

/* What does not depend on the app. */
struct ccb_message_facts {
    struct ccb_slice base_url; /* of door B, without user info */
    struct ccb_slice auth_url; /* the same with user info, if there is any */
    struct ccb_slice stack;    /* of apps that name none */
    int64_t staging_memory_mb, staging_disk_mb, staging_timeout; /* seconds */
    const struct ccb_packs *packs;
};

/* All of them: 0, CCB_NO_MEMORY, or CCB_INVALID for a broken record. */
int ccb_message_stage(struct ccb_buf *out,
                      const struct ccb_message_facts *facts,
                      const struct ccb_app *app, struct ccb_arena *arena,
                      struct ccb_error *err);
int ccb_message_desire(struct ccb_json_writer *w,
                       const struct ccb_message_facts *facts,
                       const struct ccb_app *app, struct ccb_arena *arena,
                       struct ccb_error *err);
/* `instances`: the value of instances_now, JSON; empty: it is left out. */
int ccb_message_app(struct ccb_json_writer *w, const struct ccb_app *app,
                    struct ccb_slice stack, struct ccb_slice instances,
                    struct ccb_arena *arena, struct ccb_error *err);
/* "1440777600.123456789": changes with every change that the back end must
 * learn of. */
struct ccb_slice ccb_message_etag(struct ccb_arena *arena,
                                  const struct ccb_app *app);

/* BuildpackNotFound when the app names one that is not here. A buildpack that
 * is a URL is taken as it is. */
int ccb_message_check_buildpack(const struct ccb_packs *packs,
                                struct ccb_slice name, struct ccb_error *err);

#endif
