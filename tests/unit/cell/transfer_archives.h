/* Archives for tests, made with libarchive, and what is in one. */
#ifndef CCB_TESTS_TRANSFER_ARCHIVES_H
#define CCB_TESTS_TRANSFER_ARCHIVES_H

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "container_tar.h"

static inline la_ssize_t on_made(struct archive *a, void *buf,
                                 const void *bytes, size_t len)
{
    (void)a;
    return ccb_buf_append(buf, bytes, len) == 0 ? (la_ssize_t)len : -1;
}

static inline void put_entry(struct archive *a, mode_t type, const char *name,
                             mode_t mode, const char *text)
{
    struct archive_entry *entry = archive_entry_new();

    archive_entry_copy_pathname(entry, name);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, mode);
    archive_entry_set_mtime(entry, 1440000000, 0);
    archive_entry_set_size(entry,
                           type == AE_IFREG ? (la_int64_t)strlen(text) : 0);
    if (type == AE_IFLNK)
        archive_entry_set_symlink(entry, text);
    (void)archive_write_header(a, entry);
    if (type == AE_IFREG)
        (void)archive_write_data(a, text, strlen(text));
    archive_entry_free(entry);
}

static inline void make_zip(struct ccb_buf *out)
{
    struct archive *a = archive_write_new();

    (void)archive_write_set_format_zip(a);
    (void)archive_write_set_bytes_in_last_block(a, 1);
    (void)archive_write_open(a, out, NULL, on_made, NULL);
    put_entry(a, AE_IFDIR, "bin/", 0755, "");
    put_entry(a, AE_IFREG, "bin/run", 0755, "#!/bin/sh\necho run\n");
    put_entry(a, AE_IFREG, "secret", 0600, "quiet");
    put_entry(a, AE_IFLNK, "link", 0777, "bin/run");
    put_entry(a, AE_IFREG, "n\xc3\xa4me", 0644, "");
    (void)archive_write_free(a);
}

static inline void make_tar(struct ccb_buf *out, const char *text)
{
    tar_put(out, '5', "bin/", "", 0755, ccb_slice_make(NULL, 0));
    tar_file(out, "bin/run", 0755, text);
    tar_link(out, '2', "link", "bin/run");
    tar_end(out);
}

static inline void gzip(struct ccb_buf *out, struct ccb_slice in)
{
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();

    (void)archive_write_set_format_raw(a);
    (void)archive_write_add_filter_gzip(a);
    (void)archive_write_set_bytes_in_last_block(a, 1);
    (void)archive_write_open(a, out, NULL, on_made, NULL);
    archive_entry_set_filetype(entry, AE_IFREG);
    (void)archive_write_header(a, entry);
    (void)archive_write_data(a, in.ptr, in.len);
    (void)archive_write_free(a);
    archive_entry_free(entry);
}

static inline void make_tgz(struct ccb_buf *out, const char *text)
{
    struct ccb_buf tar = {0};

    make_tar(&tar, text);
    gzip(out, ccb_buf_slice(&tar));
    ccb_buf_destroy(&tar);
}

#endif
