/*
 * The check of bits (bits.h).
 *
 * Who unpacks them may follow links that it unpacked before, so that reading
 * a link's target as text is not enough: `a/b -> ..` makes `a/b/..` leave the
 * tree. Three rules together keep every link inside: nothing lies below a
 * link; a target climbs (`..`) only at its beginning; and from the directory
 * that the link lies in, it climbs no higher than the root.
 */
#include "controller/bits.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "controller/fault.h"

#define MAX_LINKS 10000
#define SHOWN(s) (int)((s).len < 120 ? (s).len : 120), (s).ptr

struct check {
    struct ccb_buf links; /* the names of links, each ended by a NUL */
    size_t entries, link_count;
};

/* ---- names -------------------------------------------------------------- */

/* The next component of a path; false at its end. Empty ones and "." are
 * passed over. */
static bool next_part(struct ccb_slice *rest, struct ccb_slice *part)
{
    while (rest->len > 0) {
        const char *slash = memchr(rest->ptr, '/', rest->len);
        size_t len = slash ? (size_t)(slash - rest->ptr) : rest->len;

        *part = ccb_slice_make(rest->ptr, len);
        rest->ptr += slash ? len + 1 : len;
        rest->len -= slash ? len + 1 : len;
        if (len > 0 && !ccb_slice_is(*part, "."))
            return true;
    }
    return false;
}

static int check_name(struct ccb_slice name, struct ccb_error *err)
{
    struct ccb_slice rest = name, part;

    if (name.len == 0)
        return ccb_fault(err, "InvalidBits", "an entry has no name");
    if (name.ptr[0] == '/')
        return ccb_fault(err, "InvalidBits",
                         "\"%.*s\": absolute names are not taken", SHOWN(name));
    while (next_part(&rest, &part))
        if (ccb_slice_is(part, ".."))
            return ccb_fault(err, "InvalidBits",
                             "\"%.*s\": leads outside of the app", SHOWN(name));
    return 0;
}

static int count_parents(struct ccb_slice name)
{
    struct ccb_slice part;
    int count = -1;

    while (next_part(&name, &part))
        count++;
    return count;
}

static int check_target(struct ccb_slice name, struct ccb_slice target,
                        struct ccb_error *err)
{
    struct ccb_slice rest = target, part;
    int depth = count_parents(name);
    bool descended = false;

    if (target.len == 0 || target.ptr[0] == '/')
        depth = -1;
    while (depth >= 0 && next_part(&rest, &part))
        if (!ccb_slice_is(part, ".."))
            descended = true;
        else
            depth = descended ? -1 : depth - 1;
    if (depth >= 0)
        return 0;
    return ccb_fault(err, "InvalidBits",
                     "\"%.*s\": the link to \"%.*s\" may lead outside of the "
                     "app",
                     SHOWN(name), SHOWN(target));
}

/* ---- entries ------------------------------------------------------------ */

/* A name outside of ASCII is not there in the locale's form when the daemon
 * runs without a locale. */
static struct ccb_slice name_of(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname_utf8(entry);

    return ccb_slice_of(name ? name : archive_entry_pathname(entry));
}

static struct ccb_slice target_of(struct archive_entry *entry)
{
    const char *target = archive_entry_symlink_utf8(entry);

    return ccb_slice_of(target ? target : archive_entry_symlink(entry));
}

static int check_entry(struct check *check, struct archive_entry *entry,
                       struct ccb_error *err)
{
    struct ccb_slice name = name_of(entry);
    unsigned type = archive_entry_filetype(entry);
    int code = check_name(name, err);

    if (code < 0)
        return code;
    check->entries++;
    if (type == AE_IFREG || type == AE_IFDIR || type == 0)
        return 0;
    if (type != AE_IFLNK)
        return ccb_fault(err, "InvalidBits",
                         "\"%.*s\": is no file, directory or link",
                         SHOWN(name));
    if (++check->link_count > MAX_LINKS)
        return ccb_fault(err, "InvalidBits", "more than %d links", MAX_LINKS);
    ccb_buf_append(&check->links, name.ptr, name.len + 1);
    return check_target(name, target_of(entry), err);
}

/* Compares component by component: "a//b" lies below "./a", too. */
static bool lies_below(struct ccb_slice name, struct ccb_slice link)
{
    struct ccb_slice part, link_part;

    while (next_part(&link, &link_part))
        if (!next_part(&name, &part) || !ccb_slice_equal(part, link_part))
            return false;
    return next_part(&name, &part);
}

static int check_below(struct check *check, struct archive_entry *entry,
                       struct ccb_error *err)
{
    struct ccb_slice name = name_of(entry);
    size_t at = 0;

    while (at < check->links.len) {
        struct ccb_slice link = ccb_slice_of(check->links.data + at);
        if (lies_below(name, link))
            return ccb_fault(err, "InvalidBits",
                             "\"%.*s\": lies below the link \"%.*s\"",
                             SHOWN(name), SHOWN(link));
        at += link.len + 1;
    }
    return 0;
}

/* ---- the archive -------------------------------------------------------- */

static int fail(struct archive *zip, struct ccb_error *err)
{
    const char *words = archive_error_string(zip);

    return ccb_fault(err, "InvalidBits", "not a zip that can be read: %s",
                     words ? words : "unknown format");
}

static int each_entry(struct archive *zip, struct check *check,
                      int (*visit)(struct check *check,
                                   struct archive_entry *entry,
                                   struct ccb_error *err),
                      struct ccb_error *err)
{
    struct archive_entry *entry;
    int code = 0, result = archive_read_next_header(zip, &entry);

    while (result == ARCHIVE_OK || result == ARCHIVE_WARN) {
        code = visit(check, entry, err);
        if (code < 0)
            return code;
        result = archive_read_next_header(zip, &entry);
    }
    return result == ARCHIVE_EOF ? 0 : fail(zip, err);
}

/* Only the reader that goes by the central directory: what is unpacked later
 * goes by it, too, and a file that was cut off has none. */
static int walk(const char *path, struct check *check,
                int (*visit)(struct check *check, struct archive_entry *entry,
                             struct ccb_error *err),
                struct ccb_error *err)
{
    struct archive *zip = archive_read_new();
    int code;

    if (!zip)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    (void)archive_read_support_format_zip_seekable(zip);
    if (archive_read_open_filename(zip, path, 64 * 1024) != ARCHIVE_OK)
        code = fail(zip, err);
    else
        code = each_entry(zip, check, visit, err);
    (void)archive_read_free(zip);
    return code;
}

int ccb_bits_check(const char *path, struct ccb_error *err)
{
    struct check check = {0};
    int code = walk(path, &check, check_entry, err);

    if (code == 0 && check.links.failed)
        code = ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (code == 0 && check.entries == 0)
        code = ccb_fault(err, "InvalidBits", "the zip is empty");
    if (code == 0 && check.link_count > 0)
        code = walk(path, &check, check_below, err);
    ccb_buf_destroy(&check.links);
    return code;
}
