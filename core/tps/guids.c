/* Reads the `guids` parameter: contract/tps.md 1.4. */
#include "tps/guids.h"

#include "net/url.h"

/* Up to one of `separators`, which is dropped; the rest stays in *text. */
static struct ccb_slice cut(struct ccb_slice *text, const char *separators)
{
    struct ccb_slice part = *text;
    size_t i = 0;
    while (i < text->len && !strchr(separators, text->ptr[i]))
        i++;
    part.len = i;
    if (i < text->len)
        i++;
    text->ptr += i;
    text->len -= i;
    return part;
}

int ccb_tps_guids_find(struct ccb_arena *arena, struct ccb_slice query,
                       struct ccb_slice *out)
{
    *out = ccb_slice_make(NULL, 0);
    while (query.len > 0) {
        struct ccb_slice value = cut(&query, "&;"), name = cut(&value, "=");
        struct ccb_slice decoded;
        int code = ccb_url_unescape(arena, name, &decoded);
        if (code == 0 && ccb_slice_is(decoded, "guids")) {
            code = ccb_url_unescape(arena, value, &decoded);
            if (code == 0) {
                *out = decoded;
                return 0;
            }
        }
        if (code == CCB_NO_MEMORY)
            return code;
    }
    return 0;
}

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '-';
}

size_t ccb_tps_guids_count(struct ccb_slice list)
{
    size_t count = 0, i;
    bool in_name = false;
    for (i = 0; i < list.len; i++) {
        if (is_name_character(list.ptr[i])) {
            count += !in_name;
            in_name = true;
        } else if (list.ptr[i] == ',' && in_name) {
            in_name = false;
        } else {
            return 0;
        }
    }
    return in_name ? count : 0;
}

struct ccb_slice ccb_tps_guids_next(struct ccb_slice *list)
{
    return cut(list, ",");
}
