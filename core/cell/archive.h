/*
 * Downloaded archives become a tar stream (contract/actions.md 4): what they
 * are is told by their first bytes, never by name or content type.
 *
 * The work is done in steps of bounded size, so that a large archive does not
 * keep a thread of the pool for itself and can be given up between two steps.
 * Memory does not follow the archive's size; what comes out is bounded, so that
 * an archive made to explode can't fill the disk.
 *
 * Threads: [pool], one at a time; it blocks on files.
 */
#ifndef CCB_CELL_ARCHIVE_H
#define CCB_CELL_ARCHIVE_H

#include <stdint.h>

#include "ccbridge/error.h"
#include "ccbridge/slice.h"

/* The most that one archive may unpack to. */
#define CCB_ARCHIVE_BYTES_MAX (20ULL * 1024 * 1024 * 1024)
/* The most that is read to find a zip's first entry: its table of contents is
 * what libarchive keeps in memory. */
#define CCB_ARCHIVE_DIRECTORY_MAX (64ULL * 1024 * 1024)
/* How many first bytes tell the format. */
#define CCB_ARCHIVE_HEAD 263

enum ccb_archive_format {
    CCB_ARCHIVE_UNKNOWN,
    CCB_ARCHIVE_TAR, /* POSIX; already what it should become */
    CCB_ARCHIVE_GZIP,
    CCB_ARCHIVE_ZIP
};

enum ccb_archive_format ccb_archive_detect(struct ccb_slice head);
/* The same of a file. CCB_ARCHIVE_UNKNOWN is CCB_INVALID "unknown archive
 * format"; CCB_IO when it can't be read. */
int ccb_archive_detect_file(int fd, enum ccb_archive_format *format,
                            struct ccb_error *err);

struct ccb_archive;

/* Prepares to write what file `in` (gzip or zip) holds to the empty file `to`,
 * at most `limit` bytes (0: CCB_ARCHIVE_BYTES_MAX). Both are borrowed. */
int ccb_archive_open(struct ccb_archive **out, int in, int to,
                     enum ccb_archive_format format, uint64_t limit,
                     struct ccb_error *err);
/* A few MiB more. 1: there is more to do; 0: `to` is whole; else an error:
 * CCB_INVALID for a broken archive, CCB_TOO_LARGE, CCB_IO. */
int ccb_archive_step(struct ccb_archive *archive, struct ccb_error *err);
/* Bytes written so far. */
uint64_t ccb_archive_size(const struct ccb_archive *archive);
void ccb_archive_close(struct ccb_archive *archive); /* NULL is fine */

#endif
