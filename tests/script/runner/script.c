/*
 * Reads a script into statements (script.h).
 *
 * Invariant: a statement's deeper lines are its own; the lines of one block
 * share one indentation, and every word knows its line.
 */
#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *file;
    const char *pos, *end;
    int line;
    struct ccb_text *why;
};

static int complain(struct reader *r, int line, const char *message)
{
    ccb_text_addf(r->why, "%s:%d: %s", r->file, line, message);
    return -1;
}

/* Room for eight more, asked for when `count` is a multiple of eight. */
static void *grow(void *list, size_t count, size_t size)
{
    char *more = ccb_tool_alloc((count + 8) * size);
    if (count > 0)
        memcpy(more, list, count * size);
    free(list);
    return more;
}

static void add_word(struct ccb_stmt *s, enum ccb_word_kind kind,
                     const char *text, size_t len, int line)
{
    if (s->word_count % 8 == 0)
        s->words = grow(s->words, s->word_count, sizeof(*s->words));
    s->words[s->word_count++] =
        (struct ccb_word){.kind = kind,
                          .text = ccb_tool_copy(text, len),
                          .len = len,
                          .line = line};
}

static void add_below(struct ccb_stmt *s, struct ccb_stmt *child)
{
    if (s->below_count % 8 == 0)
        s->below = grow(s->below, s->below_count, sizeof(*s->below));
    s->below[s->below_count++] = child;
}

void ccb_script_free(struct ccb_stmt *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->word_count; i++)
        free(s->words[i].text);
    for (size_t i = 0; i < s->below_count; i++)
        ccb_script_free(s->below[i]);
    free(s->words);
    free(s->below);
    free(s);
}

/* "..." or '...': the text between, escapes kept for the expansion. */
static int read_quoted(struct reader *r, struct ccb_stmt *s)
{
    char quote = *r->pos++;
    const char *start = r->pos;
    while (r->pos < r->end && *r->pos != quote && *r->pos != '\n') {
        if (quote == '"' && *r->pos == '\\' && r->pos + 1 < r->end)
            r->pos++;
        r->pos++;
    }
    if (r->pos >= r->end || *r->pos != quote)
        return complain(r, r->line, "the quoted text does not end");
    add_word(s, quote == '"' ? CCB_WORD_QUOTED : CCB_WORD_LITERAL, start,
             (size_t)(r->pos - start), r->line);
    r->pos++;
    return 0;
}

/* {...} or [...], over as many lines as it takes. */
static int read_json(struct reader *r, struct ccb_stmt *s)
{
    const char *start = r->pos;
    int line = r->line, depth = 0, in_string = 0;
    for (; r->pos < r->end; r->pos++) {
        char c = *r->pos;
        r->line += c == '\n';
        if (in_string) {
            if (c == '\\' && r->pos + 1 < r->end)
                r->pos++;
            else if (c == '"')
                in_string = 0;
        } else if (c == '"') {
            in_string = 1;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        }
        if (depth == 0) {
            r->pos++;
            add_word(s, CCB_WORD_JSON, start, (size_t)(r->pos - start), line);
            return 0;
        }
    }
    return complain(r, line, "the JSON that begins here does not end");
}

/* One line of a here-document without the terminator's indentation. */
static void add_here_line(struct ccb_text *text, const char *line, size_t len,
                          size_t indent)
{
    size_t skip = 0;
    while (skip < indent && skip < len && line[skip] == ' ')
        skip++;
    ccb_text_add(text, line + skip, len - skip);
    ccb_text_add(text, "\n", 1);
}

struct here {
    const char *tag;
    size_t tag_len, indent;
    const char *body, *stop, *after;
    int lines;
};

/* Finds the line that holds the tag alone. */
static int find_here_end(struct reader *r, struct here *h)
{
    const char *p = h->body;
    while (p < r->end) {
        const char *eol = memchr(p, '\n', (size_t)(r->end - p));
        size_t len = (size_t)((eol ? eol : r->end) - p), skip = 0;
        h->lines++;
        while (skip < len && p[skip] == ' ')
            skip++;
        if (len - skip == h->tag_len &&
            memcmp(p + skip, h->tag, h->tag_len) == 0) {
            h->stop = p;
            h->indent = skip;
            h->after = eol ? eol : r->end;
            return 0;
        }
        p += len + 1;
    }
    return -1;
}

/* <<END or <<'END', the last word of its line. */
static int read_here(struct reader *r, struct ccb_stmt *s)
{
    int literal = r->pos[2] == '\'', line = r->line;
    struct here h = {.tag = r->pos + 2 + literal};
    while (
        h.tag + h.tag_len < r->end &&
        (isalnum((unsigned char)h.tag[h.tag_len]) || h.tag[h.tag_len] == '_'))
        h.tag_len++;
    const char *p = h.tag + h.tag_len + literal;
    if (h.tag_len == 0 || p >= r->end || *p != '\n')
        return complain(r, line, "<<END must be the last word of its line");
    h.body = p + 1;
    if (find_here_end(r, &h) < 0)
        return complain(r, line, "the here-document does not end");
    struct ccb_text text = {0};
    ccb_text_add(&text, "", 0);
    for (p = h.body; p < h.stop;) {
        const char *eol = memchr(p, '\n', (size_t)(h.stop - p));
        add_here_line(&text, p, (size_t)(eol - p), h.indent);
        p = eol + 1;
    }
    add_word(s, literal ? CCB_WORD_LITERAL : CCB_WORD_HERE, text.ptr, text.len,
             line);
    ccb_text_free(&text);
    r->pos = h.after;
    r->line += h.lines;
    return 0;
}

static int read_bare(struct reader *r, struct ccb_stmt *s)
{
    const char *start = r->pos;
    size_t quotes = 0;
    for (; r->pos < r->end && !isspace((unsigned char)*r->pos); r->pos++)
        quotes += *r->pos == '"';
    if (quotes % 2)
        return complain(r, r->line,
                        "a quote opens within a bare word: quote all of it");
    enum ccb_word_kind kind = *start == '@' ? CCB_WORD_FILE : CCB_WORD_BARE;
    size_t skip = kind == CCB_WORD_FILE;
    add_word(s, kind, start + skip, (size_t)(r->pos - start) - skip, r->line);
    return 0;
}

/* The rest of a line (or more, for JSON and here-documents). */
static int read_words(struct reader *r, struct ccb_stmt *s)
{
    while (r->pos < r->end && *r->pos != '\n') {
        char c = *r->pos;
        int code = 0;
        if (isspace((unsigned char)c))
            r->pos++;
        else if (c == '#')
            while (r->pos < r->end && *r->pos != '\n')
                r->pos++;
        else if (c == '"' || c == '\'')
            code = read_quoted(r, s);
        else if (c == '{' || c == '[')
            code = read_json(r, s);
        else if (c == '<' && r->end - r->pos > 2 && r->pos[1] == '<')
            code = read_here(r, s);
        else
            code = read_bare(r, s);
        if (code < 0)
            return -1;
    }
    return 0;
}

static int is_block(const struct ccb_stmt *s)
{
    static const char *const blocks[] = {"peer", "repeat", "for", "parallel",
                                         "eventually"};
    if (s->word_count == 0)
        return 1;
    for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++)
        if (strcmp(s->words[0].text, blocks[i]) == 0)
            return 1;
    return 0;
}

/* Moves the words of `line` to the statement it continues. */
static void append_words(struct ccb_stmt *s, struct ccb_stmt *line)
{
    for (size_t i = 0; i < line->word_count; i++)
        add_word(s, line->words[i].kind, line->words[i].text,
                 line->words[i].len, line->words[i].line);
    ccb_script_free(line);
}

#define MAX_DEPTH 32

/* The open statements, outermost first; [0] is the file. */
struct nest {
    struct ccb_stmt *open[MAX_DEPTH];
    int depth;
};

/* Puts a line where its indentation says. Takes `s`. */
static int place(struct reader *r, struct nest *n, struct ccb_stmt *s)
{
    while (n->depth > 0 && n->open[n->depth]->indent >= s->indent)
        n->depth--;
    struct ccb_stmt *owner = n->open[n->depth];
    if (!is_block(owner)) {
        append_words(owner, s);
        return 0;
    }
    if (owner->below_count > 0 && owner->below[0]->indent != s->indent) {
        int line = s->line;
        ccb_script_free(s);
        return complain(r, line, "indented otherwise than its block");
    }
    add_below(owner, s);
    if (n->depth + 1 == MAX_DEPTH)
        return complain(r, s->line, "blocks are nested too deep");
    n->open[++n->depth] = s;
    return 0;
}

/* One line: measures its indentation, reads its words, places it. */
static int read_line(struct reader *r, struct nest *n)
{
    struct ccb_stmt *s = ccb_tool_alloc(sizeof(*s));
    s->file = r->file;
    s->line = r->line;
    while (r->pos < r->end && *r->pos == ' ') {
        r->pos++;
        s->indent++;
    }
    int code = 0;
    if (r->pos < r->end && *r->pos == '\t')
        code = complain(r, r->line, "indent with spaces, not with tabs");
    if (code == 0)
        code = read_words(r, s);
    if (code == 0 && s->word_count > 0)
        return place(r, n, s);
    ccb_script_free(s);
    return code;
}

static int read_lines(struct reader *r, struct ccb_stmt *root)
{
    struct nest n = {.open = {root}};
    root->indent = -1;
    while (r->pos < r->end) {
        if (read_line(r, &n) < 0)
            return -1;
        if (r->pos < r->end)
            r->pos++; /* the line's end */
        r->line++;
    }
    return 0;
}

struct ccb_stmt *ccb_script_parse(const char *file, struct ccb_text *why)
{
    struct ccb_text text = {0};
    if (ccb_text_read_file(&text, file) < 0) {
        ccb_text_addf(why, "%s: can't be read: %s", file, strerror(errno));
        ccb_text_free(&text);
        return NULL;
    }
    struct ccb_stmt *root = ccb_tool_alloc(sizeof(*root));
    struct reader r = {.file = file,
                       .pos = text.ptr,
                       .end = text.ptr + text.len,
                       .line = 1,
                       .why = why};
    root->file = file;
    if (read_lines(&r, root) < 0) {
        ccb_script_free(root);
        root = NULL;
    }
    ccb_text_free(&text);
    return root;
}
