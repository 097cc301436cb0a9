/*
 * The heads of answers, and answers that are short
 * (contract/fileserver-ccuploader.md 1.2).
 *
 * Invariant: every answer about a file has the validators that are known.
 */
#include "files/internal.h"

#include <errno.h>

#define MOST_HEADERS 2

size_t ccb_files_put_validators(const struct ccb_file_serve *serve,
                                struct ccb_http_header *headers)
{
    size_t count = 0;

    if (serve->modified != 0)
        headers[count++] = (struct ccb_http_header){CCB_LIT("Last-Modified"),
                                                    ccb_slice_of(serve->date)};
    if (serve->etag[0] != '\0')
        headers[count++] = (struct ccb_http_header){CCB_LIT("ETag"),
                                                    ccb_slice_of(serve->etag)};
    return count;
}

void ccb_files_respond(struct ccb_file_serve *serve, int status,
                       const struct ccb_http_header *headers, size_t count,
                       struct ccb_slice body)
{
    struct ccb_http_header all[MOST_HEADERS + CCB_FILES_VALIDATORS];
    size_t k = 0;

    for (; k < count && k < MOST_HEADERS; k++)
        all[k] = headers[k];
    k += ccb_files_put_validators(serve, all + k);
    serve->status = status;
    ccb_http_respond_with(serve->request, status, all, k, body);
}

void ccb_files_respond_text(struct ccb_file_serve *serve, int status,
                            const char *text)
{
    struct ccb_http_header type = {CCB_LIT("Content-Type"),
                                   CCB_LIT("text/plain; charset=utf-8")};

    ccb_files_respond(serve, status, &type, 1, ccb_slice_of(text));
}

void ccb_files_respond_errno(struct ccb_file_serve *serve, int error)
{
    static const struct {
        int error, status;
        const char *text;
    } rows[] = {
        {ENOENT, 404, "404 page not found\n"},
        {ENOTDIR, 404, "404 page not found\n"},
        {ENXIO, 404, "404 page not found\n"}, /* a socket */
        {ENODEV, 404, "404 page not found\n"},
        {EXDEV, 404, "404 page not found\n"}, /* a link out of the root */
        {ENOMEM, 503, "out of memory\n"},
        {EACCES, 403, "403 Forbidden\n"},
        {EPERM, 403, "403 Forbidden\n"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].error == error) {
            ccb_files_respond_text(serve, rows[i].status, rows[i].text);
            return;
        }
    ccb_files_respond_text(serve, 500, "500 Internal Server Error\n");
}
