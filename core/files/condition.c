/*
 * Conditional requests (contract/fileserver-ccuploader.md 1.2, RFC 7232 6).
 *
 * Invariant: where no entity tag is known, as always without -digests, no tag
 * matches; a date that can't be read is as none at all.
 */
#include "files/internal.h"

#define NO_DATE INT64_MIN

/* The date of a header, or NO_DATE; also when the file's own is not known. */
static int64_t date_of(const struct ccb_file_serve *serve, const char *name)
{
    struct ccb_slice text = ccb_http_request_header(serve->request, name);
    int64_t seconds;

    if (serve->modified == 0 || text.len == 0 ||
        ccb_http_date_parse(text, &seconds) != CCB_OK)
        return NO_DATE;
    return seconds;
}

/* Whether a list of tags holds "*", which any file matches, or the file's.
 * Weak tags are told from strong ones only where the comparison is strong. */
static bool has_tag(struct ccb_slice list, const char *etag, bool strong)
{
    size_t at = 0, len = strlen(etag);

    while (at < list.len) {
        const char *start = list.ptr + at, *end;
        size_t left = list.len - at;
        bool weak = at >= 2 && start[-1] == '/' && start[-2] == 'W';

        if (*start == '*')
            return true;
        at++;
        if (*start != '"')
            continue;
        end = memchr(start + 1, '"', left - 1);
        if (end == NULL)
            return false;
        at = (size_t)(end + 1 - list.ptr);
        if (len > 0 && (size_t)(end + 1 - start) == len &&
            memcmp(start, etag, len) == 0 && !(weak && strong))
            return true;
    }
    return false;
}

static bool is_fresh(const struct ccb_file_serve *serve)
{
    int64_t since = date_of(serve, "If-Modified-Since");

    return since != NO_DATE && serve->modified <= since;
}

int ccb_files_condition(const struct ccb_file_serve *serve, bool directory)
{
    struct ccb_slice match, none_match;
    int64_t since;

    if (directory)
        return is_fresh(serve) ? 304 : 0;
    match = ccb_http_request_header(serve->request, "If-Match");
    since = date_of(serve, "If-Unmodified-Since");
    if (match.len > 0 ? !has_tag(match, serve->etag, true)
                      : since != NO_DATE && serve->modified > since)
        return 412;
    none_match = ccb_http_request_header(serve->request, "If-None-Match");
    if (none_match.len > 0)
        return has_tag(none_match, serve->etag, false) ? 304 : 0;
    return is_fresh(serve) ? 304 : 0;
}

bool ccb_files_range_stands(const struct ccb_file_serve *serve)
{
    struct ccb_slice header =
        ccb_http_request_header(serve->request, "If-Range");

    if (header.len == 0)
        return true;
    if (serve->etag[0] != '\0' && ccb_slice_is(header, serve->etag))
        return true;
    return date_of(serve, "If-Range") == serve->modified;
}
