/*
 * Lays out a checked JSON value (pretty.h). Recursive: the reader has bounded
 * the depth (CCB_JSON_MAX_DEPTH).
 */
#include "pretty.h"

static void put_raw(FILE *out, struct ccb_slice text)
{
    (void)fwrite(text.ptr, 1, text.len, out);
}

static void print(FILE *out, struct ccb_json value, int level)
{
    int object = value.type == CCB_JSON_OBJECT;
    struct ccb_json_iter it = ccb_json_iter(value);
    int any = 0;

    if (!object && value.type != CCB_JSON_ARRAY) {
        put_raw(out, value.raw);
        return;
    }
    fputc(object ? '{' : '[', out);
    while (ccb_json_next(&it)) {
        fprintf(out, "%s\n%*s", any ? "," : "", 2 * level + 2, "");
        if (object) {
            put_raw(out, it.key.raw);
            fputs(": ", out);
        }
        print(out, it.value, level + 1);
        any = 1;
    }
    if (any)
        fprintf(out, "\n%*s", 2 * level, "");
    fputc(object ? '}' : ']', out);
}

void ccb_pretty_print(FILE *out, struct ccb_json value)
{
    print(out, value, 0);
    fputc('\n', out);
}
