/*
 * Any bytes as a downloaded archive: either it is refused with words, or a file
 * within the limit comes out of it, in a bounded number of steps
 * (core/cell/archive.h).
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cell/archive.h"

#define LIMIT (256 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
    if (!ok)
        abort();
}

static void convert(int in, int to, enum ccb_archive_format format)
{
    struct ccb_archive *archive = NULL;
    struct ccb_error err = {0};
    int code, steps = 0;

    check(ccb_archive_open(&archive, in, to, format, LIMIT, &err) == CCB_OK);
    do
        code = ccb_archive_step(archive, &err);
    while (code == 1 && ++steps < 1000);
    check(code <= 0);
    check(code == 0 || (err.code == code && err.message[0] != '\0'));
    check(ccb_archive_size(archive) <= LIMIT);
    check(lseek(to, 0, SEEK_END) == (off_t)ccb_archive_size(archive));
    ccb_archive_close(archive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum ccb_archive_format format;
    struct ccb_error err = {0};
    int in = memfd_create("in", MFD_CLOEXEC);
    int to = memfd_create("to", MFD_CLOEXEC);

    check(in >= 0 && to >= 0);
    check(write(in, data, size) == (ssize_t)size);
    if (ccb_archive_detect_file(in, &format, &err) != CCB_OK)
        check(err.code == CCB_INVALID);
    else if (format != CCB_ARCHIVE_TAR)
        convert(in, to, format);
    (void)close(in);
    (void)close(to);
    return 0;
}
