/*
 * The tables of errors (fault.h; contract/stager.md C6, C7).
 */
#include "controller/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct fault {
    const char *id;
    int code, status;
    int cc_code; /* the Cloud Controller's number */
} faults[] = {
    {"InvalidRequest", CCB_INVALID, 400, 10004},
    {"InvalidBits", CCB_INVALID, 400, 160001},
    {"MessageParseError", CCB_INVALID, 400, 1001},
    {"StagingError", CCB_INVALID, 400, 170001},
    {"NotAuthenticated", CCB_INVALID, 401, 10002},
    {"NotFound", CCB_NOT_FOUND, 404, 10000},
    {"AppNotFound", CCB_NOT_FOUND, 404, 100004},
    {"BuildpackNotFound", CCB_NOT_FOUND, 404, 10000},
    {"InstanceNotFound", CCB_NOT_FOUND, 404, 10000},
    {"NoBits", CCB_CONFLICT, 409, 10001},
    {"NotStaged", CCB_CONFLICT, 409, 10001},
    {"StagingInProgress", CCB_CONFLICT, 409, 10001},
    {"ServerError", CCB_FAILED, 500, 10001},
    {"RoleUnavailable", CCB_IO, 502, 10001},
    {"DiskFull", CCB_IO, 507, 10001},
};
#define FAULTS (sizeof(faults) / sizeof(faults[0]))

static const struct fault *find(const char *id)
{
    const struct fault *other = NULL;

    for (size_t i = 0; i < FAULTS; i++) {
        if (strcmp(faults[i].id, id) == 0)
            return &faults[i];
        if (strcmp(faults[i].id, "ServerError") == 0)
            other = &faults[i];
    }
    return other;
}

int ccb_fault(struct ccb_error *err, const char *id, const char *format, ...)
{
    const struct fault *fault = find(id);
    char message[sizeof(err->message)];
    va_list values;

    va_start(values, format);
    (void)vsnprintf(message, sizeof(message), format, values);
    va_end(values);
    ccb_error_set(err, fault->code, "%s", message);
    if (err)
        (void)snprintf(err->id, sizeof(err->id), "%s", fault->id);
    return fault->code;
}

int ccb_fault_status(const struct ccb_error *err)
{
    return find(err->id)->status;
}

void ccb_fault_encode(struct ccb_buf *out, const struct ccb_error *err,
                      bool platform)
{
    const struct fault *fault = find(err->id);
    const struct ccb_slice pieces[] = {CCB_LIT("CF-"), ccb_slice_of(fault->id)};
    struct ccb_json_writer w;

    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    if (platform) {
        ccb_json_member_int(&w, "code", fault->cc_code);
        ccb_json_member_cstr(&w, "description", err->message);
        ccb_json_key(&w, "error_code");
        ccb_json_put_pieces(&w, pieces, 2);
    } else {
        ccb_json_key(&w, "error");
        ccb_json_begin_object(&w);
        ccb_json_member_cstr(&w, "id", fault->id);
        ccb_json_member_cstr(&w, "message", err->message);
        ccb_json_end_object(&w);
    }
    ccb_json_end_object(&w);
    (void)ccb_json_writer_end(&w);
}

/* ---- stagings ----------------------------------------------------------- */

static const struct {
    const char *id, *words;
} stagings[] = {
    {"NoAppDetectedError",
     "no buildpack recognised the app's files; name one, or check that the "
     "right directory was pushed"},
    {"BuildpackCompileFailed",
     "the buildpack could not build the app; the staging log says why"},
    {"BuildpackReleaseFailed",
     "the buildpack could not say how the app is started; the staging log "
     "says why"},
    {"InsufficientResources",
     "there is not enough memory or disk free to stage the app; stop another "
     "app, or ask for less"},
    {"NoCompatibleCell",
     "nothing here can run the app's stack; choose another stack"},
    {"StagingTimeExpired",
     "the staging took longer than it may; -stagingTimeout sets how long"},
    {"StagingStopped", "the staging was stopped"},
    {"NoDroplet",
     "the staging ended well, but no droplet was uploaded; the staging log "
     "may say why"},
    {"MalformedResult",
     "the stager sent a result that cannot be read; is its version the right "
     "one?"},
    {"StagingError", "the app could not be staged; the staging log says why"},
};
#define STAGINGS (sizeof(stagings) / sizeof(stagings[0]))

/* "staging failed" is what the stager writes over words that it keeps to
 * itself (C7): ours say more. Other words are somebody's choice. */
const char *ccb_fault_staging_words(const char *id, const char *message)
{
    bool plain =
        !message || !message[0] || strcmp(message, "staging failed") == 0;

    if (!plain && strcmp(id, "StagingError") == 0)
        return message;
    for (size_t i = 0; i < STAGINGS; i++)
        if (strcmp(stagings[i].id, id) == 0)
            return stagings[i].words;
    return plain ? stagings[STAGINGS - 1].words : message;
}
