/*
 * The daemon's log: turned when it is large, and read for the reasons of a
 * start that failed.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/http.h"
#include "cli/launch.h"
#include "cli/state.h"

#define ERROR_LEVEL 2
#define LAST_LINES 5
#define MAX_READ (256 * 1024)

/* ---- opening ------------------------------------------------------------ */

int ccb_cli_open_log(const char *state, long *start, struct ccb_error *err)
{
    char path[PATH_MAX], old[PATH_MAX];
    struct stat st;
    int fd, code = ccb_cli_path(path, state, "ccbridged.log", err);

    if (code == 0)
        code = ccb_cli_path(old, state, "ccbridged.log.1", err);
    if (code < 0)
        return code;
    if (lstat(path, &st) == 0 && st.st_size > CCB_CLI_MAX_LOG &&
        rename(path, old) < 0)
        return ccb_error_set(err, CCB_IO, "%s: %s", old, strerror(errno));
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
              0600);
    if (fd < 0 || fstat(fd, &st) < 0) {
        code = ccb_error_set(err, CCB_IO, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return code;
    }
    *start = (long)st.st_size;
    return fd;
}

/* ---- reading ------------------------------------------------------------ */

/* "message: error" of an error line. 1 when it is one, 0 for other JSON, -1
 * for what is none. */
static int explain_line(struct ccb_slice line, struct ccb_buf *out)
{
    cJSON *json = cJSON_ParseWithLength(line.ptr, line.len);
    const cJSON *data;
    const char *error;
    int kind = cJSON_IsObject(json) ? 0 : -1;

    if (kind == 0 && ccb_cli_number(json, "log_level") >= ERROR_LEVEL) {
        data = cJSON_GetObjectItemCaseSensitive(json, "data");
        error = ccb_cli_text(data, "error");
        ccb_buf_put(out, error[0] ? error : ccb_cli_text(json, "message"));
        ccb_buf_putc(out, '\n');
        kind = 1;
    }
    cJSON_Delete(json);
    return kind;
}

/* Keeps the last lines of a text. */
static void keep_last(struct ccb_buf *text)
{
    size_t at = text->len, lines = 0;

    while (at > 0) {
        if (text->data[at - 1] == '\n' && lines++ == LAST_LINES)
            break;
        at--;
    }
    ccb_buf_consume(text, at);
}

void ccb_cli_explain_log(struct ccb_slice log, struct ccb_buf *out)
{
    struct ccb_buf plain = {0};
    bool usage = false; /* of flags: long, and the reason stands before it */

    while (log.len > 0) {
        const char *end = memchr(log.ptr, '\n', log.len);
        size_t len = end ? (size_t)(end - log.ptr) : log.len;
        struct ccb_slice line = ccb_slice_make(log.ptr, len);

        usage = usage || ccb_slice_starts(line, "Usage");
        if (len > 0 && explain_line(line, out) < 0 && !usage) {
            ccb_buf_put_slice(&plain, line);
            ccb_buf_putc(&plain, '\n');
        }
        log.ptr += len + (end != NULL);
        log.len -= len + (end != NULL);
    }
    keep_last(out);
    keep_last(&plain);
    if (out->len == 0)
        ccb_buf_put_slice(out, ccb_buf_slice(&plain));
    ccb_buf_destroy(&plain);
}

static void read_text(int fd, long start, struct ccb_buf *text)
{
    struct stat st;
    ssize_t n = 1;

    if (fstat(fd, &st) == 0 && st.st_size - start > MAX_READ)
        start = (long)st.st_size - MAX_READ;
    if (lseek(fd, start, SEEK_SET) < 0)
        return;
    while (n > 0 && text->len < MAX_READ) {
        char *room = ccb_buf_reserve(text, 4096);

        n = room ? read(fd, room, 4096) : 0;
        if (n > 0)
            text->len += (size_t)n;
    }
}

void ccb_cli_read_log(const char *state, long start, struct ccb_buf *out)
{
    char path[PATH_MAX];
    struct ccb_buf text = {0};
    int fd;

    if (ccb_cli_path(path, state, "ccbridged.log", NULL) < 0)
        return;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return; /* then the log's place is all that can be said */
    read_text(fd, start, &text);
    close(fd);
    ccb_cli_explain_log(ccb_buf_slice(&text), out);
    ccb_buf_destroy(&text);
}
