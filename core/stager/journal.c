/*
 * The journal: a list of entries, newest first (journal.h). Which texts are
 * JSON, and how phases and texts are named, is said by two tables.
 */
#include "stager/journal.h"

#include <string.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/redact.h"

static const char *const phase_names[CCB_JOURNAL_PHASES] = {
    [CCB_PHASE_REQUESTED] = "requested",
    [CCB_PHASE_BUILT] = "recipe_built",
    [CCB_PHASE_CREATED] = "task_created",
    [CCB_PHASE_FAILED] = "failed",
    [CCB_PHASE_STOP_ASKED] = "stop_asked",
    [CCB_PHASE_CALLED_BACK] = "called_back",
    [CCB_PHASE_RESULT_BUILT] = "result_built",
    [CCB_PHASE_STORED] = "result_stored",
    [CCB_PHASE_CC_TRIED] = "cc_tried",
    [CCB_PHASE_CC_TOOK] = "cc_took",
    [CCB_PHASE_GIVEN_UP] = "given_up",
};

static const struct {
    const char *name;
    bool json;
    bool listed; /* in the short form, too */
} texts[CCB_JOURNAL_TEXTS] = {
    [CCB_JOURNAL_APP_GUID] = {"app_guid", false, true},
    [CCB_JOURNAL_LIFECYCLE] = {"lifecycle", false, true},
    [CCB_JOURNAL_STACK] = {"stack", false, true},
    [CCB_JOURNAL_PLUGIN] = {"plugin", false, true},
    [CCB_JOURNAL_PLUGIN_VERSION] = {"plugin_version", false, false},
    [CCB_JOURNAL_BECAUSE] = {"because", false, false},
    [CCB_JOURNAL_FAILURE] = {"failure", false, true},
    [CCB_JOURNAL_CC_ERROR] = {"cc_error", false, false},
    [CCB_JOURNAL_REQUEST] = {"request", true, false},
    [CCB_JOURNAL_RECIPE] = {"recipe", true, false},
};

struct entry {
    struct entry *newer, *older;
    char *guid;
    int64_t times[CCB_JOURNAL_PHASES]; /* ns since 1970; 0: not yet */
    enum ccb_journal_phase last;
    char *texts[CCB_JOURNAL_TEXTS];
    char *warnings[CCB_JOURNAL_MAX_WARNINGS];
    size_t warning_count;
    int cc_status;
    int64_t cc_attempts;
    size_t bytes;
};

struct ccb_journal {
    uv_mutex_t lock;
    struct entry *newest, *oldest;
    size_t count, bytes, max_count;
};

/* ---- entries ------------------------------------------------------------ */

static struct ccb_slice text_of(const struct entry *entry,
                                enum ccb_journal_text which)
{
    const char *text = entry->texts[which];
    return ccb_slice_of(text ? text : "");
}

static void free_entry(struct entry *entry)
{
    size_t i;
    for (i = 0; i < CCB_JOURNAL_TEXTS; i++)
        ccb_free(entry->texts[i]);
    for (i = 0; i < entry->warning_count; i++)
        ccb_free(entry->warnings[i]);
    ccb_free(entry->guid);
    ccb_free(entry);
}

static void remove_entry(struct ccb_journal *journal, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &journal->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &journal->oldest) = entry->newer;
    journal->count--;
    journal->bytes -= entry->bytes;
    free_entry(entry);
}

static void push(struct ccb_journal *journal, struct entry *entry)
{
    entry->older = journal->newest;
    *(journal->newest ? &journal->newest->newer : &journal->oldest) = entry;
    journal->newest = entry;
    journal->count++;
    journal->bytes += entry->bytes;
}

/* The newest one stays, whatever it takes. */
static void trim(struct ccb_journal *journal)
{
    while (journal->count > 1 && (journal->count > journal->max_count ||
                                  journal->bytes > CCB_JOURNAL_MAX_BYTES))
        remove_entry(journal, journal->oldest);
}

static struct entry *find(const struct ccb_journal *journal,
                          struct ccb_slice guid)
{
    struct entry *entry = journal->newest;
    while (entry && !ccb_slice_is(guid, entry->guid))
        entry = entry->older;
    return entry;
}

static struct entry *find_app(const struct ccb_journal *journal,
                              struct ccb_slice guid)
{
    struct entry *entry = journal->newest;
    while (entry &&
           !ccb_slice_equal(guid, text_of(entry, CCB_JOURNAL_APP_GUID)))
        entry = entry->older;
    return entry;
}

static struct entry *add(struct ccb_journal *journal, struct ccb_slice guid)
{
    struct entry *entry = ccb_calloc(1, sizeof(*entry));
    if (!entry)
        return NULL;
    entry->guid = ccb_slice_dup(guid);
    if (!entry->guid) {
        ccb_free(entry);
        return NULL;
    }
    entry->bytes = sizeof(*entry) + guid.len;
    push(journal, entry);
    return entry;
}

/* ---- texts, without their secrets --------------------------------------- */

static void put_left_out(struct ccb_buf *out, size_t len)
{
    ccb_buf_reset(out);
    ccb_buf_printf(out, "\"[left out: %zu bytes]\"", len);
}

static void redact(struct ccb_buf *out, struct ccb_slice text, bool json)
{
    struct ccb_json value;
    if (!json)
        ccb_redact_text(out, text);
    else if (text.len <= CCB_JOURNAL_MAX_TEXT &&
             ccb_json_parse(&value, text, CCB_JSON_WHOLE, NULL) == 0)
        ccb_redact_json(out, value);
    else
        put_left_out(out, text.len);
    if (out->len > CCB_JOURNAL_MAX_TEXT)
        put_left_out(out, out->len);
}

/* NULL: nothing, or no memory for it. */
static char *make_text(struct ccb_slice text, bool json)
{
    struct ccb_buf clean = {0};
    char *copy = NULL;
    if (text.len == 0)
        return NULL;
    redact(&clean, text, json);
    if (!clean.failed)
        copy = ccb_slice_dup(ccb_buf_slice(&clean));
    ccb_buf_destroy(&clean);
    return copy;
}

/* Takes `text` over, NULL too. */
static void set_text(struct ccb_journal *journal, struct entry *entry,
                     enum ccb_journal_text which, char *text)
{
    const char *before = entry->texts[which];
    size_t less = before ? strlen(before) : 0, more = text ? strlen(text) : 0;
    entry->bytes += more - less;
    journal->bytes += more - less;
    ccb_free(entry->texts[which]);
    entry->texts[which] = text;
}

/* ---- notes -------------------------------------------------------------- */

static struct entry *find_or_add(struct ccb_journal *journal,
                                 const struct ccb_journal_note *note)
{
    struct entry *entry = find(journal, note->guid);
    if (entry && note->phase == CCB_PHASE_REQUESTED) {
        remove_entry(journal, entry);
        entry = NULL;
    }
    return entry ? entry : add(journal, note->guid);
}

/* A callback may be repeated after CC took the result, and another worker may
 * note late what was before: neither takes a staging back. */
static void set_phase(struct entry *entry, enum ccb_journal_phase phase)
{
    bool late = entry->last == CCB_PHASE_CC_TOOK && phase < CCB_PHASE_CC_TRIED;
    if (late && entry->times[phase] > 0)
        return;
    entry->times[phase] = ccb_clock_wall();
    if (!late)
        entry->last = phase;
}

static void apply(struct ccb_journal *journal,
                  const struct ccb_journal_note *note, char **made)
{
    struct entry *entry = find_or_add(journal, note);
    size_t i;
    if (!entry)
        return;
    set_phase(entry, note->phase);
    if (note->phase == CCB_PHASE_CC_TRIED || note->phase == CCB_PHASE_CC_TOOK) {
        entry->cc_status = note->cc_status;
        entry->cc_attempts++;
        set_text(journal, entry, CCB_JOURNAL_CC_ERROR, NULL);
    }
    for (i = 0; i < CCB_JOURNAL_TEXTS; i++)
        if (made[i]) {
            set_text(journal, entry, i, made[i]);
            made[i] = NULL;
        }
    trim(journal);
}

/* The costly part is done before the lock is taken. */
void ccb_journal_note(struct ccb_journal *journal,
                      const struct ccb_journal_note *note)
{
    char *made[CCB_JOURNAL_TEXTS];
    size_t i;
    if (!journal)
        return;
    for (i = 0; i < CCB_JOURNAL_TEXTS; i++)
        made[i] = make_text(note->texts[i], texts[i].json);
    uv_mutex_lock(&journal->lock);
    apply(journal, note, made);
    uv_mutex_unlock(&journal->lock);
    for (i = 0; i < CCB_JOURNAL_TEXTS; i++)
        ccb_free(made[i]);
}

void ccb_journal_warn(struct ccb_journal *journal, struct ccb_slice guid,
                      struct ccb_slice words)
{
    struct entry *entry;
    char *made;
    if (!journal)
        return;
    made = make_text(words, false);
    uv_mutex_lock(&journal->lock);
    entry = find(journal, guid);
    if (made && entry && entry->warning_count < CCB_JOURNAL_MAX_WARNINGS) {
        entry->bytes += strlen(made);
        journal->bytes += strlen(made);
        entry->warnings[entry->warning_count++] = made;
        made = NULL;
        trim(journal);
    }
    uv_mutex_unlock(&journal->lock);
    ccb_free(made);
}

/* ---- showing ------------------------------------------------------------ */

static void put_time(struct ccb_json_writer *w, const char *key, int64_t time)
{
    char text[40];
    ccb_time_format(time, text);
    ccb_json_member_cstr(w, key, text);
}

static void put_text(const struct entry *entry, enum ccb_journal_text which,
                     struct ccb_json_writer *w)
{
    struct ccb_slice text = text_of(entry, which);
    ccb_json_key(w, texts[which].name);
    if (text.len == 0)
        ccb_json_put_null(w);
    else if (texts[which].json)
        ccb_json_put_raw(w, text);
    else
        ccb_json_put_string(w, text);
}

static void put_short(const struct entry *entry, struct ccb_json_writer *w)
{
    int64_t started = entry->times[entry->last];
    size_t i;
    for (i = 0; i < CCB_JOURNAL_PHASES; i++)
        if (entry->times[i] > 0 && entry->times[i] < started)
            started = entry->times[i];
    ccb_json_member_cstr(w, "guid", entry->guid);
    ccb_json_member_cstr(w, "phase", phase_names[entry->last]);
    put_time(w, "started_at", started);
    put_time(w, "last_at", entry->times[entry->last]);
    for (i = 0; i < CCB_JOURNAL_TEXTS; i++)
        if (texts[i].listed)
            put_text(entry, i, w);
}

/* The number in "Exited with status N", wherever it stands; -1: none. */
static int64_t find_exit_status(const char *failure)
{
    static const char words[] = "xited with status ";
    const char *at = failure ? strstr(failure, words) : NULL;
    int64_t status = 0;
    if (!at)
        return -1;
    at += sizeof(words) - 1;
    if (*at < '0' || *at > '9')
        return -1;
    for (; *at >= '0' && *at <= '9' && status < 100000; at++)
        status = status * 10 + (*at - '0');
    return status;
}

static void put_exit_status(const struct entry *entry,
                            struct ccb_json_writer *w)
{
    int64_t status = find_exit_status(entry->texts[CCB_JOURNAL_FAILURE]);
    ccb_json_key(w, "exit_status");
    if (status < 0)
        ccb_json_put_null(w);
    else
        ccb_json_put_int(w, status);
}

static void put_phases(const struct entry *entry, struct ccb_json_writer *w)
{
    size_t i;
    ccb_json_key(w, "phases");
    ccb_json_begin_array(w);
    for (i = 0; i < CCB_JOURNAL_PHASES; i++) {
        if (entry->times[i] == 0)
            continue;
        ccb_json_begin_object(w);
        ccb_json_member_cstr(w, "name", phase_names[i]);
        put_time(w, "at", entry->times[i]);
        ccb_json_end_object(w);
    }
    ccb_json_end_array(w);
}

static void put_whole(const struct entry *entry, struct ccb_json_writer *w)
{
    size_t i;
    put_short(entry, w);
    put_phases(entry, w);
    ccb_json_key(w, "warnings");
    ccb_json_begin_array(w);
    for (i = 0; i < entry->warning_count; i++)
        ccb_json_put_string(w, ccb_slice_of(entry->warnings[i]));
    ccb_json_end_array(w);
    put_exit_status(entry, w);
    ccb_json_key(w, "cc_status");
    if (entry->cc_status > 0)
        ccb_json_put_int(w, entry->cc_status);
    else
        ccb_json_put_null(w);
    ccb_json_member_int(w, "cc_attempts", entry->cc_attempts);
    for (i = 0; i < CCB_JOURNAL_TEXTS; i++)
        if (!texts[i].listed)
            put_text(entry, i, w);
}

void ccb_journal_put_list(struct ccb_journal *journal, size_t max,
                          struct ccb_json_writer *w)
{
    const struct entry *entry;
    uv_mutex_lock(&journal->lock);
    for (entry = journal->newest; entry && max > 0; entry = entry->older) {
        ccb_json_begin_object(w);
        put_short(entry, w);
        ccb_json_end_object(w);
        max--;
    }
    uv_mutex_unlock(&journal->lock);
}

bool ccb_journal_put(struct ccb_journal *journal, struct ccb_slice key,
                     struct ccb_json_writer *w, struct ccb_arena *arena,
                     struct ccb_journal_found *found)
{
    const struct entry *entry;
    *found = (struct ccb_journal_found){0};
    uv_mutex_lock(&journal->lock);
    entry = find(journal, key);
    if (!entry)
        entry = find_app(journal, key);
    if (entry) {
        found->guid = ccb_arena_copy(arena, ccb_slice_of(entry->guid));
        found->running = entry->times[CCB_PHASE_CREATED] > 0 &&
                         entry->times[CCB_PHASE_CALLED_BACK] == 0;
        put_whole(entry, w);
    }
    uv_mutex_unlock(&journal->lock);
    return entry != NULL;
}

size_t ccb_journal_count(struct ccb_journal *journal)
{
    size_t count;
    uv_mutex_lock(&journal->lock);
    count = journal->count;
    uv_mutex_unlock(&journal->lock);
    return count;
}

/* ---- create and free ---------------------------------------------------- */

struct ccb_journal *ccb_journal_create(size_t max_stagings)
{
    struct ccb_journal *journal = ccb_calloc(1, sizeof(*journal));
    if (!journal)
        return NULL;
    journal->max_count = max_stagings;
    if (uv_mutex_init(&journal->lock) < 0) {
        ccb_free(journal);
        return NULL;
    }
    return journal;
}

void ccb_journal_free(struct ccb_journal *journal)
{
    if (!journal)
        return;
    while (journal->newest)
        remove_entry(journal, journal->newest);
    uv_mutex_destroy(&journal->lock);
    ccb_free(journal);
}
