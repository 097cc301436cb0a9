/*
 * Opens plugin files and makes private images of them (image.h). Invariant:
 * every check is made on an open descriptor, so what was checked is what is
 * read; an image is sealed before its digest is told.
 * Follows anchors 3.5, rules 2 and 3.
 */
#include "plugin/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/hex.h"
#include "base/mem.h"

#ifndef MFD_EXEC /* since Linux 6.3; older kernels refuse it */
#define MFD_EXEC 0x0010U
#endif

enum { BLOCK = 64 << 10, DIGEST = (CCB_PLUGIN_DIGEST_SIZE - 1) / 2 };

/* ---- who may have written it -------------------------------------------- */

static int refuse_errno(struct ccb_plugin_refusal *refusal,
                        const char *expected)
{
    return ccb_refuse(refusal, CCB_REFUSED_UNREADABLE, expected, "%s",
                      strerror(errno));
}

/* Root and this process's user are trusted: both could replace us, too. */
static int check_owner(const struct stat *st, const char *what,
                       struct ccb_plugin_refusal *refusal)
{
    char expected[120];

    snprintf(expected, sizeof(expected),
             "a %s that root or user %u owns and nobody else may write", what,
             (unsigned)geteuid());
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return ccb_refuse(refusal, CCB_REFUSED_UNSAFE, expected,
                          "owner %u (chown it)", (unsigned)st->st_uid);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return ccb_refuse(refusal, CCB_REFUSED_UNSAFE, expected,
                          "mode %04o (chmod go-w)",
                          (unsigned)(st->st_mode & 07777));
    return 0;
}

int ccb_plugin_directory_open(int *fd, const char *path,
                              struct ccb_plugin_refusal *refusal)
{
    struct stat st;
    int code;

    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return refuse_errno(refusal, "a directory");
    code = fstat(*fd, &st) == 0 ? check_owner(&st, "directory", refusal)
                                : refuse_errno(refusal, "a directory");
    if (code) {
        close(*fd);
        *fd = -1;
    }
    return code;
}

static int check_file(int fd, int64_t max, struct ccb_plugin_refusal *refusal)
{
    char expected[64];
    struct stat st;

    if (fstat(fd, &st) != 0)
        return refuse_errno(refusal, "a regular file");
    if (!S_ISREG(st.st_mode))
        return ccb_refuse(refusal, CCB_REFUSED_UNREADABLE, "a regular file",
                          "a file of type %06o",
                          (unsigned)(st.st_mode & S_IFMT));
    snprintf(expected, sizeof(expected), "at most %lld bytes", (long long)max);
    if (st.st_size > max)
        return ccb_refuse(refusal, CCB_REFUSED_UNREADABLE, expected,
                          "%lld bytes", (long long)st.st_size);
    return check_owner(&st, "file", refusal);
}

int ccb_plugin_file_open(int *fd, int directory_fd, const char *name,
                         int64_t max, struct ccb_plugin_refusal *refusal)
{
    int code;

    /* O_NONBLOCK: a FIFO by that name must not hold us up. */
    *fd = openat(directory_fd, name,
                 O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0 && errno == ELOOP)
        return ccb_refuse(refusal, CCB_REFUSED_UNSAFE, "a file that is no link",
                          "a symbolic link (copy the file)");
    if (*fd < 0)
        return refuse_errno(refusal, "a readable file");
    code = check_file(*fd, max, refusal);
    if (code) {
        close(*fd);
        *fd = -1;
    }
    return code;
}

/* ---- the copy ----------------------------------------------------------- */

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t done = write(fd, bytes, len);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        bytes += done;
        len -= (size_t)done;
    }
    return 0;
}

/* Bounded by what the file was checked for, also when it grows meanwhile. */
static int copy(int from, int to, EVP_MD_CTX *digest, char *block)
{
    int64_t total = 0;

    for (;;) {
        ssize_t len = read(from, block, BLOCK);

        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0)
            return (int)len;
        total += len;
        if (total > CCB_PLUGIN_MAX_FILE) {
            errno = EFBIG;
            return -1;
        }
        if (!EVP_DigestUpdate(digest, block, (size_t)len)) {
            errno = ENOMEM;
            return -1;
        }
        if (write_all(to, block, (size_t)len) < 0)
            return -1;
    }
}

/* For those who look at /proc/PID/maps. */
static int create_memory(const char *name)
{
    char label[128];
    int fd;

    snprintf(label, sizeof(label), "ccb-%.100s", name);
    fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd;
}

static int fill(struct ccb_plugin_image *image, int file, EVP_MD_CTX *digest,
                char *block)
{
    unsigned char sum[EVP_MAX_MD_SIZE];

    if (!EVP_DigestInit_ex(digest, EVP_sha256(), NULL)) {
        errno = ENOMEM;
        return -1;
    }
    if (copy(file, image->fd, digest, block) < 0)
        return -1;
    if (fcntl(image->fd, F_ADD_SEALS,
              F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return -1;
    EVP_DigestFinal_ex(digest, sum, NULL);
    ccb_hex_format(image->digest, sum, DIGEST);
    return 0;
}

static int make_image(struct ccb_plugin_image *image, int file,
                      const char *name, struct ccb_plugin_refusal *refusal)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    char *block = ccb_malloc(BLOCK);
    int code = 0;

    if (!digest || !block)
        code = CCB_NO_MEMORY;
    else
        image->fd = create_memory(name);
    if (code == 0 && (image->fd < 0 || fill(image, file, digest, block) < 0))
        code = errno == ENOMEM
                   ? CCB_NO_MEMORY
                   : refuse_errno(refusal, "a copy of it in memory");
    EVP_MD_CTX_free(digest);
    ccb_free(block);
    if (code)
        ccb_plugin_image_close(image);
    return code;
}

int ccb_plugin_image_open(struct ccb_plugin_image *image, int directory_fd,
                          const char *name, struct ccb_plugin_refusal *refusal)
{
    int file, code;

    *image = (struct ccb_plugin_image){.fd = -1};
    code = ccb_plugin_file_open(&file, directory_fd, name, CCB_PLUGIN_MAX_FILE,
                                refusal);
    if (code)
        return code;
    code = make_image(image, file, name, refusal);
    close(file);
    return code;
}

void ccb_plugin_image_close(struct ccb_plugin_image *image)
{
    if (image->fd >= 0)
        close(image->fd);
    image->fd = -1;
}
