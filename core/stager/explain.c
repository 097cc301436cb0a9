/*
 * What the stager shows on the control socket (docs/control-api.md): the last
 * stagings, and all that is known of one. The back end is asked about a task
 * that runs, at the moment of the question.
 */
#include "stager/internal.h"

#define MAX_LISTED 100

/* ---- notes -------------------------------------------------------------- */

void ccb_stager_note_text(const struct ccb_stager *stager,
                          struct ccb_slice guid, enum ccb_journal_phase phase,
                          enum ccb_journal_text which, struct ccb_slice text)
{
    struct ccb_journal_note note = {.guid = guid, .phase = phase};
    if (!stager->shared->journal)
        return;
    note.texts[which] = text;
    ccb_journal_note(stager->shared->journal, &note);
}

void ccb_stager_note(const struct ccb_stager *stager, struct ccb_slice guid,
                     enum ccb_journal_phase phase)
{
    ccb_stager_note_text(stager, guid, phase, CCB_JOURNAL_FAILURE,
                         ccb_slice_make(NULL, 0));
}

/* ---- answers ------------------------------------------------------------ */

/* By value: the answer ends the request, and with it what lies in its arena. */
static void respond(struct ccb_http_request *request, int status,
                    struct ccb_buf out)
{
    if (out.failed)
        ccb_http_respond(request, 500, NULL, ccb_slice_make(NULL, 0));
    else
        ccb_http_respond(request, status, "application/json",
                         ccb_buf_slice(&out));
    ccb_buf_destroy(&out);
}

static void respond_unknown(struct ccb_http_request *request,
                            struct ccb_slice key, bool kept)
{
    const struct ccb_slice words[] = {
        CCB_LIT("nothing is known of a staging, or of an app's staging, \""),
        key,
        kept ? ccb_slice_of("\": it may be too long ago, or before the "
                            "daemon's start")
             : ccb_slice_of("\": the stager keeps none; start it with "
                            "-keepStagings 200"),
    };
    struct ccb_buf out = {0};
    struct ccb_json_writer w;
    ccb_json_writer_init(&w, ccb_buf_sink, &out);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "error");
    ccb_json_begin_object(&w);
    ccb_json_member_cstr(&w, "id", "StagingNotFound");
    ccb_json_key(&w, "message");
    ccb_json_put_pieces(&w, words, sizeof(words) / sizeof(words[0]));
    ccb_json_end_object(&w);
    ccb_json_end_object(&w);
    ccb_json_writer_end(&w);
    respond(request, 404, out);
}

/* ---- GET /v1/stagings --------------------------------------------------- */

void ccb_stager_list(struct ccb_http_request *request, void *user)
{
    const struct ccb_stager *stager = user;
    struct ccb_buf out = {0};
    struct ccb_json_writer w;
    ccb_json_writer_init(&w, ccb_buf_sink, &out);
    ccb_json_begin_object(&w);
    ccb_json_member_uint(&w, "keep", stager->shared->config->keep_stagings);
    ccb_json_key(&w, "stagings");
    ccb_json_begin_array(&w);
    if (stager->shared->journal)
        ccb_journal_put_list(stager->shared->journal, MAX_LISTED, &w);
    ccb_json_end_array(&w);
    ccb_json_end_object(&w);
    ccb_json_writer_end(&w);
    respond(request, 200, out);
}

/* ---- GET /v1/stagings/:guid --------------------------------------------- */

struct explain {
    struct ccb_http_request *request;
    struct ccb_buf out;
    struct ccb_json_writer writer; /* in the answer's object */
};

static void finish(struct explain *explain)
{
    ccb_json_end_object(&explain->writer);
    ccb_json_writer_end(&explain->writer);
    respond(explain->request, 200, explain->out);
}

/* `task` is null when it could not be asked for; `task_error` says why. */
static void finish_without_task(struct explain *explain, struct ccb_slice words)
{
    ccb_json_key(&explain->writer, "task");
    ccb_json_put_null(&explain->writer);
    if (words.len > 0)
        ccb_json_member_string(&explain->writer, "task_error", words);
    finish(explain);
}

/* Members of the back end's that say how far it is. */
static void put_task(struct ccb_json_writer *w, struct ccb_json task)
{
    static const char *const members[] = {"state", "cell_id", "created_at"};
    size_t i;
    ccb_json_key(w, "task");
    ccb_json_begin_object(w);
    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        struct ccb_json value = ccb_json_get(task, members[i]);
        if (value.type == CCB_JSON_STRING || value.type == CCB_JSON_NUMBER)
            ccb_json_member_raw(w, members[i], value.raw);
    }
    ccb_json_end_object(w);
}

static void on_task(void *user, const struct ccb_diego_answer *answer)
{
    struct explain *explain = user;
    if (answer->code < 0 || answer->object.type != CCB_JSON_OBJECT) {
        finish_without_task(explain, answer->message);
        return;
    }
    put_task(&explain->writer, answer->object);
    finish(explain);
}

static void ask_back_end(struct explain *explain, struct ccb_stager *stager,
                         struct ccb_slice guid)
{
    struct ccb_diego_call_options call = {
        .operation = CCB_DIEGO_GET_TASK,
        .guid = guid,
        .arena = ccb_http_request_arena(explain->request),
        .on_done = on_task,
        .user = explain,
    };
    struct ccb_error err;
    if (ccb_diego_call(stager->asked, &call, &err) < 0)
        finish_without_task(explain, ccb_slice_of(err.message));
}

void ccb_stager_explain(struct ccb_http_request *request, void *user)
{
    struct ccb_stager *stager = user;
    struct ccb_journal *journal = stager->shared->journal;
    struct ccb_slice key = ccb_http_request_info(request)->params[0];
    struct ccb_arena *arena = ccb_http_request_arena(request);
    struct explain *explain = ccb_arena_alloc(arena, sizeof(*explain));
    struct ccb_journal_found found;
    if (!explain) {
        ccb_http_respond(request, 500, NULL, ccb_slice_make(NULL, 0));
        return;
    }
    explain->request = request;
    ccb_json_writer_init(&explain->writer, ccb_buf_sink, &explain->out);
    ccb_json_begin_object(&explain->writer);
    if (!journal ||
        !ccb_journal_put(journal, key, &explain->writer, arena, &found)) {
        ccb_buf_destroy(&explain->out);
        respond_unknown(request, key, journal != NULL);
    } else if (found.running && found.guid.ptr) {
        ask_back_end(explain, stager, found.guid);
    } else {
        finish_without_task(explain, ccb_slice_make(NULL, 0));
    }
}
