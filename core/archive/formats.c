/*
 * Writers of libarchive's that nobody here uses. Its table of writers names
 * them, and with them would come libxml2 with ICU, and two compressors; here
 * they are refused, and nothing of that is linked.
 */
#include <archive.h>
#include <errno.h>

int archive_write_set_format_xar(struct archive *archive)
{
    archive_set_error(archive, ENOTSUP, "xar is not written here");
    return ARCHIVE_FATAL;
}

int archive_write_set_format_7zip(struct archive *archive)
{
    archive_set_error(archive, ENOTSUP, "7zip is not written here");
    return ARCHIVE_FATAL;
}
