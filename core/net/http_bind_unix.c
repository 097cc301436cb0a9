/*
 * Opening listening sockets that are files: the person's command speaks to the
 * daemon over one, so only its owner may ever connect.
 *
 * Invariant: the file has mode 0600 from its first moment, for the mode of an
 * unbound socket is what bind gives its file; umask, which belongs to the
 * whole process, is left alone. A socket that is served is never taken away.
 */
#include "net/http_server.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_PATH (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

static int listen_failed(struct ccb_error *err, const char *path,
                         const char *call)
{
    char text[160];

    (void)snprintf(text, sizeof(text), "%s", strerror(errno));
    text[0] = (char)tolower((unsigned char)text[0]);
    return ccb_error_set(err, CCB_IO, "listen unix %s: %s: %s", path, call,
                         text);
}

static int new_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* The name of the call that failed, errno set; NULL: listening. */
static const char *open_socket(const struct sockaddr_un *address, int *fd)
{
    const char *call = NULL;
    int saved;

    *fd = new_socket();
    if (*fd < 0)
        return "socket";
    if (fchmod(*fd, S_IRUSR | S_IWUSR) != 0)
        call = "fchmod";
    else if (bind(*fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
        call = "bind";
    else if (listen(*fd, SOMAXCONN) != 0)
        call = "listen";
    if (call == NULL)
        return NULL;
    saved = errno;
    (void)close(*fd);
    *fd = -1;
    errno = saved;
    return call;
}

/* errno of a try to connect; 0 when somebody accepts. A full queue (EAGAIN)
 * is somebody's too. */
static int try_connect(const struct sockaddr_un *address)
{
    int fd = new_socket(), code = 0;

    if (fd < 0)
        return errno;
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
        code = errno == EAGAIN ? 0 : errno;
    (void)close(fd);
    return code;
}

/* Takes away the file of a socket that nobody listens on. */
static int remove_stale(const struct sockaddr_un *address,
                        struct ccb_error *err)
{
    const char *path = address->sun_path;
    struct stat found;
    int code;

    if (lstat(path, &found) != 0)
        return errno == ENOENT ? CCB_OK : listen_failed(err, path, "lstat");
    if (!S_ISSOCK(found.st_mode))
        return ccb_error_set(err, CCB_CONFLICT,
                             "listen unix %s: there is a file that is no "
                             "socket; move it away or give another path",
                             path);
    code = try_connect(address);
    if (code == 0)
        return ccb_error_set(err, CCB_CONFLICT,
                             "listen unix %s: another process serves this "
                             "socket; stop it or give another path",
                             path);
    errno = code;
    if (code != ECONNREFUSED && code != ENOENT)
        return listen_failed(err, path, "connect");
    if (unlink(path) != 0 && errno != ENOENT)
        return listen_failed(err, path, "unlink");
    return CCB_OK;
}

bool ccb_http_unix_is_served(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);

    if (length == 0 || length > MAX_PATH)
        return false;
    memcpy(address.sun_path, path, length + 1);
    return try_connect(&address) == 0;
}

int ccb_http_listen_unix(const char *path, int *fd, struct ccb_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    const char *call;
    int code;

    *fd = -1;
    if (length == 0)
        return ccb_error_set(err, CCB_INVALID,
                             "the path of a unix socket is empty");
    if (length > MAX_PATH)
        return ccb_error_set(err, CCB_INVALID,
                             "listen unix %s: the path has %zu bytes and the "
                             "system takes %zu; give a shorter one",
                             path, length, MAX_PATH);
    memcpy(address.sun_path, path, length + 1);
    call = open_socket(&address, fd);
    if (call != NULL && errno == EADDRINUSE) {
        code = remove_stale(&address, err);
        if (code != CCB_OK)
            return code;
        call = open_socket(&address, fd);
    }
    return call == NULL ? CCB_OK : listen_failed(err, path, call);
}
