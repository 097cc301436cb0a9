/*
 * The reasons for which a plugin file is refused, one row each: the word that
 * scripts match on and the advice that people read. Invariant: every row has
 * both, and nothing else in this room spells a reason.
 * Follows anchors 3.2 (refusal message) and design.md 6, rule 10.
 */
#include "plugin/refusal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct row {
    const char *word;
    const char *advice;
};

static const struct row rows[] = {
    [CCB_REFUSED_NONE] = {"none", "nothing to do"},
    [CCB_REFUSED_UNREADABLE] = {"unreadable",
                                "make it a regular file that the daemon's "
                                "user may read"},
    [CCB_REFUSED_NOT_ELF] = {"not_elf",
                             "copy the plugin again, whole; only shared "
                             "objects belong into a plugin directory"},
    [CCB_REFUSED_MACHINE] = {"machine", "rebuild it for this machine"},
    [CCB_REFUSED_NO_MANIFEST] = {"no_manifest",
                                 "state CCB_MANIFEST once in the plugin's "
                                 "source and link with the note kept"},
    [CCB_REFUSED_BAD_MANIFEST] = {"bad_manifest",
                                  "correct the text of CCB_MANIFEST; "
                                  "ccbridge/lifecycle.h lists its members"},
    [CCB_REFUSED_NO_ENTRY] = {"no_entry", "define " CCB_ENTRY_SYMBOL
                                          " and export it with CCB_EXPORT"},
    [CCB_REFUSED_ABI_MAJOR] = {"abi_major", "rebuild it with SDK 1.x"},
    [CCB_REFUSED_ABI_MINOR] = {"abi_minor",
                               "upgrade ccbridge, or state a lower "
                               "abi_minor_required if less is enough"},
    [CCB_REFUSED_BAD_ENTRY] = {"bad_entry",
                               "fill the entry with CCB_ENTRY_PREFIX and "
                               "every member behind it"},
    [CCB_REFUSED_LOAD] = {"load",
                          "link it with -Wl,-z,defs and install the libraries "
                          "it needs"},
    [CCB_REFUSED_INTERFACE] = {"interface",
                               "make the manifest's interfaces and "
                               "get_interface say the same"},
    [CCB_REFUSED_CREATE] = {"create",
                            "check the plugin's configuration; its create "
                            "must not return NULL"},
    [CCB_REFUSED_CLAIM] = {"claim", "choose one with -lifecyclePlugin KEY:ID"},
    [CCB_REFUSED_DUPLICATE] = {"duplicate",
                               "remove one of the two files, or give one "
                               "plugin another id"},
    [CCB_REFUSED_UNSAFE] = {"unsafe",
                            "copy it to a file and a directory that only root "
                            "or the daemon's user may write"},
    [CCB_REFUSED_POLICY] = {"policy",
                            "correct plugins.d/ID.json, or remove it"},
    [CCB_REFUSED_DISABLED] = {"disabled", "ccbridge plugin enable ID"},
    [CCB_REFUSED_DIGEST] = {"digest",
                            "install the pinned build, or put the new digest "
                            "into plugins.d/ID.json"},
    [CCB_REFUSED_CRASHED] = {"crashed",
                             "run ccbridge plugin check FILE; it shows where"},
    [CCB_REFUSED_TIMED_OUT] = {"timed_out",
                               "run ccbridge plugin check FILE; nothing may "
                               "wait in constructors and create"},
    [CCB_REFUSED_SELFTEST] = {"selftest",
                              "see what its self-test says, and mend that"},
    [CCB_REFUSED_GOLDEN] = {"first_call",
                            "run ccbridge plugin check FILE; answer with a "
                            "valid document, or refuse in words"},
    [CCB_REFUSED_IMAGES] = {"images",
                            "restart the daemon, or let the plugin run "
                            "isolated (plugins.d/ID.json, \"mode\")"},
    [CCB_REFUSED_RUNNER] = {"runner",
                            "install ccbridge-plugin-host beside the daemon, "
                            "and see that it may start processes"},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct row *find_row(enum ccb_refusal reason)
{
    static const struct row unknown = {"unknown", "report this"};
    size_t at = (size_t)reason;

    return at < ROWS && rows[at].word ? &rows[at] : &unknown;
}

const char *ccb_refusal_name(enum ccb_refusal reason)
{
    return find_row(reason)->word;
}

/* What a file says of itself must not forge a line of the log. */
static void drop_controls(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

int ccb_refuse(struct ccb_plugin_refusal *refusal, enum ccb_refusal reason,
               const char *expected, const char *found, ...)
{
    va_list args;

    refusal->reason = reason;
    refusal->advice = find_row(reason)->advice;
    snprintf(refusal->expected, sizeof(refusal->expected), "%s", expected);
    va_start(args, found);
    vsnprintf(refusal->found, sizeof(refusal->found), found, args);
    va_end(args);
    drop_controls(refusal->expected);
    drop_controls(refusal->found);
    return CCB_INVALID;
}

/* A bounded writer: `used` may pass `size`, as with snprintf. */
struct line {
    char *out;
    size_t size, used;
};

static void put_char(struct line *line, char c)
{
    if (line->used + 1 < line->size)
        line->out[line->used] = c;
    line->used++;
}

static void put_text(struct line *line, const char *text)
{
    for (; *text; text++)
        put_char(line, *text);
}

static void put_quoted(struct line *line, const char *text)
{
    put_char(line, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            put_char(line, '\\');
        put_char(line, *text);
    }
    put_char(line, '"');
}

static void put_member(struct line *line, const char *key, const char *value)
{
    if (line->used)
        put_char(line, ' ');
    put_text(line, key);
    put_char(line, '=');
    if (*value && !strpbrk(value, " \"\\="))
        put_text(line, value);
    else
        put_quoted(line, value);
}

void ccb_plugin_refusal_format(const struct ccb_plugin_refusal *refusal,
                               char *out, size_t size)
{
    struct line line = {out, size, 0};

    if (size == 0)
        return;
    put_member(&line, "plugin", refusal->file ? refusal->file : "");
    put_member(&line, "reason", ccb_refusal_name(refusal->reason));
    put_member(&line, "expected", refusal->expected);
    put_member(&line, "found", refusal->found);
    put_member(&line, "advice", refusal->advice ? refusal->advice : "");
    out[line.used < size ? line.used : size - 1] = '\0';
}
