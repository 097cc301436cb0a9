/*
 * Conditional requests (contract/fileserver-ccuploader.md 1.2, RFC 7232 6).
 *
 * Invariant: there are no entity tags in this version, so no tag ever matches;
 * a date that can't be read is as none at all.
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

/* Whether a list of tags has "*" in it, which any file matches. */
static bool has_star(struct ccb_slice list)
{
    bool quoted = false;

    for (size_t i = 0; i < list.len; i++) {
        if (list.ptr[i] == '"')
            quoted = !quoted;
        else if (list.ptr[i] == '*' && !quoted)
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
    if (match.len > 0 ? !has_star(match)
                      : since != NO_DATE && serve->modified > since)
        return 412;
    none_match = ccb_http_request_header(serve->request, "If-None-Match");
    if (none_match.len > 0)
        return has_star(none_match) ? 304 : 0;
    return is_fresh(serve) ? 304 : 0;
}

bool ccb_files_range_stands(const struct ccb_file_serve *serve)
{
    struct ccb_slice header =
        ccb_http_request_header(serve->request, "If-Range");

    return header.len == 0 || date_of(serve, "If-Range") == serve->modified;
}
