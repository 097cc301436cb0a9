/*
 * Content types, by extension and by content (the patterns are those of the
 * WHATWG's MIME sniffing standard, section 7, as far as browsers of this
 * server's files could need them).
 *
 * Invariant: only the first CCB_FILES_SNIFF bytes decide. No state.
 */
#include "files/internal.h"

#include <strings.h>

static const struct {
    const char *extension, *type;
} extensions[] = {
    {".html", "text/html; charset=utf-8"},
    {".htm", "text/html; charset=utf-8"},
    {".txt", "text/plain; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".xml", "text/xml; charset=utf-8"},
    {".gif", "image/gif"},
    {".jpeg", "image/jpeg"},
    {".jpg", "image/jpeg"},
    {".png", "image/png"},
    {".svg", "image/svg+xml"},
    {".webp", "image/webp"},
    {".avif", "image/avif"},
    {".ico", "image/vnd.microsoft.icon"},
    {".bmp", "image/bmp"},
    {".pdf", "application/pdf"},
    {".wasm", "application/wasm"},
    {".tgz", "application/gzip"},
    {".gz", "application/gzip"},
    {".tar", "application/x-tar"},
    {".zip", "application/zip"},
};

const char *ccb_files_type_by_name(struct ccb_slice name)
{
    size_t at = name.len;

    while (at > 0 && name.ptr[at - 1] != '.')
        at--;
    if (at == 0)
        return NULL;
    at--;
    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++)
        if (strlen(extensions[i].extension) == name.len - at &&
            strncasecmp(extensions[i].extension, name.ptr + at,
                        name.len - at) == 0)
            return extensions[i].type;
    return NULL;
}

/* ---- by content --------------------------------------------------------- */

/* Text that is HTML when a blank or '>' follows; white space may come first.
 * Letters of any case. */
static const char *const html_starts[] = {
    "<!DOCTYPE HTML",
    "<HTML",
    "<HEAD",
    "<SCRIPT",
    "<IFRAME",
    "<H1",
    "<DIV",
    "<FONT",
    "<TABLE",
    "<A",
    "<STYLE",
    "<TITLE",
    "<B",
    "<BODY",
    "<BR",
    "<P",
    "<!--",
};

/* Bytes at an offset; a second run of them for formats in a container. */
struct magic {
    const char *bytes;
    size_t len;
    size_t second_at;
    const char *second;
    const char *type;
};
#define BYTES(text) (text), sizeof(text) - 1

static const struct magic magics[] = {
    {BYTES("%PDF-"), 0, NULL, "application/pdf"},
    {BYTES("%!PS-Adobe-"), 0, NULL, "application/postscript"},
    {BYTES("\xFE\xFF"), 0, NULL, "text/plain; charset=utf-16be"},
    {BYTES("\xFF\xFE"), 0, NULL, "text/plain; charset=utf-16le"},
    {BYTES("\xEF\xBB\xBF"), 0, NULL, "text/plain; charset=utf-8"},
    {BYTES("\0\0\1\0"), 0, NULL, "image/x-icon"},
    {BYTES("\0\0\2\0"), 0, NULL, "image/x-icon"},
    {BYTES("BM"), 0, NULL, "image/bmp"},
    {BYTES("GIF87a"), 0, NULL, "image/gif"},
    {BYTES("GIF89a"), 0, NULL, "image/gif"},
    {BYTES("RIFF"), 8, "WEBPVP", "image/webp"},
    {BYTES("\x89PNG\r\n\x1A\n"), 0, NULL, "image/png"},
    {BYTES("\xFF\xD8\xFF"), 0, NULL, "image/jpeg"},
    {BYTES("FORM"), 8, "AIFF", "audio/aiff"},
    {BYTES("ID3"), 0, NULL, "audio/mpeg"},
    {BYTES("OggS\0"), 0, NULL, "application/ogg"},
    {BYTES("MThd\0\0\0\6"), 0, NULL, "audio/midi"},
    {BYTES("RIFF"), 8, "AVI ", "video/avi"},
    {BYTES("RIFF"), 8, "WAVE", "audio/wave"},
    {BYTES("\x1A\x45\xDF\xA3"), 0, NULL, "video/webm"},
    {BYTES("\0\1\0\0"), 0, NULL, "font/ttf"},
    {BYTES("OTTO"), 0, NULL, "font/otf"},
    {BYTES("ttcf"), 0, NULL, "font/collection"},
    {BYTES("wOFF"), 0, NULL, "font/woff"},
    {BYTES("wOF2"), 0, NULL, "font/woff2"},
    {BYTES("\x1F\x8B\x08"), 0, NULL, "application/x-gzip"},
    {BYTES("PK\3\4"), 0, NULL, "application/zip"},
    {BYTES("Rar!\x1A\7\0"), 0, NULL, "application/x-rar-compressed"},
    {BYTES("Rar!\x1A\7\1\0"), 0, NULL, "application/x-rar-compressed"},
    {BYTES("\0asm"), 0, NULL, "application/wasm"},
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static struct ccb_slice skip_blanks(struct ccb_slice text)
{
    while (text.len > 0 && is_blank(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    return text;
}

static bool is_html(struct ccb_slice text)
{
    for (size_t i = 0; i < sizeof(html_starts) / sizeof(html_starts[0]); i++) {
        size_t len = strlen(html_starts[i]);

        if (text.len > len && strncasecmp(text.ptr, html_starts[i], len) == 0 &&
            (text.ptr[len] == ' ' || text.ptr[len] == '>'))
            return true;
    }
    return false;
}

static bool has_magic(struct ccb_slice start, const struct magic *magic)
{
    size_t len = magic->second == NULL ? 0 : strlen(magic->second);

    return start.len >= magic->len &&
           memcmp(start.ptr, magic->bytes, magic->len) == 0 &&
           start.len >= magic->second_at + len &&
           (len == 0 ||
            memcmp(start.ptr + magic->second_at, magic->second, len) == 0);
}

/* "....ftypmp4x": a box whose brand begins with "mp4" among its brands. */
static bool is_mp4(struct ccb_slice start)
{
    const unsigned char *b = (const unsigned char *)start.ptr;
    size_t box;

    if (start.len < 12 || memcmp(start.ptr + 4, "ftyp", 4) != 0)
        return false;
    box = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
    if (box > start.len || box % 4 != 0)
        return false;
    for (size_t at = 8; at + 4 <= box; at += 4)
        if (at != 12 && memcmp(start.ptr + at, "mp4", 3) == 0)
            return true;
    return false;
}

static bool is_text(struct ccb_slice start)
{
    for (size_t i = 0; i < start.len; i++) {
        unsigned char c = (unsigned char)start.ptr[i];

        if (c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1A) ||
            (c >= 0x1C && c <= 0x1F))
            return false;
    }
    return true;
}

const char *ccb_files_type_by_content(struct ccb_slice start)
{
    struct ccb_slice text;

    if (start.len > CCB_FILES_SNIFF)
        start.len = CCB_FILES_SNIFF;
    text = skip_blanks(start);
    if (is_html(text))
        return "text/html; charset=utf-8";
    if (ccb_slice_starts(text, "<?xml"))
        return "text/xml; charset=utf-8";
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
        if (has_magic(start, &magics[i]))
            return magics[i].type;
    if (is_mp4(start))
        return "video/mp4";
    return is_text(start) ? "text/plain; charset=utf-8"
                          : "application/octet-stream";
}
